"""The fittest set of NUMA nodes that some combination of hints has in common, from rules of hints over many nodes.

A set S can be reached where every other node is missing from the chosen hint of at least one resource, while each
resource keeps enough. Rules only get easier with more nodes, so it is enough that each node outside S is missing from
one hint. Nodes are left out or taken one by one, from the highest to the lowest, and left out first: so the first set
that is found is the lowest of its size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from agent.admission.closeness import Closeness
from agent.admission.fitness import Fitness, sizes_by_fitness
from agent.admission.hint_rules import holds, is_enough, nodes_of, smallest
from agent.admission.merge_preferred import conditions_of
from agent.admission.model import Enough, Hint, HintRule, Mask

Resource = HintRule | tuple[Hint, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    """One way to choose a hint of a resource: one set, or any of these nodes that meets conditions."""

    nodes: Mask
    least: int
    conditions: tuple[Enough, ...]
    exact: bool
    """The set itself, and none within it"""


def common_set(resources: Sequence[Resource], fitness: Fitness) -> Mask | None:
    """The fittest set that some combination of hints has in common."""
    choices = [_choices(each, fitness.nodes) for each in resources]
    wanted = max((_smallest_hint(each) for each in resources), default=0)
    for size in sizes_by_fitness(fitness.nodes.bit_count(), wanted):
        found = (
            mask
            for outer, undecided in _combinations(choices, fitness.nodes, size)
            if (mask := _reachable(outer, undecided, size, fitness)) is not None
        )
        best = min(found, key=lambda mask: fitness.other_key(mask, wanted), default=None)
        if best is not None:
            return best
    return None


def _combinations(
    choices: Sequence[Sequence[_Choice]], nodes: Mask, size: int
) -> Iterator[tuple[Mask, tuple[_Choice, ...]]]:
    """Ways to choose from every resource, as what their nodes have in common, at least so many, and what is still open.

    Two resources that have the same rule can have different hints by it, so each counts.
    """
    ways: dict[tuple[Mask, tuple[_Choice, ...]], None] = {(nodes, ()): None}
    for of in choices:
        ways = {
            (common & each.nodes, undecided if each.exact else (*undecided, each)): None
            for common, undecided in ways
            for each in of
            if (common & each.nodes).bit_count() >= size
        }
    yield from ways


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


def _reachable(outer: Mask, choices: Sequence[_Choice], size: int, fitness: Fitness) -> Mask | None:
    """The fittest set of this size within the outer one that hints chosen in these ways can have in common."""
    best: Mask | None = None
    bound = Closeness(fitness)
    for mask in _Search(choices, outer, size, bound).sets():
        best = mask
        if not bound.closer_than(mask):
            break
    return best


class _Search:
    """Sets of one size which rules can have in common, lowest first.

    `kept` are, for each rule, the nodes that its hint may still have. A node that is not to be in common is taken from
    one of them. A node that no condition of some rule counts costs nothing there and is taken from that one at once.
    """

    def __init__(self, choices: Sequence[_Choice], outer: Mask, size: int, bound: Closeness) -> None:
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
        if left > end or not self._bound.allows(taken, left, self._members[:end]):
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
        if not found and not self._bound.limited:
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
