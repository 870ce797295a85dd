"""NUMA nodes' memory in words: totals, hugepages by size, what lies beside which node. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from agent.views.text import Branch, Line, Span, name, plain, quiet, warn
from agent.views.units import format_bytes, name_nodes
from collectors.model import AccessPerformance, HugePagePool, NumaKind, NumaNode, NumaTopology


def node_name(node: NumaNode, numa: NumaTopology) -> str:
    """`NUMA node 3`; a kernel without NUMA nodes has one memory, which has no number."""
    return f"NUMA node {node.id}" if numa.from_kernel else "one memory"


def describe_memory(total: int | None, free: int | None, *, kind: str = "memory") -> str:
    """`62.5 GiB memory, 60 GiB free`, `no memory`, `memory unknown`."""
    if total is None:
        return f"{kind} unknown"
    if total == 0:
        return f"no {kind}"
    said = f"{format_bytes(total)} {kind}"
    return said if free is None else f"{said}, {format_bytes(free)} free"


def describe_pool(pool: HugePagePool) -> str:
    """`512 (1 GiB), 500 free, 3 surplus`: pages of one size, and what they come to."""
    if pool.total is None:
        return "number unknown"
    words = [str(pool.total)]
    if pool.total:
        words[0] += f" ({format_bytes(pool.total * pool.page_size_bytes)})"
        if pool.free is not None:
            words.append(f"{pool.free} free")
    words += [
        f"{count} {word}" for count, word in ((pool.surplus, "surplus"), (pool.reserved, "reserved")) if count
    ]
    return ", ".join(words)


def summarize_pools(pools: Iterable[HugePagePool]) -> str:
    """Every size on one line: `2 MiB: 512 (1 GiB), 500 free; 1 GiB: 0`."""
    return "; ".join(f"{format_bytes(pool.page_size_bytes)}: {describe_pool(pool)}" for pool in pools)


def pool_branches(pools: Iterable[HugePagePool], *, wide: bool) -> tuple[Branch, ...]:
    """A line for every size of which there are pages, or that is unknown; in the wide form for every size."""
    return tuple(
        Branch(line=(plain(f"{format_bytes(pool.page_size_bytes)} hugepages: {describe_pool(pool)}"),))
        for pool in pools
        if wide or pool.total != 0 or pool.surplus
    )


def performance_branches(node: NumaNode) -> tuple[Branch, ...]:
    """What firmware says of the node's memory as its best initiators see it; one line for each access class."""
    return tuple(
        Branch(line=(quiet(f"access class {access.access_class}: {figures}"),))
        for access in node.access
        if (figures := _describe_access(access))
    )


def _describe_access(access: AccessPerformance) -> str:
    words = [f"from {name_nodes(access.initiators)}"] if access.initiators else []
    figures = (
        ("read", access.read_bandwidth_mbps, "MB/s"),
        ("write", access.write_bandwidth_mbps, "MB/s"),
        ("read", access.read_latency_ns, "ns"),
        ("write", access.write_latency_ns, "ns"),
    )
    words += [f"{what} {figure} {unit}" for what, figure, unit in figures if figure]
    return ", ".join(words)


def nearest_cpu_nodes(node: NumaNode, numa: NumaTopology) -> tuple[frozenset[int], int] | None:
    """The nodes with CPUs at the smallest distance from a node, and that distance; None where no distance is known."""
    known = {
        other.id: distance
        for other in numa.nodes
        if other.cpus and other.id != node.id and (distance := node.distance_to(other.id)) is not None
    }
    if not known:
        return None
    least = min(known.values())
    return frozenset(number for number, distance in known.items() if distance == least), least


def describe_cpuless(node: NumaNode, numa: NumaTopology) -> Line:
    """What follows the name of a node without CPUs: whose memory it is, how much, and which CPUs are near."""
    if node.kind is NumaKind.EMPTY:
        spans: list[Span] = [plain(": neither CPUs nor memory")]
    else:
        kind = "device memory" if node.kind is NumaKind.DEVICE_MEMORY else "memory"
        words = describe_memory(node.memory_total_bytes, node.memory_free_bytes, kind=kind)
        spans = [plain(f": {words}"), plain(", no CPUs") if node.cpus_known else warn(", CPUs unknown")]
    if node.memory_device is not None:
        spans.append(plain(f", of {node.memory_device}"))
    return (*spans, *_nearness(node, numa))


def _nearness(node: NumaNode, numa: NumaTopology) -> Line:
    nearest = nearest_cpu_nodes(node, numa)
    if nearest is None:
        return ()
    ids, distance = nearest
    return (quiet(f"; nearest CPUs on {name_nodes(ids)} (distance {distance})"),)


FOLDED_FROM = 3
"""So many nodes alike, and no fewer, become one line"""


def fold_cpuless(
    nodes: Iterable[NumaNode], numa: NumaTopology
) -> tuple[tuple[Line, tuple[NumaNode, ...]], ...]:
    """Nodes without CPUs, those that differ by nothing but their id, free memory and device as one line each."""
    groups: dict[object, list[NumaNode]] = {}
    for node in nodes:
        groups.setdefault(_likeness(node, numa), []).append(node)
    folded: list[tuple[Line, tuple[NumaNode, ...]]] = []
    for group in groups.values():
        if len(group) >= FOLDED_FROM:
            folded.append((_folded_line(group, numa), tuple(group)))
        else:
            folded += [
                ((name(node_name(node, numa)), *describe_cpuless(node, numa)), (node,)) for node in group
            ]
    return tuple(sorted(folded, key=lambda pair: pair[1][0].id))


def _likeness(node: NumaNode, numa: NumaTopology) -> object:
    pools = tuple((pool.page_size_bytes, pool.total) for pool in node.hugepages if pool.total)
    return node.kind, node.cpus_known, node.memory_total_bytes, pools, nearest_cpu_nodes(node, numa)


def _folded_line(group: list[NumaNode], numa: NumaTopology) -> Line:
    first = group[0]
    title = name_nodes(frozenset(node.id for node in group))
    if first.kind is NumaKind.EMPTY:
        size = f"{len(group)} nodes with neither CPUs nor memory"
    else:
        kind = "device memory" if first.kind is NumaKind.DEVICE_MEMORY else "memory"
        free = [node.memory_free_bytes for node in group if node.memory_free_bytes is not None]
        words = describe_memory(first.memory_total_bytes, None, kind=kind)
        size = f"{words} on each of {len(group)} nodes"
        size += f", {format_bytes(sum(free))} free in all" if len(free) == len(group) else ""
        size += ", no CPUs" if first.cpus_known else ", CPUs unknown"
    return (name(title), plain(f": {size}"), *_nearness(first, numa))
