"""Why the kubelet refused a pod, from its own words and the state of the node just before. Pure.

The words of the kubelet say what kind of refusal it was; which resource decided, on which NUMA node how much was
missing, and what would have fitted, comes from the state, by replaying the kubelet's rules where they are at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from agent.refusals import simple
from agent.refusals.classify import Cause, Verdict, verdict_of
from agent.refusals.deciding import (
    Replay,
    decide_by_figures,
    decide_by_rules,
)
from agent.refusals.model import Explanation, KnownFault, NodeState, Want
from agent.refusals.sentences import Found, evidence_of, resources_of, summary_of
from agent.refusals.signatures import Case, Circumstances, recognise
from agent.refusals.state import derive_state, without
from agent.refusals.wants import requested_resources, wants_of
from agent.refusals.ways_out import Asked, find_fit, ways_out
from collectors.model import Snapshot
from collectors.model.pod import Pod

ON_NODES = frozenset(
    {Cause.ALIGNMENT, Cause.CPUS, Cause.WHOLE_CORES, Cause.MEMORY, Cause.DEVICES, Cause.PLUGIN_AWAY}
)
"""Causes of which what is free where tells more"""

NOW_IT_FITS = "let its controller replace it, or make it anew: a refused pod is never tried again by itself"

RECENTLY_SECONDS = 600.0
"""After a start of the kubelet, in which it is worth telling"""

ReplayOf = Callable[[Snapshot], Replay | None]
"""The kubelet's rules on a node; None where too little is known of it"""


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
    found = _find(pod, verdict, before, replay_of, hindsight=circumstances.hindsight)
    fault = _fault(pod, verdict, circumstances, found.state, found.wants)
    deciding = found.deciding
    fits, ways = _ways_out(found, _per_core(found, before))
    return Explanation(
        pod=pod.name,
        cause=verdict.cause,
        summary=summary_of(found, fault),
        container=found.stopped_at if deciding is None else deciding.want.container,
        resources=resources_of(found),
        wants=found.wants if deciding is None else (deciding.want,),
        state=found.state,
        evidence=(*_window(verdict, circumstances), *evidence_of(found)),
        fits=fits,
        ways_out=(*(() if fault is None else (fault.way_out,)), *ways),
        known_fault=fault,
        replayed=found.replayed,
        hindsight=circumstances.hindsight,
    )


def _find(pod: Pod, verdict: Verdict, before: Snapshot, replay_of: ReplayOf, *, hindsight: bool) -> Found:
    state = derive_state(before, requested_resources(pod))
    resources = {share.resource for share in state.shares}
    wants = wants_of(pod, resources, scope=state.topology_scope)
    replay = replay_of(before)
    answer = None if replay is None else replay.decide(pod)
    refused = answer is not None and not answer.admitted
    deciding = None
    if replay is not None and answer is not None and refused:
        deciding = decide_by_rules(pod, wants, state, replay, stopped_at=answer.container)
    return Found(
        pod=pod,
        verdict=verdict,
        state=state,
        wants=wants,
        deciding=deciding or decide_by_figures(wants, state),
        replay=replay if refused else None,
        replayed=None if answer is None else refused and answer.reason == pod.reason,
        stopped_at=None if answer is None else answer.container,
        hindsight=hindsight,
    )


def _ways_out(found: Found, per_core: int) -> tuple[str | None, tuple[str, ...]]:
    """What would have fitted, and what a person can do."""
    if found.deciding is None or found.verdict.cause is Cause.PLUGIN_AWAY:
        return None, (NOW_IT_FITS,) if found.hindsight and found.wants and found.deciding is None else ()
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


def _per_core(found: Found, before: Snapshot) -> int:
    """How many CPUs must be asked for together."""
    if dict(found.state.cpu_options).get("full-pcpus-only") != "true":
        return 1
    cpus = before.cpus.facts
    return max((len(core.cpus) for core in cpus.cores), default=1) if cpus is not None else 1


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
