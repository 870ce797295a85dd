"""A clock that stands still until a test moves it, or until everybody sleeps."""

from __future__ import annotations

import asyncio
import heapq
import itertools

SETTLE_TURNS = 60
"""Turns of the event loop after which every task that can go on without time passing has done so."""


class FakeClock:
    """Time that passes only by `advance`.

    Attributes:
        slept: every duration that somebody asked to sleep for, in order.
    """

    def __init__(self, *, wall: float = 1_700_000_000.0) -> None:
        self._now = 1000.0
        self._wall_offset = wall - self._now
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._now + self._wall_offset

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), future))
        await future

    async def advance(self, seconds: float) -> None:
        """Lets that much time pass, waking every sleeper at its own instant and letting it act before time goes on."""
        await settle()
        until = self._now + seconds
        while self._sleepers and self._sleepers[0][0] <= until:
            at, _, future = heapq.heappop(self._sleepers)
            if future.done():
                continue
            self._now = max(self._now, at)
            future.set_result(None)
            await settle()
        self._now = until
        await settle()


async def settle() -> None:
    """Lets every task run until it waits for time, a thread or a socket."""
    for _ in range(SETTLE_TURNS):
        await asyncio.sleep(0)
