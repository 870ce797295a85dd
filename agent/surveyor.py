"""Keeps the latest Snapshot: runs surveys one at a time, each in a thread of its own with a deadline.

A read from sysfs can hang in a driver for ever, and a thread cannot be cancelled. So the thread is a daemon, the event
loop never waits for it beyond the deadline, no second survey starts beside a stuck one, and the last snapshot stays.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.clock import Clock
from agent.survey import survey
from collectors.errors import NumascopeError
from collectors.hostfs import READ_LIMIT, HostFS
from collectors.model import Snapshot

log = logging.getLogger(__name__)

OpenHost = Callable[[], HostFS]
"""Opens the machine's files anew, for one survey."""

STACK_BYTES = 512 << 10
"""Of the survey's thread. The readers do not recurse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyState:
    """How the surveys go; everything that is served besides the snapshot comes from here."""

    ticked_at: float
    """Monotonic seconds; when the survey loop last showed that it lives"""
    snapshot: Snapshot | None = None
    """The latest; None until the first survey has ended"""
    completed_at: float | None = None
    """Monotonic seconds; when the last complete survey ended"""
    duration_seconds: float | None = None
    """Of the last survey that ended"""
    completed: int = 0
    """Surveys since the start that read something"""
    failed: int = 0
    """Surveys since the start that read nothing, or were stuck at their deadline (counted once each)"""
    stuck: bool = False
    """Whether a survey has passed its deadline and has not ended yet"""
    failure: str | None = None
    """Why the last survey is not complete; None where it is"""


class WatchedFS:
    """The same files; knows which one is being read, so that a stuck survey can be explained."""

    def __init__(self, fs: HostFS) -> None:
        self._fs = fs
        self.path = "/"

    def read(self, path: str, limit: int = READ_LIMIT) -> bytes | None:
        self.path = path
        return self._fs.read(path, limit)

    def entries(self, path: str) -> tuple[str, ...] | None:
        self.path = path
        return self._fs.entries(path)

    def real_path(self, path: str) -> str | None:
        self.path = path
        return self._fs.real_path(path)


class _Attempt:
    """One survey in its thread."""

    def __init__(self, open_host: OpenHost, now: float, previous: Snapshot | None) -> None:
        self._open_host = open_host
        self._now = now
        self._previous = previous
        self._fs: WatchedFS | None = None
        self._loop = asyncio.get_running_loop()
        self.outcome: asyncio.Future[Snapshot] = self._loop.create_future()
        # Nobody may be waiting any more when a stuck one ends at last: its error is then told by the next attempt.
        self.outcome.add_done_callback(lambda future: future.cancelled() or future.exception())
        threading.stack_size(STACK_BYTES)
        threading.Thread(target=self._run, name="survey", daemon=True).start()

    @property
    def path(self) -> str:
        """The file that is being read, or was last."""
        return "the captured machine" if self._fs is None else self._fs.path

    def _run(self) -> None:
        snapshot: Snapshot | None = None
        failure: Exception | None = None
        try:
            self._fs = WatchedFS(self._open_host())
            snapshot = survey(self._fs, now=self._now, previous=self._previous)
        except Exception as error:
            # survey() lets nothing through that a machine could cause; this is the machine that cannot be opened.
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody wants to know any more
            self._loop.call_soon_threadsafe(self._hand_over, snapshot, failure)

    def _hand_over(self, snapshot: Snapshot | None, failure: Exception | None) -> None:
        if self.outcome.done():
            return
        if snapshot is not None:
            self.outcome.set_result(snapshot)
        elif failure is not None:
            self.outcome.set_exception(failure)


class Surveyor:
    """Surveys on demand, and holds what they found."""

    def __init__(self, open_host: OpenHost, *, clock: Clock, deadline: float) -> None:
        self._open_host = open_host
        self._clock = clock
        self._deadline = deadline
        self._attempt: _Attempt | None = None
        self._started_at = 0.0
        self.state = SurveyState(ticked_at=clock.monotonic())

    async def survey(self) -> None:
        """Takes a survey, or goes on waiting for the stuck one; returns at the deadline at the latest.

        Raises nothing that a machine could cause: `state` tells how it went.
        """
        if self._attempt is None:
            self._started_at = self._clock.monotonic()
            self._attempt = _Attempt(self._open_host, self._clock.wall(), self.state.snapshot)
        attempt = self._attempt
        self.state = replace(self.state, ticked_at=self._clock.monotonic())
        await self._wait(attempt.outcome)
        now = self._clock.monotonic()
        if not attempt.outcome.done():
            self._fail(f"the survey is stuck at {attempt.path}", stuck=True)
        else:
            self._attempt = None
            self.state = replace(self.state, duration_seconds=now - self._started_at)
            self._settle(attempt.outcome, now)
        self.state = replace(self.state, ticked_at=now)

    async def _wait(self, outcome: asyncio.Future[Snapshot]) -> None:
        """Until the survey ends, or the deadline."""
        async with asyncio.TaskGroup() as group:
            timer = group.create_task(self._clock.sleep(self._deadline))
            await asyncio.wait((outcome, timer), return_when=asyncio.FIRST_COMPLETED)
            timer.cancel()

    def _settle(self, outcome: asyncio.Future[Snapshot], now: float) -> None:
        error = outcome.exception()
        if error is not None:
            self._fail(
                str(error) if isinstance(error, NumascopeError) else f"{type(error).__name__}: {error}"
            )
            return
        snapshot = outcome.result()
        self.state = replace(self.state, snapshot=snapshot)
        if (reason := _nothing_read(snapshot)) is not None:
            self._fail(reason)
            return
        if self.state.failure is not None:
            log.info("the survey is complete again")
        self.state = replace(
            self.state, completed_at=now, completed=self.state.completed + 1, stuck=False, failure=None
        )

    def _fail(self, reason: str, *, stuck: bool = False) -> None:
        """Notes it, and says it where it is news."""
        if reason != self.state.failure:
            log.error("%s; what was read before is served on", reason)
        still_stuck = stuck and self.state.stuck
        failed = self.state.failed + (0 if still_stuck else 1)
        self.state = replace(self.state, failed=failed, stuck=stuck, failure=reason)


def _nothing_read(snapshot: Snapshot) -> str | None:
    """Why there was no machine to be seen; None where there was one. The rest of it may be absent or fail."""
    cpus, numa = snapshot.cpus, snapshot.numa
    if cpus.error is None and cpus.facts is not None and cpus.facts.online:
        return None
    if numa.error is None and numa.facts is not None and numa.facts.memory_total_bytes:
        return None
    return f"no machine could be read: {cpus.error or numa.error or 'no CPUs and no memory are to be seen'}"
