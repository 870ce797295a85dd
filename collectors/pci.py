"""Reads every PCI function and where it hangs.

Paths: /sys/bus/pci/devices/<address>/{class,vendor,device,subsystem_vendor,subsystem_device,driver,numa_node,
local_cpus,local_cpulist,current_link_*,max_link_*,sriov_totalvfs,virtfnN,physfn,iommu_group}.
Source: Documentation/ABI/testing/sysfs-bus-pci. The address is all that must be there; a function in reset, without
power, or of an old kernel lacks files, or refuses to be read: what it does not tell is unknown.
"""

from __future__ import annotations

import errno
import re

from collectors.class_devices import read_driver
from collectors.model import IdSet, PciDevice, PcieLink
from collectors.parse import (
    PADDING,
    ParseError,
    parse_count,
    parse_hex_int,
    parse_id,
    parse_id_list,
    parse_id_mask,
)
from collectors.pci_address import assumed_pci_path, is_pci_address, pci_order, pci_path
from collectors.reader import FactReader

PCI_DEVICES = "/sys/bus/pci/devices"

_NO_LINK = frozenset({errno.EINVAL})
"""What the kernel answers for the link of a function that has none, or that does not respond"""

_UNKNOWN_WIDTHS = frozenset({0, 63, 255})
"""No link; all bits set, as a function without power answers; the kernel's own word for unknown"""

_SPEED = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,2})?) GT/s(?: PCIe)?", re.ASCII)

_CpuSets = dict[tuple[str, str], IdSet]
"""Sets of CPUs by the file's name and text: hundreds of functions share a handful"""


def read_pci(reader: FactReader) -> tuple[PciDevice, ...]:
    """Every PCI function by address, virtual ones too; `()` on a machine without PCI.

    A function that goes away while it is read is left out. Raises HostError where there is a bus that cannot be
    listed.
    """
    names = reader.fs.entries(PCI_DEVICES) or ()
    cpu_sets: _CpuSets = {}
    devices: list[PciDevice] = []
    for name in names:
        if is_pci_address(name):
            devices.append(_read_function(reader, name, cpu_sets))
        else:
            reader.note(f"{PCI_DEVICES}/{name}", "not a PCI address")
    devices.sort(key=lambda device: pci_order(device.address))
    return _still_there(reader, devices)


def _still_there(reader: FactReader, devices: list[PciDevice]) -> tuple[PciDevice, ...]:
    """Without those that told nothing because they are gone; those that are still on the bus are named as problems."""
    silent = {device.address for device in devices if device.class_code is None and device.vendor_id is None}
    if silent:
        gone = silent.difference(reader.fs.entries(PCI_DEVICES) or ())
        devices = [device for device in devices if device.address not in gone]
        for address in sorted(silent - gone):
            reader.note(f"{PCI_DEVICES}/{address}", "neither its class nor its vendor can be read")
    return tuple(devices)


def _read_function(reader: FactReader, address: str, cpu_sets: _CpuSets) -> PciDevice:
    directory = reader.real_path(f"{PCI_DEVICES}/{address}") or f"{PCI_DEVICES}/{address}"
    path = pci_path(directory)
    path_known = bool(path) and path[-1] == address
    subsystem_vendor = reader.value(f"{directory}/subsystem_vendor", _parse_id16)
    total_vfs = reader.value(f"{directory}/sriov_totalvfs", parse_count)
    return PciDevice(
        address=address,
        path=path if path_known else assumed_pci_path(address),
        path_known=path_known,
        class_code=reader.value(f"{directory}/class", _parse_class),
        vendor_id=reader.value(f"{directory}/vendor", _parse_id16),
        device_id=reader.value(f"{directory}/device", _parse_id16),
        subsystem_vendor_id=subsystem_vendor or None,
        subsystem_device_id=(
            reader.value(f"{directory}/subsystem_device", _parse_id16) if subsystem_vendor else None
        ),
        driver=read_driver(reader, directory),
        numa_node=reader.value(f"{directory}/numa_node", parse_id),
        local_cpus=_read_local_cpus(reader, directory, cpu_sets),
        link=_read_link(reader, directory),
        physical_function=_linked_function(reader, f"{directory}/physfn"),
        virtual_functions=_read_virtual_functions(reader, directory) if total_vfs else (),
        sriov_total_vfs=total_vfs,
        iommu_group=_read_iommu_group(reader, directory),
    )


def _parse_class(text: str) -> int:
    return _parse_hex_up_to(text, 0xFFFFFF, "a class code")


def _parse_id16(text: str) -> int:
    return _parse_hex_up_to(text, 0xFFFF, "a 16-bit id")


def _parse_hex_up_to(text: str, most: int, expected: str) -> int:
    value = parse_hex_int(text)
    if value > most:
        raise ParseError(text, expected)
    return value


def _read_local_cpus(reader: FactReader, directory: str, known: _CpuSets) -> IdSet | None:
    """The map, and the list only where there is no map that can be read: where they disagree, the map is right."""
    for name, parse in (("local_cpus", parse_id_mask), ("local_cpulist", parse_id_list)):
        text = reader.text(f"{directory}/{name}")
        if text is None:
            continue
        cpus = known.get((name, text))
        if cpus is None:
            cpus = reader.parsed(f"{directory}/{name}", text, parse)
        if cpus is not None:
            known[name, text] = cpus
            return cpus
    return None


def _read_link(reader: FactReader, directory: str) -> PcieLink | None:
    names = ("current_link_speed", "current_link_width", "max_link_speed", "max_link_width")
    texts = {name: reader.text(f"{directory}/{name}", silent=_NO_LINK) for name in names}
    if all(text is None for text in texts.values()):
        return None

    def speed(name: str) -> float | None:
        text = texts[name]
        return None if text is None else reader.parsed(f"{directory}/{name}", text, parse_link_speed)

    def width(name: str) -> int | None:
        text = texts[name]
        return None if text is None else reader.parsed(f"{directory}/{name}", text, parse_link_width)

    return PcieLink(
        speed_gts=speed("current_link_speed"),
        width=width("current_link_width"),
        max_speed_gts=speed("max_link_speed"),
        max_width=width("max_link_width"),
    )


def parse_link_speed(text: str) -> float | None:
    """GT/s from `8.0 GT/s PCIe`, `2.5 GT/s`; None for the kernel's `Unknown` and `Unknown speed`."""
    stripped = text.strip(PADDING)
    if stripped in ("Unknown", "Unknown speed"):
        return None
    match = _SPEED.fullmatch(stripped)
    if match is None:
        raise ParseError(text, "a link speed")
    return float(match[1])


def parse_link_width(text: str) -> int | None:
    """Lanes, 1 to 32; None for what stands for unknown."""
    lanes = parse_count(text)
    if lanes in _UNKNOWN_WIDTHS:
        return None
    if lanes > 32:
        raise ParseError(text, "a number of lanes")
    return lanes


def _read_virtual_functions(reader: FactReader, directory: str) -> tuple[str, ...]:
    numbers = reader.numbered(directory, "virtfn") or ()
    functions = (_linked_function(reader, f"{directory}/virtfn{number}") for number in numbers)
    return tuple(function for function in functions if function is not None)


def _linked_function(reader: FactReader, path: str) -> str | None:
    name = reader.link_name(path)
    return name if name is not None and is_pci_address(name) else None


def _read_iommu_group(reader: FactReader, directory: str) -> int | None:
    """The number in the name of /sys/kernel/iommu_groups/<number>."""
    name = reader.link_name(f"{directory}/iommu_group")
    return int(name) if name is not None and name.isdecimal() and len(name) <= 9 else None
