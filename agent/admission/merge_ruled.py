"""Merging rules of hints over many nodes, where the sets that they stand for cannot be written out.

Both questions of `merge.py` become searches over nodes, from the highest to the lowest. Each node is left out first and
taken only if that leads nowhere, so the first set that is found is the lowest of its size, which is the fittest. A
branch ends as soon as the conditions can no longer be met. With prefer-closest-numa-nodes the search goes on for sets
that lie closer together, and gives up branches that cannot become closer.

What some combination of hints has in common, when none is preferred by all: a set S can be reached where every other
node is missing from the chosen hint of at least one resource, while each resource keeps enough. Rules only get easier
with more nodes, so it is enough that each node outside S is missing from one hint.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product

from agent.admission.fitness import Fitness, sizes_by_fitness
from agent.admission.hint_rules import holds, is_enough, nodes_of, prefers, smallest
from agent.admission.model import Enough, Hint, HintRule, Mask

Resource = HintRule | tuple[Hint, ...]


def fittest(resources: Sequence[Resource], fitness: Fitness) -> tuple[Hint, bool]:
    """The merged hint, and whether the kubelet would have ended on its way to it.

    Where a node lies behind the end of a row of distances, the kubelet ends as soon as it compares two sets with it.
    With so many sets it always does.
    """
    if fitness.panics(fitness.nodes):
        return Hint(fitness.nodes, False), True
    best = _preferred(resources, fitness)
    if best is not None:
        return Hint(best, True), False
    found = _common(resources, fitness)
    return Hint(fitness.nodes if found is None else found, False), False


# --- preferred by all ------------------------------------------------------------------------------------------------


def _preferred(resources: Sequence[Resource], fitness: Fitness) -> Mask | None:
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
        bound = _Bound(fitness)
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
    for chosen in product(*(combinations(rule.groups, rule.preferred_groups or 0) for rule in grouped)):
        rest = together
        for rule, groups in zip(grouped, chosen, strict=True):
            rest = _within(rest, rule.groups, groups)
        yield rest


def _within(together: HintRule, groups: Sequence[Mask], chosen: Sequence[Mask]) -> HintRule:
    """Only sets with nodes of each chosen group and of no other one."""
    banned = 0
    for group in groups:
        if group not in chosen:
            banned |= group
    touched = tuple(Enough(amounts=((group, 1),), need=1) for group in chosen)
    return replace(together, nodes=together.nodes & ~banned, enough=(*together.enough, *touched))


@dataclass(slots=True)
class _Bound:
    """How close together a set must lie to be worth finding."""

    fitness: Fitness
    limit: int | None = None

    def closer_than(self, mask: Mask) -> bool:
        """From now on only what is closer than this set. Returns whether anything can be."""
        self.limit = self.fitness.spread(mask)
        return self.fitness.rows is not None

    def allows(self, taken: Mask) -> bool:
        """Whether a set with these nodes can still be close enough: more nodes only add distance."""
        return self.limit is None or self.fitness.spread(taken) < self.limit


def _sets(rule: HintRule, size: int, bound: _Bound) -> Iterator[Mask]:
    """The sets of this size that meet the rule, lowest first; those that the bound does not allow are passed over."""
    members = nodes_of(rule.nodes)
    lower = [
        [_amounts_below(members, end, condition) for condition in rule.enough]
        for end in range(len(members) + 1)
    ]

    def search(end: int, taken: Mask, left: int) -> Iterator[Mask]:
        # Nodes members[:end] are still open.
        if left == 0:
            if all(is_enough(condition, taken) for condition in rule.enough) and bound.allows(taken):
                yield taken
            return
        if left > end or not _can_meet(rule.enough, lower[end], taken, left) or not bound.allows(taken):
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


# --- in common, whatever is preferred --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Choice:
    """One way to choose a hint of a resource: one set, or any of these nodes that meets conditions."""

    nodes: Mask
    least: int
    conditions: tuple[Enough, ...]
    exact: bool
    """The set itself, and none within it"""


def _common(resources: Sequence[Resource], fitness: Fitness) -> Mask | None:
    """The fittest set that some combination of hints has in common."""
    choices = [_choices(each, fitness.nodes) for each in resources]
    wanted = max((_smallest_hint(each) for each in resources), default=0)
    for size in sizes_by_fitness(fitness.nodes.bit_count(), wanted):
        found = (
            mask
            for combination in _combinations(choices, size)
            if (mask := _reachable(combination, size, fitness)) is not None
        )
        best = min(found, key=lambda mask: fitness.other_key(mask, wanted), default=None)
        if best is not None:
            return best
    return None


def _combinations(choices: Sequence[Sequence[_Choice]], size: int) -> Iterator[tuple[_Choice, ...]]:
    """Ways to choose from every resource; sets that are named by several are taken once, too small ones not at all."""
    wide = [[each for each in of if each.nodes.bit_count() >= size] for of in choices]
    seen: set[frozenset[_Choice]] = set()
    for combination in product(*wide):
        once = frozenset(combination)
        if once not in seen:
            seen.add(once)
            yield tuple(dict.fromkeys(combination))


def _choices(resource: Resource, nodes: Mask) -> list[_Choice]:
    if isinstance(resource, tuple):
        masks = dict.fromkeys(nodes if hint.nodes is None else hint.nodes & nodes for hint in resource)
        return [_Choice(mask, 1, (), True) for mask in masks]
    choices = [_Choice(mask & nodes, 1, (), True) for mask in dict.fromkeys(resource.others)]
    if holds(replace(resource, others=()), resource.nodes):
        choices.append(_Choice(resource.nodes & nodes, resource.least, conditions_of(resource), False))
    return choices


def _smallest_hint(resource: Resource) -> int:
    if isinstance(resource, tuple):
        return min((hint.nodes.bit_count() for hint in resource if hint.nodes is not None), default=0)
    sizes = [mask.bit_count() for mask in resource.others]
    size = smallest(resource.nodes, conditions_of(resource))
    if size is not None and resource.nodes.bit_count() >= resource.least:
        sizes.append(max(size, resource.least))
    return min(sizes, default=0)


def _reachable(combination: Sequence[_Choice], size: int, fitness: Fitness) -> Mask | None:
    """The fittest set of this size that hints chosen in these ways can have in common."""
    outer = fitness.nodes
    for choice in combination:
        outer &= choice.nodes
    best: Mask | None = None
    bound = _Bound(fitness)
    open_choices = [choice for choice in combination if not choice.exact]
    for mask in _Search(open_choices, outer, size, bound).sets():
        best = mask
        if not bound.closer_than(mask):
            break
    return best


class _Search:
    """Sets of one size which rules can have in common, lowest first.

    `kept` are, for each rule, the nodes that its hint may still have. A node that is not to be in common is taken from
    one of them. A node that no condition of some rule counts costs nothing there and is taken from that one at once.
    """

    def __init__(self, choices: Sequence[_Choice], outer: Mask, size: int, bound: _Bound) -> None:
        self._choices = choices
        self._members = nodes_of(outer)
        self._size = size
        self._bound = bound
        self._dead: set[tuple[object, ...]] = set()

    def sets(self) -> Iterator[Mask]:
        """The sets, as ascending numbers; some may come again."""
        kept = tuple(choice.nodes for choice in self._choices)
        yield from self._search(len(self._members), 0, self._size, kept)

    def _search(self, end: int, taken: Mask, left: int, kept: tuple[Mask, ...]) -> Iterator[Mask]:
        if left > end or not self._bound.allows(taken):
            return
        if end == 0:
            yield taken
            return
        state = (end, left, *self._stock(kept))
        if state in self._dead:
            return
        found = False
        for next_taken, next_left, next_kept in self._steps(1 << self._members[end - 1], taken, left, kept):
            for mask in self._search(end - 1, next_taken, next_left, next_kept):
                found = True
                yield mask
        if not found and self._bound.limit is None:
            self._dead.add(state)

    def _steps(
        self, node: Mask, taken: Mask, left: int, kept: tuple[Mask, ...]
    ) -> Iterator[tuple[Mask, int, tuple[Mask, ...]]]:
        """The node left out of one rule's hint or another's, then taken into the set."""
        for place in self._places(node, kept):
            yield taken, left, (*kept[:place], kept[place] & ~node, *kept[place + 1 :])
        if left:
            yield taken | node, left - 1, kept

    def _places(self, node: Mask, kept: tuple[Mask, ...]) -> list[int]:
        """The rules that can do without the node; only one where it costs that one nothing."""
        places = []
        for place, choice in enumerate(self._choices):
            rest = kept[place] & ~node
            if rest.bit_count() < choice.least or not all(
                is_enough(each, rest) for each in choice.conditions
            ):
                continue
            if choice.least <= 1 and not any(
                where & node for each in choice.conditions for where, _ in each.amounts
            ):
                return [place]
            places.append(place)
        return places

    def _stock(self, kept: tuple[Mask, ...]) -> Iterator[object]:
        """What is left of what the conditions count: branches with the same stock end alike."""
        for choice, mask in zip(self._choices, kept, strict=True):
            yield mask.bit_count() if choice.least > 1 else 0
            for condition in choice.conditions:
                if any(where & (where - 1) for where, _ in condition.amounts):
                    yield mask
                else:
                    yield sum(amount for where, amount in condition.amounts if where & mask)
