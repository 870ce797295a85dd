"""Where a request for memory could be given from: the memory manager's hints, and its own choice among them.

A set of nodes is a hint where its nodes have enough free of every kind that is asked for, and where groups let it: one
node that is not in a group with others, several that nothing is taken from yet, or exactly an existing group. All kinds
share the same hints. Preferred are those with as few nodes as the request would need on an empty machine, so on a full
one there may be hints and none preferred.

What finished init containers of the same pod held counts as free too, but only on exactly the nodes where they had it.

No hint at all reads as "no wish" in the topology manager: the pod is then refused later and with other words, when
the memory manager looks for nodes by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.admission.memory.table import (
    WORD,
    Nodes,
    amounts_by_node,
    breaks_groups,
    free_on,
    group_of,
    may_give,
)
from agent.admission.merging.rules import is_enough, mask_of, nodes_of, smallest
from agent.admission.model import Enough, Hint, HintRule, Hints, Mask
from collectors.model.kubelet import MemoryBlock

Request = Mapping[str, int]
"""Bytes by resource: memory and hugepages-*"""

FEW = 12
"""So many nodes are still few: where an amount wrapped around and adding is no adding any more, their sets are tried one
by one, and a search among them needs no help"""


class NoNodesError(Exception):
    """The memory manager finds no nodes to give from; the message is its own."""


def derive_rule(nodes: Nodes, request: Request, reusable: Sequence[MemoryBlock] = ()) -> HintRule | None:
    """The hints of each resource of a request, which are the same for all; None where there are none."""
    if not request:
        return None
    if any(table.allocatable >= WORD // 2 for node in nodes for table in node.tables) and len(nodes) <= FEW:
        return _by_trial(nodes, request, reusable)
    everything = _conditions(nodes, request, free=False)
    size = smallest(mask_of(node.id for node in nodes), everything)
    if size is None:
        return None
    unused = mask_of(node.id for node in nodes if not node.assignments)
    others = [mask for mask in _others(nodes, reusable) if _is_hint(nodes, request, reusable, mask)]
    free = _conditions(nodes, request, free=True)
    if not others and not (unused and all(is_enough(each, unused) for each in free)):
        return None
    return HintRule(nodes=unused, enough=free, others=tuple(others), preferred_size=size)


def _conditions(nodes: Nodes, request: Request, *, free: bool) -> tuple[Enough, ...]:
    conditions = tuple(
        Enough(amounts=tuple(amounts_by_node(nodes, resource, free=free)), need=need)
        for resource, need in sorted(request.items())
    )
    return (
        (_taken_together(conditions), *conditions) if len(conditions) > 1 and len(nodes) > FEW else conditions
    )


def _taken_together(conditions: Sequence[Enough]) -> Enough:
    """What follows from several conditions at once, each weighed by its need. It says nothing new, but shows a search
    over many nodes much sooner that nodes with much of one kind have too little of another."""
    weighed = [(each, (1 << 64) // each.need) for each in conditions if each.need]
    amounts: dict[Mask, int] = {}
    for condition, weight in weighed:
        for node, amount in condition.amounts:
            amounts[node] = amounts.get(node, 0) + weight * amount
    return Enough(amounts=tuple(amounts.items()), need=sum(weight * each.need for each, weight in weighed))


def _others(nodes: Nodes, reusable: Sequence[MemoryBlock]) -> list[Mask]:
    """Sets that are not just any of the unused nodes: nodes and groups that are given from, and where init
    containers' memory lies."""
    given = [group_of(node) for node in nodes if node.assignments]
    again = [mask_of(block.numa_nodes or ()) for block in reusable]
    return list(dict.fromkeys(sorted(given + again)))


def _is_hint(nodes: Nodes, request: Request, reusable: Sequence[MemoryBlock], mask: Mask) -> bool:
    return may_give(nodes, mask) and all(
        _sum(amounts_by_node(nodes, resource, free=False), mask) >= need
        and _sum(amounts_by_node(nodes, resource, free=True), mask) + reusable_on(reusable, mask, resource)
        >= need
        for resource, need in request.items()
    )


def _sum(amounts: Sequence[tuple[Mask, int]], mask: Mask) -> int:
    return sum(amount for where, amount in amounts if where & mask) % WORD


def _by_trial(nodes: Nodes, request: Request, reusable: Sequence[MemoryBlock]) -> HintRule | None:
    """The same where an amount wrapped around: more nodes can then add up to less."""
    every = range(1, 1 << max(node.id for node in nodes) + 1)
    known = mask_of(node.id for node in nodes)
    sets = [mask for mask in every if mask & ~known == 0]
    holding = [
        mask.bit_count()
        for mask in sets
        if all(
            _sum(amounts_by_node(nodes, resource, free=False), mask) >= need
            for resource, need in request.items()
        )
    ]
    hints = tuple(mask for mask in sets if _is_hint(nodes, request, reusable, mask))
    return HintRule(nodes=0, others=hints, preferred_size=min(holding)) if hints else None


def reusable_on(reusable: Sequence[MemoryBlock], mask: Mask, resource: str) -> int:
    """What init containers left of a resource on exactly these nodes."""
    return sum(
        block.size_bytes
        for block in reusable
        if block.type == resource and mask_of(block.numa_nodes or ()) == mask
    )


def again(blocks: Sequence[MemoryBlock], request: Request) -> Hints:
    """The hints for who already holds memory: where it is. No wishes where it does not fit the request."""
    if {block.type: block.size_bytes for block in blocks} != dict(request) or len(blocks) != len(request):
        return {}
    return {block.type: (Hint(mask_of(block.numa_nodes or ()), True),) for block in blocks}


def choose_nodes(nodes: Nodes, request: Request, reusable: Sequence[MemoryBlock], hint: Hint) -> Mask:
    """The nodes that memory is taken from, given the merged hint.

    Without nodes in the merged hint they are those of the best own hint. With too little free on them (the merge takes
    what all resources have in common, which may be less than any one needs) they are extended: to the best own hint
    that has all of them. What init containers left does not count here, unlike before. Raises NoNodesError.
    """
    mask, preferred = hint.nodes, hint.preferred
    rule = None
    if mask is None:
        rule = derive_rule(nodes, request, reusable)
        best = None if rule is None else narrowest(rule, 0)
        if rule is None or best is None:
            raise NoNodesError(
                "[memorymanager] failed to get the default NUMA affinity, no NUMA nodes with enough memory is available"
            )
        if preferred and best.bit_count() != rule.preferred_size:
            raise NoNodesError("[memorymanager] failed to find the default preferred hint")
        mask, preferred = best, best.bit_count() == rule.preferred_size
    if any(free_on(nodes, mask, resource) < need for resource, need in request.items()):
        return _extended(rule or derive_rule(nodes, request, reusable), mask, preferred=preferred)
    return mask


def check_groups(nodes: Nodes, mask: Mask) -> None:
    """The last look before memory is taken from these nodes. Raises NoNodesError."""
    if breaks_groups(nodes, mask):
        raise NoNodesError("[memorymanager] preferred hint violates NUMA node allocation")


def _extended(rule: HintRule | None, mask: Mask, *, preferred: bool) -> Mask:
    best = None if rule is None else narrowest(rule, mask)
    if rule is None or best is None:
        raise NoNodesError("[memorymanager] failed to find NUMA nodes to extend the current topology hint")
    if preferred and best.bit_count() != rule.preferred_size:
        raise NoNodesError("[memorymanager] failed to find the extended preferred hint")
    return best


def narrowest(rule: HintRule, base: Mask) -> Mask | None:
    """The smallest hint that has all nodes of `base`; of equally small ones, the one of the lowest nodes.

    No hint is smaller than a preferred one, so a preferred hint is found first, as in the kubelet.
    """
    found = [mask for mask in rule.others if mask & base == base]
    grown = _grown(rule, base)
    if grown is not None:
        found.append(grown)
    return min(found, key=lambda mask: (mask.bit_count(), mask), default=None)


def _grown(rule: HintRule, base: Mask) -> Mask | None:
    """The same among the sets that meet the rule's conditions: nodes are dropped from the highest to the lowest, as
    long as those that are left do with as few more."""
    if base & ~rule.nodes:
        return None
    missing = _left(rule.enough, base)
    if base and all(each.need <= 0 for each in missing):
        return base
    rest = rule.nodes & ~base
    more = smallest(rest, missing)
    if more is None:
        return None
    for node in reversed(nodes_of(rest)):
        rest &= ~(1 << node)
        if more and not _is_enough_with(rest, missing, more):
            base |= 1 << node
            more -= 1
            missing = _left(missing, 1 << node)
    return base


def _is_enough_with(nodes: Mask, conditions: Sequence[Enough], number: int) -> bool:
    """Whether so many of these nodes can meet the conditions."""
    size = smallest(nodes, conditions)
    return size is not None and size <= number


def _left(conditions: Sequence[Enough], mask: Mask) -> tuple[Enough, ...]:
    """What is missing of conditions that these nodes already add to."""
    return tuple(
        Enough(
            amounts=tuple(each for each in condition.amounts if not each[0] & mask),
            need=condition.need - sum(amount for where, amount in condition.amounts if where & mask),
        )
        for condition in conditions
    )
