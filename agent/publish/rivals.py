"""Other field managers that set our fields: taken back three times in ten minutes, then left to them, and said so.

Two controllers that both insist would write for ever, and a scheduler would see both in turn. So we stop, and stay
stopped until the object agrees with us or is deleted: who wants us to win says `--on-conflict force`.
"""

from __future__ import annotations

from collections import deque

from agent.clock import Clock

REPAIRS = 3
WINDOW_SECONDS = 600.0


class Rivals:
    """Counts repairs, and knows to whom we have yielded.

    Attributes:
        yielded_to: the managers to whom our fields are left; empty where they are ours.
    """

    def __init__(self, clock: Clock, *, force: bool) -> None:
        self._clock = clock
        self._force = force
        self._repaired_at: deque[float] = deque()
        self.yielded_to: tuple[str, ...] = ()

    def may_repair(self, managers: tuple[str, ...]) -> bool:
        """Whether our fields are to be taken back from them now; counts it as done, or else yields."""
        now = self._clock.monotonic()
        while self._repaired_at and self._repaired_at[0] <= now - WINDOW_SECONDS:
            self._repaired_at.popleft()
        if len(self._repaired_at) >= REPAIRS and not self._force:
            self.yielded_to = managers
            return False
        self._repaired_at.append(now)
        return True

    @property
    def insisting(self) -> bool:
        """Whether we go on beyond what was enough to yield; who said `force` knows, and need not read of it."""
        return len(self._repaired_at) > REPAIRS

    def release(self) -> None:
        """Our fields are nobody else's any more."""
        self.yielded_to = ()
