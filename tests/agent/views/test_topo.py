from __future__ import annotations

import json

from agent.views.affinity import Affinity
from agent.views.topo import derive_device_topology, plain_device_topology
from agent.views.topo_page import MEANINGS, derive_topo_page
from collectors.model import Devices, NetworkInterface, NumaTopology, NvmeController, PciDevice, Snapshot
from tests.agent.views.machines import function, ids, node, numa, printed, snapshot
from tests.hosts import shapes
from tests.hosts.machine import expected_snapshot

TWO_NODES = numa(node(0, ids(0, 3)), node(1, ids(4, 7)))

DEVICES = Devices(
    network=(
        NetworkInterface(name="ib0", pci_address="0000:04:00.0"),
        NetworkInterface(name="eth0", pci_address="0001:01:00.0"),
    ),
    nvme=(NvmeController(name="nvme0", pci_address="0000:05:00.0"),),
)


def behind_switch(address: str, class_code: int, port: int) -> PciDevice:
    path = ("pci0000:00", "0000:00:01.0", "0000:01:00.0", f"0000:02:0{port}.0", address)
    return function(address, class_code, path=path, numa_node=0)


SWITCHED = (
    behind_switch("0000:03:00.0", 0x030200, 0),
    behind_switch("0000:04:00.0", 0x020700, 1),
    behind_switch("0000:05:00.0", 0x010802, 2),
    function("0001:01:00.0", 0x020000, path=("pci0001:00", "0001:01:00.0"), numa_node=1, driver="ice"),
    function("0000:00:1f.0", 0x060100, numa_node=0),
)


def machine(*pci: PciDevice, memory: NumaTopology | None = TWO_NODES, devices: Devices = DEVICES) -> Snapshot:
    return snapshot(memory=memory, pci=pci, devices=devices)


def lines(machine: Snapshot, *, every: bool = False) -> list[str]:
    return printed(derive_topo_page(derive_device_topology(machine, every=every)))


def test_the_page_has_matrix_legend_devices_and_what_is_nearest() -> None:
    assert lines(machine(*SWITCHED)) == [
        "       GPU0  NIC0  NIC1  NVME0  CPU affinity  NUMA affinity",
        "GPU0   X     PIX   SYS   PIX    0-3           0",
        "NIC0   PIX   X     SYS   PIX    0-3           0",
        "NIC1   SYS   SYS   X     SYS    4-7           1",
        "NVME0  PIX   PIX   SYS   X      0-3           0",
        "",
        "legend",
        "X    the device itself",
        "PIX  one PCIe switch or bridge at most",
        "SYS  the link between NUMA nodes",
        "",
        "devices",
        "GPU0   0000:03:00.0",
        "NIC0   0000:04:00.0 ib0",
        "NIC1   0001:01:00.0 eth0 (ice)",
        "NVME0  0000:05:00.0 nvme0",
        "",
        "nearest",
        "GPU0",
        "+-- network: PIX NIC0 (ib0); SYS NIC1 (eth0)",
        "`-- NVMe: PIX NVME0 (nvme0)",
    ]


def test_every_word_of_the_matrix_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Affinity)


def test_gpus_with_the_same_near_them_share_their_lines() -> None:
    gpus = (behind_switch("0000:06:00.0", 0x030200, 3), behind_switch("0000:07:00.0", 0x120000, 4))
    shown = lines(machine(*SWITCHED, *gpus))
    assert shown[shown.index("nearest") + 1] == "GPU0, GPU1, ACC0"


def test_without_a_gpu_network_cards_stand_against_disks() -> None:
    assert lines(machine(*SWITCHED[1:]))[:5] == [
        "no GPU or accelerator here; what there is:",
        "",
        "      NVME0  CPU affinity  NUMA affinity",
        "NIC0  PIX    0-3           0",
        "NIC1  SYS    4-7           1",
    ]


def test_without_a_gpu_and_disks_network_cards_stand_against_each_other() -> None:
    assert lines(machine(SWITCHED[1], SWITCHED[3]))[2:5] == [
        "      NIC0  NIC1  CPU affinity  NUMA affinity",
        "NIC0  X     SYS   0-3           0",
        "NIC1  SYS   X     4-7           1",
    ]


def test_without_any_device_that_is_said() -> None:
    assert lines(machine(SWITCHED[4])) == ["no GPU, accelerator, network or NVMe device on PCI here"]


def test_what_the_machine_does_not_tell_is_a_question_mark() -> None:
    nowhere = function("0001:01:00.0", 0x020000, path=("pci0001:00", "0001:01:00.0"))
    shown = lines(machine(SWITCHED[0], nowhere))
    assert shown[2] == "NIC0  ?     X     ?             ?"
    assert "?  the machine does not say enough to tell" in shown
    assert shown[-1] == "`-- network: ? NIC0 (eth0)"


def test_on_a_machine_with_one_node_everything_is_near_to_it() -> None:
    nowhere = function("0000:04:00.0", 0x020000)
    assert lines(machine(nowhere, memory=numa(node(3, ids(0, 7)))))[3] == "NIC0  X     0-7           3"


def test_without_numa_facts_the_pci_tree_still_tells() -> None:
    assert lines(machine(*SWITCHED[:2], memory=None))[1] == "GPU0  X     PIX   ?             ?"


def test_a_gpu_alone_has_nothing_near() -> None:
    assert "nearest" not in lines(machine(SWITCHED[0]))


VIRTUAL = (
    function("0000:01:00.0", 0x020000, numa_node=0, virtual_functions=("0000:01:00.1",)),
    function("0000:01:00.1", 0x020000, numa_node=0, physical_function="0000:01:00.0"),
    function("0000:00:17.0", 0x010601, numa_node=0),
    function("0000:00:01.0", 0x060400, numa_node=0),
)


def test_all_means_virtual_functions_and_the_rest_but_bridges() -> None:
    assert [seat.label for seat in derive_device_topology(machine(*VIRTUAL)).seats] == ["NIC0"]
    everything = derive_device_topology(machine(*VIRTUAL), every=True)
    assert [seat.label for seat in everything.seats] == ["NIC0", "NIC1", "DISK0"]
    assert everything.affinities["NIC0", "NIC1"] is Affinity.PIX


def test_a_device_that_hangs_from_no_pci_function_has_no_seat() -> None:
    fabrics = Devices(nvme=(NvmeController(name="nvme9", transport="tcp"),))
    assert derive_device_topology(machine(devices=fabrics), every=True).seats == ()


def test_the_plain_form_has_the_same_and_is_ready_for_json() -> None:
    plain = json.loads(json.dumps(plain_device_topology(derive_device_topology(machine(*SWITCHED)))))
    assert (plain["api_version"], plain["kind"]) == ("numascope.dev/v1", "DeviceTopology")
    assert plain["devices"][2] == {
        "label": "NIC1",
        "sort": "network",
        "pci_address": "0001:01:00.0",
        "names": ["eth0"],
        "driver": "ice",
        "numa_nodes": "1",
        "cpus": "4-7",
    }
    assert plain["affinity"]["GPU0"] == {"GPU0": "X", "NIC0": "PIX", "NIC1": "SYS", "NVME0": "PIX"}
    assert plain["nearest"] == {
        "GPU0": {
            "network": [{"affinity": "PIX", "devices": ["NIC0"]}, {"affinity": "SYS", "devices": ["NIC1"]}],
            "nvme": [{"affinity": "PIX", "devices": ["NVME0"]}],
        }
    }


def test_on_a_gpu_server_each_pair_behind_a_switch_has_its_own_nearest() -> None:
    shown = lines(expected_snapshot(shapes.HGX, now=0.0))
    at = shown.index("GPU0, GPU1")
    assert shown[at + 1].startswith("+-- network: PIX NIC2 (ib2), NIC3 (ib3); NODE NIC0 (eth0)")
    assert shown[at + 2].startswith("`-- NVMe: PIX NVME0 (nvme0), NVME1 (nvme1); NODE ")
    assert [line for line in shown[at:] if line.startswith("GPU")] == [
        "GPU0, GPU1",
        "GPU2, GPU3",
        "GPU4, GPU5",
        "GPU6, GPU7",
    ]
