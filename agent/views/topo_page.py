"""The page of `numascope topo`: the matrix, what its words mean, which device is which, and what each GPU has near. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from agent.views.affinity import Affinity
from agent.views.inventory import Sort
from agent.views.text import Branch, Facts, Line, Page, Section, Table, name, plain, quiet, warn
from agent.views.topo import COMPUTING, Closest, DeviceTopology, Seat
from agent.views.units import format_ids
from collectors.model import IdSet

UNKNOWN = "?"

MEANINGS = {
    Affinity.X: "the device itself",
    Affinity.PIX: "one PCIe switch or bridge at most",
    Affinity.PXB: "several PCIe switches, but no host bridge",
    Affinity.PHB: "a PCIe host bridge, as a rule of a CPU",
    Affinity.NODE: "two host bridges of one NUMA node",
    Affinity.SYS: "the link between NUMA nodes",
}
"""What data between two devices has to pass, by the word for it"""


def derive_topo_page(topology: DeviceTopology) -> Page:
    """The matrix for a person. Without a GPU or accelerator: which NICs are near which disks."""
    if not topology.seats:
        return (Section(title=(warn("no GPU, accelerator, network or NVMe device on PCI here"),)),)
    computing = topology.of(COMPUTING)
    rows = columns = topology.seats
    sections = []
    if not computing:
        sections.append(Section(title=(quiet("no GPU or accelerator here; what there is:"),)))
        nics, disks = topology.of([Sort.NETWORK]), topology.of([Sort.NVME])
        if nics and disks and len(topology.seats) == len(nics) + len(disks):
            rows, columns = nics, disks
    sections.append(Section(content=_matrix(topology, rows, columns)))
    sections.append(Section(title=(name("legend"),), content=_legend(topology, rows, columns)))
    sections.append(
        Section(
            title=(name("devices"),),
            content=Facts(rows=tuple((seat.label, _identity(seat)) for seat in topology.seats)),
        )
    )
    nearest = _nearest(topology)
    if nearest:
        sections.append(Section(title=(name("nearest"),), content=nearest))
    return tuple(sections)


def _matrix(topology: DeviceTopology, rows: tuple[Seat, ...], columns: tuple[Seat, ...]) -> Table:
    header = ("", *(seat.label for seat in columns), "CPU affinity", "NUMA affinity")
    return Table(
        header=header,
        rows=tuple(
            (
                row.label,
                *(_word(topology, row, column) for column in columns),
                _ids_or_unknown(row.cpus),
                _ids_or_unknown(row.nodes),
            )
            for row in rows
        ),
        left=frozenset(range(len(header))),
    )


def _word(topology: DeviceTopology, row: Seat, column: Seat) -> str:
    affinity = topology.affinities[row.label, column.label]
    return UNKNOWN if affinity is None else affinity.value


def _ids_or_unknown(ids: IdSet | None) -> str:
    return UNKNOWN if ids is None else format_ids(ids)


def _legend(topology: DeviceTopology, rows: tuple[Seat, ...], columns: tuple[Seat, ...]) -> Facts:
    """Only the words that are in the matrix."""
    used = {topology.affinities[row.label, column.label] for row in rows for column in columns}
    lines: list[tuple[str, Line]] = [
        (affinity.value, (plain(meaning),)) for affinity, meaning in MEANINGS.items() if affinity in used
    ]
    if None in used or any(seat.nodes is None for seat in topology.seats):
        lines.append((UNKNOWN, (plain("the machine does not say enough to tell"),)))
    return Facts(rows=tuple(lines))


def _identity(seat: Seat) -> Line:
    words: Line = (plain(seat.function.address),)
    if seat.item.names:
        words += (plain(f" {', '.join(seat.item.names)}"),)
    if seat.function.driver is not None:
        words += (quiet(f" ({seat.function.driver})"),)
    return words


def _nearest(topology: DeviceTopology) -> tuple[Branch, ...]:
    """What feeds each GPU and accelerator; those that have the same near them in the same order share their lines."""
    short = {seat.label: _short(seat) for seat in topology.seats}
    alike: dict[tuple[Closest, Closest], list[str]] = {}
    for around in topology.nearest:
        if around.network or around.nvme:
            alike.setdefault((around.network, around.nvme), []).append(around.label)
    return tuple(
        Branch(
            line=(name(", ".join(short[label] for label in labels)),),
            below=tuple(
                Branch(line=(quiet(f"{sort.value}: "), plain(_closest_words(closest, short))))
                for sort, closest in ((Sort.NETWORK, network), (Sort.NVME, nvme))
                if closest
            ),
        )
        for (network, nvme), labels in alike.items()
    )


def _closest_words(closest: Closest, short: Mapping[str, str]) -> str:
    return "; ".join(
        f"{UNKNOWN if affinity is None else affinity.value} {', '.join(short[label] for label in labels)}"
        for affinity, labels in closest
    )


def _short(seat: Seat) -> str:
    """A GPU's number says more than the card number of its driver; a NIC is known by its interface."""
    if seat.item.sort is Sort.GPU or not seat.item.names:
        return seat.label
    return f"{seat.label} ({seat.item.names[0]})"
