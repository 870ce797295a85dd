"""The memory manager's table: what every NUMA node has of each kind of memory, and which nodes are given from together.

The table starts from what the machine has: of each node's hugepages all but those reserved, of its memory what neither
hugepages nor the reserve take. A block is then taken from one node or from several; from several, the lowest node gives
all it has before the next one gives anything, and blocks go back in the same order.

The nodes of a block become a *group*: as long as anything is taken from them, each of them gives to this group only. So
a node that gives to a pod by itself gives nothing to pods that need two nodes, and the other way round, however much of
it is free.

Source: https://kubernetes.io/docs/tasks/administer-cluster/memory-manager/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from agent.admission.merging.rules import mask_of
from agent.admission.model import Machine, Mask, Settings
from agent.admission.whole_node.requirements import is_hugepages
from collectors.model.kubelet import MemoryBlock, MemoryNode, MemoryTable
from collectors.model.pod import Amounts
from collectors.parse import IdSet

Nodes = tuple[MemoryNode, ...]

MEMORY = "memory"

WORD = 1 << 64
"""The kubelet counts bytes in 64 bits without a sign: an amount below zero is one that is nearly this big"""


def is_memory(resource: str) -> bool:
    """Whether the memory manager counts this resource."""
    return resource == MEMORY or is_hugepages(resource)


def derive_table(machine: Machine, settings: Settings) -> Nodes:
    """The table of a kubelet that has given nothing yet, by node; empty under policy None.

    Where the reserve is more than the hugepages leave, the rest wraps around to nearly 2^64 bytes, as in the kubelet:
    such a node then takes every pod.
    """
    if settings.memory_policy != "Static":
        return ()
    reserved: dict[tuple[int, str], int] = {}
    for node, amounts in settings.reserved_memory:
        reserved.update({(node, resource): amount for resource, amount in amounts})
    return tuple(_untouched(node, amounts, reserved) for node, amounts in sorted(machine.memory))


def _untouched(node: int, amounts: Amounts, reserved: Mapping[tuple[int, str], int]) -> MemoryNode:
    hugepages = sum(amount for resource, amount in amounts if is_hugepages(resource))
    totals = {MEMORY: 0} | {resource: amount for resource, amount in amounts if is_memory(resource)}
    tables = []
    for resource, total in sorted(totals.items()):
        kept = reserved.get((node, resource), 0)
        left = (total - kept - (hugepages if resource == MEMORY else 0)) % WORD
        tables.append(
            MemoryTable(
                type=resource, total=total, system_reserved=kept, allocatable=left, reserved=0, free=left
            )
        )
    return MemoryNode(id=node, assignments=0, group=frozenset((node,)), tables=tuple(tables))


def amounts_by_node(nodes: Nodes, resource: str, *, free: bool) -> list[tuple[Mask, int]]:
    """(node, what it has of the resource): what is free now, or all that is not reserved for the system."""
    return [
        (1 << node.id, table.free if free else table.allocatable)
        for node in nodes
        for table in node.tables
        if table.type == resource
    ]


def group_of(node: MemoryNode) -> Mask:
    """The nodes that are given from together with this one."""
    return mask_of(node.group)


def may_give(nodes: Nodes, mask: Mask) -> bool:
    """Whether a block may lie on these nodes, as far as groups decide."""
    if mask.bit_count() == 1:
        return all(len(node.group) == 1 for node in nodes if 1 << node.id == mask)
    return not _breaks_groups(nodes, mask)


def breaks_groups(nodes: Nodes, mask: Mask) -> bool:
    """Whether the kubelet gives up at last because of groups: by a weaker rule than the one it looks for nodes by.

    It lets a block lie on one node of a group, if the merged hint says so. The node then leaves its group, while the
    others stay in it.
    """
    return mask.bit_count() > 1 and _breaks_groups(nodes, mask)


def _breaks_groups(nodes: Nodes, mask: Mask) -> bool:
    return any(
        node.assignments and (len(node.group) == 1 or group_of(node) != mask)
        for node in nodes
        if mask >> node.id & 1
    )


def take(nodes: Nodes, block: MemoryBlock, size: int) -> Nodes:
    """The table after `size` bytes went to a block; less than the block's own where memory is used again."""
    where = block.numa_nodes or frozenset()
    left = size
    changed = list(nodes)
    for place, node in enumerate(nodes):
        if node.id in where:
            part = min(left, _free(node, block.type))
            left -= part
            moved = _moved(node.tables, block.type, part)
            changed[place] = replace(node, assignments=node.assignments + 1, group=where, tables=moved)
    return tuple(changed)


def give_back(nodes: Nodes, blocks: Iterable[MemoryBlock]) -> Nodes:
    """The table after blocks were returned. A node that nothing is taken from any more is a group by itself."""
    for block in blocks:
        nodes = _give_back(nodes, block)
    return nodes


def _give_back(nodes: Nodes, block: MemoryBlock) -> Nodes:
    left = block.size_bytes
    changed = list(nodes)
    for place, node in enumerate(nodes):
        if node.id in (block.numa_nodes or ()):
            part = min(left, _given(node, block.type))
            left -= part
            changed[place] = replace(
                node,
                assignments=node.assignments - 1,
                group=frozenset((node.id,)) if node.assignments == 1 else node.group,
                tables=_moved(node.tables, block.type, -part),
            )
    return tuple(changed)


def _moved(tables: tuple[MemoryTable, ...], resource: str, size: int) -> tuple[MemoryTable, ...]:
    """Tables after so much of a resource went from free to reserved."""
    if not size:
        return tables
    return tuple(
        replace(table, reserved=table.reserved + size, free=table.free - size)
        if table.type == resource
        else table
        for table in tables
    )


def _free(node: MemoryNode, resource: str) -> int:
    return next((table.free for table in node.tables if table.type == resource), 0)


def _given(node: MemoryNode, resource: str) -> int:
    return next((table.reserved for table in node.tables if table.type == resource), 0)


def free_on(nodes: Nodes, mask: Mask, resource: str) -> int:
    """What these nodes have free together."""
    return sum(_free(node, resource) for node in nodes if mask >> node.id & 1) % WORD


def block_of(resource: str, size: int, where: IdSet) -> MemoryBlock:
    """A block of memory."""
    return MemoryBlock(type=resource, size_bytes=size, numa_nodes=where)
