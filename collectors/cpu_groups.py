"""Cores, clusters, dies, packages, books and drawers: the groups that cpuN/topology names.

Paths: cpuN/topology/{core_cpus,thread_siblings,cluster_cpus,die_cpus,package_cpus,core_siblings,book_siblings,
drawer_siblings}, each also with _list, and the ids beside them.
Kernel document: Documentation/admin-guide/cputopology.rst.

Groups are found by their maps, for ids repeat: core ids within a package on one machine in six, package ids on some.
One file is read for a whole group, that of its lowest online CPU; if maps overlap without being equal, the group of the
lowest CPU stands, and the other gets what is left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from collectors.cpu_sets import LIST_SUFFIX, CpuSetReader
from collectors.cpuinfo import Processor
from collectors.model.cpu import CpuGroup
from collectors.parse import IdSet, format_id_list, parse_id
from collectors.reader import FactReader

NO_CLUSTER_ID = 65_535
"""What x86 kernels write into cluster_id where they know none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """How sysfs spells one kind of group."""

    word: str
    maps: tuple[str, ...]
    """The newer name first; kernels since 5.3 have both, some captures only one of them"""
    id_file: str
    no_id: int | None = None


CORE = Level(word="core", maps=("core_cpus", "thread_siblings"), id_file="core_id")
CLUSTER = Level(word="cluster", maps=("cluster_cpus",), id_file="cluster_id", no_id=NO_CLUSTER_ID)
DIE = Level(word="die", maps=("die_cpus",), id_file="die_id")
PACKAGE = Level(word="package", maps=("package_cpus", "core_siblings"), id_file="physical_package_id")
BOOK = Level(word="book", maps=("book_siblings",), id_file="book_id")
DRAWER = Level(word="drawer", maps=("drawer_siblings",), id_file="drawer_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuGroups:
    """The groups of a machine by level, each by its lowest CPU; empty where sysfs does not say."""

    drawers: tuple[CpuGroup, ...] = ()
    books: tuple[CpuGroup, ...] = ()
    packages: tuple[CpuGroup, ...] = ()
    dies: tuple[CpuGroup, ...] = ()
    clusters: tuple[CpuGroup, ...] = ()
    cores: tuple[CpuGroup, ...] = ()
    core_ids: Mapping[int, int] = field(default_factory=dict)
    """By CPU, for they may differ within a core's map"""

    @property
    def told(self) -> bool:
        """Whether anything is known of groups."""
        return bool(self.packages or self.cores or self.core_ids)


def read_cpu_groups(sets: CpuSetReader, directory: str) -> CpuGroups:
    """Every group of online CPUs below a directory of cpuN; no file is required."""
    names = topology_names(sets.reader, directory, sets.online)
    core_ids = _read_core_ids(sets, directory) if CORE.id_file in names else {}
    return CpuGroups(
        drawers=_read_level(sets, directory, DRAWER, names),
        books=_read_level(sets, directory, BOOK, names),
        packages=_read_level(sets, directory, PACKAGE, names),
        dies=_read_level(sets, directory, DIE, names),
        clusters=_read_level(sets, directory, CLUSTER, names),
        cores=_split_compute_units(_read_level(sets, directory, CORE, names), core_ids),
        core_ids=core_ids,
    )


def topology_names(reader: FactReader, directory: str, online: IdSet) -> frozenset[str]:
    """The files that topology directories of this machine hold; empty where it has none.

    Two CPUs, the first and the last, stand for all: asking every CPU for files that no CPU has is half the time of a
    survey. The others are asked only where those two have none.
    """
    ordered = sorted(online)
    for cpus in (ordered[:1] + ordered[-1:], ordered[1:-1]):
        names: set[str] = set()
        for cpu in cpus:
            names.update(reader.entries(f"{directory}/cpu{cpu}/topology") or ())
        if names:
            return frozenset(names)
    return frozenset()


def _read_core_ids(sets: CpuSetReader, directory: str) -> dict[int, int]:
    ids: dict[int, int] = {}
    for cpu in sorted(sets.online):
        core_id = sets.reader.value(f"{directory}/cpu{cpu}/topology/{CORE.id_file}", parse_id)
        if core_id is not None:
            ids[cpu] = core_id
    return ids


def _read_level(
    sets: CpuSetReader, directory: str, level: Level, names: frozenset[str]
) -> tuple[CpuGroup, ...]:
    """The groups of one level, by their lowest CPU."""
    files = [
        name for name in (*level.maps, *(f"{name}{LIST_SUFFIX}" for name in level.maps)) if name in names
    ]
    groups: list[CpuGroup] = []
    taken: set[int] = set()
    for cpu in sorted(sets.online) if files else ():
        if cpu in taken:
            continue
        topology = f"{directory}/cpu{cpu}/topology"
        cpus = _claim(sets, cpu, topology, files, taken, level.word)
        if cpus is not None:
            group_id = sets.reader.value(f"{topology}/{level.id_file}", parse_id)
            groups.append(CpuGroup(cpus=cpus, id=None if group_id == level.no_id else group_id))
            taken |= cpus
    return tuple(groups)


def _claim(
    sets: CpuSetReader, cpu: int, topology: str, files: list[str], taken: set[int], word: str
) -> IdSet | None:
    """The CPUs of the group that a CPU is the lowest of, without what other groups have already."""
    found = sets.read_with(cpu, topology, files)
    if found is None:
        return None
    path, cpus = found
    if cpu not in cpus:
        sets.reader.note(path, f"does not name its own CPU {cpu}")
        return None
    if taken.isdisjoint(cpus):
        return cpus
    sets.reader.note(path, f"names CPUs that another {word} has: {format_id_list(cpus & taken)}")
    return cpus - taken


def _split_compute_units(cores: tuple[CpuGroup, ...], core_ids: Mapping[int, int]) -> tuple[CpuGroup, ...]:
    """Cores, where threads of one map with different core ids are a core each.

    AMD's compute units (family 15h) are pairs of cores that share a front end: the kernel names both in
    thread_siblings, and gives each an id of its own.
    """
    split: list[CpuGroup] = []
    for core in cores:
        by_id: defaultdict[int, set[int]] = defaultdict(set)
        for cpu in core.cpus:
            if cpu in core_ids:
                by_id[core_ids[cpu]].add(cpu)
        if len(by_id) < 2 or sum(map(len, by_id.values())) < len(core.cpus):
            split.append(core)
        else:
            split.extend(CpuGroup(cpus=frozenset(cpus), id=number) for number, cpus in by_id.items())
    return tuple(sorted(split, key=lambda group: min(group.cpus)))


def derive_groups_from_cpuinfo(processors: tuple[Processor, ...], online: IdSet) -> CpuGroups:
    """Packages and cores as /proc/cpuinfo numbers them, for kernels without topology in sysfs.

    There are no maps in that file: cores are told apart by package and core id, the best it offers.
    """
    packages: defaultdict[int, set[int]] = defaultdict(set)
    cores: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    core_ids: dict[int, int] = {}
    for processor in processors:
        if processor.id not in online or processor.package_id is None:
            continue
        packages[processor.package_id].add(processor.id)
        if processor.core_id is not None:
            cores[processor.package_id, processor.core_id].add(processor.id)
            core_ids[processor.id] = processor.core_id
    return CpuGroups(
        packages=_in_order({number: frozenset(cpus) for number, cpus in packages.items()}),
        cores=tuple(
            sorted(
                (CpuGroup(cpus=frozenset(cpus), id=core_id) for (_, core_id), cpus in cores.items()),
                key=lambda group: min(group.cpus),
            )
        ),
        core_ids=core_ids,
    )


def _in_order(groups: Mapping[int, IdSet]) -> tuple[CpuGroup, ...]:
    found = (CpuGroup(cpus=cpus, id=number) for number, cpus in groups.items())
    return tuple(sorted(found, key=lambda group: min(group.cpus)))
