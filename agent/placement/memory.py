"""Who holds how much memory, and how many hugepages, of which NUMA node.

Under memory manager policy Static the kubelet gives memory from nodes: its pool is what GetAllocatableResources calls
allocatable, by node and type. Its own book of it is the memory manager's checkpoint; without that it is made again
here, from the blocks that containers and pods are listed with.

Under policy None the kubelet binds no memory. Each node then has what the kernel shows, and keeps it: a scheduler that
is told of no memory at all refuses every Guaranteed pod.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from agent.placement.amounts import machine_amount, total_of
from agent.placement.holders import Holder
from agent.placement.inferred import hugepages_of_others
from agent.placement.memory_blocks import Block, fill, listed_blocks, release_first
from agent.placement.model import (
    HUGEPAGES,
    MEMORY,
    Amount,
    Basis,
    Contradiction,
    Inference,
    InferenceKind,
    Part,
    Spanning,
    Unplaced,
    hugepages_resource,
)
from agent.placement.places import Facts, nodes_of_holder
from collectors.model.kubelet import AssignedMemory, MemoryManagerState
from collectors.parse import IdSet

_Key = tuple[int, str]
"""(node, resource)"""

_NOWHERE = -1
"""Stands for the node of memory whose node the kubelet does not say. It always says one."""


@dataclass(slots=True)
class _Taken:
    """What is taken of each node, while it is being added up."""

    by_node: dict[_Key, int] = field(default_factory=dict)
    holders: dict[_Key, list[str]] = field(default_factory=dict)
    spanning: list[Spanning] = field(default_factory=list)
    unplaced: list[Unplaced] = field(default_factory=list)
    inferences: list[Inference] = field(default_factory=list)

    def add(self, key: _Key, size: int, holder: str) -> None:
        self.by_node[key] = self.by_node.get(key, 0) + size
        self.holders.setdefault(key, []).append(holder)


def memory_basis(facts: Facts) -> Basis | None:
    """Whether the kubelet gives memory from nodes: by its configuration, else its checkpoint, else by whether it calls
    any memory allocatable."""
    policy = facts.config and facts.config.memory_manager_policy
    checkpoints = facts.picture.checkpoints
    if policy is None and checkpoints is not None and checkpoints.memory is not None:
        policy = checkpoints.memory.policy
    if policy is not None:
        return Basis.KUBELET if policy == "Static" else Basis.MACHINE
    pool = facts.picture.allocatable.facts
    if pool is None:
        return None
    return Basis.KUBELET if pool.memory else Basis.MACHINE


def account_memory(facts: Facts, basis: Basis | None) -> Part:
    """Memory and hugepages of each node."""
    others = _hugepages_of_others(facts)
    if basis is Basis.MACHINE:
        zones = tuple(
            (node, machine_amount(resource, amount)) for (node, resource), amount in _shown(facts).items()
        )
        nowhere = _machine_nowhere(facts)
        return Part(zones=zones, totals=_totals(zones, nowhere, {}), unattributed=nowhere, inferences=others)
    pool = _pool(facts)
    if basis is None or pool is None:
        return _unknown(facts, "how much memory the kubelet can give")
    state = _checkpoint(facts)
    if not facts.listed and state is None:
        return _unknown(facts, "who holds how much memory", pool)
    taken = _taken_by_checkpoint(state, facts) if state is not None else _taken_by_list(facts, pool)
    taken.inferences.extend(others)
    return _part(facts, pool, taken)


def _machine_nowhere(facts: Facts) -> tuple[Amount, ...]:
    """What the kernel has but does not say on which nodes: hugepages, and memory because of them."""
    numa = facts.snapshot.numa.facts
    if numa is None or numa.hugepages_per_node or len(numa.nodes) == 1:
        return ()
    pools = [pool for pool in numa.machine_hugepages if pool.total]
    amounts = [
        machine_amount(hugepages_resource(pool.page_size_bytes), pool.page_size_bytes * (pool.total or 0))
        for pool in pools
    ]
    if numa.memory_total_bytes is not None and not any(MEMORY in each for each in facts.amounts.values()):
        hugepages = sum(each.capacity for each in amounts)
        amounts.append(machine_amount(MEMORY, max(numa.memory_total_bytes - hugepages, 0)))
    return tuple(amounts)


def _pool(facts: Facts) -> dict[_Key, int] | None:
    """Allocatable bytes by node and type; of the checkpoint's book where the kubelet has not answered."""
    allocatable = facts.picture.allocatable.facts
    if allocatable is not None:
        pool: dict[_Key, int] = {}
        for block in allocatable.memory:
            key = min(block.numa_nodes or {_NOWHERE}), block.type
            pool[key] = pool.get(key, 0) + block.size_bytes
        return pool
    state = _checkpoint(facts)
    if state is None:
        return None
    return {(node.id, table.type): table.allocatable for node in state.nodes for table in node.tables}


def _checkpoint(facts: Facts) -> MemoryManagerState | None:
    checkpoints = facts.picture.checkpoints
    state = None if checkpoints is None else checkpoints.memory
    return state if state is not None and state.policy == "Static" else None


def _shown(facts: Facts) -> dict[_Key, int]:
    """What the kernel shows, by node and resource."""
    return {
        (node, resource): amount
        for node, amounts in facts.amounts.items()
        for resource, amount in amounts.items()
        if resource == MEMORY or resource.startswith(HUGEPAGES)
    }


def _taken_by_checkpoint(state: MemoryManagerState, facts: Facts) -> _Taken:
    """The kubelet's own book, less what stands in it for pods that have ended: it takes that out as soon as the next pod
    comes, from the lowest node first."""
    taken = _Taken()
    for node in state.nodes:
        for table in node.tables:
            if table.reserved:
                taken.by_node[node.id, table.type] = table.reserved
    whole = {each.pod_uid for each in state.pods}
    for entry in (*state.pods, *(each for each in state.containers if each.pod_uid not in whole)):
        if entry.pod_uid not in facts.live:
            _give_back(entry, taken)
    taken.spanning.extend(_listed_spanning(facts, taken))
    return taken


def _give_back(entry: AssignedMemory, taken: _Taken) -> None:
    for block in entry.blocks:
        release_first(taken.by_node, block)


def _listed_spanning(facts: Facts, taken: _Taken) -> Iterator[Spanning]:
    """Listed blocks over several nodes, laid out within what the book says is taken there."""
    left = dict(taken.by_node)
    for holder in facts.holders:
        for block in listed_blocks(holder):
            if len(block.nodes) > 1:
                there = {node: left.get((node, block.type), 0) for node in block.nodes}
                by_node = tuple(fill(block.nodes, block.size, there))
                for node, size in by_node:
                    left[node, block.type] = left.get((node, block.type), 0) - size
                yield Spanning(
                    holder=block.holder, resource=block.type, size_bytes=block.size, by_node=by_node
                )


def _taken_by_list(facts: Facts, pool: Mapping[_Key, int]) -> _Taken:
    """Blocks on one node first: a node that gives from a group never gives alone, so they do not meet. Then those over
    several nodes, each node filled up before the next higher one, as the kubelet does."""
    taken = _Taken()
    blocks = [block for holder in facts.holders for block in listed_blocks(holder)]
    blocks.extend(_leftover_blocks(facts, taken))
    for block in sorted(blocks, key=lambda each: (len(each.nodes), sorted(each.nodes))):
        if not block.nodes or not block.nodes <= facts.node_ids:
            taken.unplaced.append(Unplaced(resource=block.type, amount=block.size, holders=(block.holder,)))
            continue
        free = {node: _free(pool, taken, (node, block.type)) for node in block.nodes}
        by_node = tuple(fill(block.nodes, block.size, free))
        for node, size in by_node:
            taken.add((node, block.type), size, block.holder)
        if len(block.nodes) > 1:
            taken.spanning.append(
                Spanning(holder=block.holder, resource=block.type, size_bytes=block.size, by_node=by_node)
            )
    return taken


def _free(pool: Mapping[_Key, int], taken: _Taken, key: _Key) -> int:
    return max(pool.get(key, 0) - taken.by_node.get(key, 0), 0)


def _leftover_blocks(facts: Facts, taken: _Taken) -> Iterator[Block]:
    """What init containers hold by their pods' specs, where the pod's own memory lies."""
    for left in facts.leftovers:
        for kind, size in left.memory:
            nodes = _affinity(left.holder, kind) or nodes_of_holder(left.holder, facts)
            taken.inferences.append(
                Inference(
                    kind=InferenceKind.INIT_CONTAINER,
                    resource=kind,
                    amount=size,
                    nodes=nodes or None,
                    holder=left.holder.name,
                )
            )
            yield Block(holder=left.holder.name, type=kind, size=size, nodes=nodes)


def _affinity(holder: Holder, kind: str) -> IdSet:
    """The nodes that a pod's listed memory lies on: of that type, else of any; empty where they differ."""
    blocks = list(listed_blocks(holder))
    for chosen in ([block for block in blocks if block.type == kind], blocks):
        if len({block.nodes for block in chosen}) == 1:
            return chosen[0].nodes
    return frozenset()


def _part(facts: Facts, pool: Mapping[_Key, int], taken: _Taken) -> Part:
    shown = _shown(facts)
    concluded = {
        (node, each.resource)
        for each in taken.inferences
        if each.kind is InferenceKind.INIT_CONTAINER
        for node in each.nodes or ()
    }
    keys = sorted({*pool, *shown, *taken.by_node})
    zones: list[tuple[int, Amount]] = []
    contradictions: list[Contradiction] = []
    nowhere: dict[str, int] = {}
    for key in keys:
        node, resource = key
        allocatable = pool.get(key, 0)
        if node not in facts.node_ids:
            nowhere[resource] = nowhere.get(resource, 0) + allocatable
            reason = "the kubelet can give it from a NUMA node that is not there"
            if node != _NOWHERE:
                contradictions.append(
                    Contradiction(resource=resource, reason=reason, amount=allocatable, node=node)
                )
            continue
        left = allocatable - taken.by_node.get(key, 0)
        contradictions.extend(_doubts(key, allocatable, shown.get(key), left, taken))
        zones.append(
            (
                node,
                Amount(
                    resource=resource,
                    capacity=max(shown.get(key, 0), allocatable),
                    allocatable=allocatable,
                    available=max(left, 0),
                    inferred=key in concluded,
                ),
            )
        )
    unattributed = tuple(
        Amount(resource=resource, capacity=size, allocatable=size, available=size)
        for resource, size in sorted(nowhere.items())
    )
    unplaced: dict[str, int] = {}
    for each in taken.unplaced:
        unplaced[each.resource] = unplaced.get(each.resource, 0) + each.amount
    return Part(
        zones=tuple(zones),
        totals=_totals(zones, unattributed, unplaced),
        unattributed=unattributed,
        unplaced=tuple(taken.unplaced),
        spanning=tuple(taken.spanning),
        inferences=tuple(taken.inferences),
        contradictions=tuple(contradictions),
    )


def _doubts(
    key: _Key, allocatable: int, shown: int | None, left: int, taken: _Taken
) -> Iterator[Contradiction]:
    node, resource = key
    if left < 0:
        yield Contradiction(
            resource=resource,
            reason="more is held than the kubelet can give",
            amount=-left,
            node=node,
            holders=tuple(sorted(set(taken.holders.get(key, ())))),
        )
    if shown is not None and allocatable > shown:
        yield Contradiction(
            resource=resource,
            reason="the kubelet can give more than the kernel has: it changed after the kubelet had started",
            amount=allocatable - shown,
            node=node,
        )


def _totals(
    zones: Iterable[tuple[int, Amount]], unattributed: Iterable[Amount], unplaced: Mapping[str, int]
) -> tuple[Amount, ...]:
    by_resource: dict[str, list[Amount]] = {}
    for amount in (*(amount for _, amount in zones), *unattributed):
        by_resource.setdefault(amount.resource, []).append(amount)
    totals = (
        total_of(amounts, unplaced=unplaced.get(resource, 0)) for resource, amounts in by_resource.items()
    )
    return tuple(total for total in totals if total is not None)


def _hugepages_of_others(facts: Facts) -> tuple[Inference, ...]:
    return tuple(
        Inference(kind=InferenceKind.BURSTABLE_HUGEPAGES, resource=resource, amount=size, holder=holder.name)
        for holder in facts.holders
        for resource, size in hugepages_of_others(holder).items()
    )


def _unknown(facts: Facts, what: str, pool: Mapping[_Key, int] | None = None) -> Part:
    zones = tuple(
        (
            node,
            Amount(
                resource=resource,
                capacity=max(amount, 0 if pool is None else pool.get((node, resource), 0)),
                allocatable=None if pool is None else pool.get((node, resource), 0),
                available=None,
            ),
        )
        for (node, resource), amount in _shown(facts).items()
    )
    return Part(zones=zones, totals=_totals(zones, (), {}), unknown=(what,))
