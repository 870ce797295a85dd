from __future__ import annotations

import dataclasses

import pytest

from agent.views.machine_page import derive_machine_page
from collectors.model import (
    AllowedSet,
    Cpu,
    CpuKind,
    CpuTopology,
    DaxDevice,
    Devices,
    HugePagePool,
    MemoryTier,
    NetworkInterface,
    NumaKind,
    NumaTopology,
    Observed,
    Problem,
    Snapshot,
    System,
)
from tests.agent.views.machines import (
    GIB,
    function,
    group,
    ids,
    node,
    numa,
    printed,
    snapshot,
    two_packages,
)
from tests.hosts import shapes
from tests.hosts.machine import expected_snapshot
from tests.hosts.spec import MachineSpec


def lines(machine: Snapshot, *, wide: bool = False) -> list[str]:
    return printed(derive_machine_page(machine, wide=wide))


def head(machine: Snapshot) -> dict[str, str]:
    """The rows of the head by their keys; the title is under the empty key."""
    rows: dict[str, str] = {}
    key = ""
    for line in lines(machine):
        if not line:
            break
        if not rows:
            rows[""] = line
            continue
        word, _, text = line.partition("  ")
        key = word or key
        rows[key] = f"{rows[key]} | {text.strip()}" if key in rows else text.strip()
    return rows


def server() -> Snapshot:
    topology = two_packages()
    nodes = [node(number, package.cpus) for number, package in enumerate(topology.packages)]
    return snapshot(cpus=topology, memory=numa(*nodes), system=System(kernel_release="6.8.0"))


def test_the_head_names_model_architecture_and_kernel() -> None:
    assert head(server()) == {
        "": "Example CPU @ 2 GHz, x86_64, Linux 6.8.0",
        "CPUs": "16 online: 2 packages, 8 cores, SMT2",
        "caches": "2x L3 32 MiB",
        "memory": "128 GiB, 120 GiB free, 2 NUMA nodes",
        "devices": "none",
    }


def test_a_machine_that_tells_little_has_a_short_head() -> None:
    assert head(snapshot(cpus=CpuTopology(online=ids(0, 1)))) == {
        "": "CPU model unknown",
        "CPUs": "2 online",
        "devices": "none",
    }


def test_a_machine_of_which_nothing_could_be_read_has_a_title_all_the_same() -> None:
    unread: Observed[CpuTopology] = Observed()
    machine = snapshot(memory=numa())
    assert lines(dataclasses.replace(machine, cpus=unread, numa=Observed(), pci=Observed())) == [
        "CPU model unknown"
    ]


def test_one_memory_tier_is_not_worth_a_row() -> None:
    machine = numa(node(0, ids(0, 1)), tiers=(MemoryTier(id=4, nodes=ids(0, 0)),))
    assert "memory tiers" not in head(snapshot(memory=machine))


def test_the_vendor_stands_in_for_a_missing_model() -> None:
    topology = CpuTopology(online=ids(0, 0), vendor="IBM/S390")
    assert head(snapshot(cpus=topology))[""] == "IBM/S390"


def test_books_drawers_and_dies_are_counted_where_there_are_some() -> None:
    topology = CpuTopology(
        online=ids(0, 3),
        drawers=(group(0, 1, 2, 3),),
        books=(group(0, 1), group(2, 3)),
        packages=(group(0, 1), group(2, 3)),
        dies=(group(0), group(1), group(2, 3)),
    )
    assert head(snapshot(cpus=topology))["CPUs"] == "4 online: 1 drawer, 2 books, 2 packages, 3 dies"


def test_kinds_of_cores_have_a_row_each() -> None:
    kinds = (CpuKind(cpus=ids(0, 1), name="big"), CpuKind(cpus=ids(2, 3), name="little"))
    topology = CpuTopology(online=ids(0, 3), kinds=kinds)
    assert head(snapshot(cpus=topology))["core kinds"] == "CPUs 0-1; big | CPUs 2-3; little"


def test_cpus_that_are_not_for_everybody_are_named() -> None:
    topology = CpuTopology(
        online=ids(0, 5),
        present=ids(0, 7),
        cpus=(Cpu(id=9, online=False),),
        isolated=ids(2, 3),
        nohz_full=ids(3, 3),
    )
    allowed = System(allowed=AllowedSet(cpus=ids(0, 1), nodes=ids(1, 1)))
    machine = snapshot(cpus=topology, memory=numa(node(0, ids(0, 5)), node(1)), system=allowed)
    rows = head(machine)
    assert (rows["offline"], rows["isolated"], rows["nohz_full"]) == ("CPUs 6-7,9", "CPUs 2-3", "CPU 3")
    assert rows["allowed"] == (
        "CPUs 0-1, memory of NUMA node 1; the cpuset cgroup leaves no more to this process"
    )


def test_a_cpuset_that_leaves_everything_is_not_mentioned() -> None:
    allowed = System(allowed=AllowedSet(cpus=ids(0, 99), nodes=ids(0, 9)))
    assert "allowed" not in head(dataclasses.replace(server(), system=Observed(facts=allowed)))
    assert "allowed" not in head(dataclasses.replace(server(), system=Observed()))


def test_memory_tells_odd_nodes_offline_ones_and_tiers() -> None:
    machine = numa(
        node(0, ids(0, 1)),
        node(1, ids(2, 3), kind=NumaKind.CPU_ONLY, memory_total_bytes=0),
        node(2),
        node(3, kind=NumaKind.DEVICE_MEMORY),
        node(4, kind=NumaKind.EMPTY),
        offline=frozenset({7}),
        tiers=(MemoryTier(id=4, nodes=ids(0, 2)), MemoryTier(id=22, nodes=ids(3, 3))),
        memory_total_bytes=200 * GIB,
    )
    rows = head(snapshot(memory=machine))
    assert rows["memory"] == (
        "200 GiB, 5 NUMA nodes, 1 without memory, 1 without CPUs, 1 of device memory, 1 empty | NUMA node 7 offline"
    )
    assert rows["memory tiers"] == "tier 4: NUMA nodes 0-2; tier 22: NUMA node 3"


def test_memory_in_all_is_unknown_while_one_node_s_is() -> None:
    machine = numa(node(0), node(1, memory_total_bytes=None, memory_free_bytes=None))
    assert head(snapshot(memory=machine))["memory"] == "unknown, 2 NUMA nodes, 2 without CPUs"


def test_hugepages_that_no_node_tells_of_are_said_to_be_somewhere() -> None:
    pools = (HugePagePool(page_size_bytes=2 << 20, total=512), HugePagePool(page_size_bytes=GIB, total=0))
    machine = numa(node(0, ids(0, 1)), machine_hugepages=pools, hugepages_per_node=False)
    assert head(snapshot(memory=machine))["hugepages"] == (
        "2 MiB: 512 (1 GiB); 1 GiB: 0 | the kernel does not tell on which NUMA nodes those of 2 MiB are"
    )


def test_a_kernel_without_numa_nodes_is_said_to_have_none() -> None:
    machine = NumaTopology(nodes=(node(0, ids(0, 1)),), from_kernel=False, memory_total_bytes=GIB)
    nic = function("0000:01:00.0", 0x020000, driver="e1000")
    shown = lines(snapshot(memory=machine, pci=(nic,)))
    assert "memory   1 GiB, no NUMA nodes (the kernel tells of none)" in shown
    assert shown[-2:] == ["devices", "`-- network 0000:01:00.0: e1000"]


def test_devices_are_below_their_node() -> None:
    nic = function("0000:01:00.0", 0x020000, driver="ice", numa_node=1)
    machine = dataclasses.replace(server(), pci=Observed(facts=(nic,)))
    shown = lines(machine)
    assert shown[shown.index("package 1") + 1 :][:3] == [
        "`-- NUMA node 1: 64 GiB memory, 60 GiB free; 4 cores, SMT2, CPUs 4-7,12-15",
        "    +-- L3 32 MiB, shared by all of them",
        "    `-- network 0000:01:00.0: ice",
    ]
    assert head(machine)["devices"] == "1 network device"


def test_devices_near_several_nodes_or_none_have_a_heading_of_their_own() -> None:
    topology = CpuTopology(online=ids(0, 5))
    machine = snapshot(
        cpus=topology,
        memory=numa(node(0, ids(0, 1)), node(1, ids(2, 3)), node(2, ids(4, 5))),
        pci=(
            function("0000:01:00.0", 0x020000, local_cpus=ids(0, 3)),
            function("0000:02:00.0", 0x020000),
        ),
        devices=Devices(dax=(DaxDevice(name="dax0.0", numa_node=9), DaxDevice(name="dax1.0", numa_node=2))),
    )
    shown = lines(machine)
    assert "`-- memory device dax1.0" in shown
    assert shown[shown.index("devices near NUMA nodes 0-1") :] == [
        "devices near NUMA nodes 0-1",
        "`-- network 0000:01:00.0",
        "",
        "devices on NUMA node 9, which is not online",
        "`-- memory device dax0.0",
        "",
        "devices without a NUMA node: the machine does not say where they are",
        "`-- network 0000:02:00.0",
    ]


def test_on_a_machine_with_one_node_there_is_nothing_to_say_of_locality() -> None:
    machine = snapshot(
        memory=numa(node(0, ids(0, 1))),
        devices=Devices(network=(NetworkInterface(name="end0", driver="stmmac"),)),
    )
    assert lines(machine)[-2:] == ["devices; the machine has one NUMA node", "`-- network end0"]


def test_distances_are_shown_between_nodes() -> None:
    machine = numa(node(0, ids(0, 0), distances=((0, 10), (1, 21))), node(1, distances=((0, 21), (1, 10))))
    assert lines(snapshot(memory=machine))[-4:] == [
        "NUMA distances",
        "node   0   1",
        "0     10  21",
        "1     21  10",
    ]


def test_problems_come_last_the_first_few_of_them() -> None:
    problems = tuple(Problem(path=f"/sys/file{number}", reason="expected an integer") for number in range(8))
    machine = dataclasses.replace(
        server(),
        pci=Observed(error="/sys/bus/pci/devices: Permission denied"),
        devices=Observed(problems=problems),
    )
    assert "devices" not in head(machine)
    shown = lines(machine)
    assert shown[shown.index("9 problems; what could not be read is unknown here") :] == [
        "9 problems; what could not be read is unknown here",
        "+-- pci: /sys/bus/pci/devices: Permission denied",
        *(f"+-- /sys/file{number}: expected an integer" for number in range(4)),
        "`-- and 4 more, listed by -o wide",
    ]
    assert lines(machine, wide=True)[-1] == "`-- /sys/file7: expected an integer"


@pytest.mark.parametrize("spec", [shapes.HUGE, shapes.HGX, shapes.GB200], ids=lambda spec: spec.name)
def test_the_folded_form_grows_with_nodes_and_devices_not_with_cpus(spec: MachineSpec) -> None:
    machine = expected_snapshot(spec, now=0.0)
    assert machine.cpus.facts is not None
    shown = lines(machine)
    assert len(shown) < 400
    assert not any("-- core " in line for line in shown)
    assert sum("-- core " in line for line in lines(machine, wide=True)) == len(machine.cpus.facts.cores)


@pytest.mark.parametrize("spec", shapes.SHAPES, ids=lambda spec: spec.name)
def test_every_cpu_node_and_device_of_a_machine_is_on_its_wide_page(spec: MachineSpec) -> None:
    machine = expected_snapshot(spec, now=0.0)
    page = "\n".join(lines(machine, wide=True))
    numa_facts, pci = machine.numa.facts, machine.pci.facts
    assert numa_facts is not None
    assert pci is not None
    if numa_facts.from_kernel:
        assert [node.id for node in numa_facts.nodes if f"NUMA node {node.id}:" not in page] == []
    assert [device.address for device in pci if device.address not in page] == []
