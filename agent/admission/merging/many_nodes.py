"""Merging rules of hints over many nodes, where the sets that they stand for cannot be written out: both questions of
`merge.py` become searches over nodes (`preferred.py`, `common.py`)."""

from __future__ import annotations

from collections.abc import Sequence

from agent.admission.merging.common import common_set
from agent.admission.merging.few_nodes import ends
from agent.admission.merging.fitness import Fitness
from agent.admission.merging.preferred import preferred_set
from agent.admission.merging.rules import listed
from agent.admission.model import Hint, HintRule

WRITTEN_OUT = 12
"""Rules over at most so many nodes are written out for the sake of a kubelet that may end; it costs tens of milliseconds"""

Resource = HintRule | tuple[Hint, ...]


def fittest(resources: Sequence[Resource], fitness: Fitness) -> tuple[Hint, bool]:
    """The merged hint, and whether the kubelet would have ended on its way to it.

    Where a node lies behind the end of a row of distances, the kubelet ends as soon as it compares two sets with it. It
    does with so many sets, unless hardly anything was asked for.
    """
    if fitness.panics(fitness.nodes) and _ends(resources, fitness):
        return Hint(fitness.nodes, False), True
    best = preferred_set(resources, fitness)
    if best is not None:
        return Hint(best, True), False
    found = common_set(resources, fitness)
    return Hint(fitness.nodes if found is None else found, False), False


def _ends(resources: Sequence[Resource], fitness: Fitness) -> bool:
    if fitness.nodes.bit_count() > WRITTEN_OUT and any(isinstance(each, HintRule) for each in resources):
        return True
    return ends([each if isinstance(each, tuple) else listed(each) for each in resources], fitness)
