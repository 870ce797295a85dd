"""Tells which NUMA nodes are the memory of a device: a GPU, or a dax device (CXL, high-bandwidth, persistent memory).

Paths: /proc/driver/nvidia/gpus/<address>/numa_status (`Node: 250`), and those of collectors.dax.
Source: the NVIDIA driver's README.
"""

from __future__ import annotations

from collectors.dax import read_dax
from collectors.parse import ParseError, parse_id, parse_key_values
from collectors.reader import FactReader

NVIDIA_GPUS = "/proc/driver/nvidia/gpus"


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
    for device in read_dax(reader) or ():
        # Only kmem hands the memory to the system; under device_dax a program maps it and the node has none of it.
        if device.driver == "kmem" and device.target_node is not None:
            found.setdefault(device.target_node, device.pci_address or device.name)
    return found
