"""How fast we write: the first change at once, a burst with ever longer pauses, a storm no faster than the bucket fills.

A plain token bucket would let a burst spend every token within milliseconds and then keep its last and only lasting
state back for a whole refill. Here the pause grows with what is spent, so that the last state of a burst of a second
is out 0.2 s later.
"""

from __future__ import annotations

from agent.clock import Clock

BURST = 20
REFILL_SECONDS = 0.6
"""At most 20 + 100 writes in any minute: two a second."""


class WritePace:
    """Tells when the next write may go. Before the first one nothing waits."""

    def __init__(self, clock: Clock, *, burst: int = BURST, refill_seconds: float = REFILL_SECONDS) -> None:
        self._clock = clock
        self._burst = float(burst)
        self._refill_seconds = refill_seconds
        self._tokens = float(burst)
        self._counted_at = self._last_at = clock.monotonic()

    async def take(self) -> None:
        """Returns when a write may go; it is counted."""
        self._refill()
        pause = self._last_at + self._refill_seconds * (1 - self._tokens / self._burst) - self._counted_at
        pause = max(pause, (1 - self._tokens) * self._refill_seconds)
        if pause > 0:
            await self._clock.sleep(pause)
            self._refill()
        self._tokens -= 1
        self._last_at = self._counted_at

    def _refill(self) -> None:
        now = self._clock.monotonic()
        self._tokens = min(self._tokens + (now - self._counted_at) / self._refill_seconds, self._burst)
        self._counted_at = now
