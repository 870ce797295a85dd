"""What a pod asks for as a whole, as the kubelet counts it, and the QoS class that follows.

App containers and sidecars run side by side, so theirs is added up. An ordinary init container runs alone but for the
sidecars started before it, so of those counts what the largest needs. Pod-level resources (spec.resources) replace what
their containers add up to, for CPU, memory and hugepages only; the overhead of a runtime class comes on top.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from collectors.model.pod import Amounts, ContainerRole, Pod, PodContainer

GUARANTEED, BURSTABLE, BEST_EFFORT = "Guaranteed", "Burstable", "BestEffort"

_COMPUTE = ("cpu", "memory")
"""What decides about QoS"""


def amount_of(amounts: Amounts, resource: str) -> int:
    """How much of the resource is asked for; 0 where it is not mentioned, which is the same to the kubelet."""
    return next((amount for name, amount in amounts if name == resource), 0)


def is_hugepages(resource: str) -> bool:
    """Whether the resource is hugepages of some size."""
    return resource.startswith("hugepages-")


def is_extended(resource: str) -> bool:
    """Whether the resource is somebody's own, as of a device plugin: `vendor.example/thing`."""
    return "/" in resource and "kubernetes.io/" not in resource and not resource.startswith("requests.")


def is_scalar(resource: str) -> bool:
    """Whether the kubelet compares the resource by number beside CPU, memory, storage and pods."""
    return (
        is_extended(resource)
        or is_hugepages(resource)
        or "kubernetes.io/" in resource
        or resource.startswith("attachable-volumes-")
    )


def is_pod_level(resource: str) -> bool:
    """Whether a pod can ask for the resource as a whole."""
    return resource in _COMPUTE or is_hugepages(resource)


def has_pod_level_resources(pod: Pod) -> bool:
    """Whether the pod asks for something as a whole (spec.resources)."""
    return any(is_pod_level(resource) for resource, _ in (*pod.requests, *pod.limits))


def qos_class(pod: Pod) -> str:
    """Guaranteed, Burstable or BestEffort: what the status says, else what follows from the spec.

    Guaranteed is a pod whose containers, init containers too, all have CPU and memory limits that equal their requests,
    or which has such limits as a whole.
    """
    if pod.qos_class:
        return pod.qos_class
    if has_pod_level_resources(pod):
        return _class_of(pod.requests, pod.limits)
    classes = {_class_of(each.requests, each.limits) for each in pod.containers} or {BEST_EFFORT}
    return classes.pop() if len(classes) == 1 else BURSTABLE


def _class_of(requests: Amounts, limits: Amounts) -> str:
    pairs = [(amount_of(requests, resource), amount_of(limits, resource)) for resource in _COMPUTE]
    if not any(request or limit for request, limit in pairs):
        return BEST_EFFORT
    return GUARANTEED if all(request == limit != 0 for request, limit in pairs) else BURSTABLE


def pod_requests(pod: Pod, *, pod_level: bool = True, overhead: Amounts = ()) -> dict[str, int]:
    """What the pod asks for in all, in units of Amounts.

    Args:
        pod: the pod.
        pod_level: whether the kubelet looks at pod-level resources at all (gate PodLevelResources).
        overhead: spec.overhead.
    """
    total = _in_all(pod, lambda container: container.requests)
    if pod_level:
        total.update((resource, amount) for resource, amount in pod.requests if is_pod_level(resource))
    _add(total, dict(overhead))
    return total


def pod_limits(pod: Pod, *, pod_level: bool = True) -> dict[str, int]:
    """What the pod may have in all, in units of Amounts, without overhead."""
    total = _in_all(pod, lambda container: container.limits)
    if pod_level:
        total.update((resource, amount) for resource, amount in pod.limits if is_pod_level(resource))
    return total


def _in_all(pod: Pod, of: Callable[[PodContainer], Amounts]) -> dict[str, int]:
    running: dict[str, int] = {}
    """What runs side by side in the end"""
    sidecars: dict[str, int] = {}
    starting: dict[str, int] = {}
    """The most that is needed while init containers run"""
    for container in pod.containers:
        amounts = dict(of(container))
        if container.role is not ContainerRole.INIT:
            _add(running, amounts)
        if container.role is ContainerRole.SIDECAR:
            _add(sidecars, amounts)
            _raise(starting, sidecars)
        elif container.role is ContainerRole.INIT:
            _add(amounts, sidecars)
            _raise(starting, amounts)
    _raise(running, starting)
    return running


def _add(total: dict[str, int], more: Mapping[str, int]) -> None:
    for resource, amount in more.items():
        total[resource] = total.get(resource, 0) + amount


def _raise(total: dict[str, int], least: Mapping[str, int]) -> None:
    for resource, amount in least.items():
        total[resource] = max(amount, total.get(resource, amount))
