"""Reads direct-access devices: memory of a device (CXL, persistent, high-bandwidth) as the kernel maps it.

Paths: /sys/bus/dax/devices/<name>/{size,target_node,numa_node,driver}; /sys/class/dax before 5.1.
Source: Documentation/ABI/testing/sysfs-bus-dax.
"""

from __future__ import annotations

import re

from collectors.class_devices import ClassMember, find_members, read_driver, read_members
from collectors.cxl import function_of_region, region_of
from collectors.model import DaxDevice
from collectors.parse import parse_count, parse_id
from collectors.reader import FactReader

DAX_DEVICES = "/sys/bus/dax/devices"
DAX_CLASS = "/sys/class/dax"

_DEVICE = re.compile(r"dax[0-9]+\.[0-9]+", re.ASCII)


def read_dax(reader: FactReader) -> tuple[DaxDevice, ...] | None:
    """Devices by number; None where they cannot be listed.

    Memory of a CXL device hangs from the platform, not from PCI; its function is found through its region.
    """
    members = find_members(reader, DAX_DEVICES, _DEVICE)
    if members == ():
        members = find_members(reader, DAX_CLASS, _DEVICE)
    if members is None:
        return None
    return read_members(reader, members, _read_device)


def _read_device(reader: FactReader, member: ClassMember) -> DaxDevice:
    directory = member.directory
    return DaxDevice(
        name=member.name,
        size_bytes=reader.value(f"{directory}/size", parse_count),
        target_node=reader.value(f"{directory}/target_node", parse_id),
        numa_node=reader.value(f"{directory}/numa_node", parse_id),
        pci_address=member.pci_address or _function_of(reader, directory),
        driver=read_driver(reader, directory),
    )


def _function_of(reader: FactReader, directory: str) -> str | None:
    region = region_of(reader, directory)
    return None if region is None else function_of_region(reader, region)
