"""The fittest set of NUMA nodes that some combination of hints has in common, from rules of hints over many nodes.

A set S can be reached where every other node is missing from the chosen hint of at least one resource, while each
resource keeps enough. Rules only get easier with more nodes, so it is enough that each node outside S is missing from
one hint (`missing.py`). Nodes are left out or taken one by one, from the highest to the lowest, and left out first:
so the first set that is found is the lowest of its size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from agent.admission.merging.closeness import Closeness
from agent.admission.merging.fitness import Fitness, sizes_by_fitness
from agent.admission.merging.missing import Missing
from agent.admission.merging.preferred import conditions_of
from agent.admission.merging.rules import holds, nodes_of, smallest
from agent.admission.model import Hint, HintRule, Mask

Resource = HintRule | tuple[Hint, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    """One way to choose a hint of a resource: the set of these nodes, or any of them that meets a rule."""

    nodes: Mask
    rule: HintRule | None = None


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
) -> Iterator[tuple[Mask, tuple[HintRule, ...]]]:
    """Ways to choose from every resource, as what their nodes have in common, at least so many, and what is still open.

    Two resources that have the same rule can have different hints by it, so each counts.
    """
    ways: dict[tuple[Mask, tuple[HintRule, ...]], None] = {(nodes, ()): None}
    for of in choices:
        ways = {
            (common & each.nodes, undecided if each.rule is None else (*undecided, each.rule)): None
            for common, undecided in ways
            for each in of
            if (common & each.nodes).bit_count() >= size
        }
    yield from ways


def _choices(resource: Resource, nodes: Mask) -> list[_Choice]:
    if isinstance(resource, tuple):
        masks = dict.fromkeys(nodes if hint.nodes is None else hint.nodes & nodes for hint in resource)
        return [_Choice(mask) for mask in masks]
    choices = [_Choice(mask & nodes) for mask in dict.fromkeys(resource.others)]
    if holds(replace(resource, others=()), resource.nodes):
        choices.append(_Choice(resource.nodes & nodes, resource))
    return choices


def _smallest_hint(resource: Resource) -> int:
    if isinstance(resource, tuple):
        return min((hint.nodes.bit_count() for hint in resource if hint.nodes is not None), default=0)
    sizes = [mask.bit_count() for mask in resource.others]
    size = smallest(resource.nodes, conditions_of(resource))
    if size is not None and resource.nodes.bit_count() >= resource.least:
        sizes.append(max(size, resource.least))
    return min(sizes, default=0)


def _reachable(outer: Mask, rules: Sequence[HintRule], size: int, fitness: Fitness) -> Mask | None:
    """The fittest set of this size within the outer one that hints chosen in these ways can have in common."""
    best: Mask | None = None
    bound = Closeness(fitness)
    for mask in _Search(rules, outer, size, bound).sets():
        best = mask
        if not bound.closer_than(mask):
            break
    return best


class _Search:
    """Sets of one size which rules can have in common, lowest first.

    Each node is left out first, and taken if it cannot be missed. A node that is left out has to be missing from the hint
    of one of the rules; `_Missing` knows whether all that are left out can be.
    """

    def __init__(self, rules: Sequence[HintRule], outer: Mask, size: int, bound: Closeness) -> None:
        self._members = nodes_of(outer)
        self._size = size
        self._bound = bound
        self._missing = Missing(rules)

    def sets(self) -> Iterator[Mask]:
        """The sets, as ascending numbers."""
        yield from self._search(len(self._members), 0, self._size, ())

    def _search(self, end: int, taken: Mask, left: int, out: tuple[Mask, ...]) -> Iterator[Mask]:
        # Nodes members[:end] are still open.
        if left > end or not self._bound.allows(taken, left, self._members[:end]):
            return
        if not self._missing.may_leave_out(out, self._members[:end], end - left):
            return
        if end == 0:
            yield taken
            return
        node = 1 << self._members[end - 1]
        if end > left and self._missing.can_leave_out((*out, node)):
            yield from self._search(end - 1, taken, left, (*out, node))
        if left:
            yield from self._search(end - 1, taken | node, left - 1, out)
