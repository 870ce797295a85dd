"""The kinds of pods that are made as large as they fit, and how each grows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from agent.admission.admit import NodeUnderRules
from agent.admission.cpus.topology import derive_topology
from agent.admission.whole_node.requirements import is_hugepages
from agent.headroom.free import cpus_of, free_cpus, free_devices, left_on_node
from agent.placement.model import CPU, MEMORY
from collectors.model.pod import Amounts, ContainerRole, Pod, PodContainer

MIB = 1 << 20

SMALLEST_MEMORY = MIB
"""Of a pod that is not made large in memory: without any it would not be Guaranteed"""

CPU_AND_MEMORY = "cpu+memory"

_PAGE_UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One way in which a pod grows, step by step."""

    name: str
    most: int
    """Steps that cannot be more, by what is free"""
    amounts: Callable[[int], dict[str, int]]
    """What the pod asks for after so many steps: CPUs, bytes, devices"""
    edges: tuple[int, ...]
    """Steps up to which a pod can do with as many NUMA nodes as one that is smaller: between two edges, what fits is
    monotone, whatever the policy. Ascending"""


def cpus_at_once(node: NodeUnderRules) -> int:
    """In what numbers containers have to ask for CPUs: a core's under full-pcpus-only."""
    if node.settings.cpu_policy != "static" or not node.settings.full_pcpus_only:
        return 1
    return max(1, derive_topology(node.machine).cpus_per_core)


def kinds_of(node: NodeUnderRules, here: tuple[int, ...]) -> tuple[Kind, ...]:
    """The kinds of pods that make sense on a node, of whose NUMA nodes those `here` may give something."""
    return tuple(_Kinds(node, here).all())


class _Kinds:
    """What is needed for all kinds, worked out once."""

    def __init__(self, node: NodeUnderRules, here: tuple[int, ...]) -> None:
        self._node = node
        self._here = here
        self._unit = cpus_at_once(node)
        self._cpus_by_node = {number: len(cpus_of(node, number)) for number in node.machine.numa_nodes}
        self._tables = {
            each.id: {table.type: table for table in each.tables} for each in node.books.memory_nodes
        }
        self._left = left_on_node(node)

    def all(self) -> Iterator[Kind]:
        cpus, memory = self._most_cpus(), self._most_bytes(MEMORY)
        yield self._growing_in_cpus(CPU, cpus, {MEMORY: SMALLEST_MEMORY})
        if memory is not None:
            yield self._growing_in_both(cpus, memory)
            yield self._growing(MEMORY, memory, step=MIB, edges=self._memory_edges(MEMORY, MIB))
        for resource in self._page_resources():
            step = page_bytes(resource)
            most = self._most_bytes(resource)
            if most is not None:
                yield self._growing(resource, most, step=step, edges=self._memory_edges(resource, step))
        for resource, count in self._devices().items():
            besides = {MEMORY: SMALLEST_MEMORY, resource: 1}
            yield self._growing_in_cpus(f"cpu with {resource}", cpus if count else 0, besides)
            yield self._growing(resource, count, step=1, edges=self._device_edges(resource))

    # How they grow

    def _growing_in_cpus(self, name: str, most: int, besides: Mapping[str, int]) -> Kind:
        unit = self._unit
        return Kind(
            name=name,
            most=most // unit,
            amounts=lambda steps: {CPU: steps * unit, **besides},
            edges=self._cpu_edges(),
        )

    def _growing_in_both(self, cpus: int, memory: int) -> Kind:
        """Memory grows with CPUs, in the proportion that the machine has them for pods."""
        unit, share = self._unit, self._bytes_per_cpu()
        per_step = max(1, unit * share // MIB) * MIB
        edges = (*self._cpu_edges(), *(edge * MIB // per_step for edge in self._memory_edges(MEMORY, MIB)))
        return Kind(
            name=CPU_AND_MEMORY,
            most=min(cpus // unit, memory // per_step),
            amounts=lambda steps: {CPU: steps * unit, MEMORY: steps * per_step},
            edges=tuple(sorted(set(edges))),
        )

    def _growing(self, resource: str, most: int, *, step: int, edges: tuple[int, ...]) -> Kind:
        besides = {CPU: self._unit, MEMORY: SMALLEST_MEMORY}
        return Kind(
            name=resource,
            most=most // step,
            amounts=lambda steps: {**besides, resource: steps * step},
            edges=edges,
        )

    # What there is

    def _most_cpus(self) -> int:
        bounds = []
        free = free_cpus(self._node)
        if free is not None:
            bounds.append(len(free))
        if self._left is not None:
            bounds.append(self._left.get(CPU, 0) // 1000)
        return min(bounds, default=sum(self._cpus_by_node.values()))

    def _most_bytes(self, resource: str) -> int | None:
        bounds = []
        if self._tables:
            bounds.append(
                sum(
                    self._tables[each][resource].free for each in self._here if resource in self._tables[each]
                )
            )
        if self._left is not None:
            bounds.append(self._left.get(resource, 0))
        return min(bounds, default=None)

    def _page_resources(self) -> list[str]:
        found = {name for _, amounts in self._node.machine.memory for name, amount in amounts if amount}
        return sorted((name for name in found if is_hugepages(name)), key=page_bytes)

    def _devices(self) -> dict[str, int]:
        """How many are free, by resource; of each that is registered."""
        counts = dict.fromkeys(sorted({each.device.resource for each in self._node.books.devices}), 0)
        for device in free_devices(self._node.books):
            counts[device.resource] += 1
        return counts

    def _bytes_per_cpu(self) -> int:
        """What the machine has of memory for each of its CPUs, without what is reserved."""
        node = self._node
        if node.node.allocatable is not None:
            amounts = dict(node.node.allocatable)
            cpus, memory = amounts.get(CPU, 0) // 1000, amounts.get(MEMORY, 0)
        else:
            cpus = len(node.machine.cpus)
            memory = sum(tables[MEMORY].allocatable for tables in self._tables.values() if MEMORY in tables)
        return memory // max(1, cpus)

    # How many nodes it takes

    def _cpu_edges(self) -> tuple[int, ...]:
        return _edges((self._cpus_by_node[each] for each in self._here), self._unit)

    def _memory_edges(self, resource: str, step: int) -> tuple[int, ...]:
        tables = [
            self._tables[each][resource] for each in self._here if resource in self._tables.get(each, {})
        ]
        return _edges((table.allocatable for table in tables), step)

    def _device_edges(self, resource: str) -> tuple[int, ...]:
        counts = [
            sum(
                number in (each.device.numa_nodes or ())
                for each in self._node.books.devices
                if each.device.resource == resource
            )
            for number in self._here
        ]
        return _edges(counts, 1)


def _edges(sizes: Iterable[int], step: int) -> tuple[int, ...]:
    """The most steps that one node can give when it is empty, that two can, and so on."""
    total, found = 0, []
    for size in sorted(sizes, reverse=True):
        total += size
        found.append(total // step)
    return tuple(sorted(set(found)))


def page_bytes(resource: str) -> int:
    """The size of a page: `hugepages-2Mi`."""
    size = resource.removeprefix("hugepages-")
    unit = _PAGE_UNITS.get(size[-2:])
    number = size[:-2] if unit else size
    return int(number) * (unit or 1) if number.isascii() and number.isdecimal() and int(number) else MIB


def pod_asking(amounts: Mapping[str, int]) -> Pod:
    """A Guaranteed pod of one container that asks for this: CPUs, bytes, devices."""
    asked: Amounts = tuple(
        sorted(
            (resource, number * 1000 if resource == CPU else number)
            for resource, number in amounts.items()
            if number
        )
    )
    container = PodContainer(name="app", role=ContainerRole.APP, requests=asked, limits=asked)
    return Pod(
        namespace="default",
        name="largest",
        uid="try:largest",
        phase="Pending",
        qos_class="Guaranteed",
        containers=(container,),
    )
