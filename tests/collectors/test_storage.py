"""Reading NVMe controllers, namespaces and other disks."""

from __future__ import annotations

import errno
from pathlib import Path

from collectors.model import Disk, NvmeController, NvmeNamespace
from collectors.reader import FactReader
from collectors.storage import BLOCK, NVME, read_disks, read_nvme
from tests.collectors.plugged import Refusing, host, plug
from tests.collectors.trees import problem_paths

FIRST = "pci0000:00/0000:00:01.0/0000:01:00.0/nvme/nvme0"
SECOND = "pci0000:00/0000:00:02.0/0000:02:00.0/nvme/nvme1"
SUBSYSTEM = "virtual/nvme-subsystem/nvme-subsys5"
CONTROLLER = {"model": "Example PM9A3       \n", "serial": "S1 \n", "transport": "pcie\n"}
BLOCKS = {"size": "2048\n", "queue/logical_block_size": "4096\n"}


def _namespace(name: str) -> NvmeNamespace:
    return NvmeNamespace(name=name, size_bytes=1 << 20, logical_block_bytes=4096)


def test_a_controller_is_read_with_the_namespaces_below_it(tmp_path: Path) -> None:
    controller = plug(tmp_path, FIRST, NVME, CONTROLLER)
    for name in ("nvme0n10", "nvme0n2"):
        plug(tmp_path, f"{FIRST}/{name}", BLOCK, BLOCKS)
    for name in ("ng0n2", "hwmon3", "power"):
        (controller / name).mkdir()
    reader = host(tmp_path)

    assert read_nvme(reader) == (
        NvmeController(
            name="nvme0",
            pci_address="0000:01:00.0",
            model="Example PM9A3",
            serial="S1",
            transport="pcie",
            namespaces=(_namespace("nvme0n2"), _namespace("nvme0n10")),
        ),
    )
    assert reader.problems == ()


def test_a_namespace_of_a_subsystem_is_with_every_controller_that_leads_to_it(tmp_path: Path) -> None:
    for place, path in ((FIRST, "nvme5c0n1"), (SECOND, "nvme5c1n1")):
        plug(tmp_path, place, NVME, CONTROLLER)
        plug(tmp_path, f"{place}/{path}", BLOCK, {"size": "0\n"})
    plug(tmp_path, f"{SUBSYSTEM}/nvme5n1", BLOCK, BLOCKS)

    controllers = read_nvme(host(tmp_path)) or ()

    assert [controller.pci_address for controller in controllers] == ["0000:01:00.0", "0000:02:00.0"]
    assert [controller.namespaces for controller in controllers] == [(_namespace("nvme5n1"),)] * 2


def test_a_path_whose_namespace_is_not_there_tells_what_it_knows(tmp_path: Path) -> None:
    controller = plug(tmp_path, FIRST, NVME, CONTROLLER)
    (controller / "nvme0c0n1").mkdir()
    (controller / "nvme0c0n1/size").write_text("2048\n")

    assert (read_nvme(host(tmp_path)) or ())[0].namespaces == (
        NvmeNamespace(name="nvme0n1", size_bytes=1 << 20),
    )


def test_a_controller_over_a_network_has_no_pci_function(tmp_path: Path) -> None:
    plug(tmp_path, "virtual/nvme-fabrics/ctl/nvme7", NVME, {**CONTROLLER, "transport": "tcp\n"})
    plug(tmp_path, "virtual/nvme-fabrics/ctl", NVME)

    (controller,) = read_nvme(host(tmp_path)) or ()

    assert (controller.name, controller.pci_address, controller.transport) == ("nvme7", None, "tcp")


def test_controllers_that_cannot_be_listed_are_unknown(tmp_path: Path) -> None:
    reader = FactReader(Refusing(tmp_path, {NVME: errno.EACCES}))

    assert read_nvme(reader) is None
    assert problem_paths(reader) == [NVME]


def test_a_controller_whose_namespaces_cannot_be_listed_stays(tmp_path: Path) -> None:
    plug(tmp_path, FIRST, NVME, CONTROLLER)
    reader = FactReader(Refusing(tmp_path, {f"/sys/devices/{FIRST}": errno.EIO}))

    (controller,) = read_nvme(reader) or ()

    assert (controller.model, controller.namespaces) == ("Example PM9A3", ())
    assert problem_paths(reader) == [f"/sys/devices/{FIRST}"]


def test_a_disk_is_read_at_whatever_depth_it_hangs(tmp_path: Path) -> None:
    place = "pci0000:00/0000:00:03.0/0000:03:00.0/host0/target0:2:0/0:2:0:0/block/sda"
    facts = {"size": "2048\n", "queue/rotational": "1\n", "device/model": "PERC H700       \n"}
    plug(tmp_path, place, BLOCK, facts)
    reader = host(tmp_path)

    assert read_disks(reader) == (
        Disk(name="sda", pci_address="0000:03:00.0", size_bytes=1 << 20, model="PERC H700", rotational=True),
    )
    assert reader.problems == ()


def test_disks_that_hang_from_nothing_are_left_out(tmp_path: Path) -> None:
    for name in ("loop0", "ram0", "dm-0", "md127", "nbd0", "zram0"):
        plug(tmp_path, f"virtual/block/{name}", BLOCK, {"size": "8\n"})

    assert read_disks(host(tmp_path)) == ()


def test_namespaces_below_a_controller_and_paths_to_them_are_no_other_disks(tmp_path: Path) -> None:
    plug(tmp_path, f"{FIRST}/nvme0n1", BLOCK, BLOCKS)
    plug(tmp_path, f"{FIRST}/nvme0c0n2", BLOCK, BLOCKS)

    assert read_disks(host(tmp_path)) == ()


def test_a_namespace_of_a_kernel_without_controllers_is_a_disk(tmp_path: Path) -> None:
    plug(tmp_path, "pci0000:00/0000:00:01.0/0000:01:00.0/block/nvme0n1", BLOCK, BLOCKS)

    (disk,) = read_disks(host(tmp_path)) or ()

    assert (disk.name, disk.pci_address, disk.size_bytes) == ("nvme0n1", "0000:01:00.0", 1 << 20)


def test_disks_that_cannot_be_listed_are_unknown(tmp_path: Path) -> None:
    assert read_disks(FactReader(Refusing(tmp_path, {BLOCK: errno.EACCES}))) is None


def test_a_malformed_size_is_unknown_and_named(tmp_path: Path) -> None:
    plug(tmp_path, "platform/mmc/block/mmcblk0", BLOCK, {"size": "-1\n"})
    reader = host(tmp_path)

    assert read_disks(reader) == (Disk(name="mmcblk0"),)
    assert problem_paths(reader) == ["/sys/devices/platform/mmc/block/mmcblk0/size"]
