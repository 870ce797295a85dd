"""The sentence of an explanation and the lines under it, for refusals for lack of something on NUMA nodes. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from agent.placement.model import CPU
from agent.refusals.classify import Cause, Verdict
from agent.refusals.deciding import RESTRICTED, SINGLE, Deciding, Kind, Replay, width
from agent.refusals.model import KnownFault, NodeState, Want
from agent.refusals.words import amount, asked_for, free_on, joined, line_of, who
from collectors.model.pod import Pod


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was worked out of a refusal for lack of something on NUMA nodes."""

    pod: Pod
    verdict: Verdict
    state: NodeState
    wants: tuple[Want, ...]
    deciding: Deciding | None
    replay: Replay | None
    replayed: bool | None
    stopped_at: str | None
    """The container at which the replay stopped"""
    hindsight: bool
    """Whether the state is one of later"""


def summary_of(found: Found, fault: KnownFault | None) -> str:
    verdict, deciding = found.verdict, found.deciding
    if verdict.cause is Cause.PLUGIN_AWAY:
        return (
            f"the device plugin of {verdict.resource} had no healthy device at the kubelet when the pod came"
        )
    if deciding is None:
        return _undecided(found, fault)
    if deciding.kind is Kind.SHORT:
        return _short(deciding, fault)
    names = _named(deciding)
    wish = asked_for(tuple((resource, deciding.wanted(resource)) for resource in names))
    if deciding.kind is Kind.WIDTH:
        widths = joined(
            f"{_nodes(width(found.state.of(resource), deciding.wanted(resource)))} for {_unit(resource)}"
            for resource in names
        )
        return (
            f"{who(deciding.want)} wants {wish}, which takes {widths}; policy restricted takes all of it from equally "
            "many"
        )
    free = "; ".join(
        f"of {_unit(resource)} {free_on(deciding.left.of(resource), deciding.wanted(resource))}"
        for resource in names
    )
    return (
        f"{who(deciding.want)} wants {wish} {_where(found.state)}; each could be had by itself, but nowhere together: "
        f"{free}{_after(deciding)}"
    )


def _undecided(found: Found, fault: KnownFault | None) -> str:
    """What can be said where neither rules nor figures keep the pod out."""
    wish = joined(f"{who(want)} wants {asked_for(want.amounts)}" for want in found.wants)
    if fault is not None and wish:
        return f"{wish}; {fault.what}"
    if not wish:
        return "the pod wants nothing that is known to come from NUMA nodes"
    if found.hindsight:
        return f"{wish}; as the node is now it would be taken"
    return (
        f"{wish}; by what was free the node could have taken it, so something decided that is not known here"
    )


def _named(deciding: Deciding) -> tuple[str, ...]:
    """The resources that are spoken of: of those that do not go together one alone goes against all others."""
    if len(deciding.resources) > 1 or deciding.kind is Kind.SHORT:
        return deciding.resources
    return tuple(resource for resource, _ in deciding.want.amounts)


def _short(deciding: Deciding, fault: KnownFault | None) -> str:
    """What there is too little of. Where there is enough of it by the figures, the known fault is the reason."""
    sentences: list[str] = []
    for resource in deciding.resources:
        wanted = deciding.wanted(resource)
        wish = (
            f"and {amount(resource, wanted)}"
            if sentences
            else f"{who(deciding.want)} wants {amount(resource, wanted)}"
        )
        shares = deciding.left.of(resource)
        if fault is not None and sum(share.free or 0 for share in shares) >= wanted:
            sentences.append(f"{wish}: {free_on(shares, wanted)}")
        else:
            sentences.append(f"{wish}{_too_little(deciding.left, resource, wanted)}")
    told = ", ".join(sentences) + _after(deciding)
    return told if fault is None else f"{told}; {fault.what}"


def _after(deciding: Deciding) -> str:
    """Who of the same pod took some before."""
    if not deciding.earlier:
        return ""
    return f", once {'container' if len(deciding.earlier) == 1 else 'containers'} {joined(deciding.earlier)} had theirs"


def _too_little(state: NodeState, resource: str, wanted: int) -> str:
    shares = state.of(resource)
    placed = [share for share in shares if share.node is not None]
    largest = max((share.allocatable or 0 for share in placed), default=0)
    total = sum(share.free or 0 for share in shares)
    if state.topology_policy == SINGLE and placed and largest < wanted:
        return f" on one NUMA node, and no node of this machine gives more than {amount(resource, largest)}"
    if state.topology_policy == SINGLE and placed:
        return f" on one NUMA node: {free_on(placed, wanted)}"
    needed = width(placed, wanted)
    if state.topology_policy == RESTRICTED and needed is not None and total >= wanted:
        return (
            f" on {_nodes(needed)}, as policy restricted wants what would fit so many by their size: "
            f"{free_on(placed, wanted)}"
        )
    if not placed:
        return f", and {total} are free"
    return f", and {amount(resource, total)} are free in all: {free_on(placed, wanted)}"


def _where(state: NodeState) -> str:
    return "on one NUMA node" if state.topology_policy == SINGLE else "on the same NUMA nodes"


def _nodes(number: int | None) -> str:
    if number is None:
        return "more NUMA nodes than there are"
    return f"{number} NUMA node{'s' * (number > 1)}"


def _unit(resource: str) -> str:
    return "CPUs" if resource == CPU else resource


def evidence_of(found: Found) -> tuple[str, ...]:
    lines = []
    deciding = found.deciding
    resources = _named(deciding) if deciding is not None else resources_of(found)
    for resource in resources:
        wanted = None if deciding is None else deciding.wanted(resource)
        lines += [line_of(share, wanted) for share in found.state.of(resource)]
        if any(share.node is None and share.capacity for share in found.state.of(resource)):
            lines.append(f"{resource} on no known NUMA node does not count where nodes are chosen")
    lines += _misleading(found)
    if found.state.topology_policy is not None:
        scope = f", scope {found.state.topology_scope}" if found.state.topology_scope else ""
        lines.append(f"topology policy {found.state.topology_policy}{scope}")
    if found.replayed is False and not found.hindsight:
        lines.append(
            "the kubelet's rules, replayed on what was known of the node, do not refuse this pod for that reason: "
            "something is not known here"
        )
    lines += [f"not known: {each}" for each in found.state.unknown]
    return tuple(lines)


def _misleading(found: Found) -> list[str]:
    """Where the kubelet's own words lead astray."""
    verdict = found.verdict
    if verdict.cause is Cause.MEMORY:
        return [f"the kubelet calls it {found.pod.reason}; it is a failure of alignment by another name"]
    if verdict.cause is Cause.CPUS and verdict.requested is not None:
        return [
            f"the kubelet's requested={verdict.requested} is what was still missing when it gave up, not the request"
        ]
    return []


def resources_of(found: Found) -> tuple[str, ...]:
    if found.deciding is not None:
        return found.deciding.resources
    return () if found.verdict.resource is None else (found.verdict.resource,)
