"""The fittest set of NUMA nodes that every resource prefers, from rules of hints over many nodes.

Nodes are left out or taken one by one, from the highest to the lowest, and left out first: so the first set that is found
is the lowest of its size. A branch ends as soon as the conditions can no longer be met.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations, product

from agent.admission.merging.closeness import Closeness
from agent.admission.merging.fitness import Fitness
from agent.admission.merging.rules import holds, is_enough, nodes_of, prefers
from agent.admission.model import Enough, Hint, HintRule, Mask

Resource = HintRule | tuple[Hint, ...]


def preferred_set(resources: Sequence[Resource], fitness: Fitness) -> Mask | None:
    """The fittest set that every resource prefers, but for those that are content with anything."""
    strict = [each for each in resources if not (isinstance(each, tuple) and Hint(None, True) in each)]
    named = _named(strict or resources)
    candidates = {mask for mask in named if all(_is_preferred(each, mask) for each in strict)}
    rules = [each for each in strict if isinstance(each, HintRule)]
    if rules and len(rules) == len(strict):
        for size in _preferred_sizes(rules):
            found = _best_set(rules, size, fitness)
            if found is not None:
                candidates.add(found)
                break
    candidates = {mask & fitness.nodes for mask in candidates} - {0}
    if not strict:
        candidates.add(fitness.nodes)
    return min(candidates, key=fitness.preferred_key, default=None)


def _named(resources: Iterable[Resource]) -> set[Mask]:
    """Sets that resources name one by one."""
    named: set[Mask] = set()
    for each in resources:
        if isinstance(each, HintRule):
            named.update(each.others)
        else:
            named.update(hint.nodes for hint in each if hint.preferred and hint.nodes is not None)
    return named


def _is_preferred(resource: Resource, mask: Mask) -> bool:
    if isinstance(resource, tuple):
        return Hint(mask, True) in resource
    return prefers(resource, mask) and holds(resource, mask)


def _preferred_sizes(rules: Sequence[HintRule]) -> Iterable[int]:
    """Sizes that sets can have which all rules prefer, smallest first."""
    fixed = {rule.preferred_size for rule in rules if rule.preferred_groups is None}
    if len(fixed) > 1:
        return ()
    return fixed or range(1, rules[0].nodes.bit_count() + 1)


def _together(rules: Sequence[HintRule]) -> HintRule:
    """The rule of the sets that meet all rules."""
    nodes = rules[0].nodes
    for rule in rules[1:]:
        nodes &= rule.nodes
    return replace(
        rules[0],
        nodes=nodes,
        least=max(rule.least for rule in rules),
        enough=tuple(dict.fromkeys(condition for rule in rules for condition in conditions_of(rule))),
        touches=(),
        others=(),
    )


def conditions_of(rule: HintRule) -> tuple[Enough, ...]:
    """All conditions of a rule as amounts: to have one of some nodes is to have 1 of what lies on all of them."""
    return (*rule.enough, *(Enough(amounts=((where, 1),), need=1) for where in rule.touches))


def _best_set(rules: Sequence[HintRule], size: int, fitness: Fitness) -> Mask | None:
    """The fittest set of this size that meets all rules and that all prefer."""
    best: Mask | None = None
    for together in _in_groups(_together(rules), rules, size):
        bound = Closeness(fitness)
        for mask in _sets(together, size, bound):
            if best is None or fitness.preferred_key(mask) < fitness.preferred_key(best):
                best = mask
            if not bound.closer_than(mask):
                break
    return best


def _in_groups(together: HintRule, rules: Sequence[HintRule], size: int) -> Iterator[HintRule]:
    """The common rule, once for each choice of groups that makes sets of this size preferred."""
    if size < together.least:
        return
    grouped = [rule for rule in rules if rule.preferred_size != size]
    places = (combinations(range(len(rule.groups)), rule.preferred_groups or 0) for rule in grouped)
    for chosen in product(*places):
        rest = together
        for rule, here in zip(grouped, chosen, strict=True):
            rest = _within(rest, rule.groups, here)
        yield rest


def _within(together: HintRule, groups: Sequence[Mask], chosen: Sequence[int]) -> HintRule:
    """Only sets with nodes of each chosen group and of no other one."""
    banned = 0
    for place, group in enumerate(groups):
        if place not in chosen:
            banned |= group
    touched = tuple(Enough(amounts=((groups[place], 1),), need=1) for place in chosen)
    return replace(together, nodes=together.nodes & ~banned, enough=(*together.enough, *touched))


def _sets(rule: HintRule, size: int, bound: Closeness) -> Iterator[Mask]:
    """The sets of this size that meet the rule, lowest first; those that the bound does not allow are passed over."""
    members = nodes_of(rule.nodes)
    lower = [
        [_amounts_below(members, end, condition) for condition in rule.enough]
        for end in range(len(members) + 1)
    ]

    def search(end: int, taken: Mask, left: int) -> Iterator[Mask]:
        # Nodes members[:end] are still open.
        if left == 0:
            if all(is_enough(condition, taken) for condition in rule.enough) and bound.allows(taken, 0, ()):
                yield taken
            return
        if left > end or not _can_meet(rule.enough, lower[end], taken, left):
            return
        if not bound.allows(taken, left, members[:end]):
            return
        yield from search(end - 1, taken, left)
        yield from search(end - 1, taken | 1 << members[end - 1], left - 1)

    yield from search(len(members), 0, size)


def _amounts_below(members: Sequence[int], end: int, condition: Enough) -> list[int]:
    """What each of the first nodes adds at the most, largest first."""
    each = [sum(amount for where, amount in condition.amounts if where >> node & 1) for node in members[:end]]
    return sorted(each, reverse=True)


def _can_meet(conditions: Sequence[Enough], best: Sequence[Sequence[int]], taken: Mask, left: int) -> bool:
    for condition, amounts in zip(conditions, best, strict=True):
        have = sum(amount for where, amount in condition.amounts if where & taken)
        if have + sum(amounts[:left]) < condition.need:
            return False
    return True
