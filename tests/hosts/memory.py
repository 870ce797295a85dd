"""The NUMA nodes of a synthetic machine: which there are, how much memory and how many hugepages each has, and how
far apart they are. Files and expected facts are both made from this list."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from collectors.model import IdSet
from tests.hosts.cpu import place_cpus
from tests.hosts.spec import ExtraNode, HugePages, MachineSpec, MemorySource

LOCAL, SAME_PACKAGE, OTHER_PACKAGE, BEHIND_A_DEVICE = 10, 12, 21, 80
"""Distances as firmware gives them (ACPI SLIT)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One online NUMA node."""

    id: int
    position: int
    """Among the online nodes, by id"""
    cpus: IdSet
    """Present ones, online or not"""
    package: int
    """The package that it is, or the nearest one"""
    near: int
    """Position, among the CPU nodes, of the node itself or of the nearest one"""
    memory_bytes: int
    extra: ExtraNode | None = None

    @property
    def free_bytes(self) -> int:
        """Some of the memory is in use."""
        return self.memory_bytes // 4096 // 3 * 4096

    @property
    def has_cpus(self) -> bool:
        """Whether it is made of CPUs, though they may be offline."""
        return self.extra is None


def cpu_node_ids(spec: MachineSpec) -> tuple[int, ...]:
    """Ids of the nodes that packages bring, by their position."""
    return spec.memory.node_ids or tuple(range(spec.cpus.domains))


@lru_cache(maxsize=64)
def list_nodes(spec: MachineSpec) -> tuple[Node, ...]:
    """Every online node by id."""
    places = place_cpus(spec.cpus)
    per_package = spec.cpus.nodes
    nodes = [
        Node(
            id=number,
            position=0,
            cpus=frozenset(place.id for place in places if place.domain == domain),
            package=domain // per_package,
            near=domain,
            memory_bytes=0 if domain in spec.memory.memoryless else spec.memory.bytes_per_node,
        )
        for domain, number in enumerate(cpu_node_ids(spec))
    ]
    nodes.extend(
        Node(
            id=extra.id,
            position=0,
            cpus=frozenset(),
            package=extra.near // per_package,
            near=extra.near,
            memory_bytes=0 if extra.source is MemorySource.NONE else extra.memory_bytes,
            extra=extra,
        )
        for extra in spec.memory.extra
    )
    nodes.sort(key=lambda node: node.id)
    return tuple(replace(node, position=position) for position, node in enumerate(nodes))


def distance(one: Node, other: Node) -> int:
    """The distance between two nodes."""
    if one.id == other.id:
        return LOCAL
    if one.extra or other.extra:
        return BEHIND_A_DEVICE if one.package != other.package else BEHIND_A_DEVICE // 2
    return SAME_PACKAGE if one.package == other.package else OTHER_PACKAGE


def pages(pool: HugePages, node: Node) -> tuple[int, int, int]:
    """(total, free, surplus) of a pool on a node; what is no DIMM of a CPU has none."""
    total = pool.total_at(node.position) if node.memory_bytes else 0
    return total, total - min(pool.used, total), min(pool.surplus, total)


def initiators(spec: MachineSpec, node: Node, access_class: int) -> tuple[int, ...]:
    """Ids of the nodes that reach a node's memory best: itself, or the nearest CPUs.

    Access class 0 counts generic initiators too: here they sit beside the nearest CPU node and are as fast.
    """
    ids = cpu_node_ids(spec)
    nearest = ids[node.near]
    if access_class == 1:
        return (nearest,)
    beside = (extra.id for extra in spec.memory.extra if extra.source is MemorySource.NONE)
    return (nearest, *(number for number in beside if _near(spec, number) == node.near))


def _near(spec: MachineSpec, number: int) -> int:
    return next(extra.near for extra in spec.memory.extra if extra.id == number)


def performance(node: Node) -> tuple[int, int, int, int]:
    """(read MB/s, write MB/s, read ns, write ns) of a node's memory as seen from its best initiators."""
    return (60_000, 45_000, 250, 260) if node.extra else (256_000, 220_000, 90, 95)


def tiers(spec: MachineSpec) -> dict[int, IdSet]:
    """Memory tiers: DRAM of CPUs is tier 4 (the kernel's default), what is behind a device is slower, tier 22."""
    with_memory = [node for node in list_nodes(spec) if node.memory_bytes]
    found = {
        4: frozenset(node.id for node in with_memory if node.has_cpus),
        22: frozenset(node.id for node in with_memory if not node.has_cpus),
    }
    return {tier: nodes for tier, nodes in found.items() if nodes}
