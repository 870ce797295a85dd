"""Merging rules of hints over many nodes, where the sets that they stand for cannot be written out: both questions of
`merge.py` become searches over nodes (`merge_preferred.py`, `merge_common.py`)."""

from __future__ import annotations

from collections.abc import Sequence

from agent.admission.fitness import Fitness
from agent.admission.merge_common import common_set
from agent.admission.merge_preferred import preferred_set
from agent.admission.model import Hint, HintRule

Resource = HintRule | tuple[Hint, ...]


def fittest(resources: Sequence[Resource], fitness: Fitness) -> tuple[Hint, bool]:
    """The merged hint, and whether the kubelet would have ended on its way to it.

    Where a node lies behind the end of a row of distances, the kubelet ends as soon as it compares two sets with it.
    With so many sets it always does.
    """
    if fitness.panics(fitness.nodes):
        return Hint(fitness.nodes, False), True
    best = preferred_set(resources, fitness)
    if best is not None:
        return Hint(best, True), False
    found = common_set(resources, fitness)
    return Hint(fitness.nodes if found is None else found, False), False
