"""How much memory and how many hugepages a pod and its containers ask the memory manager for: Guaranteed ones only."""

from __future__ import annotations

from agent.admission.memory.table import is_memory
from agent.admission.model import Settings
from agent.admission.versions import (
    MEMORY_PASSES_OVER_WHOLE_PODS,
    MEMORY_PASSES_OVER_WHOLE_PODS_WITHOUT_GATE,
    POD_LEVEL_RESOURCE_MANAGERS,
    POD_LEVEL_RESOURCES,
)
from agent.admission.whole_node.requirements import GUARANTEED, amount_of, has_pod_level_resources, qos_class
from collectors.model.pod import ContainerRole, Pod, PodContainer

Amounts = dict[str, int]
"""Bytes by resource"""


class EmptySharedPoolError(Exception):
    """Containers of the pod share what its others leave of the pod's memory, and these leave nothing."""


def is_managed(pod: Pod, settings: Settings) -> bool:
    """Whether the memory manager gives this pod memory of its own."""
    if qos_class(pod) != GUARANTEED:
        return False
    if not has_pod_level_resources(pod) or is_whole(pod, settings):
        return True
    gate = POD_LEVEL_RESOURCES in settings.gates
    switch = MEMORY_PASSES_OVER_WHOLE_PODS if gate else MEMORY_PASSES_OVER_WHOLE_PODS_WITHOUT_GATE
    return not switch.holds(settings.version)


def is_whole(pod: Pod, settings: Settings) -> bool:
    """Whether the pod's memory is managed as a whole: it has resources of its own, and both gates are on."""
    return settings.gates >= {POD_LEVEL_RESOURCES, POD_LEVEL_RESOURCE_MANAGERS} and has_pod_level_resources(
        pod
    )


def container_request(container: PodContainer, *, whole: bool) -> Amounts:
    """What the container asks for; empty where it lives in the pod's shared memory.

    That is where the pod's memory is managed as a whole and the container does not fix both its CPUs and its memory. A
    kind that is asked for with an amount of 0 counts as asked for.
    """
    if whole and not _guaranteed_by_itself(container):
        return {}
    return {resource: amount for resource, amount in container.requests if is_memory(resource)}


def pod_request(pod: Pod, *, whole: bool) -> Amounts:
    """What the pod asks for: as a whole, or the most that its containers hold at a time.

    Of the latter only kinds that an app container asks for are counted: hugepages that nobody but an init container
    wants are forgotten.
    """
    if whole:
        return {resource: amount for resource, amount in pod.requests if is_memory(resource) and amount > 0}
    start: Amounts = {}
    sidecars: Amounts = {}
    apps: Amounts = {}
    for container in pod.containers:
        for resource, amount in container_request(container, whole=False).items():
            if container.role is ContainerRole.INIT:
                start[resource] = max(start.get(resource, 0), sidecars.get(resource, 0) + amount)
            elif container.role is ContainerRole.SIDECAR:
                sidecars[resource] = sidecars.get(resource, 0) + amount
            else:
                apps[resource] = apps.get(resource, 0) + amount
    return {
        resource: max(amount + sidecars.get(resource, 0), start.get(resource, 0))
        for resource, amount in apps.items()
    }


def check_shared_pool(pod: Pod) -> None:
    """Raises EmptySharedPoolError, in the kubelet's words, where a container of a pod whose memory is managed as a whole
    would have none to share. Of several such kinds of memory the first by name is told; the kubelet tells any."""
    total = pod_request(pod, whole=True)
    held: Amounts = {}
    sharing = False
    for container in pod.containers:
        request = container_request(container, whole=True)
        if container.role is not ContainerRole.INIT:
            held = added(held, request)
            sharing = sharing or not request
        elif not request:
            _check(total, held, "pod rejected, pod has shared init containers but no {} available for them")
    if sharing:
        _check(
            total,
            held,
            "pod rejected, sum of exclusive container {} requests equals pod budget, leaving no memory for shared "
            "containers",
        )


def added(one: Amounts, other: Amounts) -> Amounts:
    """Both together."""
    return one | {resource: one.get(resource, 0) + amount for resource, amount in other.items()}


def _check(total: Amounts, held: Amounts, words: str) -> None:
    for resource, amount in sorted(total.items()):
        if held.get(resource, 0) >= amount:
            raise EmptySharedPoolError(words.format(resource))


def _guaranteed_by_itself(container: PodContainer) -> bool:
    return all(
        amount_of(container.requests, resource) == amount_of(container.limits, resource) != 0
        for resource in ("cpu", "memory")
    )
