"""What is free where, by the kubelet's books: what the next pod finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from agent.admission.admit import NodeUnderRules, settled
from agent.admission.cpus.manager import StaticCpus
from agent.admission.model import Books
from agent.admission.whole_node.requirements import pod_requests
from agent.placement.model import CPU
from collectors.model.kubelet import DeviceAllocation
from collectors.model.pod import Amounts
from collectors.parse import IdSet


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFree:
    """One NUMA node's free resources."""

    node: int | None
    """None for devices that sit on no known node"""
    amounts: Amounts = ()
    """CPUs that a container could have for itself, bytes that a pod could have bound, devices; by resource. What the
    kubelet does not take from NUMA nodes here (CPU manager none, memory manager None) is left out"""


def with_settled_books(node: NodeUnderRules) -> NodeUnderRules:
    """The node once its managers have found out who is gone, as they do when the next pod comes."""
    return node.with_books(settled(node))


def free_by_node(node: NodeUnderRules) -> tuple[NodeFree, ...]:
    """What is free on each NUMA node, by id; behind them devices that sit on none. `node` has settled books."""
    cpus, devices = free_cpus(node), free_devices(node.books)
    memory = {each.id: each.tables for each in node.books.memory_nodes}
    found = []
    for number in sorted(node.machine.numa_nodes):
        amounts = {table.type: table.free for table in memory.get(number, ())}
        if cpus is not None:
            amounts[CPU] = len(cpus & cpus_of(node, number))
        amounts.update(dict.fromkeys({each.resource for each in _placed(node.books)}, 0))
        amounts.update(Counter(each.resource for each in devices if number in (each.numa_nodes or ())))
        found.append(NodeFree(node=number, amounts=tuple(sorted(amounts.items()))))
    loose = Counter(each.resource for each in devices if not each.numa_nodes)
    if loose:
        found.append(NodeFree(node=None, amounts=tuple(sorted(loose.items()))))
    return tuple(found)


def cpus_of(node: NodeUnderRules, number: int) -> IdSet:
    """The online CPUs of a NUMA node."""
    return frozenset(place.cpu for place in node.machine.cpus if place.numa_node == number)


def free_cpus(node: NodeUnderRules) -> IdSet | None:
    """CPUs that a container could have for itself; None where the kubelet gives nobody any."""
    cpus = node.managers.cpus
    return node.books.shared_cpus - cpus.reserved if isinstance(cpus, StaticCpus) else None


def free_devices(books: Books) -> tuple[DeviceAllocation, ...]:
    """Healthy devices that nobody holds."""
    taken = {device for held in books.device_holders.values() for device in held} | {*books.stray_devices}
    return tuple(each.device for each in books.devices if each.healthy and each.device not in taken)


def left_on_node(node: NodeUnderRules) -> dict[str, int] | None:
    """What all pods together leave of the node's allocatable, in units of Amounts; None where that is not known."""
    if node.node.allocatable is None:
        return None
    left = Counter(dict(node.node.allocatable))
    for pod in node.books.pods:
        wishes = node.books.wishes.get(pod.uid)
        left.subtract(pod_requests(pod, overhead=() if wishes is None else wishes.overhead))
    return {resource: max(0, amount) for resource, amount in left.items()}


def _placed(books: Books) -> Iterator[DeviceAllocation]:
    return (each.device for each in books.devices if each.device.numa_nodes)
