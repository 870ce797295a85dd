"""Which CPUs are kept for the system: whole cores, spread over the NUMA nodes.

Of each node the cores with the lowest CPUs, where the kernel's own work is by default; none that the kernel is told to
leave alone (isolcpus=, nohz_full=), and on a machine with several kinds of cores the slowest ones.
"""

from __future__ import annotations

from collections.abc import Iterable

from agent.kubelet_config.model import Hardware, UnfitError
from collectors.parse import IdSet, format_id_list

MOST = 8
"""By default at most one core in so many"""


def choose_cpus(hardware: Hardware, wanted: int | None) -> IdSet:
    """CPUs for the system.

    Args:
        hardware: the machine.
        wanted: how many at least; whole cores may make them more. None: a core of each NUMA node, and not more than an
            eighth of all.

    Raises UnfitError where there are not as many, or none would be left for pods.
    """
    queues = [_cores_of(hardware, node) for node in hardware.cpu_nodes]
    cores = [core for queue in queues for core in queue]
    if not cores:
        raise UnfitError(
            "no CPU of this machine is known to be online and not isolated: none can be reserved"
        )
    if wanted is None:
        return _taken(queues, cores=min(len(queues), max(len(hardware.cores) // MOST, 1)))
    if wanted < 1:
        raise UnfitError("--reserve-cpus 0: cpuManagerPolicy static needs at least one CPU for the system")
    free = frozenset().union(*cores)
    if wanted > len(free):
        isolated = f", {len(hardware.isolated)} isolated ones not counted" if hardware.isolated else ""
        raise UnfitError(f"--reserve-cpus {wanted}: there are {len(free)} CPUs{isolated}; name fewer")
    chosen = _taken(queues, cpus=wanted)
    if chosen == hardware.cpus:
        raise UnfitError(
            f"--reserve-cpus {wanted}: none of CPUs {format_id_list(chosen)} would be left for pods"
        )
    return chosen


def _cores_of(hardware: Hardware, node: int) -> list[IdSet]:
    """The node's cores that may be taken, in the order of taking."""
    on_node = {place.cpu for place in hardware.machine.cpus if place.numa_node == node}
    cores = [core for core in hardware.cores if core <= on_node and not core & hardware.isolated]
    return sorted(cores, key=lambda core: (not core <= hardware.slow, min(core)))


def _taken(queues: Iterable[list[IdSet]], *, cores: int | None = None, cpus: int | None = None) -> IdSet:
    """Cores from the queues in turn, until there are so many of them, or so many CPUs."""
    waiting = [list(queue) for queue in queues if queue]
    chosen: list[IdSet] = []
    while waiting and not _enough(chosen, cores, cpus):
        for queue in list(waiting):
            if _enough(chosen, cores, cpus):
                break
            chosen.append(queue.pop(0))
            if not queue:
                waiting.remove(queue)
    return frozenset().union(*chosen)


def _enough(chosen: list[IdSet], cores: int | None, cpus: int | None) -> bool:
    if cores is not None:
        return len(chosen) >= cores
    return sum(map(len, chosen)) >= (cpus or 0)
