"""The agent's first words."""

from __future__ import annotations

import dataclasses

from agent.views.findings import describe_findings, describe_missing
from collectors.model import HugePagePool, NumaKind, Observed, Problem, System
from tests.agent.views.machines import GIB, function, ids, node, numa, snapshot, two_packages
from tests.hosts.machine import expected_snapshot
from tests.hosts.shapes import HGX, NO_NUMA

HUGE = (
    HugePagePool(page_size_bytes=2 << 20, total=512, free=500),
    HugePagePool(page_size_bytes=GIB, total=2),
)


def test_a_machine_is_told_in_a_line_a_subject() -> None:
    memory = numa(
        node(0, ids(0, 7)), node(1, ids(8, 15)), memory_total_bytes=128 * GIB, machine_hugepages=HUGE
    )
    machine = snapshot(
        cpus=two_packages(),
        memory=memory,
        pci=(function("0000:01:00.0", 0x030200), function("0000:02:00.0", 0x010802)),
        system=System(kernel_release="6.8.0"),
    )
    assert describe_findings(machine) == (
        "Example CPU @ 2 GHz, x86_64, Linux 6.8.0",
        "2 packages, 8 cores, 16 CPUs",
        "128 GiB memory, 2 NUMA nodes",
        "hugepages: 512 of 2 MiB (500 free), 2 of 1 GiB (? free)",
        "2 PCI functions, 1 GPU, 1 NVMe controller",
    )
    assert describe_missing(machine) == ()


def test_odd_nodes_and_cpus_that_are_not_for_everybody_are_told() -> None:
    cpus = dataclasses.replace(two_packages(), present=ids(0, 17), isolated=ids(2, 3))
    memory = numa(node(0, ids(0, 15)), node(1), node(2, kind=NumaKind.EMPTY), node(3, kind=None))
    assert describe_findings(snapshot(cpus=cpus, memory=memory))[1:3] == (
        "2 packages, 8 cores, 16 CPUs, offline: 16-17, isolated: 2-3",
        "4 NUMA nodes, 1 cpu+memory + 1 memory + 1 empty",
    )


def test_a_kernel_without_numa_nodes_is_told_so() -> None:
    assert "no NUMA nodes known to the kernel, taken as one" in "\n".join(
        describe_findings(expected_snapshot(NO_NUMA, now=0.0))
    )


def test_what_is_missing_is_named() -> None:
    empty = dataclasses.replace(HUGE[0], total=0)
    assert describe_missing(snapshot(memory=numa(node(0, ids(0, 1)))), ["no kubelet"]) == (
        "no kubelet",
        "no hugepages",
        "no GPU and no accelerator",
        "no PCI devices",
    )
    assert "no hugepages (sizes that could be had: 2 MiB)" in describe_missing(
        snapshot(memory=numa(node(0, ids(0, 1)), machine_hugepages=(empty,)))
    )


def test_nothing_is_called_missing_that_is_only_unknown() -> None:
    machine = dataclasses.replace(snapshot(), pci=Observed(error="/sys/bus/pci/devices: Permission denied"))
    assert describe_findings(machine) == ()
    assert describe_missing(machine) == ("pci could not be read: /sys/bus/pci/devices: Permission denied",)


def test_files_that_could_not_be_read_are_counted_and_some_are_named() -> None:
    problems = tuple(Problem(path=f"/sys/{number}", reason="Permission denied") for number in range(5))
    machine = dataclasses.replace(
        snapshot(pci=(function("0000:01:00.0", 0x030200),)),
        cpus=Observed(problems=problems[:3]),
        numa=Observed(problems=(*problems[3:], Problem(path="", reason="and 4 more"))),
    )
    (line,) = describe_missing(machine)
    assert line.startswith("5 files could not be read or understood: /sys/0: Permission denied; ")
    assert "; and 2 more. /api/v1/snapshot lists them" in line
    one = dataclasses.replace(machine, numa=Observed(), cpus=Observed(problems=problems[:1]))
    assert describe_missing(one)[0].startswith(
        "1 file could not be read or understood: /sys/0: Permission denied. "
    )


def test_a_server_with_gpus_has_them_counted() -> None:
    assert "8 GPUs" in "\n".join(describe_findings(expected_snapshot(HGX, now=0.0)))
