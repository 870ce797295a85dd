"""On which NUMA nodes the memory of a cgroup lies.

Files: memory.numa_stat and hugetlb.<size>.numa_stat. Version 2 writes bytes, `anon N0=8192 N1=0`; version 1 writes
pages, and their sum first, `anon=2 N0=2 N1=0`, once for the group alone and once (`hierarchical_`) with those below it.
hugetlb's file has the second form in both versions, and counts bytes. Kernels add kinds of pages, never another form.
Kernel documents: Documentation/admin-guide/cgroup-v2.rst, Documentation/admin-guide/cgroup-v1/memory.rst.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from collectors.model.cgroup import HugePagesByNode, NodeBytes, PagesByNode
from collectors.parse import MAX_ID, PADDING, ParseError
from collectors.reader import FactReader

_LINE = re.compile(r"([a-z0-9_]{1,40})(?:=[0-9]{1,20})?((?: N[0-9]{1,5}=[0-9]{1,20})+)", re.ASCII)

_KERNEL = ("kernel_stack", "pagetables", "sec_pagetables", "slab_reclaimable", "slab_unreclaimable")
_WITH_BELOW = "hierarchical_"

Counts = Mapping[str, Mapping[int, int]]
"""By kind of pages and NUMA node"""


def parse_numa_stat(text: str) -> Counts:
    """The counts of every line, in whatever unit the file has them. Raises ParseError where one line is in another form,
    or something is said twice."""
    counts: dict[str, dict[int, int]] = {}
    for line in text.strip(PADDING).splitlines():
        match = _LINE.fullmatch(line.rstrip(PADDING))
        if match is None or match[1] in counts:
            raise ParseError(line, "pages by NUMA node")
        counts[match[1]] = _by_node(match[2])
    if not counts:
        raise ParseError(text, "pages by NUMA node")
    return counts


def read_pages(
    reader: FactReader, directory: str, *, version: int, page_bytes: int | None
) -> PagesByNode | None:
    """Where the pages of a cgroup lie; None where it does not say, or in version 1 where the size of a page is unknown."""
    path = f"{directory}/memory.numa_stat"
    counts = reader.value(path, parse_numa_stat)
    if counts is None:
        return None
    if version == 2:
        return PagesByNode(
            anon=_bytes(counts, "anon"), file=_bytes(counts, "file"), kernel=_bytes(counts, *_KERNEL)
        )
    if page_bytes is None:
        reader.note(path, "it counts pages, and their size is not known")
        return None
    prefix = _WITH_BELOW if f"{_WITH_BELOW}anon" in counts else ""
    anon, file, locked = (
        _bytes(counts, f"{prefix}{kind}", unit=page_bytes) for kind in ("anon", "file", "unevictable")
    )
    return PagesByNode(anon=anon, file=file, unevictable=locked)


def read_hugepages(reader: FactReader, directory: str, page_size_bytes: int) -> HugePagesByNode | None:
    """Where a cgroup's hugepages of one size lie; None where it does not say."""
    path = f"{directory}/hugetlb.{_size_in_name(page_size_bytes)}.numa_stat"
    counts = reader.value(path, parse_numa_stat)
    if counts is None:
        return None
    kind = f"{_WITH_BELOW}total" if f"{_WITH_BELOW}total" in counts else "total"
    return HugePagesByNode(page_size_bytes=page_size_bytes, by_node=_bytes(counts, kind))


def _by_node(text: str) -> dict[int, int]:
    counts: dict[int, int] = {}
    for word in text.split():
        name, _, count = word.partition("=")
        node = int(name[1:])
        if node > MAX_ID or node in counts:
            raise ParseError(text, "pages by NUMA node")
        counts[node] = int(count)
    return counts


def _bytes(counts: Counts, *kinds: str, unit: int = 1) -> tuple[NodeBytes, ...]:
    """The sum of some kinds by node; what the kernel does not count is not in it."""
    sums: dict[int, int] = {}
    for kind in kinds:
        for node, count in counts.get(kind, {}).items():
            sums[node] = sums.get(node, 0) + count * unit
    return tuple(NodeBytes(node=node, bytes=sums[node]) for node in sorted(sums))


def _size_in_name(page_size_bytes: int) -> str:
    """`1GB`, `2MB`, `64KB`: the hugetlb controller's own words for sizes."""
    for unit, shift in (("GB", 30), ("MB", 20)):
        if page_size_bytes >> shift:
            return f"{page_size_bytes >> shift}{unit}"
    return f"{page_size_bytes >> 10}KB"
