"""How the memory of a pod that has resources of its own is divided among its containers.

The pod gets one set of NUMA nodes and all of its memory on it. Containers that fix their CPUs and memory get their part
for themselves; the others share what is left. An ordinary init container without a part of its own has everything
that the sidecars before it leave, because nothing else runs yet. All blocks lie on the pod's nodes: within the pod it
is only written down who may have what.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.admission.memory.requests import added, container_request, pod_request
from agent.admission.memory.table import block_of
from collectors.model.kubelet import MemoryBlock
from collectors.model.pod import ContainerRole, Pod
from collectors.parse import IdSet

Blocks = tuple[MemoryBlock, ...]


def pod_blocks(pod: Pod, nodes: IdSet) -> Blocks:
    """The memory of the pod as a whole."""
    return _blocks(pod_request(pod, whole=True), nodes)


def blocks_by_container(pod: Pod, nodes: IdSet) -> dict[str, Blocks]:
    """The memory of every container of the pod, by name; the same blocks for all that share what is left."""
    total = pod_request(pod, whole=True)
    sidecars: dict[str, int] = {}
    apps: dict[str, int] = {}
    own: dict[str, Blocks] = {}
    for container in pod.containers:
        request = container_request(container, whole=True)
        if request:
            own[container.name] = _blocks(request, nodes)
        elif container.role is ContainerRole.INIT:
            own[container.name] = _blocks(_less(total, sidecars), nodes)
        if container.role is ContainerRole.SIDECAR:
            sidecars = added(sidecars, request)
        elif container.role is ContainerRole.APP:
            apps = added(apps, request)
    shared = _blocks(_less(total, added(sidecars, apps)), nodes)
    return {container.name: own.get(container.name, shared) for container in pod.containers}


def _less(total: Mapping[str, int], taken: Mapping[str, int]) -> dict[str, int]:
    return {resource: amount - taken.get(resource, 0) for resource, amount in total.items()}


def _blocks(amounts: Mapping[str, int], nodes: IdSet) -> Blocks:
    return tuple(block_of(resource, size, nodes) for resource, size in sorted(amounts.items()) if size > 0)
