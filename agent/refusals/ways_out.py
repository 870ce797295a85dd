"""What would have fitted, and the nearest ways out. Pure.

With the rules at hand each is tried before it is said; without them only what the figures alone make certain is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.placement.model import CPU
from agent.refusals.deciding import RESTRICTED, SINGLE, Deciding, Kind, Replay
from agent.refusals.model import NodeState, Share
from agent.refusals.state import INIT
from agent.refusals.wants import with_amount
from agent.refusals.words import amount, joined
from collectors.model.pod import Pod

TRIES = 8
"""Replays for each question at most: one takes milliseconds, on dozens of NUMA nodes tens of them"""

LOOSER = {SINGLE: (RESTRICTED, "best-effort"), RESTRICTED: ("best-effort",)}
"""Topology policies that refuse less, the nearest first"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was refused and why, for those who look for a way out."""

    pod: Pod
    deciding: Deciding
    state: NodeState
    per_core: int = 1
    """CPUs that must be asked for together (full-pcpus-only), else 1"""
    replay: Replay | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The most of one resource that would have fitted."""

    resource: str
    number: int
    nodes: tuple[int, ...] = ()
    """Where; empty where that is not known"""

    @property
    def words(self) -> str:
        """One sentence for people."""
        where = f", on {_nodes(self.nodes)}" if self.nodes else ""
        return f"{amount(self.resource, self.number)} would have fitted{where}"


def find_fit(asked: Asked) -> Fit | None:
    """The most of the deciding resource that would have fitted, everything else as it is; None where nothing less is
    known to."""
    for resource in asked.deciding.resources:
        if asked.replay is None:
            found = _fit_by_figures(asked, resource)
        else:
            found = _fit_by_rules(asked, asked.replay, resource)
        if found is not None:
            return found
    return None


def ways_out(asked: Asked, fit: Fit | None) -> tuple[str, ...]:
    """What a person can do, the nearest first."""
    found = []
    if fit is not None:
        found.append(f"ask for {amount(fit.resource, fit.number)} at most")
    goes = _who_could_go(asked)
    if goes is not None:
        found.append(goes)
    policy = _looser_policy(asked)
    if policy is not None:
        found.append(
            f"under topology policy {policy} this node would have taken it, spread over its NUMA nodes"
        )
    if not found:
        found.append("another node: this one has no room for it now, nor for less of it")
    return tuple(found)


def _fit_by_figures(asked: Asked, resource: str) -> Fit | None:
    """Only where too little of one resource is the whole story."""
    if asked.deciding.kind is not Kind.SHORT or len(asked.deciding.resources) > 1:
        return None
    wanted = asked.deciding.wanted(resource)
    placed = [share for share in asked.deciding.left.of(resource) if share.node is not None and share.free]
    if asked.state.topology_policy not in (SINGLE, RESTRICTED):
        together = _rounded(
            asked, resource, sum(share.free or 0 for share in asked.deciding.left.of(resource))
        )
        return Fit(resource=resource, number=together) if 0 < together < wanted else None
    best = max(placed, key=lambda share: share.free or 0, default=None)
    number = 0 if best is None else _rounded(asked, resource, best.free or 0)
    if best is None or best.node is None or not 0 < number < wanted:
        return None
    return Fit(resource=resource, number=number, nodes=(best.node,))


def _fit_by_rules(asked: Asked, replay: Replay, resource: str) -> Fit | None:
    want = asked.deciding.want
    candidates = sorted(set(_candidates(asked, resource)), reverse=True)
    for number in candidates[:TRIES]:
        answer = replay.decide(with_amount(asked.pod, want.container, resource, number))
        if answer.admitted:
            placed = any(share.node is not None for share in asked.deciding.left.of(resource))
            aligned = placed and asked.state.topology_policy in (SINGLE, RESTRICTED)
            nodes = _nodes_given(answer.nodes, want.container) if aligned else ()
            return Fit(resource=resource, number=number, nodes=nodes)
    return None


def _nodes_given(nodes: Mapping[str, tuple[int, ...]], container: str | None) -> tuple[int, ...]:
    """Where the container would have been; of the pod as a whole where any of its containers would."""
    if container is not None:
        return nodes.get(container, ())
    return tuple(sorted({node for each in nodes.values() for node in each}))


def _candidates(asked: Asked, resource: str) -> Iterator[int]:
    """Amounts below what was asked for that might fit: what is free on one node, or on the freest few together."""
    wanted = asked.deciding.wanted(resource)
    free = sorted((share.free or 0 for share in asked.deciding.left.of(resource)), reverse=True)
    together = 0
    for each in free:
        together += each
        for number in (each, together):
            rounded = _rounded(asked, resource, number)
            if 0 < rounded < wanted:
                yield rounded


def _rounded(asked: Asked, resource: str, number: int) -> int:
    return number - number % asked.per_core if resource == CPU else number


def _who_could_go(asked: Asked) -> str | None:
    """The pod that holds the least of what would be enough with what is free beside it."""
    if asked.replay is None and not (
        asked.deciding.kind is Kind.SHORT and len(asked.deciding.resources) == 1
    ):
        return None  # the figures alone do not tell whether that would be enough
    enough = [
        (holding.amount, holding.holder, share)
        for resource in asked.deciding.resources
        for share in asked.deciding.left.of(resource)
        for holding in share.holders
        if (share.free or 0) < asked.deciding.wanted(resource) <= (share.free or 0) + holding.amount
    ]
    enough.sort(key=lambda each: (each[0], each[1]))
    for held, holder, share in enough[:TRIES]:
        if asked.replay is None or _fits_without(asked, asked.replay, holder):
            return (
                f"it would fit if {holder.removesuffix(INIT)} were not here, which holds "
                f"{amount(share.resource, held)} on {_place(share)}"
            )
    return None


def _fits_without(asked: Asked, replay: Replay, holder: str) -> bool:
    emptier = replay.without(holder.removesuffix(INIT))
    return emptier is not None and emptier.decide(asked.pod).admitted


def _looser_policy(asked: Asked) -> str | None:
    if asked.replay is None:
        return None
    for policy in LOOSER.get(asked.state.topology_policy or "", ()):
        if asked.replay.under(policy).decide(asked.pod).admitted:
            return policy
    return None


def _place(share: Share) -> str:
    return "this node" if share.node is None else f"NUMA node {share.node}"


def _nodes(nodes: tuple[int, ...]) -> str:
    return f"NUMA {'node' if len(nodes) == 1 else 'nodes'} {joined(map(str, nodes))}"
