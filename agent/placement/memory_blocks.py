"""Blocks of memory and how they lie on NUMA nodes, by the rules of the kubelet's memory manager.

A block over several nodes is one entry with the total. The kubelet takes it from what is free, filling each node up
before the next higher one, and gives it back in the same order. (Checked against the books of a real kubelet.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.placement.holders import Holder
from collectors.model.kubelet import MemoryBlock
from collectors.parse import IdSet

_NONE: IdSet = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Memory that a pod holds."""

    holder: str
    type: str
    size: int
    """Bytes"""
    nodes: IdSet
    """Empty where nobody says"""


def listed_blocks(holder: Holder) -> Iterator[Block]:
    """The blocks of a pod's containers, then what the pod has as a whole beyond them: its own blocks contain theirs."""
    allocation = holder.allocation
    of_containers: dict[str, int] = {}
    for container in allocation.containers:
        for block in container.memory:
            of_containers[block.type] = of_containers.get(block.type, 0) + block.size_bytes
            yield _block(holder, block, block.size_bytes)
    for block in allocation.memory:
        covered = min(of_containers.get(block.type, 0), block.size_bytes)
        of_containers[block.type] = of_containers.get(block.type, 0) - covered
        if block.size_bytes > covered:
            yield _block(holder, block, block.size_bytes - covered)


def fill(nodes: IdSet, size: int, free: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """(node, bytes) of a block: each node up to what is free there. What fits nowhere goes to the highest node, so that
    nothing is lost and the excess shows."""
    ordered = sorted(nodes)
    for node in ordered[:-1]:
        part = min(size, free[node])
        if part:
            yield node, part
            size -= part
    if ordered and size:
        yield ordered[-1], size


def release_first(taken: dict[tuple[int, str], int], block: MemoryBlock) -> None:
    """Takes a block out of what is taken, by node and type: from the lowest node first."""
    size = block.size_bytes
    for node in sorted(block.numa_nodes or _NONE):
        part = min(size, taken.get((node, block.type), 0))
        if part:
            taken[node, block.type] -= part
            size -= part


def _block(holder: Holder, block: MemoryBlock, size: int) -> Block:
    return Block(holder=holder.name, type=block.type, size=size, nodes=block.numa_nodes or _NONE)
