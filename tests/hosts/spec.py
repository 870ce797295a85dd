"""The parameters of a synthetic machine. A MachineSpec with defaults is a small desktop; every part composes."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from tests.hosts.pci_spec import RootComplex

MIB = 1 << 20
GIB = 1 << 30


class Numbering(enum.Enum):
    """In which order the firmware hands out CPU numbers."""

    THREADS_LAST = "the first threads of all cores, then the second ones"
    SIBLINGS_ADJACENT = "the threads of a core one after the other"
    PACKAGES_IN_TURN = "one core of each package in turn, second threads last"


class TopologyNames(enum.Enum):
    """Which names of cputopology.rst the kernel has for cores and packages."""

    OLD = "thread_siblings and core_siblings"
    BOTH = "the old ones, and core_cpus and package_cpus (5.3 and later)"
    NEW = "core_cpus and package_cpus alone, as the document has it now"


class SetForms(enum.Enum):
    """In which forms the kernel prints sets of CPUs."""

    BOTH = "maps and lists"
    MAPS = "maps alone"
    LISTS = "lists alone"


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelSpec:
    """What the machine's kernel tells, and in which form."""

    release: str = "6.8.0-45-generic"
    names: TopologyNames = TopologyNames.BOTH
    forms: SetForms = SetForms.BOTH
    online_files: bool = True
    """cpu/online, present and possible, node/online and possible"""
    nuls: bool = False
    """A NUL byte after the newline, as some captures have it"""
    dies: bool = True
    """die_id and die_cpus (5.2 and later)"""
    clusters: bool = True
    """cluster_id and cluster_cpus (5.16 and later)"""
    node_directory: bool = True
    """False for a kernel without NUMA"""
    node_hugepages: bool = True
    """node/nodeN/hugepages"""
    nodes_name_offline_cpus: bool = False
    """node/nodeN/cpumap keeps CPUs that went offline"""
    isolation_files: bool = True
    """cpu/isolated and cpu/nohz_full"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuSpec:
    """The processors. Counts are per package unless they say otherwise."""

    packages: int = 1
    dies: int = 1
    nodes: int = 1
    """NUMA nodes: SNC or NPS"""
    cores: int = 4
    efficiency_cores: int = 0
    """Of `cores` the last ones, of another kind: with one thread, slower, four of them on an L2 cache"""
    smt: int = 1
    """Threads of a core"""
    cores_per_cluster: int = 0
    """Cores that share an L2 cache; 0 where each has its own"""
    cores_per_l3: int = 0
    """Cores that share an L3 cache; 0 where the package has one"""
    numbering: Numbering = Numbering.THREADS_LAST
    core_id_step: int = 1
    """Core ids of real packages have gaps"""
    core_ids_restart_per_die: bool = False
    """Core ids that are not unique within a package"""
    package_ids: tuple[int, ...] = ()
    """physical_package_id by package; 0, 1, 2… where empty"""
    offline: frozenset[int] = frozenset()
    """CPUs taken offline"""
    spare: int = 0
    """CPUs that are possible but not present: sockets left empty"""
    isolated: frozenset[int] = frozenset()
    nohz_full: frozenset[int] = frozenset()

    @property
    def domains(self) -> int:
        """NUMA nodes that come from packages."""
        return self.packages * self.nodes


class MemorySource(enum.Enum):
    """Where the memory of a node without CPUs comes from."""

    PLAIN = "DIMMs beside no CPU"
    GPU = "a GPU's own memory, shown by its driver"
    CXL = "a CXL device, brought online by the dax driver"
    NONE = "nowhere: a generic initiator"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraNode:
    """A NUMA node without CPUs."""

    id: int
    memory_bytes: int = 16 * GIB
    source: MemorySource = MemorySource.PLAIN
    near: int = 0
    """Position, among the CPU nodes, of the nearest one"""
    gpu: int = 0
    """For GPU memory: which of the machine's GPUs, by its place in the PCI tree"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HugePages:
    """Pages of one size: how many each node has, by the node's position; the last count holds for the rest."""

    size_bytes: int
    totals: tuple[int, ...] = (0,)
    used: int = 0
    """Of each node's pages, at most"""
    surplus: int = 0
    reserved: int = 0
    """On the whole machine"""

    def total_at(self, position: int) -> int:
        """The pages of the node at a position."""
        return self.totals[min(position, len(self.totals) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySpec:
    """Memory of the NUMA nodes."""

    bytes_per_node: int = 16 * GIB
    memoryless: frozenset[int] = frozenset()
    """Positions of CPU nodes that have no memory"""
    node_ids: tuple[int, ...] = ()
    """Ids of the CPU nodes; 0, 1, 2… where empty"""
    extra: tuple[ExtraNode, ...] = ()
    offline_nodes: tuple[int, ...] = ()
    """Ids with a directory that node/online does not name"""
    hugepages: tuple[HugePages, ...] = ()
    hmat: bool = False
    """Bandwidth and latency by access class"""
    tiers: bool = False
    numastat: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSpec:
    """One machine."""

    name: str = "machine"
    kernel: KernelSpec = KernelSpec()
    cpus: CpuSpec = CpuSpec()
    memory: MemorySpec = MemorySpec()
    pci: tuple[RootComplex, ...] = ()
