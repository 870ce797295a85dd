"""CPU caches and the CPUs that share them.

Paths: cpuN/cache/index*/{level,type,shared_cpu_map,shared_cpu_list,size,id}.
Kernel document: Documentation/ABI/testing/sysfs-devices-system-cpu.

A cache is read once, from the lowest online CPU that has it: what is already known of the other CPUs that share it is
not read again. CPUs of one machine may have different caches, or none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from collectors.cpu_sets import CpuSetReader
from collectors.model.cpu import Cache, CacheType
from collectors.parse import IdSet, ParseError, format_id_list, parse_count, parse_id, parse_size, parse_text

SHARED_FILES = ("shared_cpu_map", "shared_cpu_list")

Kind = tuple[int, CacheType]
"""Level and type: a CPU has one cache of a kind"""

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
        for index in sets.reader.numbered(path, "index") or ():
            if known.kind_at.get(index) not in known.kinds_of[cpu]:
                _read_cache(sets, cpu, index, f"{path}/index{index}", known, core_of)
    return tuple(
        sorted(known.caches, key=lambda cache: (cache.level, _TYPE_ORDER[cache.type], min(cache.cpus)))
    )


class _Known:
    """What the CPUs asked so far have told."""

    def __init__(self) -> None:
        self.caches: list[Cache] = []
        self.kinds_of: defaultdict[int, set[Kind]] = defaultdict(set)
        """Of which kinds a CPU's caches are already in `caches`"""
        self.kind_at: dict[int, Kind] = {}
        """Of which kind the cache of each index was on the last CPU asked: mostly, but not always, on all of them"""

    def add(self, cache: Cache) -> None:
        self.caches.append(cache)
        for cpu in cache.cpus:
            self.kinds_of[cpu].add((cache.level, cache.type))


def _read_cache(
    sets: CpuSetReader, cpu: int, index: int, path: str, known: _Known, core_of: Mapping[int, IdSet]
) -> None:
    """Adds one cache, unless an earlier CPU has told of it or it does not say what it is."""
    reader = sets.reader
    level = reader.value(f"{path}/level", parse_count)
    kind = None if level is None else reader.value(f"{path}/type", parse_cache_type)
    if level is None or kind is None:
        return
    known.kind_at[index] = (level, kind)
    if (level, kind) in known.kinds_of[cpu]:
        return
    cpus = _read_sharers(sets, cpu, (level, kind), path, known, core_of)
    if cpus:
        size = reader.value(f"{path}/size", parse_size)
        known.add(
            Cache(
                level=level,
                type=kind,
                cpus=cpus,
                size_bytes=size or None,  # the kernel writes 0K where it knows none
                id=reader.value(f"{path}/id", parse_id),
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
