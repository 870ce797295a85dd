"""What a pod asks for of that which the kubelet takes from NUMA nodes. Pure.

CPUs count where a Guaranteed pod's container asks for whole ones, memory and hugepages where the pod is Guaranteed,
devices always. CPUs are counted here as CPUs, not as thousandths.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from agent.admission.whole_node.requirements import GUARANTEED, pod_requests, qos_class
from agent.placement.model import CPU, HUGEPAGES, MEMORY
from agent.refusals.model import Want
from collectors.model.pod import Amounts, Pod, PodContainer

POD = "pod"
"""The role of what a pod asks for as a whole"""


def requested_resources(pod: Pod) -> frozenset[str]:
    """Every resource that any part of the pod asks for."""
    parts = (pod.requests, *(container.requests for container in pod.containers))
    return frozenset(resource for part in parts for resource, amount in part if amount)


def wants_of(pod: Pod, resources: Collection[str], *, scope: str | None) -> tuple[Want, ...]:
    """What is asked for of these resources: of each container in the kubelet's order, or in pod scope together.

    Containers that ask for nothing of it are left out.
    """
    if scope == POD or pod.requests:
        together = pod_requests(pod)
        amounts = _counted(pod, tuple(sorted(together.items())), resources)
        return (Want(container=None, role=POD, amounts=amounts),) if amounts else ()
    found = []
    for container in pod.containers:
        amounts = _counted(pod, container.requests, resources)
        if amounts:
            found.append(Want(container=container.name, role=container.role.value, amounts=amounts))
    return tuple(found)


def with_amount(pod: Pod, container: str | None, resource: str, amount: int) -> Pod:
    """The same pod asking for another amount of a resource (in CPUs, bytes or devices), in one container; where that is
    None as a whole or, where it does not, in the container that asks for the most. The others keep what they ask for."""
    number = amount * 1000 if resource == CPU else amount
    if container is None and dict(pod.requests).get(resource):
        return replace(
            pod,
            requests=_set(pod.requests, resource, number),
            limits=_set(pod.limits, resource, number),
        )
    at = _asking(pod, container, resource)
    if at is None:
        return pod
    changed = list(pod.containers)
    changed[at] = _asks(pod.containers[at], resource, number)
    return replace(pod, containers=tuple(changed))


def asking_nothing_of(pod: Pod, resource: str, *, container: str | None) -> Pod:
    """The same pod asking for nothing of a resource, in one container or, where that is None, at all. It stays in its QoS
    class, which a real pod without memory would not."""
    containers = tuple(
        _asks(each, resource, 0) if container in (None, each.name) else each for each in pod.containers
    )
    if container is not None:
        return replace(pod, containers=containers, qos_class=qos_class(pod))
    return replace(
        pod,
        containers=containers,
        qos_class=qos_class(pod),
        requests=_set(pod.requests, resource, 0),
        limits=_set(pod.limits, resource, 0),
    )


def up_to(pod: Pod, container: str | None) -> Pod:
    """The same pod without the containers behind that one, which have no say in whether it gets something; where it is
    None all of them stay."""
    names = [each.name for each in pod.containers]
    if container not in names:
        return pod
    return replace(pod, containers=pod.containers[: names.index(container) + 1])


def _asking(pod: Pod, container: str | None, resource: str) -> int | None:
    """Which container is meant; of several that ask for a resource the one that asks for the most."""
    asking = [
        (dict(each.requests)[resource], -at)
        for at, each in enumerate(pod.containers)
        if container in (None, each.name) and dict(each.requests).get(resource)
    ]
    return -max(asking)[1] if asking else None


def _asks(container: PodContainer, resource: str, number: int) -> PodContainer:
    return replace(
        container,
        requests=_set(container.requests, resource, number),
        limits=_set(container.limits, resource, number),
    )


def _set(amounts: Amounts, resource: str, number: int) -> Amounts:
    """Amounts with another number of a resource that is among them; 0 takes it out."""
    return tuple(
        (name, number if name == resource else amount)
        for name, amount in amounts
        if number or name != resource
    )


def _counted(pod: Pod, amounts: Amounts, resources: Collection[str]) -> Amounts:
    """Those of a container's amounts that the kubelet takes from NUMA nodes."""
    guaranteed = qos_class(pod) == GUARANTEED
    found = []
    for resource, amount in amounts:
        if resource not in resources or not amount:
            continue
        if resource == CPU:
            if guaranteed and amount % 1000 == 0:
                found.append((CPU, amount // 1000))
        elif guaranteed or not (resource == MEMORY or resource.startswith(HUGEPAGES)):
            found.append((resource, amount))
    return tuple(found)
