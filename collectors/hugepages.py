"""Reads hugepage pools: of the whole machine, and of each NUMA node where the kernel tells.

Paths: /sys/kernel/mm/hugepages/hugepages-<size>kB and node/nodeN/hugepages/hugepages-<size>kB; where a kernel or a
capture lacks those, HugePages_* of meminfo, which count pages of the default size only.
Source: Documentation/admin-guide/mm/hugetlbpage.rst.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from collectors.model import HugePagePool
from collectors.parse import parse_count
from collectors.reader import FactReader

MACHINE_HUGEPAGES = "/sys/kernel/mm/hugepages"

_POOL_NAME = re.compile(r"hugepages-([1-9][0-9]{0,14})kB", re.ASCII)


def read_machine_hugepages(reader: FactReader, meminfo: Mapping[str, int]) -> tuple[HugePagePool, ...]:
    """The pools of the whole machine, by page size; `()` on a kernel without hugepages.

    Args:
        reader: the machine.
        meminfo: /proc/meminfo as parse_meminfo gives it, for what has no directory.
    """
    pools = tuple(
        HugePagePool(
            page_size_bytes=size,
            total=reader.value(f"{folder}/nr_hugepages", parse_count),
            free=reader.value(f"{folder}/free_hugepages", parse_count),
            surplus=reader.value(f"{folder}/surplus_hugepages", parse_count),
            reserved=reader.value(f"{folder}/resv_hugepages", parse_count),
        )
        for size, folder in _pool_folders(reader, MACHINE_HUGEPAGES)
    )
    return pools or pools_of_meminfo(meminfo, page_size_bytes=meminfo.get("Hugepagesize"))


def read_node_hugepages(
    reader: FactReader, node_folder: str, meminfo: Mapping[str, int], *, default_size_bytes: int | None
) -> tuple[HugePagePool, ...]:
    """The pools of one NUMA node, by page size; `()` where it has none or the kernel does not tell them by node.

    Args:
        reader: the machine.
        node_folder: /sys/devices/system/node/nodeN.
        meminfo: node/nodeN/meminfo, whose counts stand in for missing directories.
        default_size_bytes: the size of the pages that meminfo counts.
    """
    pools = tuple(
        HugePagePool(
            page_size_bytes=size,
            total=reader.value(f"{folder}/nr_hugepages", parse_count),
            free=reader.value(f"{folder}/free_hugepages", parse_count),
            surplus=reader.value(f"{folder}/surplus_hugepages", parse_count),
        )
        for size, folder in _pool_folders(reader, f"{node_folder}/hugepages")
    )
    return pools or pools_of_meminfo(meminfo, page_size_bytes=default_size_bytes)


def pools_of_meminfo(meminfo: Mapping[str, int], *, page_size_bytes: int | None) -> tuple[HugePagePool, ...]:
    """The pool of default-size pages as meminfo counts it; `()` where it does not, or the size is unknown."""
    if not page_size_bytes or "HugePages_Total" not in meminfo:
        return ()
    return (
        HugePagePool(
            page_size_bytes=page_size_bytes,
            total=meminfo["HugePages_Total"],
            free=meminfo.get("HugePages_Free"),
            surplus=meminfo.get("HugePages_Surp"),
            reserved=meminfo.get("HugePages_Rsvd"),
        ),
    )


def told_by_node(machine: Iterable[HugePagePool], nodes: Iterable[Iterable[HugePagePool]]) -> bool:
    """Whether for every size that the machine has, some node says how many of its pages lie there."""
    told = {pool.page_size_bytes for pools in nodes for pool in pools}
    return told.issuperset(pool.page_size_bytes for pool in machine)


def _pool_folders(reader: FactReader, parent: str) -> list[tuple[int, str]]:
    """(page size in bytes, folder) of every pool in a directory, by size."""
    matches = (_POOL_NAME.fullmatch(name) for name in reader.entries(parent) or ())
    return sorted((int(match[1]) << 10, f"{parent}/{match[0]}") for match in matches if match is not None)
