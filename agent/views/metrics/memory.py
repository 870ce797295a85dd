"""Samples about NUMA nodes, their memory and hugepages. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from agent.views.metrics import table
from agent.views.nrt import format_page_size
from collectors.model import HugePagePool, NumaStat, NumaTopology

Sample = tuple[tuple[str, ...], float]

_EVENTS = tuple(item.name for item in dataclasses.fields(NumaStat))


def memory_families(numa: NumaTopology) -> Iterator[tuple[table.Row, Iterable[Sample]]]:
    """Rows of the table with their samples, by NUMA node."""
    nodes = numa.nodes
    yield table.NODE_INFO, (((str(node.id), node.kind.value if node.kind else ""), 1.0) for node in nodes)
    yield table.NODE_CPUS, (((str(node.id),), float(len(node.cpus))) for node in nodes if node.cpus_known)
    yield table.NODE_MEMORY, _known((str(node.id), node.memory_total_bytes) for node in nodes)
    yield table.NODE_MEMORY_FREE, _known((str(node.id), node.memory_free_bytes) for node in nodes)
    yield (
        table.NODE_DISTANCE,
        (
            ((str(node.id), str(other)), float(distance))
            for node in nodes
            if node.cpus
            for other, distance in node.distances
        ),
    )
    yield table.NUMASTAT, _numastat(numa)
    pools = _pools(numa)
    yield table.HUGEPAGES, _pages((node, pool, pool.total) for node, pool in pools)
    yield table.HUGEPAGES_FREE, _pages((node, pool, pool.free) for node, pool in pools)
    yield table.HUGEPAGES_SURPLUS, _pages((node, pool, pool.surplus) for node, pool in pools)


def _known(values: Iterable[tuple[str, int | None]]) -> Iterator[Sample]:
    return (((node,), float(value)) for node, value in values if value is not None)


def _numastat(numa: NumaTopology) -> Iterator[Sample]:
    for node in numa.nodes:
        for event in _EVENTS:
            pages = None if node.numastat is None else getattr(node.numastat, event)
            if pages is not None:
                yield (str(node.id), event), float(pages)


def _pools(numa: NumaTopology) -> tuple[tuple[str, HugePagePool], ...]:
    """Pools by node; where the kernel does not tell them so, the machine's own, so that a sum counts nothing twice."""
    by_node = tuple((str(node.id), pool) for node in numa.nodes for pool in node.hugepages)
    return by_node or tuple(("", pool) for pool in numa.machine_hugepages)


def _pages(counts: Iterable[tuple[str, HugePagePool, int | None]]) -> Iterator[Sample]:
    for node, pool, pages in counts:
        if pages is not None:
            yield (node, format_page_size(pool.page_size_bytes)), float(pages * pool.page_size_bytes)
