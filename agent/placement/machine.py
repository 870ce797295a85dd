"""What a NUMA node has by the kernel's word alone, by Kubernetes' names.

- **cpu** is the node's online CPUs.
- **memory** is MemTotal less what hugepages take, as the kubelet's memory manager counts it. The memory of GPUs and
  other accelerators is left out: their driver hands it out, not the kubelet. Memory that the system uses like RAM
  (CXL, high-bandwidth) is not.
- **hugepages-<size>** is the pool in bytes. A known 0 stays: the kernel has that size, and nothing of it.

What is unknown is left out, never 0.
"""

from __future__ import annotations

from collections.abc import Iterable

from agent.placement.model import CPU, MEMORY, hugepages_resource
from collectors.model import HugePagePool, NumaKind, NumaNode, NumaTopology, PciDevice

_ACCELERATORS = frozenset({0x03, 0x12})
"""PCI base classes whose memory a driver of their own hands out: display controllers, processing accelerators"""


def machine_amounts(node: NumaNode, numa: NumaTopology, pci: Iterable[PciDevice]) -> dict[str, int]:
    """What is known of a node's resources; a resource that is unknown is not in it."""
    amounts: dict[str, int] = {}
    if node.cpus_known:
        amounts[CPU] = len(node.cpus)
    pools = _pools(node, numa)
    hugepages = None if pools is None else _pool_bytes(pools)
    if node.memory_total_bytes is not None and hugepages is not None and not _is_accelerators(node, pci):
        amounts[MEMORY] = max(node.memory_total_bytes - hugepages, 0)
    for pool in pools or ():
        if pool.total is not None:
            amounts[hugepages_resource(pool.page_size_bytes)] = pool.total * pool.page_size_bytes
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

    Where it is not known whose memory a device node is, it is taken for an accelerator's: memory that no pod may have
    must not be promised to one.
    """
    if node.kind is not NumaKind.DEVICE_MEMORY:
        return False
    owner = next((device for device in pci if device.address == node.memory_device), None)
    if owner is None:
        return node.memory_device is None or ":" in node.memory_device
    return owner.base_class is None or owner.base_class in _ACCELERATORS
