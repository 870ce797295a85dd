"""Why the kubelet refused a pod, from its own words and the state of the node just before. Pure.

The words of the kubelet say what kind of refusal it was; which resource decided, on which NUMA node how much was
missing, and what would have fitted, comes from the state, by replaying the kubelet's rules where they are at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent.placement.model import CPU
from agent.refusals import simple
from agent.refusals.classify import Cause, Verdict, verdict_of
from agent.refusals.deciding import (
    RESTRICTED,
    SINGLE,
    Deciding,
    Kind,
    Replay,
    decide_by_figures,
    decide_by_rules,
    width,
)
from agent.refusals.model import Explanation, KnownFault, NodeState, Want
from agent.refusals.signatures import Case, Circumstances, recognise
from agent.refusals.state import derive_state, without
from agent.refusals.wants import requested_resources, wants_of
from agent.refusals.ways_out import Asked, find_fit, ways_out
from agent.refusals.words import amount, asked_for, free_on, joined, line_of, who
from collectors.model import Snapshot
from collectors.model.pod import Pod

ON_NODES = frozenset(
    {Cause.ALIGNMENT, Cause.CPUS, Cause.WHOLE_CORES, Cause.MEMORY, Cause.DEVICES, Cause.PLUGIN_AWAY}
)
"""Causes of which what is free where tells more"""

RECENTLY_SECONDS = 600.0
"""After a start of the kubelet, in which it is worth telling"""

ReplayOf = Callable[[Snapshot], Replay | None]
"""The kubelet's rules on a node; None where too little is known of it"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What was worked out of a refusal for lack of something on NUMA nodes."""

    pod: Pod
    verdict: Verdict
    state: NodeState
    wants: tuple[Want, ...]
    deciding: Deciding | None
    replay: Replay | None
    replayed: bool | None
    stopped_at: str | None


def explain(
    pod: Pod, snapshot: Snapshot, *, circumstances: Circumstances, replay_of: ReplayOf
) -> Explanation:
    """Why that refused pod was refused.

    Args:
        pod: as it was refused, with the kubelet's reason and message.
        snapshot: the node just before, with what is known of its kubelet; whether the pod is in it is all the same.
        circumstances: what else is known of that time.
        replay_of: the kubelet's rules on a node.
    """
    verdict = verdict_of(pod)
    before = without(snapshot, pod)
    if verdict.cause not in ON_NODES:
        told = simple.explain(pod, verdict, before)
        return Explanation(
            pod=pod.name,
            cause=verdict.cause,
            summary=told.summary,
            container=told.container,
            resources=told.resources,
            evidence=told.evidence,
            ways_out=told.ways_out,
            known_fault=_fault(pod, verdict, circumstances, NodeState(at=before.taken_at), ()),
            hindsight=circumstances.hindsight,
        )
    found = _find(pod, verdict, before, replay_of)
    fault = _fault(pod, verdict, circumstances, found.state, found.wants)
    deciding = found.deciding
    fits, ways = _ways_out(found, _per_core(found, before))
    return Explanation(
        pod=pod.name,
        cause=verdict.cause,
        summary=_summary(found, fault),
        container=found.stopped_at if deciding is None else deciding.want.container,
        resources=_resources(found),
        wants=found.wants if deciding is None else (deciding.want,),
        state=found.state,
        evidence=(*_window(verdict, circumstances), *_evidence(found)),
        fits=fits,
        ways_out=(*(() if fault is None else (fault.way_out,)), *ways),
        known_fault=fault,
        replayed=found.replayed,
        hindsight=circumstances.hindsight,
    )


def _find(pod: Pod, verdict: Verdict, before: Snapshot, replay_of: ReplayOf) -> _Found:
    state = derive_state(before, requested_resources(pod))
    resources = {share.resource for share in state.shares}
    wants = wants_of(pod, resources, scope=state.topology_scope)
    replay = replay_of(before)
    answer = None if replay is None else replay.decide(pod)
    refused = answer is not None and not answer.admitted
    deciding = None
    if replay is not None and answer is not None and refused:
        deciding = decide_by_rules(pod, wants, state, replay, stopped_at=answer.container)
    return _Found(
        pod=pod,
        verdict=verdict,
        state=state,
        wants=wants,
        deciding=deciding or decide_by_figures(wants, state),
        replay=replay if refused else None,
        replayed=None if answer is None else refused and answer.reason == pod.reason,
        stopped_at=None if answer is None else answer.container,
    )


def _ways_out(found: _Found, per_core: int) -> tuple[str | None, tuple[str, ...]]:
    """What would have fitted, and what a person can do."""
    if found.deciding is None or found.verdict.cause is Cause.PLUGIN_AWAY:
        return None, ()
    asked = Asked(
        pod=found.pod,
        deciding=found.deciding,
        state=found.state,
        per_core=per_core,
        replay=found.replay,
    )
    fit = find_fit(asked)
    return None if fit is None else fit.words, ways_out(asked, fit)


def _fault(
    pod: Pod, verdict: Verdict, circumstances: Circumstances, state: NodeState, wants: tuple[Want, ...]
) -> KnownFault | None:
    return recognise(Case(pod=pod, verdict=verdict, circumstances=circumstances, state=state, wants=wants))


def _per_core(found: _Found, before: Snapshot) -> int:
    """How many CPUs must be asked for together."""
    if dict(found.state.cpu_options).get("full-pcpus-only") != "true":
        return 1
    cpus = before.cpus.facts
    return max((len(core.cpus) for core in cpus.cores), default=1) if cpus is not None else 1


def _resources(found: _Found) -> tuple[str, ...]:
    if found.deciding is not None:
        return found.deciding.resources
    return () if found.verdict.resource is None else (found.verdict.resource,)


def _summary(found: _Found, fault: KnownFault | None) -> str:
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


def _undecided(found: _Found, fault: KnownFault | None) -> str:
    """What can be said where neither rules nor figures keep the pod out."""
    wish = joined(f"{who(want)} wants {asked_for(want.amounts)}" for want in found.wants)
    if fault is not None and wish:
        return f"{wish}; {fault.what}"
    if not wish:
        return "the pod wants nothing that is known to come from NUMA nodes"
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


def _evidence(found: _Found) -> tuple[str, ...]:
    lines = []
    deciding = found.deciding
    resources = _named(deciding) if deciding is not None else _resources(found)
    for resource in resources:
        wanted = None if deciding is None else deciding.wanted(resource)
        lines += [line_of(share, wanted) for share in found.state.of(resource)]
        if any(share.node is None and share.capacity for share in found.state.of(resource)):
            lines.append(f"{resource} on no known NUMA node does not count where nodes are chosen")
    lines += _misleading(found)
    if found.state.topology_policy is not None:
        scope = f", scope {found.state.topology_scope}" if found.state.topology_scope else ""
        lines.append(f"topology policy {found.state.topology_policy}{scope}")
    if found.replayed is False:
        lines.append(
            "the kubelet's rules, replayed on what was known of the node, do not refuse this pod for that reason: "
            "something is not known here"
        )
    lines += [f"not known: {each}" for each in found.state.unknown]
    return tuple(lines)


def _window(verdict: Verdict, circumstances: Circumstances) -> Iterator[str]:
    """How the refusal lies to the start of the kubelet and the return of the plugin."""
    if verdict.cause is not Cause.PLUGIN_AWAY:
        return
    age = circumstances.kubelet_age
    if age is not None and age < RECENTLY_SECONDS:
        yield f"the kubelet had started {age:.1f} s before"
        back = circumstances.plugins_back.get(verdict.resource or "")
        if back is not None:
            yield f"the device plugin was back {back:.1f} s after that start"


def _misleading(found: _Found) -> list[str]:
    """Where the kubelet's own words lead astray."""
    verdict = found.verdict
    if verdict.cause is Cause.MEMORY:
        return [f"the kubelet calls it {found.pod.reason}; it is a failure of alignment by another name"]
    if verdict.cause is Cause.CPUS and verdict.requested is not None:
        return [
            f"the kubelet's requested={verdict.requested} is what was still missing when it gave up, not the request"
        ]
    return []
