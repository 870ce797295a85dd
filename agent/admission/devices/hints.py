"""Where the devices of one resource could be taken from: the device manager's hints, and its books on that resource.

A set of NUMA nodes is a hint where enough free healthy devices sit on it; a device that sits on several nodes is there
for each of them. Devices that the pod's finished init containers leave must all be on the set, and then count. Preferred
are sets as small as the smallest that would do if every device, taken or unhealthy, were free.

Devices without topology sit nowhere: they are in no hint's number, and a pod can be refused although enough of them are
free. Only where no device of a resource has a node, the resource has no wish at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.admission.merging.rules import mask_of, smallest
from agent.admission.model import Books, DevicePlugin, Enough, HintRule, Mask
from collectors.model.kubelet import DeviceAllocation

Where = Mapping[str, Mask | None]
"""The nodes of devices by id; 0 where the plugin tells an empty topology, None where it tells none"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """What the kubelet knows of one resource."""

    resource: str
    plugin: DevicePlugin
    where: Where
    """Every device that its plugin has told of"""
    healthy: frozenset[str]
    taken: frozenset[str]
    """Held by anybody, or lost on the way to somebody"""

    @property
    def free(self) -> frozenset[str]:
        """Devices that may be given to a container."""
        return self.healthy - self.taken

    @property
    def has_topology(self) -> bool:
        """Whether any device, free or not, has a node: only then nodes matter for this resource."""
        return any(self.where.values())


def is_managed(books: Books, resource: str) -> bool:
    """Whether the device manager feels responsible: it knows the resource, or somebody still has some of it.

    For all others it does nothing, and only the predicates look whether the node has enough.
    """
    return _plugin(books, resource) is not None or any(
        device.resource == resource for held in books.device_holders.values() for device in held
    )


def derive_stock(books: Books, resource: str) -> Stock:
    """The books on one resource. A resource that is not registered (any more) has no healthy device."""
    plugin = _plugin(books, resource)
    devices = [each for each in books.devices if each.device.resource == resource]
    held = [device for held in books.device_holders.values() for device in held]
    return Stock(
        resource=resource,
        plugin=plugin or DevicePlugin(resource=resource, registered=False),
        where={each.device.device_id: nodes_of_device(each.device) for each in devices},
        healthy=frozenset(each.device.device_id for each in devices if each.healthy and plugin),
        taken=ids_of(resource, (*held, *books.stray_devices)),
    )


def _plugin(books: Books, resource: str) -> DevicePlugin | None:
    """The plugin of a resource that is registered."""
    plugin = next((each for each in books.plugins if each.resource == resource), None)
    if plugin is None and any(each.device.resource == resource for each in books.devices):
        return DevicePlugin(resource=resource)
    return plugin if plugin is not None and plugin.registered else None


def ids_of(resource: str, devices: Iterable[DeviceAllocation]) -> frozenset[str]:
    """The ids of those devices that are of the resource."""
    return frozenset(device.device_id for device in devices if device.resource == resource)


def nodes_of_device(device: DeviceAllocation) -> Mask | None:
    """The nodes that the device sits on; None where its plugin tells no topology."""
    return None if device.numa_nodes is None else mask_of(device.numa_nodes)


def derive_rule(
    stock: Stock,
    *,
    machine: Mask,
    available: frozenset[str],
    reusable: frozenset[str] = frozenset(),
    request: int,
    only_nodes_with_devices: bool,
) -> HintRule:
    """The hints for `request` devices out of the available ones. The rule may be one that no set of nodes meets.

    Args:
        stock: the resource.
        machine: the machine's nodes; a plugin may name others, which do not count.
        available: the devices that may be taken.
        reusable: devices of the pod's init containers.
        request: how many are wanted.
        only_nodes_with_devices: whether sets are made of nodes with such devices, rather than of all of the machine's.
    """
    nodes = mask_of_all(stock.where.values()) & machine
    if nodes == 0 or not only_nodes_with_devices:
        nodes = machine
    again = [mask for device in reusable if (mask := stock.where.get(device)) is not None]
    everything = _counted(stock.where, stock.where)
    return HintRule(
        nodes=nodes,
        enough=(Enough(amounts=_counted(available, stock.where), need=request - len(again)),),
        touches=tuple(sorted(set(again))),
        preferred_size=smallest(nodes, (Enough(amounts=everything, need=request),)) or nodes.bit_count(),
    )


def mask_of_all(masks: Iterable[Mask | None]) -> Mask:
    """All nodes of some devices."""
    union = 0
    for mask in masks:
        union |= mask or 0
    return union


def _counted(devices: Iterable[str], where: Where) -> tuple[tuple[Mask, int], ...]:
    counts = Counter(where.get(device) or 0 for device in devices)
    return tuple((mask, count) for mask, count in sorted(counts.items()) if mask)
