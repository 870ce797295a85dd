"""A capture gives the facts that the machine gave, but those that are private, and is captured again as itself."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from agent import __version__
from agent.capture import take_capture
from collectors.errors import CaptureError
from collectors.model import Devices, Observed, Snapshot
from collectors.redaction import MAC, SERIAL
from tests.agent.captures import NOW, capture_to, contents, made, surveyed
from tests.hosts.leaves import differences
from tests.hosts.machine import write_machine
from tests.hosts.shapes import (
    ACCELERATORS,
    CXL,
    DESKTOP,
    HGX,
    HUGEPAGE_MIX,
    NO_NUMA,
    OFFLINE_CPUS,
    OLD_KERNEL,
    SPARSE,
    TWO_SOCKETS,
)
from tests.hosts.spec import MachineSpec
from tests.shared import shared_folder

CAPTURED = (DESKTOP, TWO_SOCKETS, SPARSE, OFFLINE_CPUS, HUGEPAGE_MIX, CXL, ACCELERATORS, OLD_KERNEL, NO_NUMA)


def without_private(snapshot: Snapshot) -> Snapshot:
    """The snapshot with unknown MAC addresses, GUIDs and serial numbers."""
    devices = snapshot.devices.facts
    if devices is None:
        return snapshot
    facts: Devices = replace(
        devices,
        network=devices.network and tuple(replace(each, mac_address=None) for each in devices.network),
        rdma=devices.rdma and tuple(replace(each, node_guid=None) for each in devices.rdma),
        nvme=devices.nvme and tuple(replace(each, serial=None) for each in devices.nvme),
        cxl=devices.cxl and tuple(replace(each, serial=None) for each in devices.cxl),
    )
    observed: Observed[Devices] = replace(snapshot.devices, facts=facts)
    return replace(snapshot, devices=observed)


def assert_round_trip(machine: Path, folder: Path) -> None:
    """Captured, captured in full, unpacked, and captured again: always the same facts."""
    folder.mkdir()
    found = surveyed(machine)
    full = capture_to(folder / "full.tar", machine, full=True)
    small = capture_to(folder / "small.tar", machine)
    assert differences(found, surveyed(full)) == {}
    assert differences(without_private(found), surveyed(small)) == {}
    assert differences(without_private(found), surveyed(capture_to(folder / "of-full.tar", full))) == {}
    assert contents(capture_to(folder / "again.tar", small)) == contents(small)
    assert contents(capture_to(folder / "no-way-back.tar", small, full=True)) == contents(small)


@pytest.mark.parametrize("spec", CAPTURED, ids=lambda spec: spec.name)
def test_a_generated_machine_survives_being_captured(spec: MachineSpec, tmp_path: Path) -> None:
    machine = made(spec, tmp_path)
    assert_round_trip(machine, tmp_path / "captures")


@pytest.mark.shared
def test_every_captured_machine_survives_being_captured_again(tmp_path: Path) -> None:
    archives = sorted(shared_folder("sysfs").glob("*.tar.xz"))
    assert archives
    for archive in archives:
        assert_round_trip(archive, tmp_path / archive.name)


def test_an_unpacked_capture_is_as_good_as_the_archive(tmp_path: Path) -> None:
    machine = tmp_path / "machine"
    machine.mkdir()
    write_machine(TWO_SOCKETS, machine)
    archive = capture_to(tmp_path / "machine.tar", machine)
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "unpacked", filter="data")
    assert surveyed(tmp_path / "unpacked") == surveyed(archive)
    assert differences(without_private(surveyed(machine)), surveyed(archive)) == {}
    assert contents(capture_to(tmp_path / "again.tar", tmp_path / "unpacked")) == contents(archive)


# What is private


@pytest.mark.parametrize("spec", [HGX, TWO_SOCKETS, CXL], ids=lambda spec: spec.name)
def test_no_mac_address_and_no_serial_number_is_in_the_archive(spec: MachineSpec, tmp_path: Path) -> None:
    machine = made(spec, tmp_path)
    found = private_texts(surveyed(machine))
    full, small = (
        capture_to(tmp_path / "full.tar", machine, full=True),
        capture_to(tmp_path / "small.tar", machine),
    )
    assert found
    assert [text for text in found if text not in full.read_bytes()] == []
    assert [text for text in found if text in small.read_bytes()] == []


def private_texts(snapshot: Snapshot) -> list[bytes]:
    """MAC addresses, GUIDs and serial numbers, the loopback's zeros apart."""
    devices = snapshot.devices.facts
    assert devices is not None
    texts = [
        *(each.mac_address for each in devices.network or ()),
        *(each.node_guid for each in devices.rdma or ()),
        *(each.serial for each in devices.nvme or ()),
        *(each.serial for each in devices.cxl or ()),
    ]
    return [text.encode() for text in texts if text is not None and text != "00:00:00:00:00:00"]


# What is said of the capture


def test_the_manifest_tells_the_machine_and_what_is_missing(tmp_path: Path) -> None:
    machine = made(TWO_SOCKETS, tmp_path)
    small = take_capture(str(machine), full=False, kubelet_root="/k", now=NOW).manifest
    full = take_capture(str(machine), full=True, kubelet_root="/k", now=NOW).manifest
    assert (small.version, small.taken_at, small.architecture) == (__version__, NOW, "x86_64")
    assert small.kernel_release == TWO_SOCKETS.kernel.release
    assert set(dict(small.redacted or ())) == {MAC, SERIAL}
    assert full.redacted is None


def test_a_capture_of_a_capture_is_as_old_as_the_first(tmp_path: Path) -> None:
    first = capture_to(tmp_path / "first.tar", made(DESKTOP, tmp_path))
    again = take_capture(str(first), full=True, kubelet_root="/k", now=NOW + 1000)
    assert again.manifest.taken_at == NOW
    assert again.manifest.redacted is not None


def test_what_the_machine_did_not_answer_is_not_answered_by_its_capture(tmp_path: Path) -> None:
    machine = tmp_path / "machine"
    machine.mkdir()
    write_machine(DESKTOP, machine)
    (machine / "sys/devices/system/cpu/possible").unlink()
    (machine / "sys/devices/system/cpu/possible").symlink_to("possible")
    (machine / "proc/meminfo").unlink()
    (machine / "proc/meminfo").mkdir()
    found = surveyed(machine)
    archive = capture_to(tmp_path / "machine.tar", machine)
    captured = surveyed(archive)
    assert captured.cpus == found.cpus
    assert captured.numa == found.numa
    assert {problem.path for problem in captured.cpus.problems} == {"/sys/devices/system/cpu/possible"}
    assert contents(capture_to(tmp_path / "again.tar", archive)) == contents(archive)


def test_a_machine_of_which_nothing_can_be_read_is_captured_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "machine/sys").mkdir(parents=True)
    capture = take_capture(str(tmp_path / "machine"), full=False, kubelet_root="/k", now=NOW)
    assert capture.manifest.architecture is None


def test_a_folder_with_too_much_to_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.capture.CONTENT_LIMIT", 1 << 20)
    (tmp_path / "machine/proc").mkdir(parents=True)
    (tmp_path / "machine/proc/cpuinfo").write_bytes(b"processor : 0\n" * 200_000)
    (tmp_path / "machine/sys/devices/system/node/node0").mkdir(parents=True)
    (tmp_path / "machine/sys/devices/system/node/node0/meminfo").write_bytes(b"x" * 2_000_000)
    with pytest.raises(CaptureError, match="machine: what there is to read is more than 1 MiB"):
        take_capture(str(tmp_path / "machine"), full=False, kubelet_root="/k", now=NOW)
