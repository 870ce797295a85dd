from __future__ import annotations

from dataclasses import replace

import pytest

from agent.placement.device_nodes import DeviceFinder
from collectors.model import (
    Accelerator,
    CxlMemory,
    DaxDevice,
    Devices,
    Disk,
    DrmCard,
    NetworkInterface,
    NumaNode,
    NvmeController,
    NvmeNamespace,
    Observed,
    PciDevice,
    RdmaDevice,
)
from collectors.parse import IdSet, parse_id_list
from tests.agent.placement.building import TWO_NODES, node, on, snapshot

FAR = "0000:3b:00.0"  # on node 1
NEAR = "10000:01:00.0"  # on node 0
MUTE = "0000:af:00.0"


def function(address: str, numa_node: int | None = None, near: str | None = None) -> PciDevice:
    return PciDevice(
        address=address,
        path=("pci0000:00", address),
        numa_node=numa_node,
        local_cpus=None if near is None else parse_id_list(near),
    )


FUNCTIONS = (function(FAR, 1), function(NEAR, 0), function(MUTE))
DEVICES = Devices(
    network=(NetworkInterface(name="ens1f0", pci_address=FAR), NetworkInterface(name="bond0")),
    rdma=(RdmaDevice(name="mlx5_0", pci_address=FAR), RdmaDevice(name="both", pci_address=NEAR)),
    nvme=(NvmeController(name="nvme0", pci_address=FAR, namespaces=(NvmeNamespace(name="nvme0n1"),)),),
    disks=(Disk(name="sda", pci_address=FAR), Disk(name="both", pci_address=FAR)),
    drm=(DrmCard(name="card1", pci_address=FAR, render_node="renderD129"), DrmCard(name="card0")),
    accelerators=(Accelerator(name="accel0", pci_address=FAR),),
    dax=(DaxDevice(name="dax1.0", numa_node=1),),
    cxl=(CxlMemory(name="mem0", numa_node=1), CxlMemory(name="mem1", numa_node=9)),
)


def found(device_id: str, *functions: PciDevice, nodes: tuple[NumaNode, ...] = TWO_NODES.nodes) -> IdSet:
    machine = replace(snapshot(None, pci=functions or FUNCTIONS), devices=Observed(facts=DEVICES))
    return DeviceFinder(machine, nodes).nodes_of(device_id)


@pytest.mark.parametrize(
    "device_id",
    [FAR, "0000:3B:00.0", "00000000:3b:00.0", "3b:00.0", "vfio-0000:3b:00.0", "0000:3b:00.0-2", "0000-3b-00-0",
     "/dev/bus/0000:3b:00.0", f"{FAR},{FAR}"],
)  # fmt: skip
def test_a_device_is_found_by_a_pci_address_in_its_id(device_id: str) -> None:
    assert found(device_id) == on(1)


@pytest.mark.parametrize(
    "device_id",
    ["ens1f0", "mlx5_0", "nvme0", "nvme0n1", "/dev/nvme0n1", "sda", "card1", "card1-3", "renderD129",
     "/dev/dri/renderD129", "accel0", "dax1.0", "mem0", "mlx5_0::7"],
)  # fmt: skip
def test_a_device_is_found_by_a_name_of_the_kernels(device_id: str) -> None:
    assert found(device_id) == on(1)


@pytest.mark.parametrize(
    "device_id",
    ["", "0", "gpu0", "0000:3c:00.0", MUTE, "a0000:3b:00.0", "0000:3b:00.0f", "bond0", "card0", "mem1", "both",
     "GPU-8f4a3b00-0000-3b00-0000-000000000000", f"{FAR},0000:3c:00.0"],
)  # fmt: skip
def test_what_names_nothing_stays_unknown(device_id: str) -> None:
    assert found(device_id) == on()


def test_two_addresses_on_two_nodes_are_a_device_on_both() -> None:
    assert found(f"{FAR}+{NEAR}") == on(0, 1)


def test_a_function_without_a_node_is_where_its_near_cpus_are() -> None:
    assert found(MUTE, function(MUTE, near="8-15")) == on(1)


@pytest.mark.parametrize("near", ["", "0-15", "8-11"], ids=["none", "all", "half a node"])
def test_near_cpus_may_tell_nothing(near: str) -> None:
    assert found(MUTE, function(MUTE, near=near)) == on()


def test_on_a_machine_with_one_node_everything_is_there() -> None:
    assert found("anything", nodes=(node(4, "0-7"),)) == on(4)


def test_devices_that_were_never_read_have_no_names() -> None:
    machine = replace(snapshot(None, pci=FUNCTIONS), devices=Observed())
    finder = DeviceFinder(machine, TWO_NODES.nodes)
    assert finder.nodes_of("mlx5_0") == on()
    assert finder.nodes_of(FAR) == on(1)
