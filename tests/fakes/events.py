"""Kernel events that a test sends itself."""

from __future__ import annotations

import os

from collectors.hotplug import HotplugError


class PipeSource:
    """Events as bytes in a pipe: `+` matters, `-` is of another subsystem, `!` ends the source."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        self.drained = 0
        self.closed = False

    def send(self, events: bytes) -> None:
        os.write(self._writer, events)

    def fileno(self) -> int:
        return self._reader

    def drain(self) -> bool:
        self.drained += 1
        events = os.read(self._reader, 4096)
        if b"!" in events:
            raise HotplugError("kernel events ended: No buffer space available")
        return b"+" in events

    def close(self) -> None:
        self.closed = True
        os.close(self._reader)
        os.close(self._writer)
