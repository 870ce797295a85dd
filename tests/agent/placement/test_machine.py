from __future__ import annotations

from dataclasses import replace

import pytest

from agent.placement.ledger import derive_ledger
from agent.placement.model import Basis, hugepages_resource
from collectors.model import HugePagePool, NumaKind, NumaNode, NumaTopology, Observed, PciDevice
from tests.agent.placement.building import TWO_NODES, figures, ledger, node, snapshot
from tests.agent.placement.recorded import GIB, MIB

GPU_ADDRESS = "0004:04:00.0"


def device_memory(owner: str | None, *, pages: int = 0) -> NumaNode:
    memory = node(2, gib=32, pages_2m=pages)
    return replace(memory, kind=NumaKind.DEVICE_MEMORY, memory_device=owner)


def numa(*nodes: NumaNode) -> NumaTopology:
    return NumaTopology(nodes=(*TWO_NODES.nodes, *nodes), from_kernel=True)


def function(base_class: int | None) -> PciDevice:
    code = None if base_class is None else base_class << 16
    return PciDevice(address=GPU_ADDRESS, path=("pci0004:00", GPU_ADDRESS), class_code=code)


def test_without_a_kubelet_everything_is_available() -> None:
    made = ledger(None)
    assert figures(made, 0, "cpu") == (8, 8, 8)
    assert figures(made, 0, "memory") == (16 * GIB, 16 * GIB, 16 * GIB)
    assert (made.cpu_basis, made.memory_basis) == (Basis.MACHINE, Basis.MACHINE)


def test_without_numa_nodes_nothing_is_known() -> None:
    machine = replace(snapshot(None), numa=Observed())
    made = derive_ledger(machine)
    assert not made.zones
    assert not made.totals
    assert made.unknown == ("the NUMA nodes",)


def test_nodes_that_hold_nothing_are_no_zones() -> None:
    empty = NumaNode(id=5, kind=NumaKind.EMPTY, cpus=frozenset(), memory_total_bytes=0)
    assert [zone.id for zone in ledger(None, numa(empty)).zones] == [0, 1]


@pytest.mark.parametrize(
    ("owner", "base_class"),
    [(GPU_ADDRESS, 0x03), (GPU_ADDRESS, 0x12), (GPU_ADDRESS, None), ("0009:01:00.0", 0x03), (None, 0x03)],
)
def test_memory_of_an_accelerator_is_not_given_to_pods(owner: str | None, base_class: int | None) -> None:
    made = ledger(None, numa(device_memory(owner)), pci=[function(base_class)])
    assert made.zone(2) is None


def test_hugepages_on_an_accelerators_node_are() -> None:
    made = ledger(None, numa(device_memory(GPU_ADDRESS, pages=4)), pci=[function(0x03)])
    assert figures(made, 2, "hugepages-2Mi") == (8 * MIB, 8 * MIB, 8 * MIB)


@pytest.mark.parametrize(("owner", "base_class"), [("dax0.0", None), (GPU_ADDRESS, 0x05)])
def test_memory_that_serves_the_system_is(owner: str, base_class: int | None) -> None:
    made = ledger(None, numa(device_memory(owner)), pci=[function(base_class)])
    assert figures(made, 2, "memory")[2] == 32 * GIB


def test_unknown_hugepages_leave_memory_unknown() -> None:
    unknown = replace(TWO_NODES.nodes[0], hugepages=(HugePagePool(page_size_bytes=2 * MIB),))
    made = ledger(None, NumaTopology(nodes=(unknown,), from_kernel=True))
    assert made.zone(0) is not None
    assert made.total("memory") is None


def test_the_machines_hugepages_are_those_of_its_only_node() -> None:
    only = replace(TWO_NODES.nodes[0], hugepages=())
    pages = (HugePagePool(page_size_bytes=2 * MIB, total=512),)
    machine = NumaTopology(nodes=(only,), from_kernel=True, hugepages_per_node=False, machine_hugepages=pages)
    made = ledger(None, machine)
    assert figures(made, 0, "hugepages-2Mi")[2] == GIB
    assert figures(made, 0, "memory")[2] == 15 * GIB


def test_unknown_cpus_are_left_out() -> None:
    blind = replace(TWO_NODES.nodes[0], cpus=frozenset(), cpus_known=False, kind=None)
    zone = ledger(None, NumaTopology(nodes=(blind,), from_kernel=True)).zone(0)
    assert zone is not None
    assert zone.amount("cpu") is None


def test_a_kernel_without_hugepages_has_all_its_memory() -> None:
    nodes = tuple(replace(each, hugepages=()) for each in TWO_NODES.nodes)
    machine = NumaTopology(nodes=nodes, from_kernel=True, hugepages_per_node=False)
    made = ledger(None, machine)
    assert figures(made, 1, "memory")[2] == 16 * GIB
    assert not made.unattributed


@pytest.mark.parametrize(
    ("size", "name"),
    [(2 * MIB, "hugepages-2Mi"), (GIB, "hugepages-1Gi"), (64 << 10, "hugepages-64Ki"), (3 * MIB + 1, "hugepages-3145729"),
     (0, "hugepages-0"), (1 << 70, "hugepages-1024Ei")],
)  # fmt: skip
def test_page_sizes_have_kubernetes_names(size: int, name: str) -> None:
    assert hugepages_resource(size) == name
