"""How close two PCI devices are, from the PCI tree and their NUMA nodes alone, in the words of `nvidia-smi topo`. Pure.

How bridges are counted. The tree shows every port: a switch is an upstream port with one downstream port for each
device below it, and each port is a bridge. Two devices below one switch thus have two ports below the innermost one
that they share, its upstream port, yet they cross one switch. So the bridges on the way, on both sides, below the
innermost shared one are counted, and up to two of them are one switch (PIX); more are several, in a cascade (PXB).
Where they share no bridge but the root complex, the way leads through the host bridge (PHB), also where each has a
switch of its own. Functions of one device, and a physical function with its virtual ones, are PIX wherever they hang.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.views.inventory import Item, Sort, derive_items
from agent.views.locality import derive_localities
from collectors.model import Devices, IdSet, NumaTopology, PciDevice


class Affinity(enum.Enum):
    """What lies between two devices, closest first. The words are those of `nvidia-smi topo`."""

    X = "X"
    """Nothing: it is the same device"""
    PIX = "PIX"
    """One PCIe switch or bridge at most"""
    PXB = "PXB"
    """Several switches or bridges, but no host bridge"""
    PHB = "PHB"
    """A host bridge, mostly that of a CPU"""
    NODE = "NODE"
    """Two host bridges of one NUMA node"""
    SYS = "SYS"
    """The interconnect between NUMA nodes"""


_BY_CLOSENESS = {affinity: rank for rank, affinity in enumerate(Affinity)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A device as seen from another."""

    address: str
    names: tuple[str, ...]
    """What the kernel's classes call it: `ens1f0`, `mlx5_0`, `nvme3`"""
    affinity: Affinity | None
    """None where the machine does not say enough to tell"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbourhood:
    """A GPU or another accelerator, and what feeds it, closest first; devices equally close are in order of address."""

    address: str
    names: tuple[str, ...]
    network: tuple[Neighbour, ...]
    nvme: tuple[Neighbour, ...]


class AffinityMap:
    """The closeness of any two PCI functions of a machine.

    Args:
        pci: every function.
        numa: the machine's NUMA nodes; None where they are not known, then nothing beyond a root complex can be told.
    """

    def __init__(self, pci: Iterable[PciDevice], numa: NumaTopology | None) -> None:
        self._functions = {device.address: device for device in pci}
        self._nodes = _nodes_by_address(self._functions.values(), numa)

    def between(self, one: str, other: str) -> Affinity | None:
        """How close two functions are, by address, the same both ways; None where that cannot be told.

        It cannot where they share no root complex, or the tree is not known, and the NUMA node of one is not either.
        """
        first, second = self._functions.get(one), self._functions.get(other)
        if first is None or second is None:
            return None
        return device_affinity(first, second, self._nodes.get(one), self._nodes.get(other))


def device_affinity(
    one: PciDevice, other: PciDevice, one_nodes: IdSet | None, other_nodes: IdSet | None
) -> Affinity | None:
    """How close two functions are that are near to these NUMA nodes; None where that cannot be told."""
    if one.address == other.address:
        return Affinity.X
    if _board(one) == _board(other):
        return Affinity.PIX
    tree_known = one.path_known and other.path_known
    if tree_known and one.root_complex == other.root_complex:
        return _within_root_complex(one, other)
    if not one_nodes or not other_nodes:
        return None
    if one_nodes.isdisjoint(other_nodes):
        return Affinity.SYS
    return Affinity.NODE if tree_known else None


def _board(device: PciDevice) -> str:
    """The device that a function is one of: domain, bus and slot; of a virtual function, those of the physical one."""
    return (device.physical_function or device.address).rpartition(".")[0]


def _within_root_complex(one: PciDevice, other: PciDevice) -> Affinity:
    shared = 0
    for mine, theirs in zip(one.path, other.path, strict=False):
        if mine != theirs:
            break
        shared += 1
    crossed = (*one.path[shared:-1], *other.path[shared:-1])
    if any(name.startswith("pci") for name in (one.path[shared - 1], *crossed)):
        return Affinity.PHB
    return Affinity.PIX if len(crossed) <= 2 else Affinity.PXB


def _nodes_by_address(pci: Iterable[PciDevice], numa: NumaTopology | None) -> dict[str, IdSet | None]:
    """Nodes of every function. On a machine with one NUMA node, everything is near to that, said or not."""
    if numa is None:
        return {}
    only = frozenset({numa.nodes[0].id}) if len(numa.nodes) == 1 else None
    localities = derive_localities(pci, numa)
    return {address: locality.nodes or only for address, locality in localities.items()}


def derive_neighbourhoods(
    pci: Iterable[PciDevice], devices: Devices | None, numa: NumaTopology | None
) -> tuple[Neighbourhood, ...]:
    """For every GPU and other accelerator, by address: the network devices and the NVMe disks by closeness.

    Virtual functions are devices too. Adapters for a server's own console are no GPUs.
    """
    pci = tuple(pci)
    affinities = AffinityMap(pci, numa)
    by_sort = _by_sort(derive_items(pci, devices))
    return tuple(
        Neighbourhood(
            address=address,
            names=names,
            network=_closest_first(affinities, address, by_sort[Sort.NETWORK]),
            nvme=_closest_first(affinities, address, by_sort[Sort.NVME]),
        )
        for address, names in sorted({**by_sort[Sort.GPU], **by_sort[Sort.ACCELERATOR]}.items())
    )


def _by_sort(items: Iterable[Item]) -> Mapping[Sort, dict[str, tuple[str, ...]]]:
    """Names by address of what has a PCI function, virtual functions among them."""
    found: dict[Sort, dict[str, tuple[str, ...]]] = {sort: {} for sort in Sort}
    for item in items:
        for each in (item, *item.virtual_functions):
            if each.pci is not None:
                found[each.sort][each.pci.address] = each.names
    return found


def _closest_first(
    affinities: AffinityMap, address: str, others: Mapping[str, tuple[str, ...]]
) -> tuple[Neighbour, ...]:
    neighbours = (
        Neighbour(address=other, names=names, affinity=affinities.between(address, other))
        for other, names in others.items()
        if other != address
    )
    return tuple(sorted(neighbours, key=_closeness))


def _closeness(neighbour: Neighbour) -> tuple[int, str]:
    rank = len(Affinity) if neighbour.affinity is None else _BY_CLOSENESS[neighbour.affinity]
    return rank, neighbour.address
