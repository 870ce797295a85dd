"""From which NUMA nodes whole CPUs could be taken: the CPU manager's wish for the topology manager.

A set of nodes will do if enough CPUs are free on it. It is preferred if it is as small as the smallest set that could
ever do on this machine when idle, reserved CPUs counted in: why a request that only just fits a node without them gets
hints of one node that no state of the machine can ever meet, and with a strict policy no pod can have it.

Nodes without CPUs are in no set: to these rules they do not exist.
"""

from __future__ import annotations

from agent.admission.cpus.topology import CpuMask, CpuTopology
from agent.admission.merging.rules import mask_of
from agent.admission.model import Enough, HintRule, Mask


def cpu_hints(
    topology: CpuTopology, *, free: CpuMask, again: CpuMask, wanted: int, by_socket: bool
) -> HintRule:
    """The rule behind the hints for `wanted` CPUs.

    Args:
        topology: the machine.
        free: CPUs that may be taken.
        again: CPUs that the pod has already and may use again; every node that has some must be in the set.
        wanted: how many, 1 or more.
        by_socket: align-by-socket.
    """
    least = _smallest_that_could_do(topology, wanted)
    amounts = tuple((1 << node, (cpus & free).bit_count()) for node, cpus in topology.nodes.items())
    return HintRule(
        nodes=mask_of(topology.nodes),
        enough=(Enough(amounts=amounts, need=wanted - again.bit_count()),),
        touches=tuple(1 << node for node, cpus in topology.nodes.items() if cpus & again),
        preferred_size=least,
        groups=_nodes_by_socket(topology) if by_socket else (),
        preferred_groups=_fewest_sockets(topology, least) if by_socket else None,
    )


def _smallest_that_could_do(topology: CpuTopology, wanted: int) -> int:
    """How many nodes it takes on the idle machine; all, if not even these are enough."""
    missing = wanted
    sizes = sorted((cpus.bit_count() for cpus in topology.nodes.values()), reverse=True)
    for count, size in enumerate(sizes, start=1):
        missing -= size
        if missing <= 0:
            return count
    return len(sizes)


def _fewest_sockets(topology: CpuTopology, nodes: int) -> int | None:
    """How many sockets so many nodes lie on at the least, by the average socket; None with less than a node each."""
    if not topology.socket_count or topology.socket_count > len(topology.nodes):
        return None
    nodes_per_socket = len(topology.nodes) // topology.socket_count
    return -(-nodes // nodes_per_socket)


def _nodes_by_socket(topology: CpuTopology) -> tuple[Mask, ...]:
    return tuple(
        mask_of(node for node, cpus in topology.nodes.items() if cpus & socket)
        for socket in topology.sockets.values()
    )
