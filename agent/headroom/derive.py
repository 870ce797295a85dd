"""The headroom of a node: the largest pods of each kind, what is stranded, how far the free rest is in one piece."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agent.admission.admit import NodeUnderRules
from agent.headroom.free import NodeFree, free_by_node, free_devices, with_settled_books
from agent.headroom.kinds import CPU_AND_MEMORY, SMALLEST_MEMORY, Kind, cpus_at_once, kinds_of
from agent.headroom.model import Fragmentation, Headroom, Largest, NumaHeadroom, Stranded
from agent.headroom.one_node import only_on
from agent.headroom.search import largest_of
from agent.placement.model import CPU, MEMORY


def derive_headroom(node: NodeUnderRules) -> Headroom:
    """What still fits on the node as it is."""
    node = with_settled_books(node)
    everywhere = tuple(sorted(node.machine.numa_nodes))
    numa_nodes = tuple(
        _numa_headroom(node, free.node, free)
        for free in free_by_node(node)
        if free.node is not None and free.amounts
    )
    return Headroom(
        topology_policy=node.settings.topology_policy,
        topology_scope=node.settings.topology_scope,
        cpu_policy=node.settings.cpu_policy,
        memory_policy=node.settings.memory_policy,
        largest=tuple(largest_of(node, kind) for kind in kinds_of(node, everywhere)),
        numa_nodes=numa_nodes,
        fragmentation=tuple(_fragmentation(node, numa_nodes)),
    )


def _numa_headroom(node: NodeUnderRules, number: int, free: NodeFree) -> NumaHeadroom:
    here = only_on(node, number)
    resources = {resource for resource, _ in free.amounts}
    kinds = (kind for kind in kinds_of(here, (number,)) if _grows_in(kind) <= resources)
    largest = tuple(largest_of(here, kind) for kind in kinds)
    return NumaHeadroom(
        node=number,
        free=free.amounts,
        largest=largest,
        stranded=tuple(_stranded(node, number, free, largest)),
    )


def _grows_in(kind: Kind) -> set[str]:
    """Of what a kind of pod takes more than the least."""
    return set(kind.name.split("+")) if kind.name == CPU_AND_MEMORY else set(kind.name.split(" with "))


def _stranded(
    node: NodeUnderRules, number: int, free: NodeFree, largest: Iterable[Largest]
) -> Iterator[Stranded]:
    by_kind = {each.kind: each for each in largest}
    for resource, amount in free.amounts:
        found = by_kind.get(resource)
        if found is None:
            continue
        rest = amount - found.of(resource)
        if rest >= _worth_telling(resource):
            lack = _lack(node, number, dict(free.amounts), resource, found)
            yield Stranded(resource=resource, amount=rest, lack=lack)


def _worth_telling(resource: str) -> int:
    return SMALLEST_MEMORY if resource == MEMORY else 1


def _lack(node: NodeUnderRules, number: int, free: dict[str, int], resource: str, found: Largest) -> str:
    """What keeps the rest of a resource from being had."""
    unit = cpus_at_once(node)
    if resource != CPU and free.get(CPU, unit) < unit:
        return CPU
    if free.get(MEMORY, SMALLEST_MEMORY) < SMALLEST_MEMORY:
        return MEMORY
    if any(each.id == number and len(each.group) > 1 for each in node.books.memory_nodes):
        return "group"
    if unit > 1 and (resource == CPU or not found.amounts):
        return "whole cores"
    return "node" if node.node.allocatable is not None else "unknown"


def _fragmentation(node: NodeUnderRules, numa_nodes: tuple[NumaHeadroom, ...]) -> Iterator[Fragmentation]:
    for resource in sorted({resource for each in numa_nodes for resource, _ in each.free}):
        found = [each.of(resource) for numa in numa_nodes for each in numa.largest if each.kind == resource]
        if found:
            yield Fragmentation(
                resource=resource, free=_in_all(node, resource, numa_nodes), largest=max(found)
            )


def _in_all(node: NodeUnderRules, resource: str, numa_nodes: Iterable[NumaHeadroom]) -> int:
    """What is free on all nodes together, and on none; a device that sits on two counts once."""
    if any(each.device.resource == resource for each in node.books.devices):
        return sum(each.resource == resource for each in free_devices(node.books))
    return sum(dict(each.free).get(resource, 0) for each in numa_nodes)
