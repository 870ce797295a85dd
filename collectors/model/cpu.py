"""Facts about CPUs, their groups and their caches. Sources: Documentation/admin-guide/cputopology.rst and
Documentation/ABI/stable/sysfs-devices-system-cpu."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from collectors.parse import IdSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    """One logical CPU, online or not. Of an offline one the kernel tells little more than its id."""

    id: int
    online: bool
    package_id: int | None = None
    """topology/physical_package_id; None for -1. Not unique on every machine: count packages by CpuTopology.packages."""
    die_id: int | None = None
    """topology/die_id"""
    cluster_id: int | None = None
    """topology/cluster_id"""
    core_id: int | None = None
    """topology/core_id. Not unique even within a package: count cores by CpuTopology.cores."""
    capacity: int | None = None
    """cpu_capacity: relative speed, 1024 for the fastest core of the machine"""
    max_frequency_khz: int | None = None
    """cpufreq/cpuinfo_max_freq"""
    base_frequency_khz: int | None = None
    """cpufreq/base_frequency"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuGroup:
    """Online CPUs that share a core, a cluster, a die, a package, a book or a drawer.

    Groups are told apart by their CPUs, not by the id, which real machines repeat.
    """

    cpus: IdSet
    id: int | None = None


class CacheType(enum.Enum):
    """cache/indexN/type"""

    DATA = "Data"
    INSTRUCTION = "Instruction"
    UNIFIED = "Unified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """One cache and the online CPUs that share it. The L3 caches are the machine's uncore groups."""

    level: int
    """cache/indexN/level"""
    type: CacheType
    cpus: IdSet
    """cache/indexN/shared_cpu_map, without what is offline"""
    size_bytes: int | None = None
    """cache/indexN/size"""
    id: int | None = None
    """cache/indexN/id, from level 2 up: nobody tells first-level caches apart by their ids"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuKind:
    """CPUs of one sort on a hybrid machine: performance cores apart from efficiency cores."""

    cpus: IdSet
    name: str | None = None
    """What the kernel or the vendor calls it: `cpu_core`, `cpu_atom`, `Cortex-X925`."""
    capacity: int | None = None
    """The highest cpu_capacity among them"""
    max_frequency_khz: int | None = None
    """The highest cpuinfo_max_freq among them"""
    base_frequency_khz: int | None = None
    """The highest base_frequency among them"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuTopology:
    """Every CPU of the machine. Groups and caches hold online CPUs only; sets are None where the kernel does not say."""

    online: IdSet
    present: IdSet | None = None
    possible: IdSet | None = None
    isolated: IdSet | None = None
    """cpu/isolated: taken from the scheduler's balancing by isolcpus="""
    nohz_full: IdSet | None = None
    """cpu/nohz_full: without the scheduler's tick while one task runs"""
    cpus: tuple[Cpu, ...] = ()
    """By id; the present ones, or all that have a directory"""
    drawers: tuple[CpuGroup, ...] = ()
    """s390 only"""
    books: tuple[CpuGroup, ...] = ()
    """s390 only"""
    packages: tuple[CpuGroup, ...] = ()
    dies: tuple[CpuGroup, ...] = ()
    """Empty where the kernel knows no dies (before 5.2)"""
    clusters: tuple[CpuGroup, ...] = ()
    """CPUs that share an L2 cache or a bus, below the die (5.16 and later)"""
    cores: tuple[CpuGroup, ...] = ()
    caches: tuple[Cache, ...] = ()
    kinds: tuple[CpuKind, ...] = ()
    """Empty on a machine whose CPUs are all alike"""
    model_name: str | None = None
    vendor: str | None = None
    architecture: str | None = None
    """As `uname -m` says: x86_64, aarch64, ppc64le, s390x, riscv64; None where it cannot be told"""

    @property
    def l3_caches(self) -> tuple[Cache, ...]:
        """The uncore groups, by their lowest CPU."""
        return tuple(cache for cache in self.caches if cache.level == 3)
