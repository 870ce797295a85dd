"""Writes /sys/devices/system/node, hugepages, memory tiers and /proc/meminfo of a synthetic machine.

Layout: Documentation/ABI/stable/sysfs-devices-node, Documentation/admin-guide/mm/{hugetlbpage,numaperf}.rst,
Documentation/ABI/testing/sysfs-kernel-mm-memory-tiers.
"""

from __future__ import annotations

from tests.hosts.cpu import online_cpus
from tests.hosts.cpu_files import CPU, NODE, write_set
from tests.hosts.memory import Node, distance, initiators, list_nodes, pages, performance, tiers
from tests.hosts.spec import HugePages, MachineSpec, MemorySource
from tests.hosts.text import id_list
from tests.hosts.tree import Tree

MACHINE_POOLS = "/sys/kernel/mm/hugepages"
TIERS = "/sys/devices/virtual/memory_tiering"
KIB = 1024


def write_memory(tree: Tree, spec: MachineSpec) -> None:
    """All nodes, and what the kernel tells of the machine's memory as a whole."""
    nodes = list_nodes(spec)
    _write_meminfo(tree, spec, nodes)
    for pool in spec.memory.hugepages:
        _write_machine_pool(tree, pool, nodes)
    if not spec.kernel.node_directory:
        return
    _write_node_sets(tree, spec, nodes)
    for node in nodes:
        _write_node(tree, spec, node, nodes)
    for number in spec.memory.offline_nodes:
        write_set(tree, spec, f"{NODE}/node{number}", (), map_name="cpumap", list_name="cpulist")
    if spec.memory.tiers:
        for tier, members in tiers(spec).items():
            tree.file(f"{TIERS}/memory_tier{tier}/nodelist", id_list(members))


def _write_node_sets(tree: Tree, spec: MachineSpec, nodes: tuple[Node, ...]) -> None:
    nul = b"\0" if spec.kernel.nuls else b""
    ids = [node.id for node in nodes]
    with_memory = [node.id for node in nodes if node.memory_bytes]
    if spec.kernel.online_files:
        tree.file(f"{NODE}/online", f"{id_list(ids)}\n".encode() + nul)
        tree.file(f"{NODE}/possible", f"{id_list((*ids, *spec.memory.offline_nodes))}\n".encode() + nul)
        tree.file(f"{NODE}/has_cpu", id_list(node.id for node in nodes if _online(spec, node)))
        tree.file(f"{NODE}/has_memory", id_list(with_memory))
        tree.file(f"{NODE}/has_normal_memory", id_list(with_memory))
        bare = [node.id for node in nodes if node.extra and node.extra.source is MemorySource.NONE]
        tree.file(f"{NODE}/has_generic_initiator", id_list(bare))


def _online(spec: MachineSpec, node: Node) -> frozenset[int]:
    return node.cpus & online_cpus(spec.cpus)


def _write_node(tree: Tree, spec: MachineSpec, node: Node, nodes: tuple[Node, ...]) -> None:
    here = f"{NODE}/node{node.id}"
    named = node.cpus if spec.kernel.nodes_name_offline_cpus else _online(spec, node)
    write_set(tree, spec, here, named, map_name="cpumap", list_name="cpulist")
    for cpu in node.cpus:
        tree.link(f"{here}/cpu{cpu}", f"{CPU}/cpu{cpu}")
        tree.link(f"{CPU}/cpu{cpu}/node{node.id}", here)
    tree.file(f"{here}/distance", " ".join(str(distance(node, other)) for other in nodes))
    tree.file(f"{here}/meminfo", _node_meminfo(node, spec.memory.hugepages))
    tree.file(f"{here}/vmstat", f"nr_free_pages {node.free_bytes // 4096}")
    if spec.memory.numastat:
        tree.file(f"{here}/numastat", "\n".join(f"{name} {count}" for name, count in numastat(node).items()))
    if spec.kernel.node_hugepages:
        for pool in spec.memory.hugepages:
            _write_pool(tree, f"{here}/hugepages/{_pool_name(pool)}", pages(pool, node))
    if spec.memory.hmat and node.memory_bytes:
        _write_access(tree, spec, node)


def numastat(node: Node) -> dict[str, int]:
    """Counters by the names that numastat.rst gives them."""
    base = 1000 * (node.position + 1)
    return {
        "numa_hit": base,
        "numa_miss": 1,
        "numa_foreign": 2,
        "interleave_hit": 3,
        "local_node": base - 4,
        "other_node": 4,
    }


def _node_meminfo(node: Node, pools: tuple[HugePages, ...]) -> str:
    used = node.memory_bytes - node.free_bytes
    total, free, surplus = pages(pools[0], node) if pools else (0, 0, 0)
    lines = (
        f"MemTotal:       {node.memory_bytes // KIB} kB",
        f"MemFree:        {node.free_bytes // KIB} kB",
        f"MemUsed:        {used // KIB} kB",
        "Active(anon):          0 kB",
        f"HugePages_Total: {total:5}",
        f"HugePages_Free:  {free:5}",
        f"HugePages_Surp:  {surplus:5}",
    )
    return "\n".join(f"Node {node.id} {line}" for line in lines)


def _pool_name(pool: HugePages) -> str:
    return f"hugepages-{pool.size_bytes // KIB}kB"


def _write_pool(tree: Tree, path: str, counts: tuple[int, int, int]) -> None:
    for name, count in zip(("nr_hugepages", "free_hugepages", "surplus_hugepages"), counts, strict=True):
        tree.file(f"{path}/{name}", str(count))


def _sum_pool(pool: HugePages, nodes: tuple[Node, ...]) -> tuple[int, int, int]:
    counts = [pages(pool, node) for node in nodes]
    return (
        sum(count[0] for count in counts),
        sum(count[1] for count in counts),
        sum(count[2] for count in counts),
    )


def _write_machine_pool(tree: Tree, pool: HugePages, nodes: tuple[Node, ...]) -> None:
    here = f"{MACHINE_POOLS}/{_pool_name(pool)}"
    _write_pool(tree, here, _sum_pool(pool, nodes))
    tree.file(f"{here}/resv_hugepages", str(pool.reserved))
    tree.file(f"{here}/nr_overcommit_hugepages", "0")
    tree.file(f"{here}/nr_hugepages_mempolicy", str(_sum_pool(pool, nodes)[0]))


def _write_meminfo(tree: Tree, spec: MachineSpec, nodes: tuple[Node, ...]) -> None:
    """/proc/meminfo tells of the default size only: the first pool of the machine."""
    lines = [
        f"MemTotal:       {sum(node.memory_bytes for node in nodes) // KIB} kB",
        f"MemFree:        {sum(node.free_bytes for node in nodes) // KIB} kB",
        "Buffers:               0 kB",
        "SwapTotal:             0 kB",
        "SwapFree:              0 kB",
    ]
    if spec.memory.hugepages:
        pool = spec.memory.hugepages[0]
        total, free, surplus = _sum_pool(pool, nodes)
        lines += [
            f"HugePages_Total: {total:7}",
            f"HugePages_Free:  {free:7}",
            f"HugePages_Rsvd:  {pool.reserved:7}",
            f"HugePages_Surp:  {surplus:7}",
            f"Hugepagesize:    {pool.size_bytes // KIB:7} kB",
        ]
    tree.file("/proc/meminfo", "\n".join(lines))


def _write_access(tree: Tree, spec: MachineSpec, node: Node) -> None:
    names = ("read_bandwidth", "write_bandwidth", "read_latency", "write_latency")
    for access_class in (0, 1):
        here = f"{NODE}/node{node.id}/access{access_class}"
        for name, value in zip(names, performance(node), strict=True):
            tree.file(f"{here}/initiators/{name}", str(value))
        for initiator in initiators(spec, node, access_class):
            other = f"{NODE}/node{initiator}"
            tree.link(f"{here}/initiators/node{initiator}", other)
            tree.link(f"{other}/access{access_class}/targets/node{node.id}", f"{NODE}/node{node.id}")
