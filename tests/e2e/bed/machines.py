"""Synthetic servers for the kubelet, made from the same parameters as the machines of the other tests."""

from __future__ import annotations

from pathlib import Path

from collectors.parse import format_id_list
from tests.e2e.bed.bed import DeviceSpec, Machine
from tests.e2e.bed.kubelet import Reserved
from tests.hosts.machine import expected_snapshot, write_machine
from tests.hosts.spec import GIB, MIB, CpuSpec, ExtraNode, HugePages, MachineSpec, MemorySpec

RESERVED_MEBIBYTES = 1024
"""What bed.kubelet reserves for the system in all"""

HUGEPAGES = (HugePages(size_bytes=2 * MIB, totals=(2048,)), HugePages(size_bytes=GIB, totals=(8,)))

TWO_SOCKETS = MachineSpec(
    name="two sockets",
    cpus=CpuSpec(packages=2, cores=16, smt=2),
    memory=MemorySpec(bytes_per_node=63 * GIB, hugepages=HUGEPAGES),
)
SUB_NUMA = MachineSpec(
    name="two sockets, two nodes each",
    cpus=CpuSpec(packages=2, nodes=2, cores=16, smt=2),
    memory=MemorySpec(bytes_per_node=31 * GIB, hugepages=HUGEPAGES),
)
SPARSE = MachineSpec(
    name="nodes 0 and 8",
    cpus=CpuSpec(packages=2, cores=16, smt=2),
    memory=MemorySpec(bytes_per_node=63 * GIB, hugepages=HUGEPAGES, node_ids=(0, 8)),
)
MEMORY_ONLY = MachineSpec(
    name="a third node of memory alone",
    cpus=CpuSpec(packages=2, cores=16, smt=2),
    memory=MemorySpec(
        bytes_per_node=63 * GIB, hugepages=HUGEPAGES, extra=(ExtraNode(id=2, memory_bytes=125 * GIB),)
    ),
)

MACHINES = {
    "two-sockets": TWO_SOCKETS,
    "sub-numa": SUB_NUMA,
    "sparse": SPARSE,
    "memory-only": MEMORY_ONLY,
}
"""By the name that commands take"""


def usual_devices(nodes: tuple[int, ...]) -> DeviceSpec:
    """Devices on every node, on two, without topology, sick, and a resource that fails every allocation."""
    first, last = nodes[0], nodes[-1]
    return {
        "example.com/gpu": [
            {"id": f"gpu{node}-{number}", "numa": [node]} for node in nodes[:2] for number in range(4)
        ],
        "example.com/nic": [
            {"id": f"nic{node}-{number}", "numa": [node]} for node in nodes[:2] for number in range(2)
        ],
        "example.com/bridge": [{"id": f"bridge{number}", "numa": [first, last]} for number in range(2)],
        "example.com/notopo": [{"id": f"notopo{number}"} for number in range(2)],
        "example.com/odd": [
            *({"id": f"odd{number}", "numa": [first]} for number in range(2)),
            *({"id": f"odd{number}"} for number in range(2, 4)),
            {"id": "odd-sick", "numa": [last], "unhealthy": True},
        ],
        "example.com/broken": [{"id": "broken0", "numa": [first]}],
    }


def make_machine(spec: MachineSpec, root: Path) -> Machine:
    """Writes the machine's files below `root`; the first core of the first two nodes is reserved."""
    write_machine(spec, root)
    snapshot = expected_snapshot(spec, now=0.0)
    assert snapshot.numa.facts is not None
    assert snapshot.cpus.facts is not None
    nodes = [node for node in snapshot.numa.facts.nodes if node.cpus][:2]
    reserved = frozenset[int]().union(
        *(
            next(core.cpus for core in snapshot.cpus.facts.cores if min(node.cpus) in core.cpus)
            for node in nodes
        )
    )
    share = RESERVED_MEBIBYTES // len(nodes)
    return Machine(
        root=root,
        reserved=Reserved(cpus=format_id_list(reserved), memory_by_node={node.id: share for node in nodes}),
        devices=usual_devices(tuple(node.id for node in snapshot.numa.facts.nodes)),
    )
