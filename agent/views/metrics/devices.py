"""Samples about devices: which there are, where they sit, and how their links run. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agent.views.inventory import Item, Sort, derive_items
from agent.views.locality import UNKNOWN, Locality, derive_localities
from agent.views.metrics import table
from agent.views.plain import format_hex
from collectors.model import PciDevice, Snapshot
from collectors.parse import format_id_list

Sample = tuple[tuple[str, ...], float]

SERVED = frozenset({Sort.GPU, Sort.ACCELERATOR, Sort.NETWORK, Sort.NVME, Sort.STORAGE, Sort.MEMORY})
"""A server has some hundred PCI functions besides these, which no dashboard asks for."""


def device_families(snapshot: Snapshot) -> Iterator[tuple[table.Row, Iterable[Sample]]]:
    """Rows of the table with their samples, by sort and PCI address."""
    pci_facts, numa = snapshot.pci.facts or (), snapshot.numa.facts
    items = derive_items(pci_facts, snapshot.devices.facts)
    localities = {} if numa is None else derive_localities(pci_facts, numa)
    served = [(item, item.pci) for item in items if item.pci is not None and item.sort in SERVED]
    yield table.DEVICE_INFO, (_info(item, pci, localities.get(pci.address, UNKNOWN)) for item, pci in served)
    yield (
        table.LINK_DEGRADED,
        (
            ((pci.address,), float(pci.link.degraded))
            for _, pci in served
            if pci.link is not None and pci.link.degraded is not None
        ),
    )


def _info(item: Item, pci: PciDevice, locality: Locality) -> Sample:
    labels = (
        pci.address,
        item.sort.value,
        format_hex(pci.vendor_id) or "",
        format_hex(pci.device_id) or "",
        pci.driver or "",
        format_id_list(locality.nodes or frozenset()),
    )
    return labels, 1.0
