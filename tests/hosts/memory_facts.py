"""What a right reader finds of the NUMA nodes of a synthetic machine."""

from __future__ import annotations

from collectors.model import (
    AccessPerformance,
    HugePagePool,
    IdSet,
    MemoryTier,
    NumaKind,
    NumaNode,
    NumaStat,
    NumaTopology,
)
from tests.hosts.cpu import online_cpus
from tests.hosts.memory import Node, distance, initiators, list_nodes, pages, performance, tiers
from tests.hosts.memory_files import numastat
from tests.hosts.pci import list_functions
from tests.hosts.spec import HugePages, MachineSpec, MemorySource


def expected_numa(spec: MachineSpec) -> NumaTopology:
    """Every fact about nodes and their memory, computed from the parameters alone."""
    nodes = list_nodes(spec)
    total = sum(node.memory_bytes for node in nodes)
    free = sum(node.free_bytes for node in nodes)
    pools = _machine_pools(spec, nodes)
    if not spec.kernel.node_directory:
        whole = NumaNode(
            id=0,
            kind=NumaKind.CPU_AND_MEMORY,
            cpus=online_cpus(spec.cpus),
            memory_total_bytes=total,
            memory_free_bytes=free,
            hugepages=pools,
        )
        return NumaTopology(
            nodes=(whole,),
            from_kernel=False,
            machine_hugepages=pools,
            memory_total_bytes=total,
            memory_free_bytes=free,
        )
    known = frozenset(node.id for node in nodes)
    # Where node/online is missing, the directories are all that tells which nodes there are.
    hidden = frozenset(spec.memory.offline_nodes)
    return NumaTopology(
        nodes=tuple(_node(spec, node, nodes) for node in nodes),
        from_kernel=True,
        possible=known | hidden if spec.kernel.online_files else None,
        offline=hidden,
        tiers=tuple(MemoryTier(id=tier, nodes=members) for tier, members in sorted(tiers(spec).items()))
        if spec.memory.tiers
        else (),
        machine_hugepages=pools,
        hugepages_per_node=_told(spec) == spec.memory.hugepages,
        memory_total_bytes=total,
        memory_free_bytes=free,
    )


def _node(spec: MachineSpec, node: Node, nodes: tuple[Node, ...]) -> NumaNode:
    cpus = node.cpus & online_cpus(spec.cpus)
    gone = node.cpus - cpus if spec.kernel.nodes_name_offline_cpus else frozenset()
    return NumaNode(
        id=node.id,
        kind=_kind(node, cpus),
        cpus=cpus,
        offline_cpus=gone,
        memory_total_bytes=node.memory_bytes,
        memory_free_bytes=node.free_bytes,
        hugepages=_pools(spec, node),
        distances=tuple((other.id, distance(node, other)) for other in nodes),
        access=_access(spec, node) if spec.memory.hmat and node.memory_bytes else (),
        numastat=NumaStat(**numastat(node)) if spec.memory.numastat else None,
        memory_device=_memory_device(spec, node),
    )


def _kind(node: Node, online: IdSet) -> NumaKind:
    if online:
        return NumaKind.CPU_AND_MEMORY if node.memory_bytes else NumaKind.CPU_ONLY
    if not node.memory_bytes:
        return NumaKind.EMPTY
    of_device = node.extra is not None and node.extra.source in (MemorySource.GPU, MemorySource.CXL)
    return NumaKind.DEVICE_MEMORY if of_device else NumaKind.MEMORY_ONLY


def _told(spec: MachineSpec) -> tuple[HugePages, ...]:
    """The pools that the kernel tells by node: all in directories, the default size alone in node/nodeN/meminfo.

    Of the only node of a machine all is known, as it is the whole machine.
    """
    everything = spec.kernel.node_hugepages or len(list_nodes(spec)) == 1
    return spec.memory.hugepages if everything else spec.memory.hugepages[:1]


def _pools(spec: MachineSpec, node: Node) -> tuple[HugePagePool, ...]:
    return tuple(
        HugePagePool(page_size_bytes=pool.size_bytes, total=total, free=free, surplus=surplus)
        for pool in sorted(_told(spec), key=lambda pool: pool.size_bytes)
        for total, free, surplus in (pages(pool, node),)
    )


def _machine_pools(spec: MachineSpec, nodes: tuple[Node, ...]) -> tuple[HugePagePool, ...]:
    found = []
    for pool in sorted(spec.memory.hugepages, key=lambda pool: pool.size_bytes):
        counts = [pages(pool, node) for node in nodes]
        total, free, surplus = (sum(column) for column in zip(*counts, strict=True))
        found.append(
            HugePagePool(
                page_size_bytes=pool.size_bytes,
                total=total,
                free=free,
                surplus=surplus,
                reserved=pool.reserved,
            )
        )
    return tuple(found)


def _access(spec: MachineSpec, node: Node) -> tuple[AccessPerformance, ...]:
    read, write, read_ns, write_ns = performance(node)
    return tuple(
        AccessPerformance(
            access_class=access_class,
            initiators=frozenset(initiators(spec, node, access_class)),
            read_bandwidth_mbps=read,
            write_bandwidth_mbps=write,
            read_latency_ns=read_ns,
            write_latency_ns=write_ns,
        )
        for access_class in (0, 1)
    )


def _memory_device(spec: MachineSpec, node: Node) -> str | None:
    if node.extra is None:
        return None
    if node.extra.source is MemorySource.GPU:
        return [function.address for function in list_functions(spec) if function.spec.gpu][node.extra.gpu]
    if node.extra.source is MemorySource.CXL:
        return f"dax{cxl_nodes(spec).index(node.id)}.0"
    return None


def cxl_nodes(spec: MachineSpec) -> list[int]:
    """Ids of the nodes whose memory is a CXL device's, by the number of their dax device."""
    return [extra.id for extra in spec.memory.extra if extra.source is MemorySource.CXL]
