"""Reading devices of every class."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from collectors.devices import read_devices
from collectors.hostfs import DirectoryFS
from collectors.model import Devices
from collectors.pci import read_pci
from collectors.reader import FactReader
from tests.collectors.plugged import Refusing, host, plug
from tests.collectors.trees import problem_paths

CARD = "pci0000:00/0000:00:01.0/0000:01:00.0"


def test_a_machine_without_devices_has_none(tmp_path: Path) -> None:
    reader = host(tmp_path)

    assert read_devices(reader) == Devices()
    assert reader.problems == ()


def test_interfaces_know_the_rdma_devices_of_their_function(tmp_path: Path) -> None:
    for name in ("mlx5_1", "mlx5_0"):
        plug(tmp_path, f"{CARD}/infiniband/{name}", "/sys/class/infiniband")
    plug(tmp_path, f"{CARD}/net/ens1", "/sys/class/net")

    (interface,) = read_devices(host(tmp_path)).network or ()

    assert interface.rdma_devices == ("mlx5_0", "mlx5_1")


def test_namespaces_are_told_once(tmp_path: Path) -> None:
    plug(tmp_path, f"{CARD}/nvme/nvme0", "/sys/class/nvme")
    plug(tmp_path, f"{CARD}/nvme/nvme0/nvme0n1", "/sys/block", {"size": "8\n"})

    devices = read_devices(host(tmp_path))

    assert [len(controller.namespaces) for controller in devices.nvme or ()] == [1]
    assert devices.disks == ()


@pytest.mark.parametrize("refused", ["infiniband", "nvme", "net"])
def test_a_class_that_cannot_be_listed_leaves_the_others(tmp_path: Path, refused: str) -> None:
    for kind in ("infiniband", "nvme", "net"):
        plug(tmp_path, f"{CARD}/{kind}/{kind}0", f"/sys/class/{kind}")
    reader = FactReader(Refusing(tmp_path, {f"/sys/class/{refused}": errno.EACCES}))

    devices = read_devices(reader)

    found = {"infiniband": devices.rdma, "nvme": devices.nvme, "net": devices.network}
    assert found.pop(refused) is None
    assert all(found.values())
    assert problem_paths(reader) == [f"/sys/class/{refused}"]


def test_the_devices_of_this_machine_hang_from_functions_that_it_has() -> None:
    fs = DirectoryFS("/")
    functions = {function.address for function in read_pci(FactReader(fs))}
    devices = read_devices(FactReader(fs))

    for members in (devices.network, devices.rdma, devices.nvme, devices.disks, devices.drm, devices.cxl):
        assert {member.pci_address for member in members or ()} - {None} <= functions
