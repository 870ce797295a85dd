"""What a recording keeps of a machine, and that it answers as the machine did."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.errors import UnreadableError
from collectors.hostfs import DirectoryFS
from collectors.recording import Failure, RecordingFS, ReplayFS
from collectors.tree import FileTree, TreeFS


@pytest.fixture
def machine() -> FileTree:
    tree = FileTree()
    tree.add_file("/sys/devices/pci/0000/net/eth0/speed", b"1000\n")
    tree.add_file("/sys/devices/pci/0000/vendor", b"0x8086\n")
    tree.add_link("/sys/class/net/eth0", "../../devices/pci/0000/net/eth0")
    tree.add_link("/sys/devices/pci/0000/net/eth0/device", "../../../0000")
    tree.add_link("/sys/class/net/gone", "../nowhere")
    tree.add_link("/sys/circle", "circle")
    return tree


def test_only_what_was_asked_for_is_kept(machine: FileTree) -> None:
    recording = RecordingFS(TreeFS(machine))
    assert recording.read("/sys/class/net/eth0/speed") == b"1000\n"
    assert recording.read("/sys/class/net/eth0/absent") is None
    assert recording.tree.files == {"/sys/devices/pci/0000/net/eth0/speed": b"1000\n"}
    assert recording.tree.links == {"/sys/class/net/eth0": "/sys/devices/pci/0000/net/eth0"}


def test_links_on_the_way_are_kept_straight(machine: FileTree) -> None:
    recording = RecordingFS(TreeFS(machine))
    assert recording.read("/sys/class/net/eth0/device/vendor") == b"0x8086\n"
    assert recording.real_path("/sys/class/net/eth0/../..") == "/sys/devices/pci/0000"
    replay = TreeFS(recording.tree)
    assert replay.read("/sys/class/net/eth0/device/vendor") == b"0x8086\n"
    assert replay.real_path("/sys/class/net/eth0/device") == "/sys/devices/pci/0000"
    assert replay.real_path("/sys/class/net/eth0/../..") == "/sys/devices/pci/0000"


def test_listed_names_are_kept_though_nobody_looked_at_them(machine: FileTree) -> None:
    recording = RecordingFS(TreeFS(machine))
    assert recording.entries("/sys/class/net") == ("eth0", "gone")
    assert recording.entries("/sys/class/nothing") is None
    replay = TreeFS(recording.tree)
    assert replay.entries("/sys/class/net") == ("eth0", "gone")
    assert replay.read("/sys/class/net/gone") is None
    assert replay.entries("/sys/class/nothing") is None


def test_the_longest_head_that_was_read_is_kept(machine: FileTree) -> None:
    machine.add_file("/proc/cpuinfo", b"x" * 100)
    recording = RecordingFS(TreeFS(machine))
    for limit in (10, 50, 20):
        assert recording.read("/proc/cpuinfo", limit) == b"x" * limit
    assert recording.tree.files == {"/proc/cpuinfo": b"x" * 50}


def test_a_file_that_was_resolved_first_is_kept_as_a_file(machine: FileTree) -> None:
    recording = RecordingFS(TreeFS(machine))
    path = "/sys/devices/pci/0000/vendor"
    assert recording.real_path(path) == path
    assert recording.read(path) == b"0x8086\n"
    assert recording.real_path(path) == path
    assert TreeFS(recording.tree).read(path) == b"0x8086\n"


def test_the_root_can_be_listed_and_linked_to(machine: FileTree) -> None:
    machine.add_link("/sys/root", "..")
    recording = RecordingFS(TreeFS(machine))
    assert recording.entries("/") == ("sys",)
    assert recording.real_path("/sys/root") == "/"
    assert TreeFS(recording.tree).entries("/sys/root") == ("sys",)


def test_failures_are_answers_too(machine: FileTree) -> None:
    recording = RecordingFS(TreeFS(machine))
    asked = (
        (recording.read, "/sys/circle"),
        (recording.entries, "/sys/circle"),
        (recording.real_path, "/sys/circle"),
    )
    for look, path in (*asked, (recording.read, "/sys/devices")):
        with pytest.raises(UnreadableError):
            look(path)
    replay = ReplayFS(TreeFS(recording.tree), recording.failures)
    for look, path in (
        *((replay.read, "/sys/circle"), (replay.entries, "/sys/circle"), (replay.real_path, "/sys/circle")),
        (replay.read, "/sys/devices"),
    ):
        with pytest.raises(UnreadableError) as refused:
            look(path)
        assert refused.value.path == path
    assert {(failure.look, failure.path) for failure in recording.failures} == {
        ("read", "/sys/circle"),
        ("entries", "/sys/circle"),
        ("real_path", "/sys/circle"),
        ("read", "/sys/devices"),
    }


def test_a_replay_without_that_failure_answers_from_the_files(machine: FileTree) -> None:
    failure = Failure(look="read", path="/sys/devices/pci/0000/vendor", reason="Input/output error", errno=5)
    replay = ReplayFS(TreeFS(machine), (failure,))
    with pytest.raises(UnreadableError, match="Input/output error") as refused:
        replay.read(failure.path)
    assert refused.value.errno == 5
    assert replay.real_path(failure.path) == failure.path
    assert replay.entries("/sys/class/net") == ("eth0", "gone")


def test_what_is_over_the_limit_is_counted_and_not_kept(machine: FileTree) -> None:
    machine.add_file("/sys/big", b"x" * 100)
    recording = RecordingFS(TreeFS(machine), limit=50)
    assert recording.read("/sys/big") == b"x" * 100
    assert recording.read("/sys/devices/pci/0000/vendor") == b"0x8086\n"
    assert recording.tree.files == {}
    assert recording.bytes_kept > 50


class ChangingFS(DirectoryFS):
    """A machine on which a path changes its nature, or goes, after it was read."""

    def __init__(self, root: str, change: Path) -> None:
        super().__init__(root)
        self._change = change

    def read(self, path: str, limit: int = 1 << 20) -> bytes | None:
        data = super().read(path, limit)
        if path.endswith("/gone"):
            self._change.unlink()
        return data


def test_what_vanishes_after_it_was_read_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "sys").mkdir()
    (tmp_path / "sys/gone").write_text("1")
    recording = RecordingFS(ChangingFS(str(tmp_path), tmp_path / "sys/gone"))
    assert recording.read("/sys/gone") == b"1"
    assert recording.tree.files == {}


class ClosingFS(TreeFS):
    """A machine that lets nobody look again at what was read."""

    def real_path(self, path: str) -> str | None:
        raise UnreadableError(path, "Permission denied", 13)


def test_what_can_be_read_but_not_found_again_is_left_out(machine: FileTree) -> None:
    recording = RecordingFS(ClosingFS(machine))
    assert recording.read("/sys/devices/pci/0000/vendor") == b"0x8086\n"
    assert recording.entries("/sys/class/net") == ("eth0", "gone")
    assert recording.tree.files == {}
    assert recording.failures == ()


def test_what_becomes_something_else_stays_as_it_was_first_seen(tmp_path: Path) -> None:
    (tmp_path / "sys").mkdir()
    (tmp_path / "sys/x").write_text("1")
    fs = DirectoryFS(str(tmp_path))
    recording = RecordingFS(fs)
    assert recording.read("/sys/x") == b"1"
    (tmp_path / "sys/x").unlink()
    (tmp_path / "sys/x").mkdir()
    (tmp_path / "sys/x/y").write_text("2")
    assert recording.entries("/sys/x") == ("y",)
    assert recording.read("/sys/x/y") == b"2"
    assert recording.tree.files == {"/sys/x": b"1"}
    (tmp_path / "sys/z").mkdir()
    (tmp_path / "sys/z/l").symlink_to("../x")
    assert recording.real_path("/sys/z/l") == "/sys/x"
