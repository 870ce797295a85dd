"""Which of two merged hints the topology manager finds fitter: an order of sets of NUMA nodes.

The kubelet keeps a best hint and compares each candidate with it, case by case. Its cases come from one total order,
so the best of many does not depend on the order in which they are seen:

- a preferred hint before any other;
- preferred ones: fewer nodes first;
- others: as many nodes as the resource with the largest smallest hint needs, then fewer, as close to that as can be,
  then more, as close as can be. Fewer nodes than needed before more: surprising, and what happens;
- of equally many: the closest to each other where prefer-closest-numa-nodes asks, then the lower node numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.admission.merging.rules import nodes_of
from agent.admission.model import Mask

Key = tuple[int, int, int, Mask]
"""Smaller is fitter"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitness:
    """The order on one machine under one configuration."""

    nodes: Mask
    """The machine's own"""
    rows: dict[int, tuple[int, ...]] | None = None
    """Distances by node, as the kubelet looks them up: by position, with the other node's id for one. None: not asked"""

    def spread(self, mask: Mask) -> int:
        """All distances within the set, added up: for sets of one size that orders as their mean does."""
        if self.rows is None:
            return 0
        members = nodes_of(mask)
        return sum(self.distance(one, other) for one in members for other in members)

    def distance(self, one: int, other: int) -> int:
        """As the kubelet looks it up; 0 where it looks behind the end."""
        row = (self.rows or {}).get(one, ())
        return row[other] if other < len(row) else 0

    def panics(self, mask: Mask) -> bool:
        """Whether the kubelet ends when it compares this set with another of the same size."""
        if self.rows is None or mask == 0:
            return False
        members = nodes_of(mask)
        return any(members[-1] >= len(self.rows.get(node, ())) for node in members)

    def preferred_key(self, mask: Mask) -> Key:
        """Where a preferred hint stands."""
        return 0, mask.bit_count(), self.spread(mask), mask

    def other_key(self, mask: Mask, wanted: int) -> Key:
        """Where a hint stands that is not preferred. `wanted`: how many nodes it should have."""
        rank, distance = _class(mask.bit_count(), wanted)
        return rank, distance, self.spread(mask), mask


def sizes_by_fitness(most: int, wanted: int) -> Iterator[int]:
    """Numbers of nodes from 1 to `most`, those that suit a hint that is not preferred best first."""
    yield from sorted(range(1, most + 1), key=lambda size: _class(size, wanted))


def _class(size: int, wanted: int) -> tuple[int, int]:
    if size <= wanted:
        return 1, wanted - size
    return 2, size - wanted
