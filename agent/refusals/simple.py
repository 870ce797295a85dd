"""Refusals that the kubelet's own words explain, once they are put plainly: no NUMA node comes into it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent.admission.whole_node.requirements import pod_requests
from agent.placement.model import CPU, HUGEPAGES, MEMORY
from agent.refusals.classify import Cause, Verdict
from agent.refusals.wants import requested_resources
from agent.refusals.words import amount, joined
from collectors.model import Snapshot
from collectors.model.pod import Pod, PodContainer

LARGEST = 4
"""Of the pods that ask for most, those that are named"""

_NATIVE = (CPU, MEMORY, "ephemeral-storage", "pods")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What can be said."""

    summary: str
    container: str | None = None
    resources: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    ways_out: tuple[str, ...] = ()


def explain(pod: Pod, verdict: Verdict, before: Snapshot) -> Told:
    """What happened, and the way out."""
    return _TELLERS[verdict.cause](pod, verdict, before)


def _partial_core(pod: Pod, verdict: Verdict, before: Snapshot) -> Told:
    per_core = verdict.per_core or 2
    odd = next((each for each in pod.containers if _whole_cpus(each) % per_core), None)
    number = verdict.requested if odd is None else _whole_cpus(odd)
    fewer = (number or 0) - (number or 0) % per_core
    return Told(
        summary=f"{'the pod' if odd is None else f'container {odd.name}'} wants {amount(CPU, number or 0)}, and CPU "
        f"manager option full-pcpus-only gives whole cores of {per_core} CPUs only",
        container=None if odd is None else odd.name,
        resources=(CPU,),
        ways_out=(
            f"ask for {joined((str(each) for each in (fewer, fewer + per_core) if each), last='or')} CPUs",
        ),
    )


def _no_shared_pool(pod: Pod, verdict: Verdict, before: Snapshot) -> Told:
    resource = verdict.resource or CPU
    sharing = [each.name for each in pod.containers if not _whole_cpus(each)]
    unit = "CPUs" if resource == CPU else resource
    return Told(
        summary=f"the pod's containers with {unit} of their own ask for the whole budget of the pod, so that nothing is "
        f"left for those that share{f' ({joined(sharing)})' if sharing else ''}",
        resources=(resource,),
        ways_out=("give the pod more than its exclusive containers ask for together (spec.resources)",),
    )


def _plugin_error(pod: Pod, verdict: Verdict, before: Snapshot) -> Told:
    devices = sorted(each for each in requested_resources(pod) if _is_device(each))
    whose = f"of {devices[0]}" if len(devices) == 1 else f"of one of {joined(devices)}" if devices else ""
    return Told(
        summary=f"the device plugin {whose} answered with an error: {verdict.detail}".replace("  ", " "),
        resources=tuple(devices),
        evidence=("what was free on the node has nothing to do with it",),
        ways_out=(
            "the log of the plugin's pod on this node says more; the plugin has to be mended, not the pod",
        ),
    )


def _capacity(pod: Pod, verdict: Verdict, before: Snapshot) -> Told:
    resource = verdict.resource or "?"
    asked, free, all_ = (
        _requests(resource, number or 0)
        for number in (verdict.requested, verdict.available, verdict.capacity)
    )
    fits_never = (verdict.requested or 0) > (verdict.capacity or 0)
    if resource == "pods":
        summary = f"the node takes {all_}, and has them"
    else:
        summary = f"the pod asks for {asked}, and the node has {free} of {all_} left by what its pods ask for"
    largest = tuple(
        f"{holder} asks for {_requests(resource, number)}"
        for holder, number in _largest(before, resource)
        if resource != "pods"
    )
    ways = [f"ask for {free} at most"] if verdict.available and resource != "pods" else []
    ways.append(
        "another node: this one is too small for it"
        if fits_never
        else "another node, or room on this one; pods bound by spec.nodeName pass by the scheduler, which would have known"
    )
    return Told(summary=summary, resources=(resource,), evidence=largest, ways_out=tuple(ways))


def _placement(pod: Pod, verdict: Verdict, before: Snapshot) -> Told:
    said = verdict.detail or "the pod does not belong on this node"
    return Told(
        summary=f"the pod does not belong on this node: {said}",
        ways_out=(
            (
                "a pod that was bound by spec.nodeName passes by the scheduler; else the node's labels or taints have "
                "changed since it was bound"
            ),
        ),
    )


def _node_state(pod: Pod, verdict: Verdict, before: Snapshot) -> Told:
    return Told(
        summary=f"the node took no pods at that moment: {verdict.detail}",
        ways_out=("its controller makes another one; a pod without a controller has to be made again",),
    )


def _unsupported(pod: Pod, verdict: Verdict, before: Snapshot) -> Told:
    return Told(
        summary=f"the node cannot do what the pod asks for: {verdict.detail}",
        ways_out=("a node that can, or a pod that does not ask for it",),
    )


def _volumes(pod: Pod, verdict: Verdict, before: Snapshot) -> Told:
    return Told(
        summary=f"no more volumes can be attached to the node: {verdict.detail}",
        ways_out=("another node, or fewer pods with volumes of that driver on this one",),
    )


def _other(pod: Pod, verdict: Verdict, before: Snapshot) -> Told:
    return Told(
        summary=f"the kubelet says: {verdict.detail or pod.reason or 'nothing'}",
        evidence=("these words are not known here; `numascope capture` helps to make them so",),
    )


_TELLERS: dict[Cause, Callable[[Pod, Verdict, Snapshot], Told]] = {
    Cause.PARTIAL_CORE: _partial_core,
    Cause.NO_SHARED_POOL: _no_shared_pool,
    Cause.PLUGIN_ERROR: _plugin_error,
    Cause.CAPACITY: _capacity,
    Cause.PLACEMENT: _placement,
    Cause.NODE_STATE: _node_state,
    Cause.UNSUPPORTED: _unsupported,
    Cause.VOLUMES: _volumes,
    Cause.OTHER: _other,
}


def _whole_cpus(container: PodContainer) -> int:
    millis = dict(container.requests).get(CPU, 0)
    return millis // 1000 if millis % 1000 == 0 else 0


def _is_device(resource: str) -> bool:
    return resource not in _NATIVE and not resource.startswith(HUGEPAGES)


def _requests(resource: str, number: int) -> str:
    """An amount as requests count it: CPUs in thousandths."""
    if resource == CPU:
        return f"{number / 1000:g} CPU{'' if number == 1000 else 's'}"
    if resource == "ephemeral-storage":
        return amount(MEMORY, number).replace(MEMORY, "ephemeral storage")
    return amount(resource, number)


def _largest(before: Snapshot, resource: str) -> Iterator[tuple[str, int]]:
    """The pods on the node that ask for the most of it."""
    pods = None if before.kubelet is None else before.kubelet.pods.facts
    asking = [
        (pod_requests(pod).get(resource, 0), f"{pod.namespace}/{pod.name}")
        for pod in pods or ()
        if not pod.ended
    ]
    asking.sort(key=lambda each: (-each[0], each[1]))
    for number, name in asking[:LARGEST]:
        if number:
            yield name, number
