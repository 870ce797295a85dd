"""The node as if only one of its NUMA nodes had anything left: what fits there fits on that NUMA node alone."""

from __future__ import annotations

from dataclasses import replace

from agent.admission.admit import NodeUnderRules
from agent.headroom.free import cpus_of
from collectors.model.kubelet import MemoryNode


def only_on(node: NodeUnderRules, number: int) -> NodeUnderRules:
    """The node with everything taken but what NUMA node `number` has, and with pods aligned strictly.

    Devices without topology stay: nobody says that they are elsewhere. `prefer-closest-numa-nodes` is off: it decides
    nothing where a pod gets one node, and where node ids have gaps the kubelet would end.
    """
    books = node.books
    books = replace(
        books,
        shared_cpus=books.shared_cpus & cpus_of(node, number),
        memory_nodes=tuple(each if each.id == number else _emptied(each) for each in books.memory_nodes),
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
    return replace(node, settings=settings, books=books)


def _emptied(node: MemoryNode) -> MemoryNode:
    tables = tuple(replace(table, reserved=table.reserved + table.free, free=0) for table in node.tables)
    return replace(node, tables=tables)
