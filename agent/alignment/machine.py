"""The machine in the forms in which an alignment asks for it: which part holds these CPUs, how far apart nodes are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.alignment.model import Level
from collectors.model import IdSet, NumaNode, Snapshot

_NONE: IdSet = frozenset()


class Machine:
    """CPUs, caches and NUMA nodes of one snapshot.

    Attributes:
        nodes: by id.
        node_ids: every NUMA node that there is.
        online: every CPU that is online.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        numa, cpus = snapshot.numa.facts, snapshot.cpus.facts
        self.nodes: dict[int, NumaNode] = {} if numa is None else {node.id: node for node in numa.nodes}
        self.node_ids: IdSet = frozenset(self.nodes)
        self._node_of_cpu = {cpu: node.id for node in self.nodes.values() for cpu in node.cpus}
        self.online: IdSet = frozenset(self._node_of_cpu) if cpus is None else cpus.online
        self._places: tuple[tuple[Level, Sequence[IdSet]], ...] = (
            (Level.CORE, _sets(() if cpus is None else (group.cpus for group in cpus.cores))),
            (Level.L3, _sets(() if cpus is None else (cache.cpus for cache in cpus.l3_caches))),
            (Level.NUMA, _sets(node.cpus for node in self.nodes.values())),
            (Level.SOCKET, _sets(() if cpus is None else (group.cpus for group in cpus.packages))),
        )
        self._levels: dict[IdSet, Level | None] = {}

    def nodes_of_cpus(self, cpus: IdSet) -> IdSet:
        """The nodes that CPUs lie on; CPUs that are offline lie on none."""
        return frozenset(self._node_of_cpu[cpu] for cpu in cpus if cpu in self._node_of_cpu)

    def level_of_cpus(self, cpus: IdSet) -> Level | None:
        """The smallest part that holds all of these CPUs: of parts with the same CPUs the one that is the less by name.

        None for no CPUs, for CPUs that are offline, and where it is not known which sockets there are.
        """
        if cpus not in self._levels:
            self._levels[cpus] = self._find_level(cpus)
        return self._levels[cpus]

    def level_of_nodes(self, nodes: IdSet) -> Level | None:
        """The same of whole nodes. Of nodes without CPUs it is not known which socket they belong to."""
        if len(nodes) < 2:
            return Level.NUMA if nodes else None
        cpus = [self.nodes[node].cpus if node in self.nodes else _NONE for node in nodes]
        level = self.level_of_cpus(_NONE.union(*cpus)) if all(cpus) else None
        return level if level in (None, Level.MACHINE) else Level.SOCKET

    def distance(self, nodes: IdSet) -> int | None:
        """The largest distance from any of these nodes to another, or to itself where it is alone."""
        pairs = [(one, other) for one in nodes for other in nodes if one != other or len(nodes) == 1]
        found = [self.nodes[one].distance_to(other) if one in self.nodes else None for one, other in pairs]
        known = [distance for distance in found if distance is not None]
        return max(known) if known and len(known) == len(found) else None

    def _find_level(self, cpus: IdSet) -> Level | None:
        if not cpus or not cpus <= self.online:
            return None
        found = [
            (len(place), position)
            for position, (_, places) in enumerate(self._places)
            for place in places
            if cpus <= place
        ]
        if found:
            return self._places[min(found)[1]][0]
        return Level.MACHINE if self._places[-1][1] else None


def _sets(groups: Iterable[IdSet]) -> Sequence[IdSet]:
    return tuple({cpus for cpus in groups if cpus})
