"""Which containers take part in numaplacement: those whose exclusive resources all lie on one NUMA node. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from agent.placement.device_nodes import DeviceFinder
from agent.placement.holders import live_holders
from agent.views.numaplacement import PlacedContainer
from collectors.model import IdSet, Snapshot
from collectors.model.kubelet import ContainerAllocation

_NONE: IdSet = frozenset()


def placed_containers(snapshot: Snapshot, *, published: Collection[str]) -> tuple[PlacedContainer, ...]:
    """App containers and sidecars of live pods that sit on one node.

    `published` is the resources that the zones name: a device of another resource binds its container to nothing.
    """
    numa, picture = snapshot.numa.facts, snapshot.kubelet
    if numa is None or picture is None:
        return ()
    node_of_cpu = {cpu: node.id for node in numa.nodes for cpu in node.cpus}
    finder = DeviceFinder(snapshot, numa.nodes)
    return tuple(
        PlacedContainer(
            namespace=holder.allocation.namespace,
            pod=holder.allocation.name,
            container=container.name,
            numa_node=node,
        )
        for holder in live_holders(picture)
        for container in holder.allocation.containers
        if (node := _only_node(container, node_of_cpu, finder, published)) is not None
    )


def _only_node(
    container: ContainerAllocation,
    node_of_cpu: Mapping[int, int],
    finder: DeviceFinder,
    published: Collection[str],
) -> int | None:
    """The node of everything that the container holds; None where it holds nothing, or where that is not one node."""
    nodes: set[int] = set()
    for places in _places(container, node_of_cpu, finder, published):
        if len(places) != 1:
            return None
        nodes |= places
    return nodes.pop() if len(nodes) == 1 else None


def _places(
    container: ContainerAllocation,
    node_of_cpu: Mapping[int, int],
    finder: DeviceFinder,
    published: Collection[str],
) -> Iterator[IdSet]:
    """The nodes of each thing that the container holds, empty where they are unknown."""
    for cpu in container.cpus:
        yield frozenset({node_of_cpu[cpu]}) if cpu in node_of_cpu else _NONE
    for block in container.memory:
        yield block.numa_nodes or _NONE
    for device in container.devices:
        if device.resource in published:
            yield device.numa_nodes or finder.nodes_of(device.device_id)
