"""How near devices are to each other and to CPUs: what `numascope topo` tells, before it is put in lines. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.views.affinity import Affinity, AffinityMap, Neighbour, derive_neighbourhoods
from agent.views.inventory import Item, Sort, derive_items
from agent.views.locality import UNKNOWN, Locality, derive_localities
from agent.views.plain import API_VERSION, plain
from collectors.model import IdSet, NumaTopology, PciDevice, Snapshot

COMPUTING = (Sort.GPU, Sort.ACCELERATOR)
FEEDING = (Sort.NETWORK, Sort.NVME)
"""What a GPU gets its data from"""

_LABELS = {
    Sort.GPU: "GPU",
    Sort.ACCELERATOR: "ACC",
    Sort.NETWORK: "NIC",
    Sort.NVME: "NVME",
    Sort.STORAGE: "DISK",
    Sort.MEMORY: "MEM",
    Sort.DISPLAY: "VGA",
    Sort.OTHER: "PCI",
    Sort.BRIDGE: "BR",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A device with the name that it has in the matrix, and where it sits."""

    label: str
    """`GPU0`, `NIC1`: numbered in the order of PCI addresses"""
    item: Item
    function: PciDevice
    nodes: IdSet | None
    """NUMA nodes that it is near to; None where the machine does not say"""
    cpus: IdSet | None
    """The online CPUs of these"""


Closest = tuple[tuple[Affinity | None, tuple[str, ...]], ...]
"""Labels by closeness, nearest first; None last, for those of which the machine does not say enough to tell"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """What is near to one GPU or accelerator."""

    label: str
    network: Closest
    nvme: Closest


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceTopology:
    """The devices and how near each is to each."""

    seats: tuple[Seat, ...]
    affinities: Mapping[tuple[str, str], Affinity | None]
    """By the labels of two, the same both ways; None where it cannot be told"""
    nearest: tuple[Nearest, ...]
    """For each GPU and accelerator, in the order of `seats`"""

    def of(self, sorts: Iterable[Sort]) -> tuple[Seat, ...]:
        """The devices of these sorts."""
        wanted = frozenset(sorts)
        return tuple(seat for seat in self.seats if seat.item.sort in wanted)


def derive_device_topology(snapshot: Snapshot, *, every: bool = False) -> DeviceTopology:
    """GPUs, accelerators, network and NVMe devices on PCI; with `every`, all PCI functions but bridges."""
    pci, numa = snapshot.pci.facts or (), snapshot.numa.facts
    items: Iterable[Item] = derive_items(pci, snapshot.devices.facts)
    if every:
        items = [function for item in items for function in (item, *item.virtual_functions)]
    wanted = frozenset(Sort) - {Sort.BRIDGE} if every else frozenset((*COMPUTING, *FEEDING))
    localities = {} if numa is None else derive_localities(pci, numa)
    seats = _seats((item for item in items if item.sort in wanted), localities, numa)
    affinities = AffinityMap(pci, numa)
    labels = {seat.function.address: seat.label for seat in seats}
    return DeviceTopology(
        seats=seats,
        affinities={
            (labels[one], labels[other]): affinities.between(one, other) for one in labels for other in labels
        },
        nearest=tuple(
            Nearest(
                label=labels[around.address],
                network=_closest(around.network, labels),
                nvme=_closest(around.nvme, labels),
            )
            for around in derive_neighbourhoods(pci, snapshot.devices.facts, numa)
            if around.address in labels
        ),
    )


def _seats(
    items: Iterable[Item], localities: Mapping[str, Locality], numa: NumaTopology | None
) -> tuple[Seat, ...]:
    only = numa.nodes[0] if numa is not None and len(numa.nodes) == 1 else None  # everything is near to it
    numbers: Counter[Sort] = Counter()
    seats = []
    for item in items:
        if item.pci is None:
            continue
        locality = localities.get(item.pci.address, UNKNOWN)
        seats.append(
            Seat(
                label=f"{_LABELS[item.sort]}{numbers[item.sort]}",
                item=item,
                function=item.pci,
                nodes=frozenset({only.id}) if only and locality.nodes is None else locality.nodes,
                cpus=only.cpus if only and locality.cpus is None else locality.cpus,
            )
        )
        numbers[item.sort] += 1
    return tuple(seats)


def _closest(neighbours: Iterable[Neighbour], labels: Mapping[str, str]) -> Closest:
    """The neighbours that have a label, those that are equally close together."""
    groups: dict[Affinity | None, list[str]] = {}
    for neighbour in neighbours:
        if neighbour.address in labels:
            groups.setdefault(neighbour.affinity, []).append(labels[neighbour.address])
    return tuple((affinity, tuple(members)) for affinity, members in groups.items())


def plain_device_topology(topology: DeviceTopology) -> dict[str, Any]:
    """The same, ready for JSON: devices, the matrix by labels, and what is nearest to each GPU and accelerator."""
    labels = [seat.label for seat in topology.seats]
    return {
        "api_version": API_VERSION,
        "kind": "DeviceTopology",
        "devices": [_plain_seat(seat) for seat in topology.seats],
        "affinity": {
            one: {other: plain(topology.affinities[one, other]) for other in labels} for one in labels
        },
        "nearest": {
            around.label: {"network": _plain_closest(around.network), "nvme": _plain_closest(around.nvme)}
            for around in topology.nearest
        },
    }


def _plain_closest(closest: Closest) -> list[dict[str, Any]]:
    return [{"affinity": plain(affinity), "devices": list(labels)} for affinity, labels in closest]


def _plain_seat(seat: Seat) -> dict[str, Any]:
    return {
        "label": seat.label,
        "sort": seat.item.sort.name.lower(),
        "pci_address": seat.function.address,
        "names": list(seat.item.names),
        "driver": seat.function.driver,
        "numa_nodes": plain(seat.nodes),
        "cpus": plain(seat.cpus),
    }
