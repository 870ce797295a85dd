"""How the agent's tasks live: one group of named roots that never end, and a loop that a timer or a wake-up turns.

A root that returns is a fault and ends the process, as does a root that raises: a half-dead agent looks alive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import TypeVar

from agent.clock import Clock
from collectors.errors import NumascopeError

T = TypeVar("T")


class RootEndedError(NumascopeError):
    """A task that must never end has ended."""


async def run_roots(roots: Mapping[str, Coroutine[None, None, None]]) -> None:
    """Runs every root until one of them fails or this call is cancelled; then the others are cancelled too.

    Raises an ExceptionGroup with what the roots raised; RootEndedError for one that returned.
    """
    async with asyncio.TaskGroup() as group:
        for name, root in roots.items():
            group.create_task(_guard(name, root), name=name)


async def _guard(name: str, root: Coroutine[None, None, None]) -> None:
    await root
    raise RootEndedError(f"the task {name!r} ended by itself; this is a defect")


async def race(*contenders: Coroutine[None, None, T]) -> T:
    """Runs all until the first one ends, whose result or error is ours; the others are cancelled and waited for.

    Unlike a TaskGroup, which up to Python 3.12 leaves marks of its own cancelling on whoever waits in it, this may
    fail often within one task.
    """
    tasks = [asyncio.create_task(each) for each in contenders]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        first = next(task for task in tasks if task.done())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return first.result()


class WakeUp:
    """A call to look now. Calls that come before it is answered are one call."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def wake(self) -> None:
        """Asks for a look; to be called on the event loop."""
        self._event.set()

    def answer(self) -> None:
        """Forgets the calls so far: what is looked at from now on is newer than they are."""
        self._event.clear()

    async def wait(self, clock: Clock, seconds: float) -> bool:
        """Returns True on a call, at once where there was one already, and False after that many seconds."""
        if self._event.is_set():
            return True
        async with asyncio.TaskGroup() as group:
            calls = group.create_task(self._event.wait())
            timer = group.create_task(clock.sleep(seconds))
            await asyncio.wait((calls, timer), return_when=asyncio.FIRST_COMPLETED)
            calls.cancel()
            timer.cancel()
        return self._event.is_set()


class TokenBucket:
    """Lets a few through at once, then one every `refill_seconds`."""

    def __init__(self, clock: Clock, *, burst: int, refill_seconds: float) -> None:
        self._clock = clock
        self._burst = burst
        self._refill_seconds = refill_seconds
        self._tokens = float(burst)
        self._counted_at = clock.monotonic()

    async def take(self) -> None:
        """Takes a token, waiting for it where there is none."""
        now = self._clock.monotonic()
        self._tokens += (now - self._counted_at) / self._refill_seconds
        self._tokens = min(self._tokens, float(self._burst)) - 1.0
        self._counted_at = now
        if self._tokens < 0:
            await self._clock.sleep(-self._tokens * self._refill_seconds)


async def keep_doing(
    step: Callable[[], Awaitable[None]],
    *,
    clock: Clock,
    period: float,
    wake_up: WakeUp,
    bucket: TokenBucket,
) -> None:
    """Takes a step now, and again on each wake-up or `period` seconds after the last one; never returns.

    The first wake-up acts at once. In a storm the bucket spaces the steps; wake-ups during that pause or during a step
    are one, and the last of them is always followed by a step.
    """
    while True:
        wake_up.answer()
        await step()
        if await wake_up.wait(clock, period):
            await bucket.take()


class Backoff:
    """Delays between attempts: each failure takes the next one, the last repeats, success starts over."""

    def __init__(self, delays: Sequence[float]) -> None:
        self._delays = tuple(delays)
        self._failures = 0

    def failed(self) -> float:
        """Seconds to wait before the next attempt."""
        delay = self._delays[min(self._failures, len(self._delays) - 1)]
        self._failures += 1
        return delay

    def succeeded(self) -> None:
        """The next failure is the first again."""
        self._failures = 0
