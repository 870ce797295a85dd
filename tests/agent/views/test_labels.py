"""Which labels a node has, which are known to be gone, and which nobody knows of."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from agent.settings import Settings
from agent.survey import NOTHING_SEEN
from agent.views.labels import PREFIX, derive_labels
from collectors.model import Cache, CacheType, Devices, HugePagePool, MemoryTier, NumaKind, Observed, Problem
from collectors.model.devices import RdmaDevice
from tests.agent.views.kubelets import CONFIG, on_two_nodes, picture
from tests.agent.views.machines import function, group, ids, node, numa, snapshot, two_packages
from tests.documents import labels_document
from tests.hosts.machine import expected_snapshot
from tests.hosts.shapes import GPU_MEMORY_SPARSE
from tests.hosts.spec import MachineSpec
from tests.hosts.strategies import machines

DOCS = Path(__file__).resolve().parents[3] / "docs"
GPU = 0x030200
NIC = 0x020000


def labels(**facts: object) -> dict[str, str | None]:
    """Labels without their prefix."""
    found = derive_labels(snapshot(**facts))  # type: ignore[arg-type]
    return {key.removeprefix(PREFIX): value for key, value in found.items()}


def pools(*totals: tuple[int, int | None]) -> tuple[HugePagePool, ...]:
    return tuple(HugePagePool(page_size_bytes=size, total=total) for size, total in totals)


def test_a_machine_of_two_packages_is_counted() -> None:
    found = labels(
        cpus=two_packages(threads=2, cores=4),
        memory=numa(
            node(0, ids(0, 7), distances=((0, 10), (1, 32))),
            node(1, ids(8, 15), distances=((0, 32), (1, 10))),
        ),
    )
    expected = {
        "numa-nodes": "2",
        "sockets": "2",
        "cores": "8",
        "threads": "16",
        "smt": "true",
        "l3-caches": "2",
        "max-distance": "32",
    }
    assert {key: found[key] for key in expected} == expected


def test_without_second_threads_smt_is_false() -> None:
    assert labels(cpus=two_packages(threads=1))["smt"] == "false"


def test_a_machine_without_l3_caches_has_none() -> None:
    l1 = Cache(level=1, type=CacheType.DATA, cpus=frozenset({0}))
    assert labels(cpus=replace(two_packages(), caches=(l1,)))["l3-caches"] == "0"


def test_nodes_without_anything_for_pods_do_not_count() -> None:
    gpu = function("0000:01:00.0", GPU)
    memory = numa(
        node(0, ids(0, 7)),
        node(1),
        node(2, kind=NumaKind.EMPTY, memory_total_bytes=0),
        node(3, kind=NumaKind.DEVICE_MEMORY, memory_device=gpu.address),
    )
    assert labels(memory=memory, pci=(gpu,))["numa-nodes"] == "2"


def test_a_node_that_could_not_be_read_leaves_the_number_unknown() -> None:
    assert "numa-nodes" not in labels(memory=numa(node(0, ids(0, 7)), node(1, kind=None)))


def test_what_nobody_knows_has_no_label_and_none_is_gone() -> None:
    assert derive_labels(NOTHING_SEEN) == {}


def test_groups_and_caches_that_the_kernel_does_not_tell_are_unknown() -> None:
    found = labels(
        cpus=replace(two_packages(), packages=(), cores=(), caches=()), memory=numa(node(0, ids(0, 7)))
    )
    assert {"sockets", "cores", "smt", "l3-caches", "max-distance"}.isdisjoint(found)


def test_each_size_of_hugepages_has_a_label_that_goes_with_them() -> None:
    memory = numa(node(0, ids(0, 7)), machine_hugepages=pools((2 << 20, 512), (1 << 30, 0), (16 << 20, None)))
    found = labels(memory=memory)
    assert (found["hugepages-2Mi"], found["hugepages-1Gi"], found["hugepages-64Ki"]) == ("true", None, None)
    assert "hugepages-16Mi" not in found


def test_hugepages_that_may_not_have_been_readable_keep_their_labels() -> None:
    machine = snapshot(memory=numa(node(0, ids(0, 7))))
    assert derive_labels(machine)[f"{PREFIX}hugepages-2Mi"] is None
    problems = (Problem(path="/sys/kernel/mm/hugepages", reason="Permission denied"),)
    doubtful = replace(machine, numa=replace(machine.numa, problems=problems))
    assert f"{PREFIX}hugepages-2Mi" not in derive_labels(doubtful)


@pytest.mark.parametrize(
    ("at", "per_node"),
    [
        ([0, 0, 1, 1], "2"),
        ([0, 0, 0, 1], "3-1"),
        ([0, 0], "2-0"),
        ([0, None], "unknown"),
        ([0, 2], "unknown"),
    ],
)
def test_gpus_are_counted_on_each_node_with_cpus(at: list[int | None], per_node: str) -> None:
    gpus = tuple(function(f"0000:{number:02x}:00.0", GPU, numa_node=place) for number, place in enumerate(at))
    found = labels(memory=numa(node(0, ids(0, 7)), node(1, ids(8, 15)), node(2)), pci=gpus)
    assert found["gpus"] == str(len(at))
    assert found.get("gpus-per-numa", "unknown") == per_node


def test_on_the_only_node_every_gpu_sits() -> None:
    found = labels(memory=numa(node(0, ids(0, 7))), pci=(function("0000:01:00.0", GPU),))
    assert found["gpus-per-numa"] == "1"


def test_consoles_are_no_gpus_and_accelerators_of_amd_are() -> None:
    console = function("0000:01:00.0", 0x030000, vendor_id=0x1A03)
    instinct = function("0000:02:00.0", 0x120000, vendor_id=0x1002)
    other = function("0000:03:00.0", 0x120000, vendor_id=0x1DA3)
    assert labels(pci=(console, instinct, other))["gpus"] == "1"
    without = labels(pci=(console, other))
    assert (without["gpus"], without["gpus-per-numa"]) == (None, None)


def test_rdma_and_sriov_are_there_gone_or_unknown() -> None:
    nic = function("0000:01:00.0", NIC, sriov_total_vfs=8)
    found = labels(pci=(nic,), devices=Devices(rdma=(RdmaDevice(name="mlx5_0"),)))
    assert (found["rdma"], found["sriov"]) == ("true", "true")
    gone = labels(pci=(function("0000:01:00.0", NIC), function("0000:02:00.0", 0x010802, sriov_total_vfs=8)))
    assert (gone["rdma"], gone["sriov"]) == (None, None)
    assert "rdma" not in labels(devices=Devices(rdma=None))


def test_memory_tiers_are_counted() -> None:
    tiers = (MemoryTier(id=4, nodes=frozenset({0})), MemoryTier(id=22, nodes=frozenset({1})))
    assert labels(memory=numa(node(0, ids(0, 7)), tiers=tiers))["memory-tiers"] == "2"
    assert labels(memory=numa(node(0, ids(0, 7))))["memory-tiers"] is None


def test_the_kubelets_policies_are_labels() -> None:
    found = derive_labels(on_two_nodes(picture()), prefix="example.com/")
    policies = {
        key: found[f"example.com/{key}"] for key in ("topology-manager-policy", "topology-manager-scope")
    }
    assert policies == {"topology-manager-policy": "single-numa-node", "topology-manager-scope": "pod"}
    assert found["example.com/cpu-manager-policy"] == "static"
    assert found["example.com/memory-manager-policy"] == "Static"
    unknown = derive_labels(on_two_nodes(picture(config=None)))
    assert not any("manager" in key for key in unknown)
    partly = derive_labels(on_two_nodes(picture(config=replace(CONFIG, topology_manager_policy=None))))
    assert f"{PREFIX}topology-manager-policy" not in partly


def test_a_value_that_no_label_can_have_is_left_out() -> None:
    odd = replace(CONFIG, topology_manager_policy="no such thing!", topology_manager_scope="x" * 64)
    found = derive_labels(on_two_nodes(picture(config=odd)))
    assert {f"{PREFIX}topology-manager-policy", f"{PREFIX}topology-manager-scope"}.isdisjoint(found)


def test_last_good_facts_keep_their_labels() -> None:
    machine = snapshot(cpus=two_packages())
    failed = replace(machine, cpus=Observed(facts=machine.cpus.facts, error="gone"))
    assert derive_labels(failed) == derive_labels(machine)


def test_groups_that_share_an_id_are_still_two() -> None:
    twins = (group(0, 1, number=0), group(2, 3, number=0))
    assert labels(cpus=replace(two_packages(), packages=twins))["sockets"] == "2"


def test_of_34_nodes_with_gpu_memory_two_count() -> None:
    found = derive_labels(expected_snapshot(GPU_MEMORY_SPARSE, now=0.0))
    assert found[f"{PREFIX}numa-nodes"] == "2"


@given(spec=machines())
def test_every_label_of_any_machine_is_valid(spec: MachineSpec) -> None:
    found = derive_labels(expected_snapshot(spec, now=0.0))
    for key, value in found.items():
        assert re.fullmatch(r"numascope\.dev/[a-z0-9][-A-Za-z0-9.]{0,61}[A-Za-z0-9]", key)
        assert value is None or re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", value)
    assert derive_labels(expected_snapshot(spec, now=9.0)) == found


def test_the_setting_has_the_same_prefix_by_default() -> None:
    assert Settings().label_prefix == PREFIX


def test_the_document_says_what_the_table_says(golden: Callable[[Path, str], None]) -> None:
    golden(DOCS / "labels.md", labels_document())
