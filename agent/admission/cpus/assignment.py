"""Which CPUs a request gets out of those that are free: packed, the kubelet's ordinary way.

From the largest part of the machine to the smallest, whole ones first: sockets and NUMA nodes (the larger of the two
before the smaller), then uncore caches where the option asks for them, then cores, then single CPUs. On each level the
part with the fewest free CPUs comes first, so that what is broken gets used up; among equals the lowest id.

Why it bites: a part counts as untouched by the number of its free CPUs, held against the size of the average part of
its kind, and then all its CPUs are taken. Where parts are uneven this takes CPUs that somebody has already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from agent.admission.cpus.options import CpuOptions
from agent.admission.cpus.topology import CpuMask, CpuTopology, Parts, ascending


class CpuShortageError(Exception):
    """The CPUs asked for cannot be taken from those given; the message is the kubelet's own sentence."""


class EndlessSearchError(CpuShortageError):
    """The kubelet's search would not end; the message is ours."""


class Taking:
    """One assignment under way: what is free, what has been taken, how many are still wanted."""

    __slots__ = ("free", "options", "taken", "topology", "wanted")

    def __init__(self, topology: CpuTopology, free: CpuMask, wanted: int, options: CpuOptions) -> None:
        self.topology = topology
        self.free = free & topology.cpus
        self.wanted = wanted
        self.taken = 0
        self.options = options

    @property
    def satisfied(self) -> bool:
        """Whether nothing is wanted any more."""
        return self.wanted < 1

    def take(self, cpus: CpuMask) -> None:
        """Takes all of these; each counts towards what is wanted, even if it was taken or not free before."""
        self.taken |= cpus
        self.free &= ~self.taken
        self.wanted -= cpus.bit_count()

    def outer(self) -> list[int]:
        """The larger of sockets and nodes that have free CPUs, in the order of taking."""
        return self._in_order(self.topology.outer, self.topology.outer, self.free)

    def inner(self) -> list[int]:
        """The smaller of the two, within the larger in their order. One that lies in two of these comes twice."""
        topology = self.topology
        return [
            part
            for whole in self.outer()
            for part in self._in_order(topology.inner, topology.inner, self.free & topology.outer[whole])
        ]

    def nodes(self) -> list[int]:
        """NUMA nodes with free CPUs, in the order of taking."""
        return self.outer() if self.topology.nodes_outside else self.inner()

    def sockets(self) -> list[int]:
        """Sockets with free CPUs, in the order of taking."""
        return self.inner() if self.topology.nodes_outside else self.outer()

    def caches(self) -> list[int]:
        """Uncore caches with free CPUs, within their NUMA nodes."""
        topology = self.topology
        return [
            cache
            for node in self.nodes()
            for cache in self._in_order(topology.caches, topology.caches, self.free & topology.nodes[node])
        ]

    def cores(self) -> list[int]:
        """Cores with free CPUs, within the smaller of sockets and nodes."""
        topology = self.topology
        return [
            core
            for part in self.inner()
            for core in self._in_order(
                topology.cores, topology.cores_of[part], self.free & topology.inner[part]
            )
        ]

    def single_cpus(self) -> list[int]:
        """Free CPUs: core by core, or, spread over cores, by their ids within each socket."""
        topology = self.topology
        if self.options.spread_cores:
            return [
                cpu for socket in self.sockets() for cpu in ascending(self.free & topology.sockets[socket])
            ]
        return [cpu for core in self.cores() for cpu in ascending(self.free & topology.cores[core])]

    def take_untouched(self, ids: Iterable[int], parts: Parts, size: Callable[[int], int]) -> None:
        """Takes parts that are wanted whole, of those that have as many free CPUs as `size` says."""
        untouched = [each for each in ids if (parts[each] & self.free).bit_count() == size(each)]
        for each in untouched:
            if self.wanted >= parts[each].bit_count():
                self.take(parts[each])

    def _in_order(self, parts: Parts, ids: Iterable[int], within: CpuMask) -> list[int]:
        found = [((mask & self.free).bit_count(), each) for each in ids if (mask := parts[each]) & within]
        found.sort()
        return [each for _, each in found]


def shortage(wanted: int, free: CpuMask) -> CpuShortageError:
    """The kubelet's words where fewer CPUs are free than are wanted."""
    message = (
        f"not enough cpus available to satisfy request: requested={wanted}, available={free.bit_count()}"
    )
    return CpuShortageError(message)


def take_packed(topology: CpuTopology, free: CpuMask, wanted: int, options: CpuOptions) -> CpuMask:
    """`wanted` CPUs out of `free`, packed; nothing for 0 or less. Raises CpuShortageError where fewer are free."""
    taking = Taking(topology, free, wanted, options)
    if wanted > taking.free.bit_count():
        raise shortage(wanted, free)
    for step in (_take_outer, _take_inner, _take_by_cache, _take_cores, _take_single_cpus):
        if taking.satisfied:
            break
        step(taking)
    return taking.taken


def _take_outer(taking: Taking) -> None:
    _take_sockets_or_nodes(taking, nodes=taking.topology.nodes_outside)


def _take_inner(taking: Taking) -> None:
    _take_sockets_or_nodes(taking, nodes=not taking.topology.nodes_outside)


def _take_sockets_or_nodes(taking: Taking, *, nodes: bool) -> None:
    topology = taking.topology
    if nodes:
        taking.take_untouched(taking.nodes(), topology.nodes, lambda node: topology.nodes[node].bit_count())
    else:
        taking.take_untouched(taking.sockets(), topology.sockets, lambda _: topology.cpus_per_socket)


def _take_cores(taking: Taking) -> None:
    if not taking.options.spread_cores:
        topology = taking.topology
        taking.take_untouched(taking.cores(), topology.cores, lambda _: topology.cpus_per_core)


def _take_single_cpus(taking: Taking) -> None:
    for cpu in taking.single_cpus():
        taking.take(1 << cpu)
        if taking.satisfied:
            break


def _take_by_cache(taking: Taking) -> None:
    """Whole caches while at least a cache's worth is wanted, then all that is left from one cache that can give it."""
    topology = taking.topology
    for cache in taking.caches() if taking.options.by_cache else ():
        if taking.wanted >= topology.cpus_per_cache:
            taking.take_untouched(
                taking.caches(), topology.caches, lambda each: topology.caches[each].bit_count()
            )
        if taking.wanted > 0:
            _take_rest_from_cache(taking, cache)
        if taking.satisfied:
            break


def _take_rest_from_cache(taking: Taking, cache: int) -> None:
    """Takes what is left to take from the lowest cores of this cache, if that comes out exactly.

    Cores that are partly taken count as cores: where such a one is among the lowest, the cache is passed over although
    it may have enough. For an odd number one CPU, the highest, is left out; before 1.34 such a number never came out.
    """
    topology = taking.topology
    lowest = _lowest_cores(taking, cache)
    free = 0
    for core in lowest:
        free |= topology.cores[core] & taking.free
    odd = taking.wanted % 2 and topology.cpus_per_core > 1 and taking.options.odd_from_cache
    if odd and free.bit_count() > taking.wanted:
        free &= ~(1 << free.bit_length() - 1)
    if free.bit_count() == taking.wanted:
        taking.take(free)


def _lowest_cores(taking: Taking, cache: int) -> list[int]:
    topology = taking.topology
    needed = taking.wanted // topology.cpus_per_core
    if taking.options.odd_from_cache and taking.wanted % topology.cpus_per_core:
        needed += 1
    within = taking.free & topology.caches[cache]
    return sorted(core for core, cpus in topology.cores.items() if cpus & within)[:needed]
