"""Tells which NUMA nodes are the memory of a device: a GPU, or a dax device (CXL, high-bandwidth, persistent memory).

Paths: /proc/driver/nvidia/gpus/<address>/numa_status (`Node: 250`), /sys/bus/dax/devices/<name>/{target_node,driver}.
Sources: the NVIDIA driver's README, Documentation/ABI/testing/sysfs-bus-dax.
"""

from __future__ import annotations

import re

from collectors.parse import ParseError, parse_id, parse_key_values
from collectors.reader import FactReader

NVIDIA_GPUS = "/proc/driver/nvidia/gpus"
DAX_DEVICES = "/sys/bus/dax/devices"

_PCI_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", re.ASCII)


def read_device_memory(reader: FactReader) -> dict[int, str]:
    """Devices by the NUMA node that their memory is: a PCI address, or the name of a dax device without one.

    Where several devices share one node (interleaved CXL memory), the first by name stands for them.
    """
    return {**_read_dax(reader), **_read_nvidia(reader)}


def _read_nvidia(reader: FactReader) -> dict[int, str]:
    found: dict[int, str] = {}
    for address in reader.entries(NVIDIA_GPUS) or ():
        node = reader.value(f"{NVIDIA_GPUS}/{address}/numa_status", parse_numa_status)
        if node is not None:
            found.setdefault(node, address.lower())
    return found


def parse_numa_status(text: str) -> int | None:
    """The node of a GPU's memory from numa_status, None where it is on none (-1, or a GPU without coherent memory)."""
    node = parse_key_values(text, ":").get("Node")
    if node is None:
        raise ParseError(text, "a line `Node: <id>`")
    return parse_id(node)


def _read_dax(reader: FactReader) -> dict[int, str]:
    found: dict[int, str] = {}
    for name in reader.entries(DAX_DEVICES) or ():
        # Only kmem hands the memory to the system; under device_dax a program maps it and the node has none of it.
        if reader.link_name(f"{DAX_DEVICES}/{name}/driver") != "kmem":
            continue
        node = reader.value(f"{DAX_DEVICES}/{name}/target_node", parse_id)
        if node is not None:
            found.setdefault(node, _pci_address(reader, name) or name)
    return found


def _pci_address(reader: FactReader, name: str) -> str | None:
    """The PCI function that a dax device hangs from, the nearest one above it."""
    path = reader.real_path(f"{DAX_DEVICES}/{name}") or ""
    return next((part for part in reversed(path.split("/")) if _PCI_ADDRESS.fullmatch(part)), None)
