"""Facts about NUMA nodes, their memory and hugepages. Sources: Documentation/ABI/stable/sysfs-devices-node,
Documentation/admin-guide/mm/numaperf.rst and hugetlbpage.rst."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from collectors.parse import IdSet


class NumaKind(enum.Enum):
    """What a NUMA node is good for."""

    CPU_AND_MEMORY = "cpu+memory"
    CPU_ONLY = "cpu"
    MEMORY_ONLY = "memory"
    DEVICE_MEMORY = "device-memory"
    """Memory that belongs to a device: of a GPU, high-bandwidth or CXL memory"""
    EMPTY = "empty"
    """Neither CPUs nor memory: a generic initiator, or a node whose parts are offline"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HugePagePool:
    """Hugepages of one size, on one node or on the whole machine. Counts are pages; None where unknown."""

    page_size_bytes: int
    """From the directory's name: hugepages-2048kB"""
    total: int | None = None
    """nr_hugepages"""
    free: int | None = None
    """free_hugepages"""
    surplus: int | None = None
    """surplus_hugepages: taken beyond the pool, given back when freed"""
    reserved: int | None = None
    """resv_hugepages: promised but not yet faulted in; told for the whole machine only"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPerformance:
    """What firmware (ACPI HMAT) says of a node's memory as seen from its best initiators.

    Source: node/nodeN/access{0,1}/initiators; class 0 counts any initiator, class 1 only CPUs.
    """

    access_class: int
    initiators: IdSet = frozenset()
    """Ids of the nodes that reach this memory with that performance"""
    read_bandwidth_mbps: int | None = None
    """MB/s"""
    write_bandwidth_mbps: int | None = None
    read_latency_ns: int | None = None
    write_latency_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NumaStat:
    """node/nodeN/numastat: pages since boot (Documentation/admin-guide/numastat.rst)."""

    numa_hit: int | None = None
    numa_miss: int | None = None
    numa_foreign: int | None = None
    interleave_hit: int | None = None
    local_node: int | None = None
    other_node: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NumaNode:
    """One NUMA node that is online."""

    id: int
    kind: NumaKind | None
    """None where its CPUs or its memory could not be read, so that it cannot be told"""
    cpus: IdSet
    """Online CPUs that the kernel puts here; empty where `cpus_known` is False"""
    cpus_known: bool = True
    """False where neither node/nodeN/cpumap nor cpulist could be read: then no CPUs does not mean CPU-less"""
    offline_cpus: IdSet = frozenset()
    """CPUs that node/nodeN/cpumap names but that are offline or do not exist"""
    memory_total_bytes: int | None = None
    """MemTotal of the node; 0 where it has none, None where unknown"""
    memory_free_bytes: int | None = None
    hugepages: tuple[HugePagePool, ...] = ()
    """By page size"""
    distances: tuple[tuple[int, int], ...] = ()
    """(node id, distance) by id, from node/nodeN/distance; empty where the row is missing or malformed"""
    access: tuple[AccessPerformance, ...] = ()
    numastat: NumaStat | None = None
    memory_device: str | None = None
    """The PCI address, or the dax name, of the device that the memory of a CPU-less node belongs to, where that is known"""

    def distance_to(self, node: int) -> int | None:
        """The kernel's relative distance to a node (10 to itself), or None where it is unknown."""
        return dict(self.distances).get(node)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryTier:
    """Nodes whose memory the kernel holds for equally fast. Source: /sys/devices/virtual/memory_tiering/memory_tierN."""

    id: int
    nodes: IdSet


@dataclass(frozen=True, slots=True, kw_only=True)
class NumaTopology:
    """Every NUMA node of the machine."""

    nodes: tuple[NumaNode, ...]
    """Those online, by id"""
    from_kernel: bool
    """False where the kernel has no node directory: then `nodes` is one node 0 with all CPUs and all memory, made by us"""
    possible: IdSet | None = None
    offline: IdSet = frozenset()
    """Nodes that have a directory but that node/online does not name. What is `possible` may never come online"""
    tiers: tuple[MemoryTier, ...] = ()
    machine_hugepages: tuple[HugePagePool, ...] = ()
    """Pools of the whole machine (/sys/kernel/mm/hugepages, else /proc/meminfo)"""
    hugepages_per_node: bool = True
    """False where the kernel has hugepages but does not tell on which nodes they lie"""
    memory_total_bytes: int | None = None
    """/proc/meminfo"""
    memory_free_bytes: int | None = None

    def node(self, node_id: int) -> NumaNode | None:
        """The online node with that id."""
        return next((node for node in self.nodes if node.id == node_id), None)
