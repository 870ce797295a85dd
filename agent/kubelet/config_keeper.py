"""Keeps what is known of the kubelet's configuration current: read at the start, after each start of the kubelet, soon
again where the kubelet could not be reached, and now and then without a cause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Never

from agent.clock import Clock
from agent.kubelet.config_reader import ConfigReader
from agent.kubelet.files import KubeletFiles
from agent.supervise import Backoff, WakeUp
from collectors.model.kubelet_config import KubeletConfig
from collectors.model.snapshot import Observed

CONFIG_SECONDS = 600.0
"""Until the configuration is read again without a cause: a right may have been given, a certificate renewed"""
CONFIG_RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class ConfigKeeper:
    """One kubelet's configuration.

    Attributes:
        settled: whether there is nothing to be gained by asking again soon.
    """

    def __init__(self, reader: ConfigReader, *, clock: Clock, on_read: Callable[[], None]) -> None:
        self._reader = reader
        self._clock = clock
        self._on_read = on_read
        self._wake_up = WakeUp()
        self.settled = False

    @property
    def observed(self) -> Observed[KubeletConfig]:
        """What is known of it."""
        return self._reader.config

    def read_soon(self) -> None:
        """It may have changed."""
        self._wake_up.wake()

    async def run(self, files: KubeletFiles) -> Never:
        """Keeps it current until it is cancelled."""
        retry = Backoff(CONFIG_RETRY_SECONDS)
        while True:
            self._wake_up.answer()
            await self._reader.read(files.checkpoints)
            self.settled = not self._reader.ask_again
            self._on_read()
            pause = CONFIG_SECONDS if self.settled else retry.failed()
            if await self._wake_up.wait(self._clock, pause) or self.settled:
                retry.succeeded()
