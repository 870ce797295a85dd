"""Which pods the fingerprint is made of: those that the scheduler puts into its own. Pure.

The scheduler (NodeResourceTopologyMatch with its default, shared informer) hashes the node's pods in phase Running. The
kubelet allocates before a container starts, so that a pod which it lists is Pending for a while. Such a pod counts here
from the start, as if it ran: in a moment it will, both sides agree then, and its start costs one write, not two. One
that is Pending for longer (its image cannot be pulled, an init container takes its time) counts when it runs: until
then the scheduler does not count it either.

A pod counts only once the kubelet lists what it holds, so that a fingerprint that fits never stands beside figures
without that pod. Pods that have ended count for nothing. Without pod specs the phases are unknown, and every listed pod
counts: that fits as soon as all of them run.

`with-exclusive-resources` leaves the pods out that hold nothing of their own, by the scheduler's rule: an app container
or sidecar that asks for a published extended resource, or, in a Guaranteed pod, for whole CPUs, memory or hugepages.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable

from agent.placement.model import CPU, HUGEPAGES, MEMORY
from collectors.model.kubelet import PodAllocation
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import ContainerRole, Pod

PENDING_SECONDS = 60.0
"""For which a pod that starts is taken for one that runs. Most pull no image and take a second or two."""

PodName = tuple[str, str]
"""(namespace, name)"""


class FingerprintMethod(enum.Enum):
    """The attribute nodeTopologyPodsFingerprintMethod, and the setting `fingerprint`."""

    ALL = "all"
    EXCLUSIVE = "with-exclusive-resources"
    OFF = "off"


def fingerprinted_pods(
    picture: KubeletPicture,
    method: FingerprintMethod,
    *,
    now: float,
    published: Collection[str],
    binds_memory: bool,
) -> frozenset[PodName] | None:
    """The pods that count; None where they cannot be told.

    Args:
        picture: what is known of the kubelet.
        method: which pods are wanted.
        now: when the snapshot was taken, in seconds since the epoch.
        published: the resources that the zones name.
        binds_memory: whether the memory manager gives memory from nodes, so that the kubelet lists who holds some.
    """
    listed = picture.allocations.facts
    if listed is None or method is FingerprintMethod.OFF:
        return None
    pods = picture.pods.facts
    if pods is not None:
        running = [pod for pod in pods if _runs(pod, now)]
        if method is FingerprintMethod.EXCLUSIVE:
            running = [pod for pod in running if asks_for_exclusive(pod, published)]
        return _names(running) & _names(listed)
    if method is FingerprintMethod.ALL:
        return _names(listed)
    # Who is Guaranteed with a part of a CPU is seen by its memory alone: the scheduler counts such a pod.
    return _names(pod for pod in listed if _holds_exclusive(pod, published)) if binds_memory else None


def changes_at(picture: KubeletPicture, now: float) -> float | None:
    """When other pods will count though nothing has happened, in seconds since the epoch; None where that is never."""
    times = (
        pod.started_at + PENDING_SECONDS
        for pod in picture.pods.facts or ()
        if pod.phase == "Pending" and pod.started_at is not None
    )
    return min((at for at in times if at > now), default=None)


def _runs(pod: Pod, now: float) -> bool:
    """Whether a pod runs, or is about to."""
    if pod.phase != "Pending":
        return pod.phase == "Running"
    return pod.started_at is None or now - pod.started_at < PENDING_SECONDS


def asks_for_exclusive(pod: Pod, published: Collection[str]) -> bool:
    """Whether the scheduler holds a pod for one with resources of its own, by its spec."""
    guaranteed = pod.qos_class == "Guaranteed"
    return any(
        _is_exclusive(resource, amount, guaranteed=guaranteed, published=published)
        for container in pod.containers
        if container.role is not ContainerRole.INIT
        for resource, amount in container.requests
    )


def _is_exclusive(resource: str, amount: int, *, guaranteed: bool, published: Collection[str]) -> bool:
    if not _is_native(resource):
        return resource in published
    if not guaranteed or amount <= 0:
        return False
    if resource == CPU:
        return amount % 1000 == 0
    return resource == MEMORY or resource.startswith(HUGEPAGES)


def _is_native(resource: str) -> bool:
    """Whether Kubernetes itself gave the resource its name."""
    return "/" not in resource or "kubernetes.io/" in resource


def _holds_exclusive(pod: PodAllocation, published: Collection[str]) -> bool:
    return any(
        container.cpus
        or container.memory
        or any(device.resource in published for device in container.devices)
        for container in pod.containers
    )


def _names(pods: Iterable[Pod | PodAllocation]) -> frozenset[PodName]:
    return frozenset((pod.namespace, pod.name) for pod in pods)
