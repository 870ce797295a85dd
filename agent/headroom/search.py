"""The largest pod of a kind that the kubelet admits.

Whether a pod fits is not monotone in its size: under policy restricted a pod of a whole node and a bit may span two nodes,
while a slightly smaller one must have one node to itself, and is refused. It is monotone as long as the number of NUMA
nodes that the pod needs on an empty machine stays the same. So the sizes are cut where that number changes; from the
largest piece down, each is tried at its ends, and searched by halving where its smallest pod fits and its largest does not.

Under best-effort there are islands: the narrowest nodes for the CPUs may leave the memory nowhere to go, and a larger pod,
which gets more nodes, fits. Where neither end of a piece fits there, some sizes in between are tried too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from agent.admission.admit import NodeUnderRules, admit
from agent.admission.model import Decision, Outcome
from agent.headroom.kinds import Kind, pod_asking
from agent.headroom.model import Largest

ISLANDS_TRIED = 64
"""Sizes of one kind, in all"""

MOST_PIECES = 8
"""The smallest sizes, up to those that need as many NUMA nodes as a kubelet takes by itself, and beyond them the largest"""

Fits = Callable[[int], bool]
"""Whether a pod of so many steps fits"""


def largest_of(node: NodeUnderRules, kind: Kind) -> Largest:
    """The largest pod of that kind that fits on the node as it is."""

    def decide(steps: int) -> Decision:
        return admit(node, pod_asking(kind.amounts(steps)))[0]

    def fits(steps: int) -> bool:
        return decide(steps).outcome is Outcome.ADMITTED

    islands = ISLANDS_TRIED if node.settings.topology_policy == "best-effort" else 0
    steps = largest_steps(kind, fits, islands=islands)
    amounts = kind.amounts(steps) if steps else {}
    beyond = decide(steps + 1).reason
    return Largest(kind=kind.name, amounts=tuple(sorted(amounts.items())), beyond=beyond)


def largest_steps(kind: Kind, fits: Fits, *, islands: int) -> int:
    """The most steps that fit; 0 where not even one does. `islands`: how many sizes to try between ends that do not."""
    for low, high in _pieces(kind):
        if fits(high):
            return high
        if low == high:
            continue
        if fits(low):
            return _between(low, high, fits)
        tried = range(high - 1, low, -max(1, (high - low) // islands))[:islands] if islands else range(0)
        islands -= len(tried)
        found = next((steps for steps in tried if fits(steps)), None)
        if found is not None:
            return _between(found, min(high, found - tried.step), fits)
    return 0


def _pieces(kind: Kind) -> Iterator[tuple[int, int]]:
    """(first, last) of each piece, from the largest sizes down."""
    ends = sorted({edge for edge in kind.edges if 0 < edge < kind.most} | {kind.most})
    pieces = [(below + 1, end) for below, end in zip([0, *ends[:-1]], ends, strict=True) if end > below]
    yield from reversed((*pieces[:MOST_PIECES], *pieces[MOST_PIECES:][-1:]))


def _between(low: int, high: int, fits: Fits) -> int:
    """The largest that fits, where `low` does and `high` does not."""
    while high - low > 1:
        middle = (low + high) // 2
        if fits(middle):
            low = middle
        else:
            high = middle
    return low
