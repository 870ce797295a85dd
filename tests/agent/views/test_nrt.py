"""What of a machine becomes a zone, and which quantities it carries."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.views.nrt import derive_nrt, format_page_size, missing_reason, zones_left_out
from collectors.model import HugePagePool, NumaKind, NumaTopology, Observed, PciDevice, Snapshot
from tests.agent.views.machines import GIB, function, ids, node, numa, snapshot
from tests.hosts.machine import expected_snapshot
from tests.hosts.shapes import CXL, GPU_MEMORY_SPARSE, HUGEPAGE_MIX, SPARSE

MIB = 1 << 20


def zones(memory: NumaTopology, *pci: PciDevice) -> dict[str, dict[str, Any]]:
    """Zones by name."""
    nrt = derive_nrt(snapshot(memory=memory, pci=pci), node_name="n")
    return {} if nrt is None else {zone["name"]: zone for zone in nrt["zones"]}


def amounts(zone: dict[str, Any]) -> dict[str, str]:
    """What is available of each resource; capacity and allocatable are the same."""
    for resource in zone["resources"]:
        assert resource["capacity"] == resource["allocatable"] == resource["available"]
    return {resource["name"]: resource["available"] for resource in zone["resources"]}


def pool(size: int, total: int | None) -> HugePagePool:
    return HugePagePool(page_size_bytes=size, total=total)


def test_a_machine_of_two_nodes_becomes_two_zones() -> None:
    memory = numa(
        node(0, ids(0, 3), distances=((0, 10), (1, 21)), hugepages=(pool(GIB, 2), pool(2 * MIB, 512))),
        node(1, ids(4, 5), distances=((0, 21), (1, 10))),
    )
    assert derive_nrt(snapshot(memory=memory), node_name="worker-1") == {
        "apiVersion": "topology.node.k8s.io/v1alpha2",
        "kind": "NodeResourceTopology",
        "metadata": {"name": "worker-1"},
        "attributes": [{"name": "numascope.dev/source", "value": "machine"}],
        "zones": [
            {
                "name": "node-0",
                "type": "Node",
                "costs": [{"name": "node-0", "value": 10}, {"name": "node-1", "value": 21}],
                "resources": [
                    {"name": name, "capacity": amount, "allocatable": amount, "available": amount}
                    for name, amount in (
                        ("cpu", "4"),
                        ("hugepages-1Gi", str(2 * GIB)),
                        ("hugepages-2Mi", str(1 * GIB)),
                        ("memory", str(61 * GIB)),
                    )
                ],
            },
            {
                "name": "node-1",
                "type": "Node",
                "costs": [{"name": "node-0", "value": 21}, {"name": "node-1", "value": 10}],
                "resources": [
                    {"name": name, "capacity": amount, "allocatable": amount, "available": amount}
                    for name, amount in (("cpu", "2"), ("memory", str(64 * GIB)))
                ],
            },
        ],
    }


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (64 << 10, "64Ki"),
        (2 * MIB, "2Mi"),
        (32 * MIB, "32Mi"),
        (512 * MIB, "512Mi"),
        (GIB, "1Gi"),
        (16 * GIB, "16Gi"),
        (1 << 40, "1Ti"),
        (1000, "1000"),
        (0, "0"),
    ],
)
def test_page_sizes_are_in_the_notation_of_kubernetes(size: int, text: str) -> None:
    assert format_page_size(size) == text


def test_unknown_quantities_are_left_out_and_known_zeros_are_not() -> None:
    memory = numa(
        node(0, cpus_known=False, kind=None, hugepages=(pool(2 * MIB, 0), pool(GIB, None))),
        node(1, ids(0, 1), memory_total_bytes=None, hugepages=(pool(2 * MIB, 0),)),
    )
    found = zones(memory)
    assert list(found) == ["node-1"]
    assert amounts(found["node-1"]) == {"cpu": "2", "hugepages-2Mi": "0"}


def test_memory_is_unknown_where_a_pool_on_the_node_is() -> None:
    found = zones(numa(node(0, ids(0, 1), hugepages=(pool(2 * MIB, 5), pool(GIB, None)))))
    assert amounts(found["node-0"]) == {"cpu": "2", "hugepages-2Mi": str(10 * MIB)}


def test_memory_is_unknown_where_nobody_knows_on_which_node_the_hugepages_lie() -> None:
    both = (node(0, ids(0, 1)), node(1, ids(2, 3)))
    scattered = numa(*both, hugepages_per_node=False, machine_hugepages=(pool(2 * MIB, 8),))
    assert {name: amounts(zone) for name, zone in zones(scattered).items()} == {
        "node-0": {"cpu": "2"},
        "node-1": {"cpu": "2"},
    }
    none = numa(*both, hugepages_per_node=False, machine_hugepages=(pool(2 * MIB, 0),))
    assert amounts(zones(none)["node-1"]) == {"cpu": "2", "memory": str(64 * GIB)}


def test_the_machines_hugepages_lie_on_its_only_node() -> None:
    memory = numa(node(0, ids(0, 1)), hugepages_per_node=False, machine_hugepages=(pool(GIB, 4),))
    assert amounts(zones(memory)["node-0"]) == {
        "cpu": "2",
        "hugepages-1Gi": str(4 * GIB),
        "memory": str(60 * GIB),
    }


def test_hugepages_beyond_the_nodes_memory_leave_none_and_not_less() -> None:
    found = zones(numa(node(0, ids(0, 0), memory_total_bytes=GIB, hugepages=(pool(GIB, 2),))))
    assert amounts(found["node-0"])["memory"] == "0"


def test_ids_have_gaps_and_costs_name_only_zones_that_are_there() -> None:
    far = ((0, 10), (8, 40), (70, 80))
    memory = numa(
        node(0, ids(0, 0), distances=far),
        node(8, ids(1, 1), distances=()),
        node(70, ids(2, 2), distances=far),
    )
    found = zones(memory)
    assert list(found) == ["node-0", "node-8"]
    assert found["node-0"]["costs"] == [{"name": "node-0", "value": 10}, {"name": "node-8", "value": 40}]
    assert "costs" not in found["node-8"]


def test_nodes_that_no_scheduler_can_take_are_left_out_and_named() -> None:
    memory = numa(
        node(63, ids(0, 0)), node(64, ids(1, 1)), node(200, kind=NumaKind.EMPTY, memory_total_bytes=0)
    )
    assert list(zones(memory)) == ["node-63"]
    assert zones_left_out(snapshot(memory=memory)) == (64,)


def test_empty_nodes_are_no_zones() -> None:
    memory = numa(node(0, ids(0, 0)), node(1, kind=NumaKind.EMPTY, memory_total_bytes=0))
    assert list(zones(memory)) == ["node-0"]


def test_memory_without_cpus_is_a_zone_of_memory_alone() -> None:
    assert amounts(zones(numa(node(0, ids(0, 0)), node(1)))["node-1"]) == {"memory": str(64 * GIB)}


@pytest.mark.parametrize(
    ("owner", "class_code", "is_zone"),
    [
        ("0000:01:00.0", 0x030200, False),
        ("0000:01:00.0", 0x120000, False),
        ("0000:01:00.0", 0x050210, True),
        ("0000:01:00.0", None, False),
        ("0000:99:00.0", 0x050210, False),
        (None, 0x050210, False),
        ("dax0.0", 0x030200, True),
    ],
)
def test_device_memory_is_a_zone_unless_an_accelerator_hands_it_out(
    owner: str | None, class_code: int | None, is_zone: bool
) -> None:
    memory = numa(node(0, ids(0, 0)), node(1, kind=NumaKind.DEVICE_MEMORY, memory_device=owner))
    assert ("node-1" in zones(memory, function("0000:01:00.0", class_code))) is is_zone


def test_an_accelerators_node_is_a_zone_once_it_holds_hugepages() -> None:
    gpu = function("0000:01:00.0", 0x030200)
    owned = node(1, kind=NumaKind.DEVICE_MEMORY, memory_device=gpu.address, hugepages=(pool(2 * MIB, 4),))
    found = zones(numa(node(0, ids(0, 0)), owned), gpu)
    assert amounts(found["node-1"]) == {"hugepages-2Mi": str(8 * MIB)}


def test_without_facts_or_zones_there_is_nothing_to_publish_and_a_reason() -> None:
    nothing = snapshot()
    assert derive_nrt(nothing, node_name="n") is None
    assert missing_reason(nothing) == "the NUMA nodes are unknown: they were not read yet"
    failed = Snapshot(
        taken_at=0.0,
        system=nothing.system,
        cpus=nothing.cpus,
        numa=Observed(error="/sys/devices/system/node: Input/output error"),
        pci=nothing.pci,
        devices=nothing.devices,
    )
    assert missing_reason(failed) == (
        "the NUMA nodes are unknown: /sys/devices/system/node: Input/output error"
    )
    hollow = snapshot(memory=numa(node(0, memory_total_bytes=None)))
    assert derive_nrt(hollow, node_name="n") is None
    assert missing_reason(hollow) == "no NUMA node holds CPUs, memory or hugepages that are known"
    assert missing_reason(snapshot(memory=numa(node(0, ids(0, 0))))) is None
    assert zones_left_out(nothing) == ()


def test_of_34_nodes_with_gpu_memory_the_two_with_cpus_are_zones() -> None:
    nrt = derive_nrt(expected_snapshot(GPU_MEMORY_SPARSE, now=0.0), node_name="n")
    assert nrt is not None
    assert [zone["name"] for zone in nrt["zones"]] == ["node-0", "node-8"]
    assert zones_left_out(expected_snapshot(GPU_MEMORY_SPARSE, now=0.0)) == ()


def test_cxl_memory_is_a_zone() -> None:
    nrt = derive_nrt(expected_snapshot(CXL, now=0.0), node_name="n")
    assert nrt is not None
    assert [zone["name"] for zone in nrt["zones"]] == ["node-0", "node-1", "node-2"]


@pytest.mark.parametrize("spec", [SPARSE, HUGEPAGE_MIX], ids=lambda spec: spec.name)
def test_the_same_machine_gives_the_same_bytes_whenever_it_is_read(spec: Any) -> None:
    first, second = (
        json.dumps(derive_nrt(expected_snapshot(spec, now=now), node_name="n")) for now in (0.0, 99.0)
    )
    assert first == second
