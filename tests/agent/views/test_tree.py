from __future__ import annotations

import dataclasses

from agent.views.text import Branch, plain
from agent.views.tree import derive_tree
from collectors.model import CpuKind, CpuTopology, HugePagePool, NumaKind, NumaTopology
from tests.agent.views.machines import GIB, group, ids, l3, node, numa, printed_branches, two_packages


def tree(
    topology: CpuTopology | None, machine: NumaTopology | None, *, wide: bool = False, **devices: str
) -> list[str]:
    """The lines of a tree; devices are given as n0="words" for node 0."""
    branches = {int(key[1:]): (Branch(line=(plain(text),)),) for key, text in devices.items()}
    return printed_branches(*derive_tree(topology, machine, branches, wide=wide))


def test_a_server_has_a_branch_for_each_package_with_its_node() -> None:
    topology = two_packages()
    pool = HugePagePool(page_size_bytes=GIB, total=4, free=4)
    machine = numa(node(0, topology.packages[0].cpus, hugepages=(pool,)), node(1, topology.packages[1].cpus))
    assert tree(topology, machine, n0="a NIC") == [
        "package 0",
        "`-- NUMA node 0: 64 GiB memory, 60 GiB free; 4 cores, SMT2, CPUs 0-3,8-11",
        "    +-- 1 GiB hugepages: 4 (4 GiB), 4 free",
        "    +-- L3 32 MiB, shared by all of them",
        "    `-- a NIC",
        "package 1",
        "`-- NUMA node 1: 64 GiB memory, 60 GiB free; 4 cores, SMT2, CPUs 4-7,12-15",
        "    `-- L3 32 MiB, shared by all of them",
    ]


def test_a_package_of_two_nodes_tells_what_they_share() -> None:
    topology = dataclasses.replace(two_packages(threads=1), caches=())
    machine = numa(node(0, ids(0, 1)), node(1, ids(2, 3)), node(2, ids(4, 7)))
    assert tree(topology, machine)[:3] == [
        "package 0: 4 cores",
        "+-- NUMA node 0: 64 GiB memory, 60 GiB free; 2 cores, CPUs 0-1",
        "`-- NUMA node 1: 64 GiB memory, 60 GiB free; 2 cores, CPUs 2-3",
    ]


def test_caches_of_a_part_of_the_node_tell_their_cpus() -> None:
    topology = dataclasses.replace(two_packages(threads=1), caches=(l3(ids(0, 1)), l3(ids(2, 3))))
    assert tree(topology, numa(node(0, ids(0, 3))))[:4] == [
        "package 0",
        "`-- NUMA node 0: 64 GiB memory, 60 GiB free; 4 cores, CPUs 0-3",
        "    +-- L3 32 MiB: 2 cores, CPUs 0-1",
        "    `-- L3 32 MiB: 2 cores, CPUs 2-3",
    ]


def test_caches_of_one_core_each_share_a_line() -> None:
    topology = two_packages()
    topology = dataclasses.replace(topology, caches=tuple(l3(core.cpus) for core in topology.cores))
    assert tree(topology, numa())[:2] == ["package 0: 4 cores, SMT2", "`-- L3 32 MiB: 4 of them, one a core"]


def test_the_wide_form_has_a_line_for_each_core() -> None:
    lines = tree(two_packages(cores=2), numa(), wide=True)
    assert lines[:4] == [
        "package 0",
        "`-- L3 32 MiB: 2 cores, SMT2, CPUs 0-1,4-5",
        "    +-- core 0: CPUs 0,4",
        "    `-- core 1: CPUs 1,5",
    ]


def test_a_kernel_without_numa_nodes_has_one_memory() -> None:
    machine = NumaTopology(nodes=(node(0, ids(0, 7)),), from_kernel=False)
    topology = CpuTopology(online=ids(0, 7), packages=(group(*range(8), number=3),))
    assert tree(topology, machine) == [
        "package 3",
        "`-- one memory: 64 GiB memory, 60 GiB free; CPUs 0-7",
    ]


def test_cpus_on_no_node_are_told_so() -> None:
    topology = CpuTopology(online=ids(0, 3), cores=tuple(group(cpu) for cpu in range(4)))
    assert tree(topology, numa(node(0, ids(0, 1)))) == [
        "NUMA node 0: 64 GiB memory, 60 GiB free; 2 cores, CPUs 0-1",
        "2 cores, CPUs 2-3, on no NUMA node",
    ]


def test_cpus_of_a_node_that_an_inner_one_does_not_have_are_its_own() -> None:
    topology = CpuTopology(online=ids(0, 3))
    assert tree(topology, numa(node(0, ids(0, 3)), node(1, ids(0, 1)))) == [
        "NUMA node 0: 64 GiB memory, 60 GiB free; CPUs 0-3",
        "+-- NUMA node 1: 64 GiB memory, 60 GiB free; CPUs 0-1",
        "`-- CPUs 2-3",
    ]


def test_without_numa_facts_the_cpus_stay() -> None:
    assert tree(CpuTopology(online=ids(0, 3)), None) == ["CPUs 0-3"]


def test_without_cpu_facts_the_memory_stays() -> None:
    assert tree(None, numa(node(0, ids(0, 3)))) == ["NUMA node 0: 64 GiB memory, 60 GiB free; CPUs 0-3"]


def test_cores_of_several_kinds_have_a_line_for_each_kind() -> None:
    kinds = (CpuKind(cpus=ids(0, 1), name="big"), CpuKind(cpus=ids(2, 3), name="little"))
    topology = CpuTopology(online=ids(0, 3), kinds=kinds, packages=(group(0, 1, 2, 3),))
    assert tree(topology, numa()) == ["package: CPUs 0-3", "+-- CPUs 0-1; big", "`-- CPUs 2-3; little"]


def test_a_part_with_cores_of_one_kind_names_it() -> None:
    kinds = (CpuKind(cpus=ids(0, 1), name="big"), CpuKind(cpus=ids(2, 3), name="little"))
    topology = CpuTopology(online=ids(0, 3), kinds=kinds, caches=(l3(ids(0, 1)),))
    assert tree(topology, numa()) == ["L3 32 MiB: CPUs 0-1; big", "CPUs 2-3; little"]


def test_a_node_names_its_cpus_that_are_not_online() -> None:
    machine = numa(node(0, ids(0, 1), offline_cpus=ids(2, 3)))
    assert tree(CpuTopology(online=ids(0, 1)), machine) == [
        "NUMA node 0: 64 GiB memory, 60 GiB free; CPUs 0-1; not online: CPUs 2-3"
    ]


def test_nodes_without_cpus_come_last_and_fold_unless_they_hold_something() -> None:
    pool = HugePagePool(page_size_bytes=GIB, total=1)
    machine = numa(
        *(node(number, kind=NumaKind.DEVICE_MEMORY) for number in range(2, 6)),
        node(6, hugepages=(pool,)),
        node(7),
    )
    lines = tree(CpuTopology(online=ids(0, 1)), machine, n7="a CXL device")
    assert lines == [
        "CPUs 0-1, on no NUMA node",
        "NUMA nodes 2-5: 64 GiB device memory on each of 4 nodes, 240 GiB free in all, no CPUs",
        "NUMA node 6: 64 GiB memory, 60 GiB free, no CPUs",
        "`-- 1 GiB hugepages: 1 (1 GiB)",
        "NUMA node 7: 64 GiB memory, 60 GiB free, no CPUs",
        "`-- a CXL device",
    ]
    assert len(tree(CpuTopology(online=ids(0, 1)), machine, wide=True)) == 8
