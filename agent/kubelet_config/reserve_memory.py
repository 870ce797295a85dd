"""From which NUMA nodes the system's memory is kept: `reservedMemory`, to the byte.

The nodes with CPUs give equal shares, since what runs on the reserved CPUs there allocates there. A node gives at most
half of what its hugepages leave; what it cannot give the others do, and at last nodes without CPUs.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.kubelet_config.amounts import format_amount
from agent.kubelet_config.model import Hardware, UnfitError
from agent.placement.model import HUGEPAGES, MEMORY

MIB = 1 << 20

Shares = tuple[tuple[int, int], ...]
"""(NUMA node, bytes) by node; nodes that give nothing are not in it, since the kubelet takes no 0"""


def share_memory(hardware: Hardware, total: int) -> Shares:
    """How `total` bytes come from the NUMA nodes, in whole MiB but for one node's rest.

    Raises UnfitError where the nodes have not as much.
    """
    limits = {node: _limit(hardware, node) for node in sorted(hardware.machine.numa_nodes)}
    near = [node for node in limits if node in hardware.cpu_nodes]
    far = [node for node in limits if node not in hardware.cpu_nodes]
    shares: dict[int, int] = {}
    left = _share(total, near, limits, shares)
    left = _share(left, far, limits, shares)
    if left:
        most = sum(limits.values())
        if not any(hardware.memory_of(node).get(MEMORY) for node in limits):
            raise UnfitError(
                "this kernel tells no memory by NUMA node, and the memory manager would count with nothing: "
                "--memory-manager None"
            )
        raise UnfitError(
            f"{format_amount(total)} cannot be reserved: half of what the NUMA nodes have beside their hugepages is "
            f"{format_amount(most // MIB * MIB)}; reserve less (--reserve-memory), or fewer hugepages"
        )
    return tuple(sorted((node, size) for node, size in shares.items() if size))


def _limit(hardware: Hardware, node: int) -> int:
    amounts = hardware.memory_of(node)
    hugepages = sum(size for resource, size in amounts.items() if resource.startswith(HUGEPAGES))
    return max(amounts.get(MEMORY, 0) - hugepages, 0) // 2


def _share(total: int, nodes: Sequence[int], limits: dict[int, int], shares: dict[int, int]) -> int:
    """Adds to `shares` what these nodes give, the smallest limit first, and returns what they cannot."""
    left = total
    waiting = sorted(nodes, key=lambda node: (limits[node], node))
    while waiting:
        node = waiting.pop(0)
        # Whole MiB from each but the last one, which takes what is left of them.
        even = -(-left // (len(waiting) + 1) // MIB) * MIB if waiting else left
        shares[node] = min(even, limits[node] if not waiting else limits[node] // MIB * MIB, left)
        left -= shares[node]
    return left
