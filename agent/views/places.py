"""Which part of a machine holds which: packages, dies, NUMA nodes and caches, nested by their CPUs.

What contains what differs from machine to machine (a package of several NUMA nodes, a NUMA node of several
packages, a cache across dies), so the sets of CPUs alone decide. Pure: sees only the model.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from collectors.model import Cache, CacheType, CpuGroup, CpuTopology, IdSet, NumaNode

MAX_DEPTH = 16
"""Places in places at most. Real machines have eight levels; a forged one may have as many as CPUs."""


class Level(enum.IntEnum):
    """What a place is; of two places with the same CPUs, the lower number is outside."""

    DRAWER = 1
    BOOK = 2
    PACKAGE = 3
    NODE = 4
    DIE = 5
    CLUSTER = 6
    CACHE = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A part of the machine that has CPUs, and the parts in it."""

    level: Level
    cpus: IdSet
    thing: CpuGroup | NumaNode | Cache
    inside: tuple[Place, ...] = ()

    @property
    def loose_cpus(self) -> IdSet:
        """Its CPUs that are in none of the parts in it."""
        return self.cpus.difference(*(place.cpus for place in self.inside))


def derive_places(
    topology: CpuTopology, nodes: Iterable[NumaNode], *, small_caches: bool = False
) -> tuple[Place, ...]:
    """The outermost places, in order of their ids, else of their lowest CPUs.

    Dies, books and clusters are left out where they only repeat what is around them, or a single core. Where two
    NUMA nodes share CPUs and neither holds the other, both are there.

    Args:
        small_caches: caches below the third level as well, where several cores share one.
    """
    groups = [
        *_grouped(Level.DRAWER, topology.drawers),
        *_grouped(Level.BOOK, topology.books),
        *_grouped(Level.PACKAGE, topology.packages),
        *_telling(Level.DIE, topology.dies, topology.packages),
        *(Place(level=Level.NODE, cpus=node.cpus, thing=node) for node in nodes if node.cpus),
        *_telling(Level.CLUSTER, topology.clusters, (*topology.cores, *topology.packages)),
        *_caches(topology, small=small_caches),
    ]
    groups.sort(key=lambda place: (-len(place.cpus), place.level, -_cache_level(place), min(place.cpus)))
    return _nest(groups)


def _grouped(level: Level, groups: Iterable[CpuGroup]) -> list[Place]:
    return [Place(level=level, cpus=group.cpus, thing=group) for group in groups if group.cpus]


def _telling(level: Level, groups: Iterable[CpuGroup], known: Iterable[CpuGroup]) -> list[Place]:
    """Those that are not the same CPUs as something that is shown anyway."""
    said = {group.cpus for group in known}
    return _grouped(level, (group for group in groups if group.cpus not in said))


def _caches(topology: CpuTopology, *, small: bool) -> list[Place]:
    cores = {core.cpus for core in topology.cores}
    return [
        Place(level=Level.CACHE, cpus=cache.cpus, thing=cache)
        for cache in topology.caches
        if cache.cpus
        and cache.type is not CacheType.INSTRUCTION
        and (cache.level >= 3 or (small and len(cache.cpus) > 1 and cache.cpus not in cores))
    ]


def _cache_level(place: Place) -> int:
    return place.thing.level if isinstance(place.thing, Cache) else 0


def _nest(places: Sequence[Place], depth: int = 0) -> tuple[Place, ...]:
    """Puts every place into the first one that holds it; `places` come with the largest first."""
    outer: list[Place] = []
    while places:
        head, others = places[0], places[1:]
        held = [place for place in others if depth < MAX_DEPTH and _holds(head, place)]
        inside = _nest(held, depth + 1)
        outer.append(Place(level=head.level, cpus=head.cpus, thing=head.thing, inside=inside))
        places = [place for place in others if depth >= MAX_DEPTH or not _holds(head, place)]
    return _in_order(outer)


def _in_order(places: list[Place]) -> tuple[Place, ...]:
    """Places of one level by their ids, where these tell them apart; others by their lowest CPU."""
    ids = {place.thing.id for place in places if not isinstance(place.thing, Cache)} - {None}
    if len(ids) == len(places) and len({place.level for place in places}) == 1:
        return tuple(sorted(places, key=lambda place: place.thing.id or 0))
    return tuple(sorted(places, key=lambda place: min(place.cpus)))


def _holds(outer: Place, inner: Place) -> bool:
    """Whether one belongs into the other; two NUMA nodes with the very same CPUs stand side by side."""
    return inner.cpus <= outer.cpus and (inner.cpus != outer.cpus or inner.level is not outer.level)
