"""The machine as cAdvisor tells it to the kubelet: which CPU is whose, which numbers count, and in what order.

Not the machine as it is. cAdvisor takes NUMA nodes in the order of their directories' names, so that node10 comes
before node2. It tells cores apart by the kernel's core id within a socket within a node. It knows a last-level cache as
an uncore cache only where that is not the whole node's; elsewhere the socket's number stands in for it. Without NUMA
nodes in sysfs the sockets become the nodes, without memory or distances, and offline CPUs are counted.

Source: lib/utils/sysinfo of https://github.com/google/cadvisor.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.admission.model import CpuPlace, Machine
from agent.placement.model import MEMORY, hugepages_resource
from collectors.model import Cache, Cpu, CpuTopology, NumaNode, NumaTopology, Snapshot
from collectors.model.pod import Amounts
from collectors.parse import IdSet

_CORE_CACHES = 2
"""Caches up to this level are a core's own"""

_NO_SOCKET = -1
"""What the kernel writes where it does not know the socket; a number like any other to the kubelet"""


def machine_of(snapshot: Snapshot) -> Machine | None:
    """The machine of a snapshot; None where CPUs or NUMA nodes were never read."""
    cpus, numa = snapshot.cpus.facts, snapshot.numa.facts
    if cpus is None or numa is None:
        return None
    return derive_machine(cpus, numa)


def derive_machine(cpus: CpuTopology, numa: NumaTopology) -> Machine:
    """The machine from its CPUs and its NUMA nodes."""
    known = {cpu.id: cpu for cpu in cpus.cpus if cpu.online and cpu.core_id is not None}
    if not numa.from_kernel:
        return _without_numa(cpus, known)
    nodes = sorted(numa.nodes, key=lambda node: str(node.id))
    places = [place for node in nodes for place in _places(node.id, node.cpus, known, cpus.caches)]
    return Machine(
        cpus=tuple(sorted(places, key=lambda place: place.cpu)),
        numa_nodes=tuple(node.id for node in nodes),
        distances=tuple(tuple(distance for _, distance in node.distances) for node in nodes),
        memory=tuple((node.id, _memory(node)) for node in nodes),
        socket_count=_socket_count(known.values()),
        cpu_count=len(places),
    )


def _without_numa(cpus: CpuTopology, known: dict[int, Cpu]) -> Machine:
    sockets: dict[int, set[int]] = {}
    for cpu in known.values():
        sockets.setdefault(_socket(cpu), set()).add(cpu.id)
    places = [
        place
        for socket, members in sockets.items()
        for place in _places(socket, frozenset(members), known, cpus.caches)
    ]
    return Machine(
        cpus=tuple(sorted(places, key=lambda place: place.cpu)),
        numa_nodes=tuple(sorted(sockets)),
        memory=tuple((socket, ((MEMORY, 0),)) for socket in sorted(sockets)),
        socket_count=_socket_count(known.values()),
        cpu_count=len(cpus.cpus),
    )


def _socket(cpu: Cpu) -> int:
    return _NO_SOCKET if cpu.package_id is None else cpu.package_id


def _socket_count(cpus: Iterable[Cpu]) -> int:
    return len({_socket(cpu) for cpu in cpus})


def _places(node: int, members: IdSet, known: dict[int, Cpu], caches: Sequence[Cache]) -> list[CpuPlace]:
    """The node's online CPUs, core by core; a core's number is that of its lowest CPU."""
    cores: dict[tuple[int, int | None], list[int]] = {}
    for cpu in sorted(members & known.keys(), key=str):
        cores.setdefault((_socket(known[cpu]), known[cpu].core_id), []).append(cpu)
    uncore = _uncore_caches(list(cores.values()), caches)
    return [
        CpuPlace(
            cpu=cpu,
            core=min(threads),
            socket=socket,
            numa_node=node,
            uncore_cache=uncore.get(min(threads), socket),
        )
        for (socket, _), threads in cores.items()
        for cpu in threads
    ]


def _uncore_caches(cores: Sequence[Sequence[int]], caches: Sequence[Cache]) -> dict[int, int]:
    """The uncore cache of each core, by the core's lowest CPU.

    A cache that as many CPUs share as the node would have if all of its cores were like this one is the node's. Where a
    cache has no id (older kernels, ARM firmware without PPTT ids), cAdvisor gives up on the node from that core on.
    """
    found: dict[int, int] = {}
    for threads in cores:
        above = [each for each in caches if threads[0] in each.cpus and each.level >= _CORE_CACHES]
        if any(each.id is None for each in above):
            break
        whole_node = len(cores) * len(threads)
        own = [each for each in above if each.level > _CORE_CACHES and len(each.cpus) != whole_node]
        if own and own[0].id is not None:
            found[min(threads)] = own[0].id
    return found


def _memory(node: NumaNode) -> Amounts:
    """What is unknown counts as nothing, as it does to cAdvisor."""
    amounts = {MEMORY: node.memory_total_bytes or 0}
    for pool in node.hugepages:
        amounts[hugepages_resource(pool.page_size_bytes)] = (pool.total or 0) * pool.page_size_bytes
    return tuple(sorted(amounts.items()))
