"""What the kubelet still checks once the topology manager is content: operating system, resources, affinity, name,
ports and taints, in this order; the first that fails gives the reason.

Resources are compared over the whole node: what all admitted pods ask for, this one too, against what is allocatable.
Kubernetes documents the reasons nowhere; they are what users see in status.reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.admission.model import Settings
from agent.admission.versions import (
    NODE_FETCHED_AGAIN,
    POD_LEVEL_RESOURCES,
    SIDECAR_PORTS,
    SUPPLEMENTAL_GROUPS_POLICY,
    TAINT_COMPARISONS,
)
from agent.admission.whole_node.affinity import tolerates, wants_node
from agent.admission.whole_node.requirements import is_extended, is_scalar, pod_requests
from agent.admission.whole_node.wishes import HostPort, NodeObject, Wishes
from collectors.model.pod import Amounts, Pod

OS = "linux"

_COUNTED = ("cpu", "memory", "ephemeral-storage")
"""In the order in which the kubelet looks at them; after the number of pods, before everything else"""

_NO_AFFINITY = "node(s) didn't match Pod's node affinity/selector"
_NO_NAME = "node(s) didn't match the requested node name"
_NO_PORTS = "node(s) didn't have free ports for the requested pod ports"
_TAINTED = "node(s) had taints that the pod didn't tolerate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why the kubelet would not admit a pod."""

    reason: str
    message: str
    for_resources: bool = False
    """For lack of a resource on the whole node"""
    by_chance: bool = False
    """Of the resources that come after the first few, the kubelet names one by chance where several lack"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A pod with all that it asks for."""

    pod: Pod
    wishes: Wishes


def refusals(
    candidate: Candidate,
    others: Sequence[Candidate],
    *,
    node: NodeObject,
    settings: Settings,
    taken_devices: Mapping[str, int] | None = None,
) -> tuple[Refusal, ...]:
    """Why the pod would not be admitted, in the kubelet's order: it gives the first. Empty where it is admitted.

    A pod that lacks several resources beside CPU, memory and storage is refused for any of them: the kubelet's order of
    these is random, here they come by name. A critical pod is not refused for lack of resources; the kubelet evicts
    others for it.

    Args:
        candidate: the pod.
        others: those that are admitted and have not ended.
        node: the Node object; what is not known of it refuses nobody.
        settings: the kubelet's.
        taken_devices: devices that are taken, by resource, where the pod itself has got some: the node then has at
            least as many, whatever its object says.
    """
    system = _system_refusal(candidate.wishes, node, settings)
    if system is not None:
        return (system,)
    found = _general_refusals(candidate, others, _with_taken(node, taken_devices), settings)
    if (
        found
        and all(each.reason == "NodeAffinity" for each in found)
        and NODE_FETCHED_AGAIN.holds(settings.version)
    ):
        # The second look is at the object alone: that more devices are taken than it says is forgotten.
        found = _general_refusals(candidate, others, node, settings)
    if candidate.wishes.critical:
        return tuple(each for each in found if not each.for_resources)
    return found


def _general_refusals(
    candidate: Candidate, others: Sequence[Candidate], node: NodeObject, settings: Settings
) -> tuple[Refusal, ...]:
    return (
        *_resource_refusals(candidate, others, node, settings),
        *_place_refusals(candidate, others, node, settings),
    )


def _system_refusal(wishes: Wishes, node: NodeObject, settings: Settings) -> Refusal | None:
    if wishes.os_label not in (None, OS):
        message = "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label"
        return Refusal(reason="PodOSSelectorNodeLabelDoesNotMatch", message=message)
    if wishes.os not in (None, OS):
        message = "Failed to admit pod as the OS field doesn't match node OS"
        return Refusal(reason="PodOSNotSupported", message=message)
    if (
        wishes.strict_supplemental_groups
        and node.supplemental_groups_policy is False
        and SUPPLEMENTAL_GROUPS_POLICY.holds(settings.version)
    ):
        message = "SupplementalGroupsPolicy=Strict is not supported in this node"
        return Refusal(reason="SupplementalGroupsPolicyNotSupported", message=message)
    return None


def _with_taken(node: NodeObject, taken: Mapping[str, int] | None) -> NodeObject:
    if node.allocatable is None or not taken:
        return node
    allocatable = dict(node.allocatable)
    for resource, count in taken.items():
        allocatable[resource] = max(count, allocatable.get(resource, 0))
    return replace(node, allocatable=tuple(sorted(allocatable.items())))


# --- resources -------------------------------------------------------------------------------------------------------


def _resource_refusals(
    candidate: Candidate, others: Sequence[Candidate], node: NodeObject, settings: Settings
) -> Iterator[Refusal]:
    if node.allocatable is None:
        return
    capacity = dict(node.allocatable)
    if "pods" in capacity and len(others) + 1 > capacity["pods"]:
        yield _out_of("pods", 1, len(others), capacity["pods"])
    pod_level = POD_LEVEL_RESOURCES in settings.gates
    requested = _requests(_without_unknown(candidate, capacity), pod_level)
    used: dict[str, int] = {}
    for other in others:
        for resource, amount in _requests(other, pod_level).items():
            used[resource] = used.get(resource, 0) + amount
    scalars = sorted(resource for resource in requested if is_scalar(resource))
    for resource in (*(each for each in _COUNTED if each in capacity), *scalars):
        asked, taken, has = (amounts.get(resource, 0) for amounts in (requested, used, capacity))
        if asked > 0 and asked > has - taken:
            yield _out_of(resource, asked, taken, has)


def _requests(candidate: Candidate, pod_level: bool) -> dict[str, int]:
    return pod_requests(candidate.pod, pod_level=pod_level, overhead=candidate.wishes.overhead)


def _without_unknown(candidate: Candidate, capacity: Mapping[str, int]) -> Candidate:
    """An extended resource that the node does not have is not its business: it may be one of the cluster."""

    def known(amounts: Amounts) -> Amounts:
        return tuple((name, amount) for name, amount in amounts if name in capacity or not is_extended(name))

    pod = candidate.pod
    containers = tuple(replace(each, requests=known(each.requests)) for each in pod.containers)
    return replace(candidate, pod=replace(pod, containers=containers))


def _out_of(resource: str, requested: int, used: int, capacity: int) -> Refusal:
    message = (
        f"Node didn't have enough resource: {resource}, "
        f"requested: {requested}, used: {used}, capacity: {capacity}"
    )
    by_chance = resource not in ("pods", *_COUNTED)
    return Refusal(reason=f"OutOf{resource}", message=message, for_resources=True, by_chance=by_chance)


# --- place -----------------------------------------------------------------------------------------------------------


def _place_refusals(
    candidate: Candidate, others: Sequence[Candidate], node: NodeObject, settings: Settings
) -> Iterator[Refusal]:
    wishes = candidate.wishes
    if not wants_node(wishes, node):
        yield _failed("NodeAffinity", _NO_AFFINITY)
    if wishes.node_name and node.name is not None and wishes.node_name != node.name:
        yield _failed("NodeName", _NO_NAME)
    used = [port for other in others for port in _ports(other.wishes, settings)]
    if any(_clash(port, other) for port in _ports(wishes, settings) for other in used):
        yield _failed("NodePorts", _NO_PORTS)
    if not wishes.static and _repelled(wishes, node, settings):
        yield _failed("TaintToleration", _TAINTED)


def _failed(predicate: str, cause: str) -> Refusal:
    return Refusal(reason=predicate, message=f"Predicate {predicate} failed: {cause}")


def _ports(wishes: Wishes, settings: Settings) -> Iterator[HostPort]:
    sidecars = SIDECAR_PORTS.holds(settings.version)
    return (port for port in wishes.host_ports if sidecars or not port.of_sidecar)


def _clash(one: HostPort, other: HostPort) -> bool:
    if (one.port, one.protocol or "TCP") != (other.port, other.protocol or "TCP"):
        return False
    addresses = {one.address or _EVERY, other.address or _EVERY}
    return len(addresses) == 1 or _EVERY in addresses


_EVERY = "0.0.0.0"  # noqa: S104 - compared with, never bound to
"""Every address of the node"""


def _repelled(wishes: Wishes, node: NodeObject, settings: Settings) -> bool:
    """The kubelet minds taints with effect NoExecute only; the others are the scheduler's."""
    compare = TAINT_COMPARISONS in settings.gates
    return any(
        not any(tolerates(toleration, taint, compare_numbers=compare) for toleration in wishes.tolerations)
        for taint in node.taints or ()
        if taint.effect == "NoExecute"
    )
