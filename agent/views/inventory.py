"""Which devices a machine has, each once: a PCI function together with what the kernel's classes know of it. Pure."""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from collectors.model import (
    Accelerator,
    CxlMemory,
    DaxDevice,
    Devices,
    Disk,
    DrmCard,
    NetworkInterface,
    NvmeController,
    PciDevice,
    RdmaDevice,
)


class Sort(enum.Enum):
    """What a device is to a person; the value is the word for it. In the order in which they are listed."""

    GPU = "GPU"
    ACCELERATOR = "accelerator"
    NETWORK = "network"
    NVME = "NVMe"
    STORAGE = "storage"
    MEMORY = "memory device"
    DISPLAY = "display"
    OTHER = "other"
    BRIDGE = "bridge"


ClassDevice = (
    NetworkInterface | RdmaDevice | NvmeController | Disk | DrmCard | Accelerator | DaxDevice | CxlMemory
)
"""A device as one of the kernel's classes shows it"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One device: a PCI function, or something of a class that hangs from none."""

    sort: Sort
    pci: PciDevice | None
    parts: tuple[ClassDevice, ...] = ()
    """What the kernel's classes know of it: a network card's interfaces and RDMA devices, a controller's disks"""
    virtual_functions: tuple[Item, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The kernel's names for it: `ens1f0`, `mlx5_0`."""
        return tuple(part.name for part in self.parts)


def derive_items(pci: Iterable[PciDevice], devices: Devices | None) -> tuple[Item, ...]:
    """Every device by sort, then in the order of `pci`, then by name; virtual functions are within their physical function.

    A virtual function whose physical one is not there stands for itself.
    """
    parts = _parts(devices)
    functions = {function.address: function for function in pci}
    items = {address: _item(function, parts.get(address, [])) for address, function in functions.items()}
    virtual: dict[str, list[Item]] = defaultdict(list)
    for item in items.values():
        if item.pci is not None and item.pci.physical_function in functions:
            virtual[item.pci.physical_function].append(item)
    whole = [
        Item(
            sort=item.sort, pci=item.pci, parts=item.parts, virtual_functions=tuple(virtual.get(address, ()))
        )
        for address, item in items.items()
        if functions[address].physical_function not in functions
    ]
    whole += [
        Item(sort=_SORT_OF_PART[type(part)], pci=None, parts=(part,))
        for address, members in parts.items()
        if address not in functions
        for part in members
    ]
    order = list(Sort)
    places = {address: place for place, address in enumerate(functions)}
    whole.sort(
        key=lambda item: (
            order.index(item.sort),
            places[item.pci.address] if item.pci else len(places),
            item.names,
        )
    )
    return tuple(whole)


_BY_CLASS = {
    0x0108: Sort.NVME,
    0x0502: Sort.MEMORY,  # CXL memory
    0x0B40: Sort.ACCELERATOR,  # co-processor
    0x0C06: Sort.NETWORK,  # InfiniBand, as older adapters call themselves
}
_BY_BASE_CLASS = {
    0x01: Sort.STORAGE,
    0x02: Sort.NETWORK,
    0x03: Sort.GPU,
    0x06: Sort.BRIDGE,
    0x12: Sort.ACCELERATOR,
}
_SORT_OF_PART: Mapping[type[ClassDevice], Sort] = {
    Accelerator: Sort.ACCELERATOR,
    NetworkInterface: Sort.NETWORK,
    RdmaDevice: Sort.NETWORK,
    NvmeController: Sort.NVME,
    Disk: Sort.STORAGE,
    CxlMemory: Sort.MEMORY,
    DaxDevice: Sort.MEMORY,
    DrmCard: Sort.GPU,
}

CONSOLE_VENDORS = frozenset({0x1A03, 0x102B, 0x1013, 0x19E5, 0x1234, 0x1AF4, 0x1B36, 0x15AD})
"""Makers of VGA adapters that a server has for its own console, or that a hypervisor emulates"""


def _item(function: PciDevice, parts: list[ClassDevice]) -> Item:
    return Item(sort=_sort(function, parts), pci=function, parts=tuple(parts))


def _sort(function: PciDevice, parts: Iterable[ClassDevice]) -> Sort:
    code = function.class_code
    by_class = None if code is None else _BY_CLASS.get(code >> 8) or _BY_BASE_CLASS.get(code >> 16)
    if by_class is None:
        by_class = next((_SORT_OF_PART[type(part)] for part in parts), Sort.OTHER)
    if (
        by_class is Sort.GPU
        and code is not None
        and code >> 8 == 0x0300
        and function.vendor_id in CONSOLE_VENDORS
    ):
        return Sort.DISPLAY
    return by_class


def _parts(devices: Devices | None) -> Mapping[str | None, list[ClassDevice]]:
    """The classes' devices by PCI address; under None those that have none and yet stand for hardware."""
    parts: dict[str | None, list[ClassDevice]] = defaultdict(list)
    if devices is None:
        return parts
    classes: tuple[Iterable[ClassDevice] | None, ...] = (
        devices.accelerators,
        devices.drm,
        devices.network,
        devices.rdma,
        devices.nvme,
        devices.disks,
        devices.cxl,
        devices.dax,
    )
    for members in classes:
        for part in members or ():
            virtual = isinstance(part, NetworkInterface) and part.pci_address is None and part.driver is None
            if not virtual:  # lo, bridges, tunnels: no hardware
                parts[part.pci_address].append(part)
    return parts
