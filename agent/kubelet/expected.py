"""Whether the kubelet's word on a pod is all that there will be. Pure.

The kubelet gives a pod what it asks for container by container, while it admits it, and its list may be read in the
midst of that.
"""

from __future__ import annotations

from collections.abc import Collection

from collectors.model.kubelet import ContainerAllocation, PodAllocation
from collectors.model.kubelet_config import KubeletConfig
from collectors.model.pod import Amounts, ContainerRole, ContainerState, Pod, PodContainer

CPU = "cpu"


def shows_all(
    pod: Pod, allocation: PodAllocation | None, *, config: KubeletConfig | None, resources: Collection[str]
) -> bool:
    """Whether a live pod is listed with all that its spec will bring it.

    Args:
        pod: its spec.
        allocation: what the kubelet lists of it; None where it does not.
        config: how the kubelet is configured.
        resources: those that device plugins offer.
    """
    if allocation is None:
        return False
    listed = {container.name: container for container in allocation.containers}
    gives_cpus = config is not None and config.cpu_manager_policy == "static" and _may_have_cpus(pod)
    return all(
        _container_shows_all(container, listed.get(container.name), gives_cpus, resources)
        for container in pod.containers
        if container.role is not ContainerRole.INIT
    )


def has_started(pod: Pod) -> bool:
    """Whether the kubelet must have admitted it: one of its containers has run, and the pod has not ended."""
    started = (ContainerState.RUNNING, ContainerState.TERMINATED)
    return not pod.ended and any(container.state in started for container in pod.containers)


def holds_something(allocation: PodAllocation) -> bool:
    """Whether anything is the pod's own."""
    return bool(allocation.cpus or allocation.memory) or any(
        container.cpus or container.memory or container.devices or container.claims
        for container in allocation.containers
    )


def _may_have_cpus(pod: Pod) -> bool:
    """Of pods with resources as a whole it depends on more than we care to know here."""
    return pod.qos_class == "Guaranteed" and not pod.requests


def _container_shows_all(
    container: PodContainer,
    listed: ContainerAllocation | None,
    gives_cpus: bool,
    resources: Collection[str],
) -> bool:
    if listed is None:
        return False
    if gives_cpus and _asks_for_whole_cpus(container.requests) and not listed.cpus:
        return False
    shown = {device.resource for device in listed.devices}
    return all(
        resource in shown for resource, amount in container.requests if amount and resource in resources
    )


def _asks_for_whole_cpus(requests: Amounts) -> bool:
    millis = dict(requests).get(CPU, 0)
    return millis > 0 and millis % 1000 == 0
