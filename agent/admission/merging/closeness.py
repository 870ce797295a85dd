"""The search for sets of NUMA nodes that lie closer together than the best that is known (prefer-closest-numa-nodes).

A set's distances are all distances between its nodes, added up. Of a set that is only begun the least that they can come
to is known: those of the nodes that it has, plus for each that is still to come its distances to these, the closest
first, plus the shortest distance of the machine for each pair that is still to come.

Where one node is as good as the next, that bound hardly helps, and the number of sets to look at can go beyond all
measure. The kubelet lists every set beforehand, so beyond some twenty nodes it never gets as far as comparing them. There
the search ends after `STEPS`, with the closest set that was found.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from agent.admission.merging.fitness import Fitness
from agent.admission.merging.rules import nodes_of
from agent.admission.model import Mask

SURE_NODES = 16
"""Up to so many nodes of the machine every set is looked at that could be closer"""

STEPS = 1_000


class Closeness:
    """What is still worth finding in one search for the closest set. Without a first set everything is."""

    def __init__(self, fitness: Fitness) -> None:
        self._fitness = fitness
        self._limit: int | None = None
        self._steps = STEPS if fitness.nodes.bit_count() > SURE_NODES else None
        pairs = combinations(nodes_of(fitness.nodes) if fitness.rows else (), 2)
        self._shortest = min((self._both_ways(one, other) for one, other in pairs), default=0)

    @property
    def limited(self) -> bool:
        """Whether a set has been found, so that others have to be closer."""
        return self._limit is not None

    def closer_than(self, mask: Mask) -> bool:
        """From now on only what is closer than this set. Returns whether anything can be."""
        self._limit = self._fitness.spread(mask)
        return self._fitness.rows is not None

    def allows(self, taken: Mask, left: int, candidates: Sequence[int]) -> bool:
        """Whether a set with these nodes, and `left` more of the candidates, can still be close enough."""
        if self._limit is None:
            return True
        if self._steps is not None:
            self._steps -= 1
            if self._steps < 0:
                return False
        least = self._fitness.spread(taken)
        if least < self._limit and left:
            members = nodes_of(taken)
            least += sum(sorted(self._added(node, members) for node in candidates)[:left])
            least += left * (left - 1) // 2 * self._shortest
        return least < self._limit

    def _added(self, node: int, members: Sequence[int]) -> int:
        """What a node adds to a set's distances."""
        return self._fitness.distance(node, node) + sum(self._both_ways(node, each) for each in members)

    def _both_ways(self, one: int, other: int) -> int:
        return self._fitness.distance(one, other) + self._fitness.distance(other, one)
