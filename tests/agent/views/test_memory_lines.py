from __future__ import annotations

import pytest

from agent.views.memory_lines import (
    describe_cpuless,
    describe_memory,
    describe_pool,
    fold_cpuless,
    nearest_cpu_nodes,
    performance_branches,
    pool_branches,
    summarize_pools,
)
from collectors.model import AccessPerformance, HugePagePool, NumaKind, NumaTopology
from tests.agent.views.machines import GIB, ids, node, numa, printed_branches, words

TWO_MIB = 2 << 20


@pytest.mark.parametrize(
    ("total", "free", "said"),
    [
        (64 * GIB, 60 * GIB, "64 GiB memory, 60 GiB free"),
        (64 * GIB, None, "64 GiB memory"),
        (0, 0, "no memory"),
        (None, None, "memory unknown"),
    ],
)
def test_memory_tells_none_from_unknown(total: int | None, free: int | None, said: str) -> None:
    assert describe_memory(total, free) == said


@pytest.mark.parametrize(
    ("pool", "said"),
    [
        (HugePagePool(page_size_bytes=TWO_MIB, total=512, free=500), "512 (1 GiB), 500 free"),
        (
            HugePagePool(page_size_bytes=TWO_MIB, total=512, surplus=3, reserved=2),
            "512 (1 GiB), 3 surplus, 2 reserved",
        ),
        (HugePagePool(page_size_bytes=TWO_MIB, total=0, free=0), "0"),
        (HugePagePool(page_size_bytes=TWO_MIB), "number unknown"),
    ],
)
def test_a_pool_tells_pages_and_what_they_come_to(pool: HugePagePool, said: str) -> None:
    assert describe_pool(pool) == said


def test_empty_pools_have_a_line_in_the_wide_form_alone() -> None:
    pools = (
        HugePagePool(page_size_bytes=TWO_MIB, total=0),
        HugePagePool(page_size_bytes=GIB, total=0, surplus=1),
        HugePagePool(page_size_bytes=16 * GIB),
    )
    assert printed_branches(*pool_branches(pools, wide=False)) == [
        "1 GiB hugepages: 0, 1 surplus",
        "16 GiB hugepages: number unknown",
    ]
    assert len(pool_branches(pools, wide=True)) == 3
    assert summarize_pools(pools) == "2 MiB: 0; 1 GiB: 0, 1 surplus; 16 GiB: number unknown"


def test_performance_has_a_line_for_each_access_class_that_tells_something() -> None:
    access = (
        AccessPerformance(
            access_class=0,
            initiators=frozenset({0, 2}),
            read_bandwidth_mbps=200_000,
            write_bandwidth_mbps=100_000,
            read_latency_ns=90,
        ),
        AccessPerformance(access_class=1),
    )
    assert printed_branches(*performance_branches(node(0, access=access))) == [
        "access class 0: from NUMA nodes 0,2, read 200000 MB/s, write 100000 MB/s, read 90 ns"
    ]


def gpu_memory(count: int = 4, device: str | None = None) -> NumaTopology:
    """Two nodes with CPUs, and some with a GPU's memory at a distance of 80 to the first, 90 to the second."""
    far = ((0, 80), (1, 90))
    return numa(
        node(0, ids(0, 3), distances=((0, 10), (1, 20))),
        node(1, ids(4, 7), distances=((0, 20), (1, 10))),
        *(
            node(2 + at, kind=NumaKind.DEVICE_MEMORY, distances=far, memory_device=device)
            for at in range(count)
        ),
    )


def test_the_nearest_nodes_are_those_with_cpus_at_the_least_distance() -> None:
    machine = gpu_memory()
    assert nearest_cpu_nodes(machine.nodes[2], machine) == (frozenset({0}), 80)
    assert nearest_cpu_nodes(node(9), machine) is None


def folded(machine: NumaTopology) -> list[str]:
    return [
        words(line) for line, _ in fold_cpuless([node for node in machine.nodes if not node.cpus], machine)
    ]


def test_nodes_alike_become_one_line() -> None:
    (line,) = folded(gpu_memory())
    assert line.split("; ") == [
        "NUMA nodes 2-5: 64 GiB device memory on each of 4 nodes, 240 GiB free in all, no CPUs",
        "nearest CPUs on NUMA node 0 (distance 80)",
    ]


def test_two_nodes_alike_stay_two_lines() -> None:
    assert folded(gpu_memory(2, "0000:01:00.0")) == [
        f"NUMA node {number}: 64 GiB device memory, 60 GiB free, no CPUs, of 0000:01:00.0"
        "; nearest CPUs on NUMA node 0 (distance 80)"
        for number in (2, 3)
    ]


def test_empty_and_unknown_nodes_fold_too() -> None:
    empty = numa(*(node(number, kind=NumaKind.EMPTY, memory_total_bytes=0) for number in range(3)))
    unknown = numa(
        *(
            node(number, kind=None, cpus_known=False, memory_total_bytes=None, memory_free_bytes=None)
            for number in range(3)
        )
    )
    assert folded(empty) == ["NUMA nodes 0-2: 3 nodes with neither CPUs nor memory"]
    assert folded(unknown) == ["NUMA nodes 0-2: memory unknown on each of 3 nodes, CPUs unknown"]


def test_a_node_without_cpus_tells_whether_it_has_none_or_that_is_unknown() -> None:
    machine = numa()
    assert words(describe_cpuless(node(3), machine)) == ": 64 GiB memory, 60 GiB free, no CPUs"
    assert words(describe_cpuless(node(3, cpus_known=False), machine)).endswith(", CPUs unknown")
    assert words(describe_cpuless(node(3, kind=NumaKind.EMPTY), machine)) == ": neither CPUs nor memory"
