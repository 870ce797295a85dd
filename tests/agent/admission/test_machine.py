"""The machine in cAdvisor's order and numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from agent.admission.machine import derive_machine, machine_of
from agent.admission.model import Machine
from collectors.model import (
    Cache,
    CacheType,
    Cpu,
    CpuTopology,
    HugePagePool,
    NumaKind,
    NumaNode,
    NumaTopology,
    Observed,
)
from tests.agent.placement.recorded import GIB, MIB, snapshot_of


def cpu(number: int, *, core: int | None = None, socket: int | None = 0, online: bool = True) -> Cpu:
    return Cpu(id=number, online=online, package_id=socket, core_id=number if core is None else core)


def node(number: int, *cpus: int, memory: int | None = GIB) -> NumaNode:
    return NumaNode(
        id=number,
        kind=NumaKind.CPU_AND_MEMORY,
        cpus=frozenset(cpus),
        memory_total_bytes=memory,
        hugepages=(HugePagePool(page_size_bytes=2 * MIB, total=3), HugePagePool(page_size_bytes=GIB)),
        distances=((0, 10), (2, 21)),
    )


def cache(number: int | None, *cpus: int, level: int = 3) -> Cache:
    return Cache(level=level, type=CacheType.UNIFIED, cpus=frozenset(cpus), id=number)


def machine(cpus: Iterable[Cpu], *nodes: NumaNode, caches: tuple[Cache, ...] = ()) -> Machine:
    all_cpus = tuple(cpus)
    topology = CpuTopology(
        online=frozenset(each.id for each in all_cpus if each.online), cpus=all_cpus, caches=caches
    )
    return derive_machine(topology, NumaTopology(nodes=nodes, from_kernel=True))


def test_nodes_come_in_the_order_of_their_directories_names() -> None:
    found = machine([cpu(0)], node(0, 0), node(2), node(10), node(9))
    assert found.numa_nodes == (0, 10, 2, 9)
    assert [number for number, _ in found.memory] == [0, 10, 2, 9]
    assert found.distances[0] == (10, 21)


def test_what_is_not_known_of_memory_is_nothing_to_cadvisor() -> None:
    found = machine([cpu(0)], node(0, 0, memory=None))
    assert found.memory == ((0, (("hugepages-1Gi", 0), ("hugepages-2Mi", 6 * MIB), ("memory", 0))),)


def test_a_core_is_named_by_its_lowest_cpu_and_told_apart_by_socket() -> None:
    cpus = [cpu(0, core=0), cpu(1, core=0, socket=1), cpu(2, core=0), cpu(3, core=0, socket=1)]
    found = machine(cpus, node(0, 0, 1, 2, 3))
    assert [(place.cpu, place.core, place.socket) for place in found.cpus] == [
        (0, 0, 0),
        (1, 1, 1),
        (2, 0, 0),
        (3, 1, 1),
    ]
    assert found.socket_count == 2


def test_cpus_that_are_offline_or_without_a_core_id_do_not_exist() -> None:
    strange = dataclasses.replace(cpu(2), core_id=None)
    found = machine([cpu(0), cpu(1, online=False), strange], node(0, 0, 2))
    assert [place.cpu for place in found.cpus] == [0]
    assert found.cpu_count == 1


def test_an_unknown_socket_is_a_number_like_any_other() -> None:
    found = machine([cpu(0, socket=None), cpu(1, socket=None)], node(0, 0, 1))
    assert {place.socket for place in found.cpus} == {-1}
    assert found.socket_count == 1


def test_a_cache_of_part_of_the_node_is_an_uncore_cache() -> None:
    cpus = [cpu(number) for number in range(4)]
    found = machine(cpus, node(0, 0, 1, 2, 3), caches=(cache(7, 0, 1), cache(8, 2, 3)))
    assert [place.uncore_cache for place in found.cpus] == [7, 7, 8, 8]


def test_where_the_whole_node_shares_it_the_socket_stands_in() -> None:
    found = machine([cpu(0, socket=5), cpu(1, socket=5)], node(0, 0, 1), caches=(cache(7, 0, 1),))
    assert [place.uncore_cache for place in found.cpus] == [5, 5]


def test_caches_end_at_the_first_that_has_no_id() -> None:
    cpus = [cpu(number) for number in range(4)]
    found = machine(
        cpus, node(0, 0, 1, 2, 3), caches=(cache(7, 0, 1), cache(None, 2, level=2), cache(8, 2, 3))
    )
    assert [place.uncore_cache for place in found.cpus] == [7, 7, 0, 0]


def test_without_numa_in_sysfs_sockets_are_the_nodes_and_have_no_memory() -> None:
    cpus = (cpu(0), cpu(1, socket=1), cpu(2, online=False))
    topology = CpuTopology(online=frozenset({0, 1}), cpus=cpus)
    found = derive_machine(topology, NumaTopology(nodes=(node(0, 0, 1),), from_kernel=False))
    assert found.numa_nodes == (0, 1)
    assert [(place.cpu, place.numa_node) for place in found.cpus] == [(0, 0), (1, 1)]
    assert found.memory == ((0, (("memory", 0),)), (1, (("memory", 0),)))
    assert found.distances == ()
    assert found.cpu_count == 3


def test_a_snapshot_has_a_machine_once_cpus_and_nodes_were_read() -> None:
    snapshot = snapshot_of(NumaTopology(nodes=(node(0),), from_kernel=True), None)
    found = machine_of(snapshot)
    assert found is not None
    assert found.numa_nodes == (0,)
    assert machine_of(dataclasses.replace(snapshot, numa=Observed())) is None
