"""CPU caches and the CPUs that share them.

Paths: cpuN/cache/index*/{level,type,shared_cpu_map,shared_cpu_list,size,id}.
Kernel document: Documentation/ABI/testing/sysfs-devices-system-cpu.

A cache is read once, from the lowest online CPU that has it: what is already known of the other CPUs that share it is
not read again. CPUs of one machine may have different caches, or none.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from collectors.cpu_sets import CpuSetReader
from collectors.model.cpu import Cache, CacheType
from collectors.parse import IdSet, ParseError, format_id_list, parse_count, parse_id, parse_size, parse_text
from collectors.reader import FactReader

SHARED_FILES = ("shared_cpu_map", "shared_cpu_list")

Kind = tuple[int, CacheType]
"""Level and type: a CPU has one cache of a kind"""

Layout = tuple[Kind, ...]
"""The kinds of a CPU's caches in the order of their indexes"""

ENOUGH_CPUS = 2
"""CPUs that must agree on a layout before others are held to have it too"""

LOWEST_LEVEL_WITH_ID = 2
"""Nobody tells first-level caches apart by their ids, and they are half of all"""

_TYPES = {kind.value: kind for kind in CacheType}
_TYPE_ORDER = {kind: position for position, kind in enumerate(CacheType)}


def parse_cache_type(text: str) -> CacheType:
    """`Data`, `Instruction` or `Unified`."""
    kind = _TYPES.get(parse_text(text))
    if kind is None:
        raise ParseError(text, "a type of cache")
    return kind


def read_caches(sets: CpuSetReader, directory: str, core_of: Mapping[int, IdSet]) -> tuple[Cache, ...]:
    """Every cache that online CPUs have, by level, type and lowest CPU.

    Args:
        sets: reads the maps, and knows what is online.
        directory: where the directories cpuN are.
        core_of: the CPUs of each CPU's core; a cache whose map is all zero (old ia64) belongs to the core.
    """
    known = _Known()
    for cpu in sorted(sets.online):
        path = f"{directory}/cpu{cpu}/cache"
        indexes = sets.reader.numbered(path, "index") or ()
        for index, kind in zip(indexes, _read_layout(sets.reader, cpu, path, indexes, known), strict=True):
            if kind is not None and kind not in known.kinds_of[cpu]:
                _read_cache(sets, cpu, f"{path}/index{index}", kind, known, core_of)
    return tuple(
        sorted(known.caches, key=lambda cache: (cache.level, _TYPE_ORDER[cache.type], min(cache.cpus)))
    )


class _Known:
    """What the CPUs asked so far have told."""

    def __init__(self) -> None:
        self.caches: list[Cache] = []
        self.kinds_of: defaultdict[int, set[Kind]] = defaultdict(set)
        """Of which kinds a CPU's caches are already in `caches`"""
        self.layouts: defaultdict[tuple[int, ...], Counter[Layout]] = defaultdict(Counter)
        """By the indexes of a CPU's directory: of which kinds they were, on how many CPUs"""

    def add(self, cache: Cache) -> None:
        self.caches.append(cache)
        for cpu in cache.cpus:
            self.kinds_of[cpu].add((cache.level, cache.type))


def _read_layout(
    reader: FactReader, cpu: int, path: str, indexes: tuple[int, ...], known: _Known
) -> tuple[Kind | None, ...]:
    """The kind of cache at each index of a CPU; None where it is not told.

    Once several CPUs with these indexes agree, others are only asked for the level of the last: two layouts of as
    many caches differ in that. Several, so that one file in error stays one CPU's.
    """
    layouts = known.layouts[indexes]
    agreed = [layout for layout, cpus in layouts.items() if cpus >= ENOUGH_CPUS]
    for layout in agreed:
        if known.kinds_of[cpu].issuperset(layout):
            return layout
    if agreed:
        last_level = reader.value(f"{path}/index{indexes[-1]}/level", parse_count)
        alike = [layout for layout in agreed if layout[-1][0] == last_level]
        if len(alike) == 1:
            return alike[0]
    kinds = tuple(_read_kind(reader, f"{path}/index{index}") for index in indexes)
    told = tuple(kind for kind in kinds if kind is not None)
    if len(told) == len(indexes):
        layouts[told] += 1
    return kinds


def _read_kind(reader: FactReader, path: str) -> Kind | None:
    level = reader.value(f"{path}/level", parse_count)
    cache_type = reader.value(f"{path}/type", parse_cache_type)
    return None if level is None or cache_type is None else (level, cache_type)


def _read_cache(
    sets: CpuSetReader, cpu: int, path: str, kind: Kind, known: _Known, core_of: Mapping[int, IdSet]
) -> None:
    """Adds one cache, unless it does not say which CPUs share it."""
    reader = sets.reader
    level, cache_type = kind
    cpus = _read_sharers(sets, cpu, kind, path, known, core_of)
    if cpus:
        size = reader.value(f"{path}/size", parse_size)
        known.add(
            Cache(
                level=level,
                type=cache_type,
                cpus=cpus,
                size_bytes=size or None,  # the kernel writes 0K where it knows none
                id=None if level < LOWEST_LEVEL_WITH_ID else reader.value(f"{path}/id", parse_id),
            )
        )


def _read_sharers(
    sets: CpuSetReader, cpu: int, kind: Kind, path: str, known: _Known, core_of: Mapping[int, IdSet]
) -> IdSet:
    """The CPUs of a cache without those that have another of this kind already; empty where they are unknown."""
    found = sets.read_with(cpu, path, SHARED_FILES)
    if found is None:
        return frozenset()
    shared, cpus = found
    if not cpus:
        return core_of.get(cpu, frozenset({cpu}))
    if cpu not in cpus:
        sets.reader.note(shared, f"does not name its own CPU {cpu}")
        return frozenset()
    others = frozenset(sharer for sharer in cpus if kind in known.kinds_of[sharer])
    if others:
        sets.reader.note(shared, f"names CPUs that another L{kind[0]} cache has: {format_id_list(others)}")
    return cpus - others
