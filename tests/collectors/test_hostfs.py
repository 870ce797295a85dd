"""Files of a machine on disk: what a path leads to, what is read of it, and what is never opened."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from collectors import hostfs
from collectors.errors import CaptureError, UnreadableError
from collectors.hostfs import ENTRIES_LIMIT, READ_LIMIT, DirectoryFS
from collectors.resolver import MAX_LINKS


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine's root, with a secret beside it that no path may reach."""
    (tmp_path / "secret").write_text("outside")
    machine = tmp_path / "machine"
    (machine / "sys/devices/cpu0").mkdir(parents=True)
    (machine / "sys/devices/cpu0/online").write_text("1\n")
    return machine


def link(root: Path, path: str, target: str) -> None:
    """Makes a symbolic link at a path of the machine."""
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


def test_a_root_that_is_missing_or_no_directory_is_refused_by_name(root: Path) -> None:
    with pytest.raises(CaptureError, match=r"nowhere: no such directory"):
        DirectoryFS(str(root / "nowhere"))
    with pytest.raises(CaptureError, match=r"online: not a directory"):
        DirectoryFS(str(root / "sys/devices/cpu0/online"))


def test_the_root_itself_may_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(root)
    assert DirectoryFS(str(tmp_path / "alias")).read("/sys/devices/cpu0/online") == b"1\n"


def test_absent_files_and_directories_are_none(root: Path) -> None:
    fs = DirectoryFS(str(root))
    assert fs.read("/sys/devices/cpu1/online") is None
    assert fs.entries("/sys/devices/cpu1") is None
    assert fs.real_path("/sys/devices/cpu1") is None


def test_what_lies_below_a_file_is_absent(root: Path) -> None:
    fs = DirectoryFS(str(root))
    assert fs.read("/sys/devices/cpu0/online/x") is None
    assert fs.entries("/sys/devices/cpu0/online") is None
    assert fs.real_path("/sys/devices/cpu0/online/") is None
    assert fs.real_path("/sys/devices/cpu0/online/..") is None


def test_relative_and_absolute_links_lead_to_the_same_file(root: Path) -> None:
    link(root, "/sys/class/relative", "../devices/cpu0")
    link(root, "/sys/class/absolute", "/sys/devices/cpu0")
    link(root, "/sys/class/online", "relative/online")
    fs = DirectoryFS(str(root))
    assert fs.real_path("/sys/class/relative") == fs.real_path("/sys/class/absolute") == "/sys/devices/cpu0"
    assert fs.read("/sys/class/relative/online") == b"1\n"
    assert fs.read("/sys/class/absolute/online") == b"1\n"
    assert fs.read("/sys/class/online") == b"1\n"
    assert fs.entries("/sys/class/absolute") == ("online",)


def test_dots_and_doubled_slashes_are_walked_over(root: Path) -> None:
    fs = DirectoryFS(str(root))
    assert fs.real_path("/sys/./devices//cpu0/../cpu0/") == "/sys/devices/cpu0"
    assert fs.read("/sys//devices/./cpu0/online") == b"1\n"
    assert fs.real_path("/") == "/"


def test_dots_after_a_link_count_from_where_it_leads(root: Path) -> None:
    link(root, "/sys/class/deep/down/cpu0", "/sys/devices/cpu0")
    fs = DirectoryFS(str(root))
    assert fs.real_path("/sys/class/deep/down/cpu0/..") == "/sys/devices"
    assert fs.real_path("/sys/class/deep/down/cpu0") == "/sys/devices/cpu0"


@pytest.mark.parametrize("target", ["../../../../secret", "/../secret", "/secret", "../../../secret"])
def test_no_link_leads_out_of_the_root(root: Path, target: str) -> None:
    link(root, "/sys/class/escape", target)
    fs = DirectoryFS(str(root))
    assert fs.read("/sys/class/escape") is None
    assert fs.real_path("/sys/class/escape") is None


def test_a_link_above_the_root_ends_at_the_root(root: Path) -> None:
    link(root, "/sys/class/top", "../../../../..")
    fs = DirectoryFS(str(root))
    assert fs.real_path("/sys/class/top") == "/"
    assert fs.entries("/sys/class/top") == fs.entries("/") == ("sys",)
    assert fs.entries("/..") == ("sys",)
    assert fs.read("/../secret") is None


def test_a_link_to_this_machine_stays_inside_the_capture(root: Path) -> None:
    link(root, "/sys/class/passwd", "/etc/passwd")
    assert DirectoryFS(str(root)).read("/sys/class/passwd") is None


def test_a_dangling_link_is_absent_but_listed(root: Path) -> None:
    link(root, "/sys/class/gone", "nowhere")
    fs = DirectoryFS(str(root))
    assert fs.entries("/sys/class") == ("gone",)
    assert fs.read("/sys/class/gone") is None
    assert fs.entries("/sys/class/gone") is None
    assert fs.real_path("/sys/class/gone") is None


def test_links_in_a_circle_are_unreadable(root: Path) -> None:
    link(root, "/sys/a", "b")
    link(root, "/sys/b", "a")
    fs = DirectoryFS(str(root))
    for look in (fs.read, fs.entries, fs.real_path):
        with pytest.raises(UnreadableError) as refused:
            look("/sys/a")
        assert refused.value.errno == errno.ELOOP


def test_as_many_links_are_followed_as_the_kernel_follows(root: Path) -> None:
    link(root, "/chain/0", "/sys/devices/cpu0")
    for number in range(1, MAX_LINKS + 1):
        link(root, f"/chain/{number}", f"{number - 1}")
    fs = DirectoryFS(str(root))
    assert fs.real_path(f"/chain/{MAX_LINKS - 1}") == "/sys/devices/cpu0"
    with pytest.raises(UnreadableError):
        fs.real_path(f"/chain/{MAX_LINKS}")


def test_a_directory_where_a_file_should_be_is_unreadable(root: Path) -> None:
    with pytest.raises(UnreadableError, match=r"^/sys/devices/cpu0: not a regular file$"):
        DirectoryFS(str(root)).read("/sys/devices/cpu0")


def test_a_fifo_is_not_waited_for(root: Path) -> None:
    os.mkfifo(root / "sys/pipe")
    link(root, "/sys/to-pipe", "pipe")
    fs = DirectoryFS(str(root))
    for path in ("/sys/pipe", "/sys/to-pipe"):
        with pytest.raises(UnreadableError, match="not a regular file"):
            fs.read(path)


def test_a_socket_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket may be 107 bytes long at most
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        with pytest.raises(UnreadableError, match="not a regular file"):
            DirectoryFS(".").read("/socket")


def test_devices_of_this_machine_are_not_read() -> None:
    with pytest.raises(UnreadableError, match="not a regular file"):
        DirectoryFS().read("/dev/zero")
    with pytest.raises(UnreadableError, match="not a regular file"):
        DirectoryFS("/dev").read("/zero")


def test_what_the_kernel_forbids_is_unreadable_with_its_number(unprivileged: Path) -> None:
    (unprivileged / "sys/devices").mkdir(parents=True)
    (unprivileged / "sys/online").touch(0)
    (unprivileged / "sys/devices").chmod(0)
    link(unprivileged, "/alias", "sys/online")
    fs = DirectoryFS(str(unprivileged))
    forbidden: tuple[tuple[Callable[[str], object], str], ...] = (
        (fs.read, "/sys/online"),
        (fs.read, "/alias"),
        (fs.entries, "/sys/devices"),
        (fs.real_path, "/sys/devices/cpu0"),
    )
    for look, path in forbidden:
        with pytest.raises(UnreadableError, match="Permission denied") as refused:
            look(path)
        assert refused.value.errno == errno.EACCES


def test_a_name_too_long_for_the_kernel_is_unreadable_and_no_crash(root: Path) -> None:
    fs = DirectoryFS(str(root))
    for look in (fs.read, fs.entries, fs.real_path):
        with pytest.raises(UnreadableError) as refused:
            look("/sys/" + "x" * 300)
        assert refused.value.errno == errno.ENAMETOOLONG


@pytest.mark.parametrize("path", ["/sys/\0", "/sys/\ud800", "/sys\0/online", "/sys\ud800/x"])
def test_a_path_that_no_file_can_have_is_absent(root: Path, path: str) -> None:
    fs = DirectoryFS(str(root))
    assert fs.read(path) is None
    assert fs.entries(path) is None
    assert fs.real_path(path) is None


def test_names_that_are_no_utf_8_are_listed_and_read(root: Path) -> None:
    (root / "sys" / os.fsdecode(b"caf\xe9")).write_text("x")
    fs = DirectoryFS(str(root))
    name = next(name for name in fs.entries("/sys") or () if name.startswith("caf"))
    assert fs.read(f"/sys/{name}") == b"x"


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 65_536, 200_000])
def test_a_file_is_read_whole(root: Path, size: int) -> None:
    content = os.urandom(size)
    (root / "sys/some").write_bytes(content)
    (root / "proc").mkdir()
    (root / "proc/some").write_bytes(content)
    fs = DirectoryFS(str(root))
    assert fs.read("/sys/some") == fs.read("/proc/some") == content


def test_no_more_is_read_than_the_limit(root: Path) -> None:
    (root / "sys/big").write_bytes(b"x" * (READ_LIMIT + 10))
    fs = DirectoryFS(str(root))
    assert fs.read("/sys/big") == b"x" * READ_LIMIT
    assert fs.read("/sys/big", 64) == b"x" * 64
    assert fs.read("/sys/big", 5000) == b"x" * 5000


def test_a_file_of_proc_that_comes_in_pieces_is_read_to_its_end() -> None:
    parts = DirectoryFS().read("/proc/self/maps")
    assert parts is not None
    assert parts.endswith(b"\n")


def test_an_error_in_the_midst_of_reading_is_unreadable_with_its_number() -> None:
    with pytest.raises(UnreadableError) as refused:
        DirectoryFS().read("/proc/self/mem")  # nothing is mapped at address 0
    assert refused.value.errno == errno.EIO


def test_a_directory_that_vanishes_after_it_was_found_is_absent(root: Path) -> None:
    fs = DirectoryFS(str(root))
    assert fs.read("/sys/devices/cpu0/online") == b"1\n"
    (root / "sys/devices/cpu0/online").unlink()
    (root / "sys/devices/cpu0").rmdir()
    assert fs.read("/sys/devices/cpu0/online") is None
    assert fs.entries("/sys/devices/cpu0") is None


def test_a_link_whose_end_vanishes_after_it_was_found_is_absent(root: Path) -> None:
    link(root, "/sys/alias", "devices/cpu0/online")
    fs = DirectoryFS(str(root))
    assert fs.real_path("/sys/devices/cpu0") is not None
    (root / "sys/devices/cpu0/online").unlink()
    assert fs.read("/sys/alias") is None  # the link's last name is looked at anew
    (root / "sys/devices/cpu0").rmdir()
    assert fs.read("/sys/alias") is None


def test_entries_are_sorted_and_may_be_none(root: Path) -> None:
    for name in ("cpu10", "cpu2", "cpu1"):
        (root / "sys/list" / name).mkdir(parents=True)
    (root / "sys/empty").mkdir()
    fs = DirectoryFS(str(root))
    assert fs.entries("/sys/list") == ("cpu1", "cpu10", "cpu2")
    assert fs.entries("/sys/empty") == ()


def test_a_directory_with_too_many_entries_is_unreadable(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ENTRIES_LIMIT >= 100_000
    monkeypatch.setattr(hostfs, "ENTRIES_LIMIT", 3)
    for name in "abc":
        (root / "sys/list" / name).mkdir(parents=True)
    fs = DirectoryFS(str(root))
    assert fs.entries("/sys/list") == ("a", "b", "c")
    (root / "sys/list/d").mkdir()
    with pytest.raises(UnreadableError, match="entries"):
        fs.entries("/sys/list")


def test_sys_may_be_mounted_elsewhere_than_the_rest(root: Path, tmp_path: Path) -> None:
    host = tmp_path / "host"
    (host / "sys/devices/cpu7").mkdir(parents=True)
    (host / "sys/devices/cpu7/online").write_text("0\n")
    (host / "sys/alias").symlink_to("devices/cpu7")
    (root / "proc").mkdir()
    (root / "proc/cpuinfo").write_text("model\n")
    fs = DirectoryFS(str(root), sys_root=str(host))
    assert fs.entries("/sys") == ("alias", "devices")
    assert fs.entries("/sys/devices") == ("cpu7",)
    assert fs.read("/sys/alias/online") == b"0\n"
    assert fs.real_path("/sys/alias") == "/sys/devices/cpu7"
    assert fs.read("/proc/cpuinfo") == b"model\n"
    with pytest.raises(CaptureError, match="nowhere: no such directory"):
        DirectoryFS(str(root), sys_root=str(tmp_path / "nowhere"))
