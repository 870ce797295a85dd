"""Merging hints that are written out: sets of nodes are counted, combinations are not walked.

Over n nodes there are 2^n sets. Let f(S) be how many hints of one resource contain S. The product of all resources' f
counts the combinations that have at least S in common. From these numbers follows, from large sets to small ones, how
many have exactly S in common (inclusion and exclusion over the supersets): a set can be reached where that is not 0.
It takes n * 2^n steps for each resource, where the walk takes a product of 2^n.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agent.admission.merging.fitness import Fitness
from agent.admission.merging.rules import nodes_of
from agent.admission.model import Hint, Mask

Listed = tuple[Hint, ...]


def fittest(resources: Sequence[Listed], fitness: Fitness) -> tuple[Hint, bool]:
    """The merged hint, and whether the kubelet would have ended on its way to it."""
    if fitness.panics(fitness.nodes) and ends(resources, fitness):
        return Hint(fitness.nodes, False), True
    preferred = _preferred(resources, fitness)
    if preferred:
        return Hint(min(preferred, key=fitness.preferred_key), True), False
    wanted = wanted_size(resources)
    reached = _reached(resources, fitness.nodes)
    best = min(reached, key=lambda mask: fitness.other_key(mask, wanted), default=fitness.nodes)
    return Hint(best, False), False


def wanted_size(resources: Sequence[Listed]) -> int:
    """How many nodes a hint should have that is not preferred: as many as the resource needs that needs most."""
    sizes = ([hint.nodes.bit_count() for hint in hints if hint.nodes is not None] for hints in resources)
    return max((min(each) for each in sizes if each), default=0)


def _preferred(resources: Sequence[Listed], fitness: Fitness) -> set[Mask]:
    """Sets that are a preferred hint of each resource, but for those that are content with anything."""
    common: set[Mask] | None = None
    loose: set[Mask] = set()
    for hints in resources:
        named = {hint.nodes for hint in hints if hint.preferred and hint.nodes is not None}
        if Hint(None, True) in hints:
            loose |= named
        else:
            common = named if common is None else common & named
    if common is None:
        # All are content with anything: then all nodes, or what one of them names beside.
        common = {fitness.nodes, *loose}
    return {mask & fitness.nodes for mask in common} - {0}


def _reached(resources: Sequence[Listed], nodes: Mask) -> Iterator[Mask]:
    """Every set of nodes, but the empty one, that some combination of hints has in common."""
    members = nodes_of(nodes)
    counts = [1] * (1 << len(members))
    place = {1 << node: 1 << position for position, node in enumerate(members)}
    for hints in resources:
        supersets = _counted(hints, nodes, place)
        _add_supersets(supersets, len(members))
        counts = [one * other for one, other in zip(counts, supersets, strict=True)]
    _take_supersets(counts, len(members))
    back = {position: one for one, position in place.items()}
    for packed in range(1, len(counts)):
        if counts[packed]:
            yield sum(one for position, one in back.items() if position & packed)


def _counted(hints: Listed, nodes: Mask, place: dict[Mask, Mask]) -> list[int]:
    """How many hints have exactly each set; sets are packed, so that node ids with gaps cost nothing."""
    counts = [0] * (1 << len(place))
    for hint in hints:
        mask = nodes if hint.nodes is None else hint.nodes & nodes
        counts[sum(position for one, position in place.items() if one & mask)] += 1
    return counts


def _add_supersets(counts: list[int], width: int) -> None:
    for position in range(width):
        bit = 1 << position
        for packed in range(len(counts)):
            if not packed & bit:
                counts[packed] += counts[packed | bit]


def _take_supersets(counts: list[int], width: int) -> None:
    for position in range(width):
        bit = 1 << position
        for packed in range(len(counts)):
            if not packed & bit:
                counts[packed] -= counts[packed | bit]


def ends(resources: Sequence[Listed], fitness: Fitness) -> bool:
    """Whether the kubelet, on its walk, compares two sets of one size one of which has a node behind a row's end.

    Here the order counts. A result that comes again changes nothing: the best hint only ever moves to other sizes that
    are fitter than it, so what was not compared at first is not compared later. The walk over different results, in
    the order in which each is seen first, therefore ends where the whole walk ends.
    """
    wanted = wanted_size(resources)
    best: tuple[Mask, bool] | None = None
    for mask, preferred in _walk(resources, fitness.nodes):
        if mask == 0:
            continue
        if best is None:
            best = mask, preferred
            continue
        if _compared(best, (mask, preferred)) and (fitness.panics(mask) or fitness.panics(best[0])):
            return True
        best = min(best, (mask, preferred), key=lambda each: _key(each, fitness, wanted))
    return False


def _compared(one: tuple[Mask, bool], other: tuple[Mask, bool]) -> bool:
    return one[1] == other[1] and one[0] != other[0] and one[0].bit_count() == other[0].bit_count()


def _key(result: tuple[Mask, bool], fitness: Fitness, wanted: int) -> tuple[int, ...]:
    mask, preferred = result
    return fitness.preferred_key(mask) if preferred else fitness.other_key(mask, wanted)


def _walk(resources: Sequence[Listed], nodes: Mask) -> Iterator[tuple[Mask, bool]]:
    """All different (set, preferred) of the kubelet's walk, in the order in which each is seen first.

    A combination's beginning is known by what it has in common, whether all were preferred, and the set that all
    named. Beginnings that agree in these go on alike, so the first of them stands for all.
    """
    beginnings: dict[tuple[Mask, bool, Mask | None], None] = {(nodes, True, None): None}
    for hints in resources:
        beginnings = dict.fromkeys(_joined(each, hint) for each in beginnings for hint in hints)
    yield from dict.fromkeys((common, preferred) for common, preferred, _ in beginnings)


def _joined(beginning: tuple[Mask, bool, Mask | None], hint: Hint) -> tuple[Mask, bool, Mask | None]:
    common, preferred, named = beginning
    if hint.nodes is None:
        return common, preferred and hint.preferred, named
    alike = named is None or named == hint.nodes
    preferred = preferred and hint.preferred and alike
    return common & hint.nodes, preferred, hint.nodes if named is None and preferred else named
