"""The largest pod of a kind that the kubelet admits.

Whether a pod fits is not monotone in its size: under policy restricted a pod of a whole node and a bit may span two nodes,
while a slightly smaller one must have one node to itself, and is refused. It is monotone as long as the number of NUMA
nodes that the pod needs on an empty machine stays the same. So the sizes are cut where that number changes; from the
largest piece down, each is tried at its ends, and searched by halving where its smallest pod fits and its largest does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from agent.admission.admit import NodeUnderRules, admit
from agent.admission.model import Outcome
from agent.headroom.kinds import Kind, pod_asking
from agent.headroom.model import Largest


def largest_of(node: NodeUnderRules, kind: Kind) -> Largest:
    """The largest pod of that kind that fits on the node as it is."""

    def fits(steps: int) -> bool:
        decision, _ = admit(node, pod_asking(kind.amounts(steps)))
        return decision.outcome is Outcome.ADMITTED

    steps = _largest(kind, fits)
    amounts = kind.amounts(steps) if steps else {}
    return Largest(kind=kind.name, amounts=tuple(sorted(amounts.items())))


def _largest(kind: Kind, fits: Callable[[int], bool]) -> int:
    """The most steps that fit; 0 where not even one does."""
    for low, high in _pieces(kind):
        if fits(high):
            return high
        if low < high and fits(low):
            return _between(low, high, fits)
    return 0


def _pieces(kind: Kind) -> Iterator[tuple[int, int]]:
    """(first, last) of each piece, from the largest sizes down."""
    ends = sorted({edge for edge in kind.edges if 0 < edge < kind.most} | {kind.most})
    for below, end in zip(reversed([0, *ends[:-1]]), reversed(ends), strict=True):
        if end > below:
            yield below + 1, end


def _between(low: int, high: int, fits: Callable[[int], bool]) -> int:
    """The largest that fits, where `low` does and `high` does not."""
    while high - low > 1:
        middle = (low + high) // 2
        if fits(middle):
            low = middle
        else:
            high = middle
    return low
