"""Which NUMA nodes a PCI device is near to, from what the kernel says of it and of the machine's nodes. Pure.

The kernel says it twice: as a node (`numa_node`) and as CPUs (`local_cpus`). Neither is always useful: the node is
missing on old kernels and -1 where firmware is silent, and the CPUs are then often all CPUs, which says nothing. The
rule, in this order:

1. The nodes of `local_cpus`, unless these are all CPUs of the machine, or none that is known.
2. `numa_node`, if that node is online. Where both speak, the node wins if the CPUs include it, as it is the narrower
   answer; if they do not, the CPUs win, as the kernel routes interrupts by them. Either way, that they differ is told.
3. Those of the nearest thing above that has an answer by 1 or 2: the physical function of a virtual one, then the
   bridges, innermost first.

Otherwise nothing is known. This is what lstopo does, except that it never looks at `numa_node`.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from collectors.model import IdSet, NumaTopology, PciDevice


class LocalitySource(enum.Enum):
    """What told where a device is."""

    NUMA_NODE = "numa_node"
    LOCAL_CPUS = "local_cpus"
    PARENT = "parent"
    """The physical function, or a bridge above"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Locality:
    """Where a device is."""

    nodes: IdSet | None = None
    """Ids of the online NUMA nodes that it is near to, mostly one; None where that is not known"""
    cpus: IdSet | None = None
    """The online CPUs nearest to it; empty on a node without CPUs, None where that is not known"""
    source: LocalitySource | None = None
    contradicts: bool = False
    """Whether numa_node and local_cpus name different nodes"""


UNKNOWN = Locality()
"""The machine does not say where the device is."""


def device_locality(
    device: PciDevice, numa: NumaTopology, above: Mapping[str, PciDevice] | None = None
) -> Locality:
    """Where one device is.

    Args:
        device: the PCI function.
        numa: the machine's nodes.
        above: functions by address, to find the bridges in; without it a device that says nothing is nowhere.
    """
    return _inherited(device, _Machine(numa), above or {})


def derive_localities(pci: Iterable[PciDevice], numa: NumaTopology) -> dict[str, Locality]:
    """Where every device is, by address."""
    machine = _Machine(numa)
    functions = {device.address: device for device in pci}
    return {address: _inherited(device, machine, functions) for address, device in functions.items()}


class _Machine:
    """The nodes in the forms in which they are asked for, and the answers so far: devices share a few sets of CPUs."""

    def __init__(self, numa: NumaTopology) -> None:
        self.node_cpus = {node.id: node.cpus for node in numa.nodes}
        self.with_cpus = frozenset(node.id for node in numa.nodes if node.cpus)
        self._complete = all(node.cpus_known for node in numa.nodes)
        self._online: dict[int, set[int]] = defaultdict(set)
        self._offline: dict[int, set[int]] = defaultdict(set)
        for node in numa.nodes:
            for cpu in node.cpus:
                self._online[cpu].add(node.id)
            for cpu in node.offline_cpus:
                self._offline[cpu].add(node.id)
        self._answers: dict[IdSet, IdSet | None] = {}

    def nodes_of(self, cpus: IdSet | None) -> IdSet | None:
        """The nodes that CPUs belong to; None where these are all CPUs, or some of which the node is not known."""
        if not cpus:
            return None
        if cpus not in self._answers:
            self._answers[cpus] = self._find_nodes(cpus)
        return self._answers[cpus]

    def _find_nodes(self, cpus: IdSet) -> IdSet | None:
        if cpus.issuperset(self._online):
            return None
        if not self._complete and not cpus <= self._online.keys() | self._offline.keys():
            return None
        nodes = self._collect(self._online, cpus) or self._collect(self._offline, cpus)
        return None if not nodes or (nodes >= self.with_cpus and len(nodes) > 1) else nodes

    @staticmethod
    def _collect(nodes_by_cpu: Mapping[int, set[int]], cpus: IdSet) -> IdSet:
        return frozenset().union(*(nodes_by_cpu[cpu] for cpu in cpus if cpu in nodes_by_cpu))

    def online_cpus_of(self, nodes: IdSet) -> IdSet:
        return frozenset().union(*(self.node_cpus[node] for node in nodes))


def _inherited(device: PciDevice, machine: _Machine, functions: Mapping[str, PciDevice]) -> Locality:
    """The device's own locality, else that of the nearest thing above it."""
    own = _own(device, machine)
    if own.nodes is not None:
        return own
    above = (device.physical_function, *reversed(device.path[:-1]))
    for address in above:
        parent = None if address is None else functions.get(address)
        locality = UNKNOWN if parent is None else _own(parent, machine)
        if locality.nodes is not None:
            return replace(locality, source=LocalitySource.PARENT)
    return UNKNOWN


def _own(device: PciDevice, machine: _Machine) -> Locality:
    near = machine.nodes_of(device.local_cpus)
    node = device.numa_node if device.numa_node in machine.node_cpus else None
    if node is not None and (near is None or node in near):
        nodes, source = frozenset({node}), LocalitySource.NUMA_NODE
    elif near is not None:
        nodes, source = near, LocalitySource.LOCAL_CPUS
    else:
        return UNKNOWN
    all_cpus = machine.online_cpus_of(nodes)
    return Locality(
        nodes=nodes,
        cpus=all_cpus & (device.local_cpus or frozenset()) or all_cpus,
        source=source,
        # A node without CPUs (memory of a device) has no CPUs that could agree with it.
        contradicts=near is not None and node in machine.with_cpus and near != {node},
    )
