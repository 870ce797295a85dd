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
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from collectors.cpu_sets import LIST_SUFFIX, CpuSetReader
from collectors.cpuinfo import Processor
from collectors.model.cpu import CpuGroup
from collectors.parse import IdSet, format_id_list, parse_id, parse_int
from collectors.reader import FactReader

NO_CLUSTER_ID = 65_535
"""What x86 kernels write into cluster_id where they know none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """How sysfs spells one kind of group."""

    word: str
    maps: tuple[str, ...]
    """The newer name first; kernels since 5.3 have both, some captures only one of them"""
    id_file: str | None
    """Read for one CPU of a group, the lowest if it tells; None where somebody else reads it for every CPU"""
    no_id: int | None = None


CORE_ID_FILE = "core_id"
CORE = Level(word="core", maps=("core_cpus", "thread_siblings"), id_file=None)
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
    core_ids = _read_core_ids(sets, directory) if CORE_ID_FILE in names else {}
    return CpuGroups(
        drawers=_read_level(sets, directory, DRAWER, names),
        books=_read_level(sets, directory, BOOK, names),
        packages=_read_level(sets, directory, PACKAGE, names),
        dies=_read_level(sets, directory, DIE, names),
        clusters=_read_level(sets, directory, CLUSTER, names),
        cores=_named_cores(_read_level(sets, directory, CORE, names), core_ids),
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
        core_id = sets.reader.value(f"{directory}/cpu{cpu}/topology/{CORE_ID_FILE}", parse_id)
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
            groups.append(CpuGroup(cpus=cpus, id=_read_group_id(sets.reader, directory, level, cpus, names)))
            taken |= cpus
    return tuple(groups)


def _read_group_id(
    reader: FactReader, directory: str, level: Level, cpus: IdSet, names: frozenset[str]
) -> int | None:
    """The id of a group as its lowest CPU has it; where that file is bad, as the next one has it."""
    if level.id_file not in names:
        return None
    for cpu in sorted(cpus):
        number = reader.value(f"{directory}/cpu{cpu}/topology/{level.id_file}", parse_int)
        if number is not None:
            return None if number < 0 or number == level.no_id else number
    return None


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


def _named_cores(cores: tuple[CpuGroup, ...], core_ids: Mapping[int, int]) -> tuple[CpuGroup, ...]:
    """Cores with their ids, where threads of one map with different ids are a core each.

    AMD's compute units (family 15h) are pairs of cores that share a front end: the kernel names both in
    thread_siblings, and gives each an id of its own.
    """
    named: list[CpuGroup] = []
    paired = any(len({core_ids[cpu] for cpu in core.cpus if cpu in core_ids}) > 1 for core in cores)
    for core in cores:
        by_id: defaultdict[int | None, set[int]] = defaultdict(set)
        for cpu in core.cpus:
            by_id[core_ids.get(cpu)].add(cpu)
        if not paired or len(by_id) == 1:
            number = next((core_ids[cpu] for cpu in sorted(core.cpus) if cpu in core_ids), None)
            named.append(CpuGroup(cpus=core.cpus, id=number))
        else:
            named.extend(CpuGroup(cpus=frozenset(cpus), id=number) for number, cpus in by_id.items())
    return _by_lowest_cpu(named)


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
        packages=_by_lowest_cpu(
            CpuGroup(cpus=frozenset(cpus), id=number) for number, cpus in packages.items()
        ),
        cores=_by_lowest_cpu(
            CpuGroup(cpus=frozenset(cpus), id=number) for (_, number), cpus in cores.items()
        ),
        core_ids=core_ids,
    )


def _by_lowest_cpu(groups: Iterable[CpuGroup]) -> tuple[CpuGroup, ...]:
    return tuple(sorted(groups, key=lambda group: min(group.cpus)))
