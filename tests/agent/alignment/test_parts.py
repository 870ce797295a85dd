"""What is held, and who says where it is."""

from __future__ import annotations

import pytest

from agent.alignment.machine import Machine
from agent.alignment.model import Part, Source
from agent.alignment.parts import PartFinder
from agent.placement.device_nodes import DeviceFinder
from collectors.model.kubelet import ClaimAllocation, ClaimedDevice
from collectors.parse import parse_id_list
from tests.agent.alignment.building import machine
from tests.agent.placement.building import TWO_NODES, block, device
from tests.agent.placement.test_device_nodes import FAR, FUNCTIONS

SNAPSHOT = machine(pci=FUNCTIONS)
FINDER = PartFinder(Machine(SNAPSHOT), DeviceFinder(SNAPSHOT, TWO_NODES.nodes))


def claim(device: str, *cdi_devices: str) -> ClaimAllocation:
    claimed = ClaimedDevice(driver="gpu.example.com", pool="node", device=device, cdi_devices=cdi_devices)
    return ClaimAllocation(namespace="default", name="c", devices=(claimed,))


def test_cpus_are_one_part() -> None:
    cpus = parse_id_list("2-3,8")
    assert list(FINDER.of_cpus(cpus)) == [
        Part(resource="cpu", amount=3, nodes=frozenset({0, 1}), source=Source.KUBELET, cpus=cpus)
    ]
    assert list(FINDER.of_cpus(frozenset())) == []


def test_memory_is_a_part_for_each_block_and_nowhere_on_nodes_that_there_are_not() -> None:
    parts = list(FINDER.of_memory([block(5, 1), block(7, 4, kind="hugepages-2Mi")]))
    assert [(part.amount, part.nodes, part.source) for part in parts] == [
        (5, frozenset({1}), Source.KUBELET),
        (7, None, None),
    ]


def test_devices_of_one_place_are_one_part() -> None:
    parts = list(FINDER.of_devices([device("a", 0), device("b", 1), device("c", 0), device("d")]))
    assert [(part.devices, part.nodes, part.source) for part in parts] == [
        (("a", "c"), frozenset({0}), Source.KUBELET),
        (("b",), frozenset({1}), Source.KUBELET),
        (("d",), None, None),
    ]


def test_a_device_without_topology_is_where_sysfs_says() -> None:
    (part,) = FINDER.of_devices([device(FAR)])
    assert (part.nodes, part.source, part.pci_addresses) == (frozenset({1}), Source.SYSFS, (FAR,))


@pytest.mark.parametrize(
    "claimed",
    [claim(FAR), claim("gpu-0", f"example.com/gpu={FAR}"), claim("pci-0000-3b-00-0")],
    ids=["its own name", "the runtime's", "with dashes"],
)
def test_a_claimed_device_is_where_its_address_is(claimed: ClaimAllocation) -> None:
    (part,) = FINDER.of_claims([claimed])
    assert (part.nodes, part.source, part.pci_addresses) == (frozenset({1}), Source.SYSFS, (FAR,))
    assert (part.resource, part.claim) == ("gpu.example.com", "default/c")


def test_a_claimed_device_whose_names_say_nothing_is_nowhere() -> None:
    (part,) = FINDER.of_claims([claim("gpu-0", "example.com/gpu=gpu-0")])
    assert (part.nodes, part.source, part.devices) == (None, None, ("gpu-0",))
