"""Reads what the kernel says of the speed and the use of NUMA nodes' memory.

Paths: node/nodeN/access{0,1}/initiators (firmware's HMAT), /sys/devices/virtual/memory_tiering/memory_tierN/nodelist,
node/nodeN/numastat.
Sources: Documentation/admin-guide/mm/numaperf.rst, Documentation/ABI/testing/sysfs-kernel-mm-memory-tiers,
Documentation/admin-guide/numastat.rst.
"""

from __future__ import annotations

from collectors.model import AccessPerformance, MemoryTier, NumaStat
from collectors.parse import PADDING, IdSet, ParseError, parse_count, parse_id_list, parse_key_values
from collectors.reader import FactReader

MEMORY_TIERING = "/sys/devices/virtual/memory_tiering"

ACCESS_CLASSES = (0, 1)
"""0 counts the best initiator of any sort, 1 the best CPUs; the kernel has no others."""

_NUMASTAT_FIELDS = ("numa_hit", "numa_miss", "numa_foreign", "interleave_hit", "local_node", "other_node")


def read_access(reader: FactReader, node_folder: str) -> tuple[AccessPerformance, ...]:
    """Bandwidth and latency of one node's memory by access class; `()` where firmware does not say.

    Args:
        reader: the machine.
        node_folder: /sys/devices/system/node/nodeN.
    """
    found = (_read_access_class(reader, node_folder, access_class) for access_class in ACCESS_CLASSES)
    return tuple(access for access in found if access is not None)


def _read_access_class(reader: FactReader, node_folder: str, access_class: int) -> AccessPerformance | None:
    folder = f"{node_folder}/access{access_class}/initiators"
    names = reader.entries(folder)
    if not names:  # absent, or as empty as it is on a node that has no memory
        return None
    access = AccessPerformance(
        access_class=access_class,
        initiators=_initiators(names),
        read_bandwidth_mbps=_read_figure(reader, f"{folder}/read_bandwidth"),
        write_bandwidth_mbps=_read_figure(reader, f"{folder}/write_bandwidth"),
        read_latency_ns=_read_figure(reader, f"{folder}/read_latency"),
        write_latency_ns=_read_figure(reader, f"{folder}/write_latency"),
    )
    return None if access == AccessPerformance(access_class=access_class) else access


def _initiators(names: tuple[str, ...]) -> IdSet:
    """Node ids from the names of the links node<N>."""
    ids = (name[4:] for name in names if name.startswith("node"))
    return frozenset(
        int(number) for number in ids if number.isascii() and number.isdecimal() and len(number) <= 4
    )


def _read_figure(reader: FactReader, path: str) -> int | None:
    """A bandwidth or latency; the kernel leaves 0 where firmware gave none."""
    return reader.value(path, parse_count) or None


def read_memory_tiers(reader: FactReader) -> tuple[MemoryTier, ...]:
    """The kernel's memory tiers by id, the fastest first; `()` before Linux 6.1."""
    tiers: list[MemoryTier] = []
    for tier in reader.numbered(MEMORY_TIERING, "memory_tier") or ():
        nodes = reader.value(f"{MEMORY_TIERING}/memory_tier{tier}/nodelist", parse_id_list)
        if nodes is not None:
            tiers.append(MemoryTier(id=tier, nodes=nodes))
    return tuple(tiers)


def read_numastat(reader: FactReader, node_folder: str) -> NumaStat | None:
    """Page counters of one node since boot; None where the file is absent or has none of them.

    Args:
        reader: the machine.
        node_folder: /sys/devices/system/node/nodeN.
    """
    return reader.value(f"{node_folder}/numastat", parse_numastat)


def parse_numastat(text: str) -> NumaStat:
    """The counters of numastat; one that is missing or odd is None, and a text without any raises ParseError."""
    lines = parse_key_values(text, " ")
    counters: dict[str, int] = {}
    for field in _NUMASTAT_FIELDS:
        value = lines.get(field, "").strip(PADDING)
        if value.isascii() and value.isdecimal() and len(value) <= 20:
            counters[field] = int(value)
    if not counters:
        raise ParseError(text, "lines of numastat")
    return NumaStat(**counters)
