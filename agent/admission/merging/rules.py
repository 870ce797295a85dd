"""What a rule of hints says about sets of NUMA nodes: whether one set is a hint, how small the smallest is, all of them.

A rule stands for up to 2^n sets. On few nodes they are written out; on many only the questions below are asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from agent.admission.model import Enough, Hint, HintRule, Mask


def nodes_of(mask: Mask) -> list[int]:
    """The nodes of a set, ascending."""
    nodes = []
    while mask:
        low = mask & -mask
        nodes.append(low.bit_length() - 1)
        mask ^= low
    return nodes


def mask_of(nodes: Iterable[int]) -> Mask:
    """The set of these nodes. A node may come twice."""
    mask = 0
    for node in nodes:
        mask |= 1 << node
    return mask


def is_enough(condition: Enough, mask: Mask) -> bool:
    """Whether what lies on the set adds up."""
    need = condition.need
    for where, amount in condition.amounts:
        if need <= 0:
            break
        if where & mask:
            need -= amount
    return need <= 0


def holds(rule: HintRule, mask: Mask) -> bool:
    """Whether this set of nodes is one of the rule's hints."""
    return mask in rule.others or _meets(rule, mask)


def prefers(rule: HintRule, mask: Mask) -> bool:
    """Whether a hint with these nodes is a preferred one."""
    if mask.bit_count() == rule.preferred_size:
        return True
    if rule.preferred_groups is None:
        return False
    return sum(1 for group in rule.groups if group & mask) == rule.preferred_groups


def listed(rule: HintRule) -> tuple[Hint, ...]:
    """Every hint, in the kubelet's order: smaller sets first, equal ones by their lowest nodes. Exponential in the
    number of nodes: for few nodes, and for tests."""
    found = [mask for mask in _subsets(rule.nodes) if _meets(rule, mask)]
    known = set(found)
    found += [mask for mask in dict.fromkeys(rule.others) if mask not in known]
    return tuple(Hint(mask, prefers(rule, mask)) for mask in sorted(found, key=_kubelets_order))


def smallest(nodes: Mask, conditions: Sequence[Enough]) -> int | None:
    """How many nodes the smallest set has that meets all conditions; None where all nodes together do not.

    Sizes are tried in ascending order. For each, nodes are taken or left one by one, and a branch is given up as soon
    as the best nodes that are left could not fill what is missing of some condition, so that hardly any set is tried.
    """
    members = nodes_of(nodes)
    if not all(is_enough(condition, nodes) for condition in conditions):
        return None
    members.sort(key=lambda node: [-_at_most(condition, 1 << node) for condition in conditions])
    return next((size for size in range(1, len(members) + 1) if _some(members, conditions, size)), None)


def _some(members: Sequence[int], conditions: Sequence[Enough], size: int) -> bool:
    """Whether some `size` of these nodes meet all conditions."""
    best = [_best_of_rest(members, condition) for condition in conditions]

    def search(start: int, taken: Mask, left: int) -> bool:
        if all(is_enough(condition, taken) for condition in conditions):
            return True
        if left == 0 or start == len(members):
            return False
        if any(
            _missing(condition, taken) > sum(amounts[start][:left])
            for condition, amounts in zip(conditions, best, strict=True)
        ):
            return False
        return search(start + 1, taken | 1 << members[start], left - 1) or search(start + 1, taken, left)

    return search(0, 0, size)


def _best_of_rest(members: Sequence[int], condition: Enough) -> list[list[int]]:
    """For each place in `members`: what each of the nodes from there on adds at the most, largest first."""
    each = [_at_most(condition, 1 << node) for node in members]
    return [sorted(each[start:], reverse=True) for start in range(len(members))]


def _at_most(condition: Enough, mask: Mask) -> int:
    """What lies on the set, all counted."""
    return sum(amount for where, amount in condition.amounts if where & mask)


def _missing(condition: Enough, mask: Mask) -> int:
    return condition.need - _at_most(condition, mask)


def _meets(rule: HintRule, mask: Mask) -> bool:
    return (
        mask & ~rule.nodes == 0
        and mask.bit_count() >= rule.least
        and all(where & mask for where in rule.touches)
        and all(is_enough(condition, mask) for condition in rule.enough)
    )


def _subsets(mask: Mask) -> Iterator[Mask]:
    """Every set of these nodes but the empty one, as ascending numbers."""
    subset = mask & -mask
    while subset:
        yield subset
        subset = (subset - mask) & mask


def _kubelets_order(mask: Mask) -> tuple[int, list[int]]:
    return mask.bit_count(), nodes_of(mask)
