"""A capture gives the facts that the machine gave, but those that are private, and is captured again as itself."""

from __future__ import annotations

import posixpath
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from agent.capture import take_capture
from agent.survey import survey
from collectors.archive import read_archive
from collectors.hosts import open_host
from collectors.manifest import MANIFEST_PATH
from collectors.model import Devices, Observed, Snapshot
from collectors.pack import pack
from collectors.tree import FileTree
from tests.hosts.leaves import differences
from tests.hosts.machine import build_tree, write_machine
from tests.hosts.shapes import (
    ACCELERATORS,
    CXL,
    DESKTOP,
    HUGEPAGE_MIX,
    NO_NUMA,
    OFFLINE_CPUS,
    OLD_KERNEL,
    SPARSE,
    TWO_SOCKETS,
)
from tests.hosts.spec import MachineSpec
from tests.shared import shared_folder

NOW = 1_700_000_000.0
CAPTURED = (DESKTOP, TWO_SOCKETS, SPARSE, OFFLINE_CPUS, HUGEPAGE_MIX, CXL, ACCELERATORS, OLD_KERNEL, NO_NUMA)


def capture_to(archive: Path, host: Path, *, full: bool = False, now: float = NOW) -> Path:
    """Captures a machine into an archive."""
    capture = take_capture(str(host), full=full, kubelet_root="/var/lib/kubelet", now=now)
    archive.write_bytes(pack(capture.tree, first=MANIFEST_PATH, modified_at=now))
    return archive


def made(spec: MachineSpec, folder: Path) -> Path:
    """A machine's files in an archive, which is written faster than thousands of files."""
    made = build_tree(spec)
    tree = FileTree()
    for path in made.directories:
        tree.add_directory(path)
    for path, data in made.files.items():
        tree.add_file(path, data)
    for path, target in made.links.items():
        tree.add_link(path, posixpath.normpath(posixpath.join(posixpath.dirname(path), target)))
    tree.add_file("/made-by", b"a test")
    archive = folder / "machine.tar"
    archive.write_bytes(pack(tree, first="/made-by", modified_at=NOW))
    return archive


def surveyed(host: Path) -> Snapshot:
    """What a survey finds there."""
    return survey(open_host(str(host))(), now=NOW)


def contents(archive: Path) -> list[tuple[str, object]]:
    """Everything in an archive, by path."""
    tree = read_archive(str(archive))
    return sorted(
        [*tree.files.items(), *tree.links.items(), *tree.directories.items()], key=lambda item: item[0]
    )


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
