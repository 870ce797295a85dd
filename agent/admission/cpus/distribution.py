"""Which CPUs a request gets under distribute-cpus-across-numa: even shares from as few NUMA nodes as will do.

For one node, then two, then three, …: every choice of so many nodes is tried that can give the same share each, in
groups of one CPU (of one whole core with full-pcpus-only). What cannot be shared evenly is handed out group by group to
some of the chosen nodes, the subset that leaves the machine most even: with the least standard deviation of free CPUs
over all nodes that have any. The most even choice of all wins, the first among equals. If no number of nodes allows it
(or the request is no multiple of a group), CPUs are packed instead.

Why it bites: from four nodes on, the choice that is remembered as the best is not always the one that is used. See
`choices`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.admission.cpus.assignment import (
    CpuShortageError,
    EndlessSearchError,
    Taking,
    shortage,
    take_packed,
)
from agent.admission.cpus.options import CpuOptions
from agent.admission.cpus.topology import CpuMask, CpuTopology


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """How some nodes would share."""

    unevenness: float
    """Of what is free on all nodes afterwards"""
    givers: tuple[int, ...] = ()
    """The places, among the nodes, of those that also give what cannot be shared evenly"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """Nodes to share from."""

    nodes: list[int]
    """The kubelet's own array: it may still change"""
    givers: tuple[int, ...]
    unevenness: float
    in_one_socket: bool


def take_distributed(topology: CpuTopology, free: CpuMask, wanted: int, options: CpuOptions) -> CpuMask:
    """`wanted` CPUs out of `free`, in even shares; nothing for 0 or less.

    Raises:
        CpuShortageError: fewer are free, or the kubelet's own arithmetic fails.
        EndlessSearchError: the kubelet would never come to an end.
    """
    group = topology.cpus_per_core if options.whole_cores else 1
    if wanted % group:
        return take_packed(topology, free, wanted, options)
    taking = Taking(topology, free, wanted, options)
    if taking.satisfied:
        return 0
    if wanted > taking.free.bit_count():
        raise shortage(wanted, free)
    search = _Search(taking, group)
    for size in search.sizes():
        choice = search.best(size)
        if choice is not None:
            return _take_shares(taking, choice, group)
    return take_packed(topology, free, wanted, options)


class _Search:
    """Looks for the most even choice of nodes."""

    def __init__(self, taking: Taking, group: int) -> None:
        self.topology = taking.topology
        self.wanted = taking.wanted
        self.group = group
        self.by_socket = taking.options.by_socket and taking.options.shares_mind_sockets
        self.nodes = taking.nodes()
        self.cpus = {node: taking.topology.nodes[node] & taking.free for node in self.nodes}
        self.free = {node: cpus.bit_count() for node, cpus in self.cpus.items()}
        self._plans: dict[tuple[int, ...], _Plan | None] = {}

    def sizes(self) -> range:
        """How many nodes may be needed: by the size of the average node, and one group from each."""
        groups = _ceiling(self.topology.cpus.bit_count(), self.group)
        needed = _ceiling(self.wanted, self.group)
        least = _ceiling(needed, _ceiling(groups, len(self.topology.nodes)))
        return range(least, min(needed, len(self.cpus)) + 1)

    def best(self, size: int) -> _Choice | None:
        """The most even choice of `size` nodes; None where no choice can give even shares."""
        best: _Choice | None = None
        for nodes in choices(self.nodes, size):
            if best is not None and best.unevenness == 0 and (best.in_one_socket or not self.by_socket):
                break
            choice = self._choice(nodes)
            if choice is not None and (best is None or self._beats(choice, best)):
                best = choice
        return best

    def _choice(self, nodes: list[int]) -> _Choice | None:
        """These nodes as a choice, if they can give even shares. On a machine of many equal nodes nearly all choices
        come to the same, so plans are kept by what is free on their nodes."""
        unique = len(self.nodes) == len(self.cpus)  # a node in two sockets comes twice
        key = tuple(self.free[node] for node in nodes) if unique else tuple(nodes)
        if key not in self._plans:
            self._plans[key] = self._plan(nodes)
        plan = self._plans[key]
        if plan is None:
            return None
        return _Choice(
            nodes=nodes,
            givers=tuple(nodes[place] for place in plan.givers),
            unevenness=plan.unevenness,
            in_one_socket=self.by_socket and self._in_one_socket(nodes),
        )

    def _plan(self, nodes: Sequence[int]) -> _Plan | None:
        share = self._share(nodes)
        if share is None:
            return None
        left = dict(self.free)
        for node in nodes:
            left[node] -= share
        rest = self.wanted - share * len(nodes)
        if not rest:
            return _Plan(unevenness=standard_deviation(left.values()))
        able = [node for node in nodes if left[node] >= self.group]
        unevenness, givers = self._best_givers(able, left, rest)
        return _Plan(unevenness=unevenness, givers=tuple(nodes.index(node) for node in givers))

    def _share(self, nodes: Sequence[int]) -> int | None:
        """What each of the nodes gives, if together they can give all."""
        union = 0
        for node in nodes:
            union |= self.cpus[node]
        whole = [self.free[node] // self.group * self.group for node in nodes]
        if union.bit_count() < self.wanted or sum(whole) < self.wanted:
            return None
        share = self.wanted // len(nodes) // self.group * self.group
        if self.by_socket:
            share = min(share, *whole)
        return share if all(self.free[node] >= share for node in nodes) else None

    def _best_givers(
        self, nodes: Sequence[int], left: Mapping[int, int], rest: int
    ) -> tuple[float, list[int]]:
        """The subset that leaves the machine most even when it gives the rest: larger ones first, so that they win."""
        best, chosen = math.inf, list[int]()
        for size in range(len(nodes), 0, -1):
            for givers in choices(nodes, size):
                if sum(left[node] for node in givers) < rest:
                    continue
                unevenness = standard_deviation(self._after(givers, left, rest).values())
                if unevenness < best:
                    best, chosen = unevenness, givers
        return best, chosen

    def _after(self, givers: Sequence[int], left: Mapping[int, int], rest: int) -> dict[int, int]:
        """What is free once the rest is given, a group from each in turn."""
        after = dict(left)
        while rest:
            able = False
            for node in givers:
                if rest and after[node] >= self.group:
                    able = True
                    after[node] -= self.group
                    rest -= self.group
            if not able:
                raise _endless()
        return after

    def _beats(self, choice: _Choice, best: _Choice) -> bool:
        if self.by_socket and choice.in_one_socket != best.in_one_socket:
            return choice.in_one_socket
        return choice.unevenness < best.unevenness

    def _in_one_socket(self, nodes: Iterable[int]) -> bool:
        cpus = 0
        for node in nodes:
            cpus |= self.topology.nodes[node]
        return sum(1 for socket in self.topology.sockets.values() if socket & cpus) <= 1


def _take_shares(taking: Taking, choice: _Choice, group: int) -> CpuMask:
    nodes = taking.topology.nodes
    share = taking.wanted // len(choice.nodes) // group * group
    if taking.options.shares_mind_sockets:
        share = min(
            share, *((nodes[node] & taking.free).bit_count() // group * group for node in choice.nodes)
        )
    rest = taking.wanted - share * len(choice.nodes)
    for node in choice.nodes:
        _take_from(taking, node, share)
    while rest > 0:
        able = False
        for node in choice.givers:
            if rest and (nodes[node] & taking.free).bit_count() >= group:
                able = True
                _take_from(taking, node, group)
                rest -= group
        if not able:
            raise _endless()
    if taking.wanted:
        fault = "not enough" if taking.wanted > 0 else "too many"
        raise CpuShortageError(f"accounting error, {fault} CPUs allocated, remaining: {taking.wanted}")
    return taking.taken


def _take_from(taking: Taking, node: int, wanted: int) -> None:
    """Takes so many of the node's CPUs; none where it has fewer, which before 1.37 could be."""
    cpus = taking.topology.nodes[node] & taking.free
    if wanted <= cpus.bit_count():
        taking.take(take_packed(taking.topology, cpus, wanted, taking.options))


def choices(ids: Sequence[int], size: int) -> Iterator[list[int]]:
    """Every choice of `size` of these, in the order of `ids`, as the kubelet holds them: some are the same list.

    The kubelet builds a choice by appending to a shorter one, and Go's arrays double when they are full (1, 2, 4, 8,
    16). Choices that are equal up to their array's last growth are therefore written into one array, one after the
    other: who remembers an earlier choice finds a later one in its place. Choices of four have the array in common if
    they begin with the same three, choices of six to eight if with the same five.
    """
    common = 1 + (1 << (size - 1).bit_length() >> 1)
    array: list[int] = []
    before: tuple[int, ...] = ()
    for places in itertools.combinations(range(len(ids)), size):
        choice = [ids[place] for place in places]
        if common < size and places[:common] == before[:common]:
            array[:] = choice
        else:
            array = choice
        before = places
        yield array


def standard_deviation(values: Iterable[int]) -> float:
    """Of all values, rounded to three decimals on the way and at the end, halves up: small differences do not count."""
    numbers = list(values)
    mean = _rounded(sum(numbers) / len(numbers))
    return _rounded(math.sqrt(sum((each - mean) * (each - mean) for each in numbers) / len(numbers)))


def _rounded(value: float) -> float:
    thousandths = value * 1000
    whole = math.floor(thousandths)
    return (whole + 1 if thousandths - whole >= 0.5 else whole) / 1000


def _ceiling(amount: int, size: int) -> int:
    return -(-amount // size)


def _endless() -> EndlessSearchError:
    return EndlessSearchError(
        "the kubelet hands out whole cores for ever to NUMA nodes that have only halves left"
    )
