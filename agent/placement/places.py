"""Where a pod is, as far as what it is listed with tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.placement.holders import Holder
from agent.placement.inferred import Leftovers, init_leftovers
from collectors.model import NumaNode, Snapshot
from collectors.model.kubelet_config import KubeletConfig
from collectors.model.kubelet_picture import KubeletPicture
from collectors.parse import IdSet

_NONE: IdSet = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What every subject of a ledger is made from."""

    snapshot: Snapshot
    nodes: tuple[NumaNode, ...]
    """By id"""
    amounts: Mapping[int, Mapping[str, int]]
    """What the kernel shows, by node and resource"""
    node_of_cpu: Mapping[int, int]
    picture: KubeletPicture
    config: KubeletConfig | None
    holders: tuple[Holder, ...]
    live: frozenset[str]
    """Uids of the pods whose entries in the checkpoints count"""
    leftovers: tuple[Leftovers, ...]
    """What init containers hold by their pods' specs"""

    @property
    def listed(self) -> bool:
        """Whether the kubelet has ever listed its pods."""
        return self.picture.allocations.facts is not None

    @property
    def node_ids(self) -> IdSet:
        """Every NUMA node that there is."""
        return frozenset(node.id for node in self.nodes)

    def nodes_of_cpus(self, cpus: IdSet) -> IdSet:
        """The nodes that CPUs lie on; CPUs that are offline lie on none."""
        return frozenset(self.node_of_cpu[cpu] for cpu in cpus if cpu in self.node_of_cpu)


def leftovers_of(holders: Iterable[Holder], config: KubeletConfig | None) -> tuple[Leftovers, ...]:
    """What the init containers of all pods hold, where they hold anything."""
    found = (init_leftovers(holder, config) for holder in holders)
    return tuple(each for each in found if each is not None)


def nodes_of_holder(holder: Holder, facts: Facts) -> IdSet:
    """The nodes that a pod's init containers most likely use: those of its listed CPUs, else memory, else devices;
    of a machine with one node that one. Empty where nothing tells."""
    allocation = holder.allocation
    cpus = allocation.cpus.union(*(each.cpus for each in allocation.containers))
    blocks = (*allocation.memory, *(block for each in allocation.containers for block in each.memory))
    devices = (device for each in allocation.containers for device in each.devices)
    known = facts.node_ids
    return (
        facts.nodes_of_cpus(cpus)
        or _NONE.union(*(block.numa_nodes or _NONE for block in blocks)) & known
        or _NONE.union(*(device.numa_nodes or _NONE for device in devices)) & known
        or (known if len(known) == 1 else _NONE)
    )
