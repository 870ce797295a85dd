"""Programs that run beside a test: started in a session of their own, stopped by their own id, their log at hand."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

POLL_SECONDS = 0.02
STOP_SECONDS = 10.0

UNTIL_WE_END = ("setpriv", "--pdeathsig", "KILL")
"""Before a command: the kernel kills it when the thread that started it is gone, however that came about."""


class ProcessEndedError(Exception):
    """A program ended that should have gone on; the text holds the end of its log."""


class RunningProgram:
    """One program, running until it is stopped. What it prints goes to `log`."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*UNTIL_WE_END, *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=None if environment is None else dict(environment),
            )

    @property
    def pid(self) -> int:
        """Its process id, which is that of its session too."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def log_tail(self, lines: int = 15) -> str:
        """The end of what it printed."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ends it, by force when it takes longer than ten seconds; returns its exit code."""
        if self.running:
            self._process.send_signal(how)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            return self._process.wait()

    def send(self, how: signal.Signals) -> None:
        """Sends it a signal: SIGSTOP to stall it, SIGCONT to let it go on."""
        self._process.send_signal(how)


def wait_until(
    condition: Callable[[], bool],
    *,
    what: str,
    seconds: float = 30.0,
    watching: Sequence[RunningProgram] = (),
) -> None:
    """Returns when the condition holds; raises when the time is over, or when a program that it depends on ends."""
    deadline = time.monotonic() + seconds
    while not condition():
        for program in watching:
            if not program.running:
                raise ProcessEndedError(
                    f"{program.name} ended while waiting for {what}:\n{program.log_tail()}"
                )
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(POLL_SECONDS)
