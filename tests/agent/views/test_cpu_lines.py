from __future__ import annotations

import pytest

from agent.views.cpu_lines import (
    cache_label,
    core_branches,
    cpu_ids,
    describe_caches,
    describe_cores,
    describe_cpus,
    describe_kind,
)
from collectors.model import Cache, CacheType, Cpu, CpuKind, CpuTopology
from tests.agent.views.machines import group, ids, l3, printed_branches, two_packages


def test_cpus_are_told_by_cores_threads_and_ids() -> None:
    topology = two_packages(threads=2, cores=4)
    assert describe_cpus(topology, topology.packages[1].cpus) == "4 cores, SMT2, CPUs 4-7,12-15"
    assert describe_cpus(two_packages(threads=1, cores=1), ids(0, 0)) == "1 core, CPU 0"


def test_without_cores_there_are_only_cpus() -> None:
    assert describe_cpus(CpuTopology(online=ids(0, 3)), ids(0, 3)) == "CPUs 0-3"


def test_cores_of_differing_threads_are_told_so() -> None:
    topology = CpuTopology(online=ids(0, 2), cores=(group(0, 1), group(2)))
    assert describe_cores(topology, topology.online) == "2 cores of 1 or 2 threads"


def test_no_cpus_are_called_so() -> None:
    assert cpu_ids(frozenset()) == "no CPUs"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (CpuKind(cpus=ids(0, 1), name="cpu_atom", max_frequency_khz=2_900_000), "cpu_atom, up to 2.9 GHz"),
        (CpuKind(cpus=ids(0, 1), name="Cortex-A725", capacity=700), "Cortex-A725"),
        (CpuKind(cpus=ids(0, 1), max_frequency_khz=2_000_000, capacity=446), "up to 2 GHz, capacity 446"),
        (CpuKind(cpus=ids(0, 1)), "unnamed"),
    ],
)
def test_a_kind_is_told_by_its_name_or_else_by_all_that_sets_it_apart(kind: CpuKind, said: str) -> None:
    assert describe_kind(kind) == said


def test_a_cache_of_unknown_size_is_told_by_its_level() -> None:
    assert (
        cache_label(Cache(level=1, type=CacheType.INSTRUCTION, cpus=ids(0, 0), size_bytes=32 << 10))
        == "L1i 32 KiB"
    )
    assert cache_label(Cache(level=3, type=CacheType.UNIFIED, cpus=ids(0, 0))) == "L3"


def test_caches_are_counted_by_sort_from_the_first_level_up() -> None:
    caches = tuple(
        Cache(level=level, type=CacheType.UNIFIED, cpus=ids(cpu, cpu), size_bytes=level << 20)
        for cpu in range(2)
        for level in (2, 1)
    )
    topology = CpuTopology(online=ids(0, 1), caches=(*caches, l3(ids(0, 1))))
    assert describe_caches(topology) == "2x L1 1 MiB, 2x L2 2 MiB, 1x L3 32 MiB"


def test_a_core_s_line_has_its_own_caches_its_kind_and_its_speed() -> None:
    topology = CpuTopology(
        online=ids(0, 4),
        cpus=(
            Cpu(id=0, online=True, max_frequency_khz=3_800_000),
            Cpu(id=1, online=True),
            Cpu(id=2, online=True),
        ),
        cores=(group(0, 1, number=7), group(2), group(4)),
        caches=(Cache(level=2, type=CacheType.UNIFIED, cpus=ids(0, 1), size_bytes=2 << 20), l3(ids(0, 2))),
        kinds=(CpuKind(cpus=ids(0, 1), name="cpu_core"), CpuKind(cpus=ids(2, 2))),
    )
    assert printed_branches(*core_branches(topology, ids(0, 2))) == [
        "core 7: CPUs 0-1; cpu_core, L2 2 MiB, up to 3.8 GHz",
        "core: CPU 2",
    ]
