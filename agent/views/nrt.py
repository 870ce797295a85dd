"""The NodeResourceTopology of a machine (`topology.node.k8s.io/v1alpha2`), as a JSON-ready dict. Pure.

What the consumer does with it decides what is in it: the scheduler's NodeResourceTopologyMatch plugin reads zones of
type `Node` named `node-<id>` with an id below 64, takes `available` of every resource, and refuses a Guaranteed pod
that asks for cpu, memory or hugepages which no zone names.

- **cpu** is the online CPUs of the NUMA node.
- **memory** is MemTotal less what hugepages take, as the kubelet's memory manager counts it.
- **hugepages-<size>** is the pool in bytes. A known 0 is published: the kernel has that size, and nothing of it.
- A quantity that is unknown is left out, never 0.

Without a kubelet nothing is reserved and nothing is allocated as far as we can know, so capacity, allocatable and
available are the same, and the attribute SOURCE says `machine`.

Left out are zones that hold nothing that a pod can be given: empty nodes, and the memory of GPUs and other
accelerators, which their driver hands out and not the kubelet. A node of memory alone is a zone, be it RAM without
CPUs or memory that the system uses like RAM (CXL, high-bandwidth memory). An accelerator's memory node stays too as
soon as it holds something allocatable: CPUs, or hugepages.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from collectors.model import HugePagePool, NumaKind, NumaNode, NumaTopology, PciDevice, Snapshot

API_VERSION = "topology.node.k8s.io/v1alpha2"
KIND = "NodeResourceTopology"
SOURCE = "numascope.dev/source"
"""The attribute that tells where the numbers come from: `machine` where no kubelet was asked"""

MAX_ZONE_ID = 63
"""The plugin indexes 64 zones after testing for more than 64, so `node-64` ends the scheduler; higher ids it skips."""

_ACCELERATORS = frozenset({0x03, 0x12})
"""PCI base classes whose memory a driver of their own hands out: display controllers, processing accelerators"""

_QUANTITY_UNITS = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


def derive_nrt(snapshot: Snapshot, *, node_name: str) -> dict[str, Any] | None:
    """The object that would be published, or None where no zone is known (see `missing_reason`)."""
    numa = snapshot.numa.facts
    zones = [] if numa is None else _zones(numa, snapshot.pci.facts or ())
    if not zones:
        return None
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": node_name},
        "attributes": [{"name": SOURCE, "value": "machine"}],
        "zones": zones,
    }


def missing_reason(snapshot: Snapshot) -> str | None:
    """Why there is nothing to publish; None where there is."""
    numa = snapshot.numa.facts
    if numa is None:
        return f"the NUMA nodes are unknown: {snapshot.numa.error or 'they were not read yet'}"
    if not _zones(numa, snapshot.pci.facts or ()):
        return "no NUMA node holds CPUs, memory or hugepages that are known"
    return None


def zones_left_out(snapshot: Snapshot) -> tuple[int, ...]:
    """Ids of the NUMA nodes that hold something but whose id no scheduler can take, ascending."""
    numa, pci = snapshot.numa.facts, snapshot.pci.facts or ()
    if numa is None:
        return ()
    return tuple(
        node.id
        for node in numa.nodes
        if node.id > MAX_ZONE_ID and _holds_something(_amounts(node, numa, pci))
    )


def zone_name(node_id: int) -> str:
    """`node-0`: what the scheduler parses."""
    return f"node-{node_id}"


def format_page_size(size_bytes: int) -> str:
    """A page size in Kubernetes' notation: `64Ki`, `2Mi`, `1Gi`, `16Gi`."""
    unit = 0
    while size_bytes and size_bytes % 1024 == 0 and unit < len(_QUANTITY_UNITS) - 1:
        size_bytes //= 1024
        unit += 1
    return f"{size_bytes}{_QUANTITY_UNITS[unit]}"


def _zones(numa: NumaTopology, pci: Iterable[PciDevice]) -> list[dict[str, Any]]:
    amounts = {node.id: _amounts(node, numa, pci) for node in numa.nodes}
    nodes = [node for node in numa.nodes if node.id <= MAX_ZONE_ID and _holds_something(amounts[node.id])]
    nodes.sort(key=lambda node: node.id)
    ids = {node.id for node in nodes}
    return [_zone(node, amounts[node.id], ids) for node in nodes]


def _zone(node: NumaNode, amounts: dict[str, int], ids: set[int]) -> dict[str, Any]:
    zone: dict[str, Any] = {"name": zone_name(node.id), "type": "Node"}
    costs = [
        {"name": zone_name(other), "value": distance}
        for other, distance in sorted(node.distances)
        if other in ids
    ]
    if costs:
        zone["costs"] = costs
    zone["resources"] = [
        {"name": name, "capacity": str(amount), "allocatable": str(amount), "available": str(amount)}
        for name, amount in sorted(amounts.items())
    ]
    return zone


def _holds_something(amounts: dict[str, int]) -> bool:
    return any(amounts.values())


def _amounts(node: NumaNode, numa: NumaTopology, pci: Iterable[PciDevice]) -> dict[str, int]:
    """What is known of a node's resources, by Kubernetes' names."""
    amounts: dict[str, int] = {}
    if node.cpus_known:
        amounts["cpu"] = len(node.cpus)
    pools = _pools(node, numa)
    hugepages = None if pools is None else _pool_bytes(pools)
    if node.memory_total_bytes is not None and hugepages is not None and not _is_accelerators(node, pci):
        amounts["memory"] = max(node.memory_total_bytes - hugepages, 0)
    for pool in pools or ():
        if pool.total is not None:
            name = f"hugepages-{format_page_size(pool.page_size_bytes)}"
            amounts[name] = pool.total * pool.page_size_bytes
    return amounts


def _pools(node: NumaNode, numa: NumaTopology) -> tuple[HugePagePool, ...] | None:
    """The node's own pools; None where there are hugepages but nobody knows on which node they lie."""
    if numa.hugepages_per_node or node.hugepages:
        return node.hugepages
    if len(numa.nodes) == 1:
        return numa.machine_hugepages
    return None if _pool_bytes(numa.machine_hugepages) != 0 else ()


def _pool_bytes(pools: Iterable[HugePagePool]) -> int | None:
    """What the pools take of memory (surplus pages are in the total); None where one of them is unknown."""
    taken = 0
    for pool in pools:
        if pool.total is None:
            return None
        taken += pool.total * pool.page_size_bytes
    return taken


def _is_accelerators(node: NumaNode, pci: Iterable[PciDevice]) -> bool:
    """Whether the memory is that of a GPU or another accelerator.

    Memory that came through dax (CXL, high-bandwidth) serves the system like any other. Where it is not known whose
    memory it is, it is taken for an accelerator's: memory that no pod may have must not be promised to one.
    """
    if node.kind is not NumaKind.DEVICE_MEMORY:
        return False
    owner = next((device for device in pci if device.address == node.memory_device), None)
    if owner is None:
        return node.memory_device is None or ":" in node.memory_device
    return owner.base_class is None or owner.base_class in _ACCELERATORS
