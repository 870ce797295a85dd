"""The node as if one of its NUMA nodes were all that it has: what fits there fits on that NUMA node alone."""

from __future__ import annotations

from dataclasses import replace

from agent.admission.admit import NodeUnderRules
from agent.admission.cpus.manager import StaticCpus
from agent.admission.cpus.topology import derive_topology
from agent.admission.managers import Managers
from agent.admission.model import Machine, Settings
from agent.headroom.free import cpus_of
from collectors.model.kubelet import MemoryNode


def only_on(node: NodeUnderRules, number: int) -> NodeUnderRules:
    """The node with nothing but what NUMA node `number` has, and with pods aligned strictly.

    Devices without topology stay: nobody says that they are elsewhere. `prefer-closest-numa-nodes` is off: it decides
    nothing where a pod gets one node, and where node ids have gaps the kubelet would end.
    """
    books = node.books
    books = replace(
        books,
        shared_cpus=books.shared_cpus & cpus_of(node, number),
        devices=tuple(
            each
            if not each.device.numa_nodes or number in each.device.numa_nodes
            else replace(each, healthy=False)
            for each in books.devices
        ),
    )
    settings = replace(
        node.settings,
        topology_policy="single-numa-node",
        topology_scope="container",
        prefer_closest_numa_nodes=False,
    )
    node = replace(node, settings=settings, books=books)
    machine = _machine_of(node.machine, number)
    if _threads(machine) == _threads(node.machine):
        tables = tuple(each for each in books.memory_nodes if each.id == number)
        return _on_machine(node, machine).with_books(replace(books, memory_nodes=tables))
    # Whole cores are as large as the whole machine's on average; so it stays, and the other nodes are empty.
    tables = tuple(each if each.id == number else _emptied(each) for each in books.memory_nodes)
    return node.with_books(replace(books, memory_nodes=tables))


def _machine_of(machine: Machine, number: int) -> Machine:
    """The one NUMA node as a machine: on one of 64 nodes each pod is decided on a hundred times as fast."""
    cpus = tuple(place for place in machine.cpus if place.numa_node == number)
    return Machine(
        cpus=cpus,
        numa_nodes=(number,),
        memory=tuple((node, amounts) for node, amounts in machine.memory if node == number),
        socket_count=1,
        cpu_count=len(cpus),
    )


def _threads(machine: Machine) -> int:
    return derive_topology(machine).cpus_per_core if machine.cpus else 0


def _on_machine(node: NodeUnderRules, machine: Machine) -> NodeUnderRules:
    """The node with another machine; what is reserved of it are the same CPUs."""
    settings: Settings = node.settings
    cpus = node.managers.cpus
    reserved = cpus.reserved if isinstance(cpus, StaticCpus) else frozenset()
    here = reserved & frozenset(place.cpu for place in machine.cpus)
    settings = replace(settings, reserved_cpus=here or None, reserved_cpu_count=0)
    return replace(node, machine=machine, settings=settings, managers=Managers.made_for(machine, settings))


def _emptied(node: MemoryNode) -> MemoryNode:
    tables = tuple(replace(table, reserved=table.reserved + table.free, free=0) for table in node.tables)
    return replace(node, tables=tables)
