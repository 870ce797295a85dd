"""Refusals that are known not to be the pod's fault: the kubelet's own faults and gaps, each by its thread. Pure.

A signature is a name that stays, and a test on facts. The first one that fits is told; docs/refusals.md lists them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agent.placement.model import CPU, HUGEPAGES, MEMORY
from agent.refusals.classify import Cause, Verdict
from agent.refusals.deciding import RESTRICTED, SINGLE, width
from agent.refusals.model import KnownFault, NodeState, Want
from collectors.model.pod import ContainerRole, ContainerState, Pod

_THREADS = "https://github.com/kubernetes/kubernetes/issues"

_INIT = ContainerRole.INIT.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What is known of the time around a refusal."""

    before: Pod | None = None
    """The same pod as it was before; None where it was new"""
    hindsight: bool = False
    """Whether the pod had been refused before anybody looked"""
    kubelet_age: float | None = None
    """Seconds since the kubelet had started; None where nobody saw it start"""
    plugins_back: Mapping[str, float] = field(default_factory=dict)
    """By resource, how many seconds after that start its device plugin was back; those that are"""

    @property
    def ran(self) -> bool:
        """Whether it had been admitted and had not ended: a kubelet that starts admits every pod anew."""
        started = (ContainerState.RUNNING, ContainerState.TERMINATED)
        return (
            self.before is not None
            and not self.before.ended
            and any(container.state in started for container in self.before.containers)
        )

    @property
    def completed(self) -> bool:
        """Whether it had ended well."""
        return self.before is not None and self.before.phase == "Succeeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A refusal, as far as a signature asks."""

    pod: Pod
    verdict: Verdict
    circumstances: Circumstances
    state: NodeState
    wants: tuple[Want, ...] = ()
    """All of the pod's, in the kubelet's order"""

    def most(self, resource: str, *, init: bool) -> int:
        """The most that one of its ordinary init containers, or of its other containers, asks for."""
        return max(
            (dict(want.amounts).get(resource, 0) for want in self.wants if (want.role == _INIT) is init),
            default=0,
        )

    def free(self, resource: str) -> list[int]:
        """What is free on each NUMA node, by node."""
        return [share.free or 0 for share in self.state.of(resource) if share.node is not None]


def recognise(case: Case) -> KnownFault | None:
    """The known fault that this refusal is; None where it is none of them."""
    return next((fault for fault, fits in SIGNATURES if fits(case)), None)


def _completed(case: Case) -> bool:
    return case.circumstances.completed


def _init_devices_at_start(case: Case) -> bool:
    lacking = case.verdict.cause in (Cause.DEVICES, Cause.PLUGIN_AWAY)
    return lacking and case.circumstances.ran and case.most(case.verdict.resource or "", init=True) > 0


def _plugin_away(case: Case) -> bool:
    return case.verdict.cause is Cause.PLUGIN_AWAY


def _cores_at_start(case: Case) -> bool:
    return case.verdict.cause in (Cause.WHOLE_CORES, Cause.PARTIAL_CORE) and case.circumstances.ran


def _init_elsewhere(case: Case) -> bool:
    """An init container has taken CPUs from a node where the rest does not fit, though another node would do."""
    wanted = case.most(CPU, init=False)
    return (
        case.verdict.cause is Cause.ALIGNMENT
        and case.state.topology_policy in (SINGLE, RESTRICTED)
        and case.most(CPU, init=True) > 0
        and wanted > 0
        and any(free < wanted for free in case.free(CPU))
        and all(
            any(free >= number for free in case.free(resource))
            for want in case.wants
            for resource, number in want.amounts
        )
    )


def _memory_types(case: Case) -> list[str]:
    """Memory and hugepages that the pod asks for and that the memory manager gives."""
    if case.verdict.cause not in (Cause.MEMORY, Cause.ALIGNMENT) or case.state.topology_policy == SINGLE:
        return []
    return sorted(
        resource
        for resource in {name for want in case.wants for name, _ in want.amounts}
        if (resource == MEMORY or resource.startswith(HUGEPAGES)) and case.state.of(resource)
    )


def _nodes_joined(case: Case) -> bool:
    """Memory that would fit one node is refused, because that node is given from together with others."""
    joined = {node for group in case.state.groups for node in group}
    return any(_only_in(joined, case, resource) for resource in _memory_types(case))


def _only_in(joined: set[int], case: Case, resource: str) -> bool:
    wanted = case.most(resource, init=False)
    roomy = [
        share.node
        for share in case.state.of(resource)
        if share.node is not None and (share.free or 0) >= wanted > 0
    ]
    return bool(roomy) and all(node in joined for node in roomy)


def _nodes_apart(case: Case) -> bool:
    """Memory that needs several nodes is refused, because pods hold memory of one of them alone."""
    return any(_needs_others(case, resource) for resource in _memory_types(case))


def _needs_others(case: Case, resource: str) -> bool:
    wanted = case.most(resource, init=False)
    joined = {node for group in case.state.groups for node in group}
    alone = any(
        share.holders and share.node not in joined
        for kind in (MEMORY, resource)
        for share in case.state.of(kind)
        if share.node is not None
    )
    return alone and max(case.free(resource), default=0) < wanted <= sum(case.free(resource))


def _restricted_insists(case: Case) -> bool:
    """Enough is free in all, but policy restricted takes no more nodes than it would take on an empty machine."""
    wanted = case.most(CPU, init=False)
    shares = [share for share in case.state.of(CPU) if share.node is not None]
    needed = width(shares, wanted)
    free = sorted(case.free(CPU), reverse=True)
    return (
        case.verdict.cause is Cause.ALIGNMENT
        and case.state.topology_policy == RESTRICTED
        and needed is not None
        and sum(free[:needed]) < wanted <= sum(free)
    )


SIGNATURES: tuple[tuple[KnownFault, Callable[[Case], bool]], ...] = (
    (
        KnownFault(
            name="completed-pod",
            what="the pod had completed, and the kubelet admitted it anew when it started; nothing of its work is lost",
            link=f"{_THREADS}/117955",
            way_out="nothing need be done; delete the pod when its result is not needed any more",
        ),
        _completed,
    ),
    (
        KnownFault(
            name="init-container-devices",
            what="the pod ran before the kubelet started anew, and its init container's devices are asked for a second "
            "time though it is long done",
            link=f"{_THREADS}/138446",
            way_out="let its controller replace it; to keep it from happening again leave the device out of the init "
            "container's limits",
        ),
        _init_devices_at_start,
    ),
    (
        KnownFault(
            name="plugin-not-back",
            what="the kubelet admitted the pod before the device plugin had registered with it, as happens after a "
            "reboot or a restart of the kubelet",
            link=f"{_THREADS}/128043",
            way_out="let its controller replace it, or delete it: a refused pod is never tried again by itself; where "
            "the plugin stays away look at its own pod on this node",
        ),
        _plugin_away,
    ),
    (
        KnownFault(
            name="cores-at-restart",
            what="the pod ran before the kubelet started anew, and full-pcpus-only was checked as if its own CPUs were "
            "somebody else's",
            link=f"{_THREADS}/129078",
            way_out="let its controller replace it; later kubelets count the CPUs that a container has already",
        ),
        _cores_at_start,
    ),
    (
        KnownFault(
            name="init-container-binds-node",
            what="an init container took its CPUs from a NUMA node that has too few for the rest of the pod, which has "
            "to use those first; another node would have had room for all",
            link=f"{_THREADS}/123816",
            way_out="let the init container ask for a fraction more than whole CPUs (1100m), so that it takes none for "
            "itself; or use topology scope pod",
        ),
        _init_elsewhere,
    ),
    (
        KnownFault(
            name="memory-nodes-joined",
            what="a pod holds memory of several NUMA nodes together, and while it does the kubelet gives no pod memory "
            "of one of these nodes alone",
            link=f"{_THREADS}/128669",
            way_out="keep pods with memory of several NUMA nodes on nodes of their own, or restart the one that is here",
        ),
        _nodes_joined,
    ),
    (
        KnownFault(
            name="memory-nodes-apart",
            what="the memory needs several NUMA nodes together, and the kubelet does not join nodes of which a pod "
            "holds memory alone",
            link=f"{_THREADS}/128708",
            way_out="start the pod that needs several NUMA nodes first, or keep it on a node of its own",
        ),
        _nodes_apart,
    ),
    (
        KnownFault(
            name="restricted-insists",
            what="enough CPUs are free in all, but policy restricted takes no more NUMA nodes than the pod would need on "
            "an empty machine",
            link=f"{_THREADS}/84597",
            way_out="policy best-effort takes what is free; or make room on one NUMA node",
        ),
        _restricted_insists,
    ),
)
"""The most particular first"""
