from __future__ import annotations

import dataclasses

import pytest

from agent.views.device_lines import count_items, device_branches
from agent.views.inventory import derive_items
from collectors.model import (
    CxlMemory,
    DaxDevice,
    Devices,
    Disk,
    NetworkInterface,
    NvmeController,
    NvmeNamespace,
    PciDevice,
    PcieLink,
    RdmaDevice,
    RdmaPort,
)
from tests.agent.views.machines import function, printed_branches

TIB = 1 << 40


def lines(*pci: PciDevice, wide: bool = False, **classes: tuple[object, ...]) -> list[str]:
    """The lines for some functions and the devices of some classes, one of them at 0000:01:00.0."""
    devices = Devices(**classes)  # type: ignore[arg-type]
    return printed_branches(*device_branches(derive_items(pci, devices), wide=wide))


def test_a_gpu_is_told_by_its_maker_and_ids() -> None:
    gpu = function("0000:01:00.0", 0x030200, vendor_id=0x10DE, device_id=0x2330, driver="nvidia")
    assert lines(gpu) == ["GPU 0000:01:00.0: NVIDIA 10de:2330; nvidia"]


def test_a_function_that_names_nobody_is_not_said_to_have_no_driver() -> None:
    assert lines(function("0000:01:00.0", 0x030200)) == ["GPU 0000:01:00.0"]
    assert lines(function("0000:01:00.0", 0x020000, vendor_id=0x8086)) == ["network 0000:01:00.0: no driver"]


def test_a_network_card_is_told_by_its_interfaces_and_rdma_ports() -> None:
    port = RdmaPort(number=1, link_layer="InfiniBand", rate_gbps=400.0, state="ACTIVE")
    assert lines(
        function("0000:01:00.0", 0x020700, driver="mlx5_core"),
        network=(NetworkInterface(name="ib0", pci_address="0000:01:00.0", speed_mbps=400_000),),
        rdma=(RdmaDevice(name="mlx5_0", pci_address="0000:01:00.0", ports=(port,)),),
    ) == ["network ib0, mlx5_0: 400 Gb/s, RDMA InfiniBand 400 Gb/s active; 0000:01:00.0, mlx5_core"]


@pytest.mark.parametrize("facts", [{"carrier": False}, {"operstate": "down"}])
def test_an_interface_without_link_says_so(facts: dict[str, object]) -> None:
    interface = NetworkInterface(name="eth0", pci_address="0000:01:00.0", **facts)  # type: ignore[arg-type]
    assert lines(function("0000:01:00.0", 0x020000), network=(interface,)) == [
        "network eth0: no link; 0000:01:00.0"
    ]


def test_a_port_that_tells_nothing_is_rdma_all_the_same() -> None:
    device = RdmaDevice(name="qib0", ports=(RdmaPort(number=1),))
    assert lines(rdma=(device,)) == ["network qib0: RDMA"]


def test_disks_are_told_by_model_and_size() -> None:
    nvme = NvmeController(
        name="nvme0",
        pci_address="0000:01:00.0",
        model="Example  SSD ",
        transport="pcie",
        namespaces=(
            NvmeNamespace(name="nvme0n1", size_bytes=TIB),
            NvmeNamespace(name="nvme0n2", size_bytes=TIB),
        ),
    )
    assert lines(function("0000:01:00.0", 0x010802, driver="nvme"), nvme=(nvme,)) == [
        "NVMe nvme0: Example SSD, 2 TiB; 0000:01:00.0, nvme"
    ]


def test_a_controller_s_disks_that_are_alike_are_counted() -> None:
    disks = tuple(
        Disk(name=name, pci_address="0000:01:00.0", model="HDD", size_bytes=TIB, rotational=True)
        for name in ("sda", "sdb")
    )
    assert lines(function("0000:01:00.0", 0x010601, driver="ahci"), disks=disks) == [
        "storage sda, sdb: 2x HDD, 1 TiB, rotating; 0000:01:00.0, ahci"
    ]


def test_what_hangs_from_no_pci_function_is_told_by_its_class() -> None:
    assert lines(
        nvme=(NvmeController(name="nvme1", transport="tcp"),),
        disks=(Disk(name="dasda", size_bytes=TIB),),
        cxl=(CxlMemory(name="mem0", ram_bytes=TIB, persistent_bytes=2 * TIB),),
        dax=(
            DaxDevice(name="dax0.0", size_bytes=TIB, target_node=2, driver="kmem"),
            DaxDevice(name="dax1.0"),
        ),
    ) == [
        "NVMe nvme1: tcp",
        "storage dasda: 1 TiB",
        "memory device dax0.0: 1 TiB, becomes NUMA node 2, kmem",
        "memory device dax1.0",
        "memory device mem0: 1 TiB, 2 TiB persistent",
    ]


def test_interfaces_that_are_no_hardware_are_left_out() -> None:
    assert lines(network=(NetworkInterface(name="lo"), NetworkInterface(name="end0", driver="stmmac"))) == [
        "network end0"
    ]


@pytest.mark.parametrize(
    ("link", "said"),
    [
        (PcieLink(speed_gts=16, width=16, max_speed_gts=16, max_width=16), ", x16 16 GT/s"),
        (
            PcieLink(speed_gts=2.5, width=16, max_speed_gts=16, max_width=16),
            ", x16 2.5 GT/s (16 GT/s possible)",
        ),
        (
            PcieLink(speed_gts=16, width=8, max_speed_gts=16, max_width=16),
            ", x8 16 GT/s, degraded: x8 of x16",
        ),
        (PcieLink(max_speed_gts=16, max_width=16), ""),
    ],
)
def test_a_narrow_link_is_degraded_and_a_slow_one_may_sleep(link: PcieLink, said: str) -> None:
    gpu = function("0000:01:00.0", 0x030200, driver="nvidia", link=link)
    assert lines(gpu) == [f"GPU 0000:01:00.0: nvidia{said}"]


def network_card(*drivers: str | None) -> list[PciDevice]:
    """A physical function and its virtual ones, by their drivers."""
    addresses = tuple(f"0000:01:00.{number}" for number in range(1, 1 + len(drivers)))
    virtual = [
        function(address, 0x020000, vendor_id=0x8086, driver=driver, physical_function="0000:01:00.0")
        for address, driver in zip(addresses, drivers, strict=True)
    ]
    physical = function(
        "0000:01:00.0", 0x020000, driver="ice", virtual_functions=addresses, sriov_total_vfs=64
    )
    return [physical, *virtual]


def test_virtual_functions_are_folded_into_their_physical_one() -> None:
    assert lines(*network_card("iavf", "vfio-pci", "vfio-pci")) == [
        "network 0000:01:00.0: ice; 3 virtual functions of 64 (iavf 1, vfio-pci 2)"
    ]
    assert lines(*network_card(None))[0].endswith("1 virtual function of 64 (no driver)")


def test_the_wide_form_lists_virtual_functions_bridges_and_paths() -> None:
    bridge = function("0000:00:01.0", 0x060400, vendor_id=0x8086, device_id=0x352A, path_known=False)
    shown = lines(bridge, *network_card("iavf"), wide=True)
    assert shown == [
        "network 0000:01:00.0: ice; class 020000, under pci0000:00; 1 virtual function of 64 (iavf)",
        "`-- network 0000:01:00.1: iavf; class 020000, under pci0000:00",
        "bridge 0000:00:01.0: Intel 8086:352a; no driver; class 060400, path unknown",
    ]


def test_a_function_that_tells_nothing_has_a_wide_line_all_the_same() -> None:
    assert lines(function("0000:01:00.0", None), wide=True) == ["other 0000:01:00.0; under pci0000:00"]


def test_virtual_functions_are_counted_where_their_limit_is_unknown() -> None:
    physical, *virtual = network_card("iavf")
    assert lines(dataclasses.replace(physical, sriov_total_vfs=None), *virtual) == [
        "network 0000:01:00.0: ice; 1 virtual function (iavf)"
    ]


def test_bridges_and_the_like_are_counted_unless_asked_for() -> None:
    others = [function(f"0000:00:0{slot}.0", 0x088000) for slot in range(3)]
    assert lines(*others) == ["3 other PCI functions, listed by -o wide"]


def test_a_console_adapter_is_no_gpu() -> None:
    aspeed = function("0000:01:00.0", 0x030000, vendor_id=0x1A03, device_id=0x2000, iommu_group=7)
    assert lines(aspeed, wide=True) == [
        "display 0000:01:00.0: 1a03:2000; no driver; class 030000, IOMMU group 7, under pci0000:00"
    ]


def test_devices_are_counted_in_words() -> None:
    gpus = [function(f"0000:0{bus}:00.0", 0x030200) for bus in (1, 2)]
    assert (
        count_items(derive_items([*gpus, function("0000:03:00.0", 0x020000)], None))
        == "2 GPUs, 1 network device"
    )
    assert count_items(()) == ""


def test_a_virtual_function_whose_physical_one_is_not_there_stands_for_itself() -> None:
    assert lines(*network_card("iavf")[1:]) == ["network 0000:01:00.1: iavf"]


def test_what_a_function_is_comes_from_its_driver_where_it_has_no_class() -> None:
    nvme = NvmeController(name="nvme0", pci_address="0000:01:00.0")
    assert lines(function("0000:01:00.0", None), nvme=(nvme,)) == ["NVMe nvme0: 0000:01:00.0"]
