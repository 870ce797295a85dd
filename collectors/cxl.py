"""Reads CXL memory devices, and which PCI function is behind a CXL region.

Paths: /sys/bus/cxl/devices/mem<N>/{ram/size,pmem/size,serial,numa_node}, region<N>/{interleave_ways,target<N>}.
Source: Documentation/ABI/testing/sysfs-bus-cxl.
"""

from __future__ import annotations

import re

from collectors.class_devices import ClassMember, find_members, read_members
from collectors.model import CxlMemory
from collectors.parse import parse_hex_int, parse_id, parse_text
from collectors.pci_address import nearest_pci_address
from collectors.reader import FactReader

CXL_DEVICES = "/sys/bus/cxl/devices"

_MEMORY = re.compile(r"mem[0-9]+", re.ASCII)
_REGION = re.compile(r"region[0-9]+", re.ASCII)
_DECODER = re.compile(r"decoder[0-9]+\.[0-9]+", re.ASCII)


def read_cxl(reader: FactReader) -> tuple[CxlMemory, ...] | None:
    """Memory devices by number; None where they cannot be listed."""
    members = find_members(reader, CXL_DEVICES, _MEMORY)
    if members is None:
        return None
    return read_members(reader, members, _read_memory)


def _read_memory(reader: FactReader, member: ClassMember) -> CxlMemory:
    directory = member.directory
    return CxlMemory(
        name=member.name,
        pci_address=member.pci_address,
        numa_node=reader.value(f"{directory}/numa_node", parse_id),
        ram_bytes=reader.value(f"{directory}/ram/size", parse_hex_int),
        persistent_bytes=reader.value(f"{directory}/pmem/size", parse_hex_int),
        serial=reader.value(f"{directory}/serial", parse_text),
    )


def region_of(reader: FactReader, path: str) -> str | None:
    """The directory of the CXL region that a path lies in; None where it lies in none.

    Persistent memory has regions too, of another kind and the same name, so the bus is asked.
    """
    parts = path.split("/")
    for depth, name in enumerate(parts):
        if _REGION.fullmatch(name):
            directory = "/".join(parts[: depth + 1])
            if reader.real_path(f"{CXL_DEVICES}/{name}") == directory:
                return directory
    return None


def function_of_region(reader: FactReader, region: str) -> str | None:
    """The PCI function whose memory a region maps; None where it is interleaved over several, or not told.

    The way there: region0/target0 names an endpoint's decoder, which lies in the endpoint, whose `uport` leads to the
    memory device.
    """
    functions: set[str | None] = set()
    for target in reader.numbered(region, "target") or ():
        decoder = reader.text(f"{region}/target{target}") or ""
        functions.add(_function_of_decoder(reader, decoder.strip()))
    return functions.pop() if len(functions) == 1 else None


def _function_of_decoder(reader: FactReader, decoder: str) -> str | None:
    if not _DECODER.fullmatch(decoder):
        return None
    path = reader.real_path(f"{CXL_DEVICES}/{decoder}")
    memory = None if path is None else reader.real_path(f"{path.rpartition('/')[0]}/uport")
    return None if memory is None else nearest_pci_address(memory)
