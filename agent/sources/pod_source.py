"""Where the facts about this node's pods come from: the best source that works, and a better one when there is one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Never, Protocol

from agent.clock import Clock
from agent.sources.pod_store import PodListener, PodStore
from agent.supervise import race

log = logging.getLogger(__name__)

POLL_SECONDS = 2.0
"""Between looks where nothing tells us of a change. Listing 110 pods costs 3 ms: 0.15 % of a core."""

CHOOSE_AGAIN_SECONDS = 1.0
"""After a source that worked has given up: one that always does so must not keep us busy."""


class PodSource(Protocol):
    """One way to learn of this node's pods.

    Attributes:
        name: what it is, for a person.
        recheck_seconds: when to try it again while a lesser one is in use.
    """

    name: str
    recheck_seconds: float

    async def prepare(self) -> str | None:
        """Tries it. Returns why it cannot be used, or None where it can."""
        ...

    async def follow(self, store: PodStore) -> str:
        """Keeps the store as the node is, through whatever comes and goes, until this source is of no use any more;
        returns why."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSourceChoice:
    """Which source is in use, and why better ones are not."""

    name: str | None = None
    """None until one was found"""
    passed_over: tuple[tuple[str, str], ...] = ()
    """(name, reason), best first"""


class PolledPods:
    """The last resort: tells nothing about pods, and asks for a look at the kubelet's allocations again and again."""

    name = "none: the kubelet is polled"
    recheck_seconds = 0.0
    """Never asked: it always works"""

    def __init__(self, listener: PodListener, *, clock: Clock) -> None:
        self._listener = listener
        self._clock = clock

    async def prepare(self) -> str | None:
        return None

    async def follow(self, store: PodStore) -> str:
        store.forget("no source of pods is open to us")
        while True:
            await self._clock.sleep(POLL_SECONDS)
            self._listener.pods_unknown()


class PodFeed:
    """Follows the first of some sources that works, the last one where no other does.

    Attributes:
        choice: which it is.
    """

    def __init__(self, sources: Sequence[PodSource], store: PodStore, *, clock: Clock) -> None:
        self._sources = tuple(sources)
        self._store = store
        self._clock = clock
        self.choice = PodSourceChoice()

    async def run(self) -> Never:
        """Keeps the store as the node is; never returns."""
        while True:
            source, better = await self._choose()
            reason = await self._follow(source, better)
            if reason is not None:
                log.warning("%s: %s; choosing anew", source.name, reason)
                self._store.fail(reason)
                await self._clock.sleep(CHOOSE_AGAIN_SECONDS)

    async def _choose(self) -> tuple[PodSource, tuple[PodSource, ...]]:
        """The source, and the better ones that do not work."""
        passed_over: list[tuple[str, str]] = []
        *candidates, chosen = self._sources
        for source in candidates:
            reason = await source.prepare()
            if reason is None:
                chosen = source
                break
            passed_over.append((source.name, reason))
        if chosen.name != self.choice.name:
            why = "".join(f"; not from {name}: {reason}" for name, reason in passed_over)
            log.info("pods come from %s%s", chosen.name, why)
        self.choice = PodSourceChoice(name=chosen.name, passed_over=tuple(passed_over))
        return chosen, self._sources[: len(passed_over)]

    async def _follow(self, source: PodSource, better: Sequence[PodSource]) -> str | None:
        """Until it gives up, which returns why, or a better one works, which returns None."""
        return await race(source.follow(self._store), *(self._until_it_works(each) for each in better))

    async def _until_it_works(self, source: PodSource) -> None:
        await self._clock.sleep(source.recheck_seconds)
        while await source.prepare() is not None:
            await self._clock.sleep(source.recheck_seconds)
