"""What is to be asked of the kubelet, and when. What is asked for twice is done once, at the earlier time."""

from __future__ import annotations

import math
from dataclasses import dataclass

from agent.clock import Clock
from agent.supervise import WakeUp

PodName = tuple[str, str]
"""(namespace, name)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What has come due together."""

    pods: frozenset[PodName] = frozenset()
    """Pods to look at one by one"""
    everything: bool = False
    """Whether all pods are to be listed"""
    allocatable: bool = False
    """Whether the pool is to be read"""

    @property
    def asks(self) -> bool:
        """Whether the kubelet is to be asked at all; else it is enough to put together what is known."""
        return bool(self.pods) or self.everything or self.allocatable

    def joined(self, other: Due) -> Due:
        """Both together."""
        return Due(
            pods=self.pods | other.pods,
            everything=self.everything or other.everything,
            allocatable=self.allocatable or other.allocatable,
        )


class Agenda:
    """Times at which something is due. `within` is in seconds from now; 0 is at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wake_up = WakeUp()
        self._pods: dict[PodName, float] = {}
        self._everything = math.inf
        self._allocatable = math.inf
        self._picture = math.inf

    @property
    def pods(self) -> frozenset[PodName]:
        """Pods that are to be looked at, now or later."""
        return frozenset(self._pods)

    def look_at(self, pod: PodName, *, within: float) -> None:
        """One pod is to be looked at."""
        self._pods[pod] = min(self._pods.get(pod, math.inf), self._at(within))

    def list_everything(self, *, within: float) -> None:
        """All pods are to be listed."""
        self._everything = min(self._everything, self._at(within))

    def read_allocatable(self, *, within: float) -> None:
        """The pool is to be read."""
        self._allocatable = min(self._allocatable, self._at(within))

    def draw_picture(self, *, within: float) -> None:
        """What is known is to be put together anew; nobody need be asked."""
        self._picture = min(self._picture, self._at(within))

    def drop(self, pod: PodName) -> None:
        """Nothing is to be learnt of this pod any more."""
        self._pods.pop(pod, None)

    async def wait(self) -> None:
        """Returns when something is due."""
        while True:
            self._wake_up.answer()
            pause = self._next() - self._clock.monotonic()
            if pause <= 0:
                return
            await self._wake_up.wait(self._clock, min(pause, _LONG_SECONDS))

    def take(self) -> Due:
        """What is due now, which then is so no longer. A list of all pods serves those that are due one by one too."""
        now = self._clock.monotonic()
        due = Due(
            pods=frozenset(pod for pod, at in self._pods.items() if at <= now),
            everything=self._everything <= now,
            allocatable=self._allocatable <= now,
        )
        for pod in due.pods:
            del self._pods[pod]
        if due.everything:
            self._everything = math.inf
        if due.allocatable:
            self._allocatable = math.inf
        self._picture = math.inf
        return due

    def _at(self, within: float) -> float:
        at = self._clock.monotonic() + within
        if at < self._next():
            self._wake_up.wake()
        return at

    def _next(self) -> float:
        return min(
            self._everything, self._allocatable, self._picture, min(self._pods.values(), default=math.inf)
        )


_LONG_SECONDS = 3600.0
"""Until one looks again, where nothing at all is due."""
