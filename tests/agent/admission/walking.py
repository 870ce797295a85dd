"""The topology manager's walk over every combination of hints, one by one: what the merge is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod

from agent.admission.merging.rules import listed, mask_of
from agent.admission.model import Hint, HintRule, Hints, Machine, Settings


class EndedError(Exception):
    """The kubelet looks behind the end of a row of distances."""


def walk(providers: Sequence[Hints], machine: Machine, settings: Settings) -> tuple[Hint, bool]:
    """(merged hint, admitted), as the kubelet's walk finds them. Raises EndedError."""
    nodes = mask_of(machine.numa_nodes)
    resources = [each for hints in providers for each in _lists(hints)]
    policy = settings.topology_policy
    if policy == "single-numa-node":
        resources = [
            [h for h in each if h.preferred and (h.nodes is None or h.nodes.bit_count() == 1)]
            for each in resources
        ]
    wanted = max(
        (min(c) for each in resources if (c := [h.nodes.bit_count() for h in each if h.nodes is not None])),
        default=0,
    )
    closest = settings.prefer_closest_numa_nodes and policy != "single-numa-node"
    best: Hint | None = None
    for combination in product(*resources):
        best = _better(best, _in_common(combination, nodes), wanted, _Comparison(machine, closest))
    if best is None:
        best = Hint(nodes, False)
    if policy == "single-numa-node" and best.nodes == nodes:
        best = Hint(None, best.preferred)
    return best, policy == "best-effort" or best.preferred


def combinations(providers: Sequence[Hints]) -> int:
    """How many there are to walk."""
    return prod(len(each) for hints in providers for each in _lists(hints))


def _lists(hints: Hints) -> list[list[Hint]]:
    if not hints:
        return [[Hint(None, True)]]
    found = []
    for each in hints.values():
        rule = listed(each) if isinstance(each, HintRule) else each
        found.append([Hint(None, True)] if rule is None else list(rule) or [Hint(None, False)])
    return found


def _in_common(combination: Sequence[Hint], nodes: int) -> Hint:
    masks = [each.nodes for each in combination if each.nodes is not None]
    for mask in masks:
        nodes &= mask
    return Hint(nodes, len(set(masks)) <= 1 and all(each.preferred for each in combination))


class _Comparison:
    def __init__(self, machine: Machine, closest: bool) -> None:
        self.rows = dict(zip(machine.numa_nodes, machine.distances, strict=True)) if closest else None

    def fitter(self, current: Hint, candidate: Hint) -> Hint:
        one, other = current.nodes or 0, candidate.nodes or 0
        if one == other:
            return current
        if one.bit_count() != other.bit_count():
            return current if one.bit_count() < other.bit_count() else candidate
        if self.rows is not None and (far := self.mean(one) - self.mean(other)):
            return current if far < 0 else candidate
        return current if one < other else candidate

    def mean(self, mask: int) -> float:
        assert self.rows is not None
        members = [node for node in range(64) if mask >> node & 1]
        try:
            each = [self.rows[one][other] for one in members for other in members]
        except IndexError:
            raise EndedError from None
        return sum(each) / len(each)


def _better(current: Hint | None, candidate: Hint, wanted: int, comparison: _Comparison) -> Hint | None:
    if not candidate.nodes:
        return current
    if current is None or (candidate.preferred and not current.preferred):
        return candidate
    if current.preferred and not candidate.preferred:
        return current
    have, new = (current.nodes or 0).bit_count(), candidate.nodes.bit_count()
    if current.preferred or have > wanted or have == new:
        return comparison.fitter(current, candidate)
    if have == wanted or new > wanted:
        return current
    return candidate if new > have else current
