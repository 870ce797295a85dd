"""Which container and which resource decided that a pod was refused. Pure.

By replay where the kubelet's rules can be replayed on the state just before: the pod is tried again asking for nothing of
one resource after the other. Else by the figures of that state alone, as near as figures come.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

from agent.placement.model import CPU
from agent.refusals.model import NodeState, Share, Want
from agent.refusals.wants import asking_nothing_of, up_to
from collectors.model.pod import ContainerRole, Pod

_INIT = ContainerRole.INIT.value

SINGLE = "single-numa-node"
RESTRICTED = "restricted"


class Answer(Protocol):
    """What the rules say of a pod."""

    @property
    def admitted(self) -> bool:
        """Whether the kubelet would take it."""

    @property
    def reason(self) -> str | None:
        """status.reason of a refused pod."""

    @property
    def container(self) -> str | None:
        """At which the kubelet would stop; None where it is the pod as a whole."""

    @property
    def nodes(self) -> Mapping[str, tuple[int, ...]]:
        """The NUMA nodes of each container that would get some by name, as far as the kubelet came."""


class Replay(Protocol):
    """The kubelet's rules on the state just before."""

    def decide(self, pod: Pod) -> Answer:
        """What the kubelet would do with that pod."""

    def without(self, holder: str) -> Self | None:
        """The same with `namespace/pod` gone; None where it cannot be taken away."""

    def under(self, policy: str) -> Self:
        """The same under another topology policy."""


class Kind(enum.Enum):
    """How the resources decided."""

    SHORT = "short"
    """There is too little of each of them, whatever else the pod asks for"""
    TOGETHER = "together"
    """Each could be had, but not on the same NUMA nodes"""
    WIDTH = "width"
    """One needs more NUMA nodes than another, which policy restricted does not take"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """Who decided."""

    want: Want
    kind: Kind
    resources: tuple[str, ...]
    """Of the want, those that matter"""
    left: NodeState
    """What there was when it came to this container: without what containers before it in the same pod took"""
    earlier: tuple[str, ...] = ()
    """Those containers"""

    def wanted(self, resource: str) -> int:
        """How much of it is asked for."""
        return dict(self.want.amounts)[resource]


def decide_by_rules(
    pod: Pod, wants: Sequence[Want], state: NodeState, replay: Replay, *, stopped_at: str | None
) -> Deciding | None:
    """Who decided, by replaying the pod without this or that; None where it asks for nothing that could.

    `stopped_at` is the container at which the replay of the pod itself stopped.
    """
    if not wants:
        return None
    want = next((each for each in wants if each.container == stopped_at), wants[-1])
    left, earlier = _after(wants[: wants.index(want)], state)
    names = tuple(resource for resource, _ in want.amounts)
    pod = up_to(pod, want.container)
    short = tuple(
        resource
        for resource in names
        if not replay.decide(_with_only(pod, want.container, names, resource)).admitted
    )
    if short:
        return Deciding(want=want, kind=Kind.SHORT, resources=short, left=left, earlier=earlier)
    relief = tuple(
        resource
        for resource in names
        if replay.decide(asking_nothing_of(pod, resource, container=want.container)).admitted
    )
    return Deciding(
        want=want, kind=_together(want, state), resources=relief or names, left=left, earlier=earlier
    )


def decide_by_figures(wants: Sequence[Want], state: NodeState) -> Deciding | None:
    """Who decided, by what was free; None where the figures would let the pod in."""
    for position, want in enumerate(wants):
        left, earlier = _after(wants[:position], state)
        short = tuple(
            resource for resource, number in want.amounts if not _fits(left, left.of(resource), number)
        )
        if short:
            return Deciding(want=want, kind=Kind.SHORT, resources=short, left=left, earlier=earlier)
        kind = _together(want, left)
        apart = not _common_nodes(want, left) and _insists_on_one(want, left)
        if kind is Kind.WIDTH or apart:
            names = tuple(resource for resource, _ in want.amounts)
            return Deciding(want=want, kind=kind, resources=names, left=left, earlier=earlier)
    return None


def width(shares: Iterable[Share], wanted: int) -> int | None:
    """How many NUMA nodes the kubelet thinks it takes when they are empty; None where all of them are too few.

    Of CPUs it counts the reserved ones too, so that it may insist on fewer nodes than can ever do.
    """
    left = wanted
    sizes = [
        (share.capacity if share.resource == CPU else share.allocatable) or 0 for share in _placed(shares)
    ]
    for number, size in enumerate(sorted(sizes, reverse=True), start=1):
        left -= size
        if left <= 0:
            return number
    return None


def _with_only(pod: Pod, container: str | None, names: Iterable[str], kept: str) -> Pod:
    for name in names:
        if name != kept:
            pod = asking_nothing_of(pod, name, container=container)
    return pod


def _together(want: Want, state: NodeState) -> Kind:
    widths = {width(state.of(resource), number) for resource, number in want.amounts}
    return Kind.WIDTH if state.topology_policy == RESTRICTED and len(widths - {None}) > 1 else Kind.TOGETHER


def _insists_on_one(want: Want, state: NodeState) -> bool:
    """Whether the policy takes no less than all of it on one NUMA node."""
    if state.topology_policy == RESTRICTED:
        return all((width(state.of(resource), number) or 1) == 1 for resource, number in want.amounts)
    return state.topology_policy == SINGLE


def _fits(state: NodeState, shares: Sequence[Share], wanted: int) -> bool:
    """Whether enough of one resource is free as the policy wants it. What is not known is taken to do."""
    free = sorted((share.free for share in _placed(shares) if share.free is not None), reverse=True)
    if not free:
        return True
    if state.topology_policy == SINGLE:
        return free[0] >= wanted
    if state.topology_policy == RESTRICTED:
        needed = width(shares, wanted)
        return needed is not None and sum(free[:needed]) >= wanted
    elsewhere = sum(share.free or 0 for share in shares if share.node is None)
    return sum(free) + elsewhere >= wanted


def _common_nodes(want: Want, state: NodeState) -> frozenset[int]:
    """The nodes that have all of it free by themselves."""
    common: frozenset[int] | None = None
    for resource, number in want.amounts:
        placed = _placed(state.of(resource))
        if not placed:
            continue
        nodes = frozenset(
            share.node for share in placed if share.node is not None and (share.free or 0) >= number
        )
        common = nodes if common is None else common & nodes
    return common or frozenset()


def _after(wants: Iterable[Want], state: NodeState) -> tuple[NodeState, tuple[str, ...]]:
    """What is left when these containers have taken theirs, each from the first node that has all of it; and those of
    them that did. What an init container has taken the next one takes over."""
    took: list[str] = []
    for want in wants:
        common = _common_nodes(want, state)
        if want.role != _INIT and want.container is not None and common:
            state = _less(state, want, min(common))
            took.append(want.container)
    return state, tuple(took)


def _less(state: NodeState, want: Want, node: int) -> NodeState:
    amounts = dict(want.amounts)
    return replace(
        state,
        shares=tuple(
            replace(share, free=(share.free or 0) - amounts[share.resource])
            if share.node == node and share.resource in amounts
            else share
            for share in state.shares
        ),
    )


def _placed(shares: Iterable[Share]) -> list[Share]:
    return [share for share in shares if share.node is not None]
