"""How many CPUs a pod wants for itself alone: whole ones, of Guaranteed pods only.

Everybody else runs in the shared pool, which is no allocation at all.
"""

from __future__ import annotations

from agent.admission.whole_node.requirements import GUARANTEED, amount_of, qos_class
from collectors.model.pod import ContainerRole, Pod, PodContainer

MILLI = 1000


class EmptySharedPoolError(Exception):
    """Containers of the pod share what its others leave of the pod's CPUs, and these leave nothing."""


def exclusive_cpus(pod: Pod, container: PodContainer, *, pod_level: bool) -> int:
    """How many CPUs the container gets for itself; 0 if it runs in a shared pool.

    Args:
        pod: the pod.
        container: one of its containers.
        pod_level: whether the pod's CPUs are managed as a whole. Such a pod is Guaranteed by its own requests, so each
            container has to qualify by itself: with memory and CPU limits that equal its requests.
    """
    if qos_class(pod) != GUARANTEED or (pod_level and not _guaranteed_by_itself(container)):
        return 0
    return _whole(amount_of(container.requests, "cpu"))


def pod_cpus(pod: Pod, *, pod_level: bool) -> int:
    """How many CPUs the pod gets in all: what it asks for as a whole, or the most that its containers hold at a time.

    An ordinary init container runs beside the sidecars that were started before it, app containers beside them all.
    """
    if pod_level:
        return _whole(amount_of(pod.requests, "cpu")) if qos_class(pod) == GUARANTEED else 0
    most_at_start = sidecars = apps = 0
    for container in pod.containers:
        cpus = exclusive_cpus(pod, container, pod_level=False)
        if container.role is ContainerRole.INIT:
            most_at_start = max(most_at_start, sidecars + cpus)
        elif container.role is ContainerRole.SIDECAR:
            sidecars += cpus
        else:
            apps += cpus
    return max(most_at_start, sidecars + apps)


def check_shared_pool(pod: Pod) -> None:
    """Raises EmptySharedPoolError, in the kubelet's words, where a container of a pod whose CPUs are managed as a whole
    would have none to share."""
    total = pod_cpus(pod, pod_level=True)
    held = 0
    sharing = False
    for container in pod.containers:
        cpus = exclusive_cpus(pod, container, pod_level=True)
        if container.role is not ContainerRole.INIT:
            held += cpus
            sharing = sharing or not cpus
        elif not cpus and held >= total:
            raise EmptySharedPoolError(
                "pod rejected, pod has shared init containers but no cpus available for them"
            )
    if sharing and held >= total:
        raise EmptySharedPoolError(
            "pod rejected, sum of exclusive container cpu requests equals pod budget, leaving no cpus for shared containers"
        )


def _guaranteed_by_itself(container: PodContainer) -> bool:
    return all(
        amount_of(container.requests, resource) == amount_of(container.limits, resource) != 0
        for resource in ("cpu", "memory")
    )


def _whole(millicpus: int) -> int:
    return millicpus // MILLI if millicpus % MILLI == 0 else 0
