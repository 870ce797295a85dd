"""The machine's CPUs as the CPU rules walk over them: by core, socket, NUMA node and uncore cache.

CPU sets are bit masks here, so that "how many of this socket are free" is one `&` and one count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from agent.admission.model import CpuPlace, Machine
from collectors.parse import IdSet, ids_of_bits

CpuMask = int
"""A set of CPUs: bit n stands for CPU n"""

Parts = Mapping[int, CpuMask]
"""The CPUs of each core (or socket, node, cache), by its id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuTopology:
    """The online CPUs and what they are parts of.

    The sizes of a core, a socket and a cache are averages, rounded down, as in the kubelet: where parts are uneven (P
    and E cores, a socket with a CPU offline) they are nobody's size, and the rules built on them go astray. Of nothing the
    size is 1.
    """

    cpus: CpuMask
    cores: Parts
    sockets: Parts
    nodes: Parts
    """NUMA nodes that have CPUs; others do not exist for these rules"""
    caches: Parts
    cpus_per_core: int
    cpus_per_socket: int
    cpus_per_cache: int
    socket_count: int
    nodes_outside: bool
    """Whether a NUMA node is taken to hold sockets, rather than a socket to hold nodes: there are as many sockets as
    nodes, or more"""
    cores_of: Mapping[int, tuple[int, ...]]
    """The cores in each of the smaller parts, which are sockets if `nodes_outside`, else nodes"""

    @property
    def outer(self) -> Parts:
        """The larger of sockets and NUMA nodes."""
        return self.nodes if self.nodes_outside else self.sockets

    @property
    def inner(self) -> Parts:
        """The smaller of sockets and NUMA nodes."""
        return self.sockets if self.nodes_outside else self.nodes


def derive_topology(machine: Machine) -> CpuTopology:
    """The CPU topology of a machine."""
    cores = _parts(machine.cpus, lambda place: place.core)
    sockets = _parts(machine.cpus, lambda place: place.socket)
    nodes = _parts(machine.cpus, lambda place: place.numa_node)
    caches = _parts(machine.cpus, lambda place: place.uncore_cache)
    cpu_count = len(machine.cpus) if machine.cpu_count is None else machine.cpu_count
    socket_count = len(sockets) if machine.socket_count is None else machine.socket_count
    nodes_outside = socket_count >= len(nodes)
    inner = sockets if nodes_outside else nodes
    return CpuTopology(
        cpus=mask_of_cpus(place.cpu for place in machine.cpus),
        cores=cores,
        sockets=sockets,
        nodes=nodes,
        caches=caches,
        cpus_per_core=_average(cpu_count, len(cores)),
        cpus_per_socket=_average(cpu_count, socket_count),
        cpus_per_cache=_average(cpu_count, len(caches)),
        socket_count=socket_count,
        nodes_outside=nodes_outside,
        cores_of={part: _meeting(cores, cpus) for part, cpus in inner.items()},
    )


def mask_of_cpus(cpus: Iterable[int]) -> CpuMask:
    """The set of these CPUs as a mask."""
    mask = 0
    for cpu in cpus:
        mask |= 1 << cpu
    return mask


def ids_of_mask(mask: CpuMask) -> IdSet:
    """The set of these CPUs as ids."""
    return ids_of_bits(mask)


def ascending(mask: CpuMask) -> Iterator[int]:
    """The CPUs of a set, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def touching(parts: Parts, cpus: CpuMask) -> CpuMask:
    """All CPUs of the parts that have any of these CPUs: of the cores, all threads of these and their siblings."""
    whole = 0
    for part in parts.values():
        if part & cpus:
            whole |= part
    return whole


def _parts(places: Iterable[CpuPlace], part_of: Callable[[CpuPlace], int]) -> Parts:
    parts: dict[int, CpuMask] = {}
    for place in places:
        parts[part_of(place)] = parts.get(part_of(place), 0) | 1 << place.cpu
    return parts


def _meeting(parts: Parts, cpus: CpuMask) -> tuple[int, ...]:
    return tuple(each for each, mask in parts.items() if mask & cpus)


def _average(total: int, parts: int) -> int:
    return total // parts if parts else 1
