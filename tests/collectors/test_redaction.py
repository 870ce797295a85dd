"""What a capture leaves out, by the table of collectors.redaction."""

from __future__ import annotations

import json

import pytest

from collectors.recording import Failure
from collectors.redaction import ANSWER, DEVICE_CHECKPOINT, MAC, MOUNT, SERIAL, Redaction
from collectors.tree import FileTree, TreeFS

NIC = "/sys/devices/pci0000:00/0000:00:03.0/net/eth0"


def redacted(path: str, data: bytes) -> tuple[bytes | None, dict[str, int]]:
    """What remains of a file, and what was counted."""
    tree = FileTree()
    tree.add_file(path, data)
    redaction = Redaction()
    return redaction.tree(tree).files.get(path), {what: n for what, n in redaction.counts.items() if n}


@pytest.mark.parametrize(
    ("path", "what"),
    [
        (f"{NIC}/address", MAC),
        (f"{NIC}/broadcast", MAC),
        (f"{NIC}/phys_port_id", MAC),
        (f"{NIC}/phys_switch_id", MAC),
        (f"{NIC}/bonding_slave/perm_hwaddr", MAC),
        (f"{NIC}/bridge/group_addr", MAC),
        ("/sys/devices/pci0000:00/0000:00:03.0/infiniband/mlx5_0/node_guid", MAC),
        ("/sys/devices/pci0000:00/0000:00:03.0/infiniband/mlx5_0/sys_image_guid", MAC),
        ("/sys/devices/pci0000:00/0000:00:03.0/infiniband/mlx5_0/ports/1/gids/0", MAC),
        ("/sys/devices/pci0000:00/0000:00:03.0/infiniband/mlx5_0/node_desc", MAC),
        ("/sys/devices/pci0000:00/0000:01:00.0/nvme/nvme0/serial", SERIAL),
        ("/sys/devices/pci0000:00/0000:01:00.0/nvme/nvme0/subsysnqn", SERIAL),
        ("/sys/devices/pci0000:00/0000:01:00.0/nvme/nvme0/nvme0n1/wwid", SERIAL),
        ("/sys/devices/pci0000:00/0000:01:00.0/nvme/nvme0/nvme0n1/nguid", MAC),
        ("/sys/devices/pci0000:00/0000:01:00.0/nvme/nvme0/nvme0n1/eui", SERIAL),
        ("/sys/devices/pci0000:00/0000:02:00.0/mem0/serial", SERIAL),
        ("/sys/devices/pci0000:00/0000:02:00.0/serial_number", SERIAL),
        ("/sys/devices/pci0000:00/0000:02:00.0/unique_id", SERIAL),
        ("/sys/devices/pci0000:00/0000:02:00.0/vpd", SERIAL),
        ("/sys/devices/virtual/dmi/id/product_uuid", SERIAL),
        ("/sys/devices/virtual/dmi/id/board_serial", SERIAL),
        ("/sys/devices/virtual/dmi/id/chassis_asset_tag", SERIAL),
        ("/sys/firmware/devicetree/base/serial-number", SERIAL),
    ],
)
def test_a_file_that_tells_the_machine_is_left_out(path: str, what: str) -> None:
    assert redacted(path, b"something\n") == (None, {what: 1})


@pytest.mark.parametrize(
    ("path", "data"),
    [
        (f"{NIC}/speed", b"25000\n"),
        ("/sys/devices/pci0000:00/0000:01:00.0/nvme/nvme0/model", b"SAMSUNG MZ 1.92TB\n"),
        ("/sys/devices/pci0000:00/0000:01:00.0/uevent", b"DRIVER=nvme\nPCI_SLOT_NAME=0000:01:00.0\n"),
        ("/sys/devices/system/cpu/cpu0/topology/core_cpus", b"00000000,00000000,00000000,00010001\n"),
        ("/sys/devices/system/node/node0/distance", b"10 21\n"),
        ("/sys/bus/pci/slots/1/address", b"0000:01:00\n"),
        ("/proc/self/cgroup", b"0::/kubepods/pod0a1b2c3d-0000-4000-8000-0123456789ab/x\n"),
        ("/proc/77/cgroup", b"0::/kubepods/pod0a1b2c3d-0000-4000-8000-0123456789ab/x\n"),
        ("/proc/meminfo", b"MemTotal: 1 kB\n"),
        ("/proc/cmdline", b"isolcpus=2-3 quiet\n"),
    ],
)
def test_what_collectors_need_stays(path: str, data: bytes) -> None:
    assert redacted(path, data) == (data, {})


@pytest.mark.parametrize(
    ("path", "data", "remains"),
    [
        ("/proc/cpuinfo", b"Hardware\t: BCM2711\nSerial\t\t: 10000000abcdef01\nModel\t: Pi\n", b"Hardware\t: BCM2711\nModel\t: Pi\n"),
        (
            "/proc/cpuinfo",
            b"processor 0: version = FF,  identification = 0A1B2C,  machine = 3931\n",
            b"processor 0: version = FF,  identification = redacted,  machine = 3931\n",
        ),
        ("/sys/devices/x/uevent", b"DRIVER=x\nHID_UNIQ=a1\nNAME=y\n", b"DRIVER=x\nNAME=y\n"),
        (
            "/proc/driver/nvidia/gpus/0000:01:00.0/information",
            b"Model: \t A100\nGPU UUID: \t GPU-0a1b2c3d-0000-1111-2222-0123456789ab\nBus: \t 0000:01:00.0\n",
            b"Model: \t A100\nBus: \t 0000:01:00.0\n",
        ),
        (
            "/proc/cmdline",
            b"root=UUID=0a1b2c3d-0000-1111-2222-0123456789ab BOOTIF=01-02-fc-00-00-0a-01 isolcpus=2\n",
            b"root=UUID=redacted BOOTIF=redacted isolcpus=2\n",
        ),
        ("/sys/devices/x/note", b"at 02:FC:00:00:00:01, all right", b"at redacted, all right"),
        ("/sys/devices/x/note", b"0002:c903:00f1:2d4e\n", b"redacted\n"),
        ("/sys/devices/x/note", b"fe80:0000:0000:0000:0002:c903:00f1:2d4e\n", b"redacted\n"),
    ],
)  # fmt: skip
def test_texts_that_tell_the_machine_go_and_what_is_around_them_stays(
    path: str, data: bytes, remains: bytes
) -> None:
    left, counts = redacted(path, data)
    assert left == remains
    assert sum(counts.values()) >= 1
    assert redacted(path, remains)[0] == remains


def test_of_the_mounts_the_cpusets_remain() -> None:
    info = (
        b"22 1 8:1 / / rw - ext4 /dev/disk/by-uuid/1 rw\n"
        b"30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
        b"31 22 0:27 / /mnt rw - nfs secret.example:/home rw\n"
    )
    assert redacted("/proc/77/mountinfo", info) == (info.splitlines(keepends=True)[1], {MOUNT: 2})
    mounts = b"secret:/x /mnt nfs rw 0 0\nnone /dev/cpuset cpuset rw 0 0\ncgroup /c cgroup rw,cpuset 0 0\n"
    assert redacted("/proc/77/mounts", mounts)[0] == b"".join(mounts.splitlines(keepends=True)[1:])


def test_names_with_a_mac_address_are_numbered_everywhere_alike() -> None:
    tree = FileTree()
    for name in ("enx0011223344ff", "enx001122334455"):
        tree.add_file(f"/sys/devices/pci/net/{name}/speed", b"1000\n")
        tree.add_link(f"/sys/class/net/{name}", f"/sys/devices/pci/net/{name}")
    tree.add_file(
        "/sys/devices/pci/net/enx001122334455/uevent", b"INTERFACE=enx001122334455\nX=enx00112233dead\n"
    )
    tree.add_file("/sys/devices/pci/infiniband/rocex0002c90300f12d4e/rate", b"100\n")
    redaction = Redaction()
    clean = redaction.tree(tree)
    fs = TreeFS(clean)
    assert fs.entries("/sys/class/net") == ("enx000000000001", "enx000000000002")
    assert fs.read("/sys/class/net/enx000000000002/speed") == b"1000\n"
    assert fs.read("/sys/class/net/enx000000000001/uevent") == b"INTERFACE=enx000000000001\nX=enxredacted\n"
    assert fs.entries("/sys/devices/pci/infiniband") == ("rocex0000000000000003",)
    failure = Failure(look="read", path="/sys/class/net/enx0011223344ff/carrier", reason="x", errno=None)
    assert redaction.failures([failure])[0].path == "/sys/class/net/enx000000000002/carrier"
    assert redaction.counts[MAC] == 3
    assert Redaction().tree(clean).directories == clean.directories


def test_other_names_stay() -> None:
    tree = FileTree()
    for name in ("enp1s0f0np0", "eth0", "ens785f0v12", "enxabc", "fenx001122334455", "ibp24s0", "mlx5_0"):
        tree.add_directory(f"/sys/class/net/{name}")
    assert Redaction().tree(tree).directories == tree.directories


def test_a_file_that_is_left_out_is_listed_no_more() -> None:
    tree = FileTree()
    tree.add_file(f"{NIC}/address", b"02:fc:00:00:00:01\n")
    tree.add_file(f"{NIC}/speed", b"1\n")
    assert TreeFS(Redaction().tree(tree)).entries(NIC) == ("speed",)


def test_what_a_device_plugin_hands_in_is_taken_out_of_the_checkpoint() -> None:
    entry = {"PodUID": "u", "ContainerName": "c", "ResourceName": "r", "DeviceIDs": {"0": ["d"]}}
    notes = {
        "PodDeviceEntries": [entry | {"AllocResp": "U0VDUkVU", "More": 1}],
        "RegisteredDevices": {"r": ["d"]},
    }
    left, counts = redacted(DEVICE_CHECKPOINT, json.dumps({"Data": notes, "Checksum": 1}).encode())
    assert left is not None
    assert json.loads(left) == {"Data": {"PodDeviceEntries": [entry], "RegisteredDevices": {"r": ["d"]}}}
    assert counts == {ANSWER: 1}
    assert redacted(DEVICE_CHECKPOINT, left) == (left, {})


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"{", b"[]", b"null", b'{"Data": 1}', b'{"Data": {"PodDeviceEntries": 1}}', b"[" * 100_000),
        *(
            b'{"Data": {"PodDeviceEntries": [1], "RegisteredDevices": {}}}',
            b'{"Data": {"PodDeviceEntries": null}}',
        ),
    ],
)
def test_a_checkpoint_in_another_form_is_left_out(data: bytes) -> None:
    assert redacted(DEVICE_CHECKPOINT, data) == (None, {ANSWER: 1})


def test_a_checkpoint_without_devices_remains() -> None:
    left, _ = redacted(DEVICE_CHECKPOINT, b'{"Data": {"PodDeviceEntries": null, "RegisteredDevices": {}}}')
    assert left == b'{"Data": {"PodDeviceEntries": [], "RegisteredDevices": {}}}'
