"""Whether the kubelet's word on a pod is all that there will be. Pure.

The kubelet gives a pod what it asks for container by container, while it admits it, and its list may be read in the
midst of that.
"""

from __future__ import annotations

from collections.abc import Collection

from collectors.model.kubelet import ContainerAllocation, PodAllocation
from collectors.model.kubelet_config import KubeletConfig
from collectors.model.pod import ContainerRole, ContainerState, Pod, PodContainer
from collectors.parse import IdSet

CPU, MEMORY, HUGEPAGES = "cpu", "memory", "hugepages-"


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
    kinds = _bound_kinds(pod, config)
    return all(
        container.name in listed and _expected(container, kinds, resources) <= _shown(listed[container.name])
        for container in pod.containers
        if container.role is not ContainerRole.INIT
    )


def is_certain(pod: Pod, config: KubeletConfig | None) -> bool:
    """Whether `shows_all` knows all that may come. Of pods with resources as a whole, and where it is not known what the
    kubelet binds, more may."""
    return config is not None and config.cpu_manager_policy is not None and not pod.requests


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


def listed_cpus(allocation: PodAllocation) -> IdSet:
    """The CPUs that a pod is listed with."""
    return allocation.cpus.union(*(container.cpus for container in allocation.containers))


def has_init_containers(pod: Pod) -> bool:
    """Whether it may hold more than it is listed with: ordinary init containers never are."""
    return any(container.role is ContainerRole.INIT for container in pod.containers)


def _bound_kinds(pod: Pod, config: KubeletConfig | None) -> frozenset[str]:
    """What the kubelet gives the containers of a pod for themselves, beside devices."""
    if config is None or pod.qos_class != "Guaranteed" or pod.requests:
        return frozenset()
    cpus = {CPU} if config.cpu_manager_policy == "static" else set()
    memory = {MEMORY} if config.memory_manager_policy == "Static" else set()
    return frozenset(cpus | memory)


def _expected(container: PodContainer, kinds: Collection[str], resources: Collection[str]) -> set[str]:
    """The resources that a container must be listed with."""
    expected = {resource for resource, amount in container.requests if amount and resource in resources}
    for resource, amount in container.requests:
        if resource == CPU and CPU in kinds and amount and amount % 1000 == 0:
            expected.add(CPU)
        if MEMORY in kinds and amount and (resource == MEMORY or resource.startswith(HUGEPAGES)):
            expected.add(resource)
    return expected


def _shown(listed: ContainerAllocation) -> set[str]:
    """The resources that a container is listed with."""
    shown = {device.resource for device in listed.devices} | {block.type for block in listed.memory}
    return shown | {CPU} if listed.cpus else shown
