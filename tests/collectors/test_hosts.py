"""What `--host` may name, and what is said of everything else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from collectors.errors import CaptureError, UnreadableError
from collectors.hosts import open_host
from collectors.manifest import MANIFEST_PATH, Manifest, format_manifest
from collectors.recording import Failure
from tests.collectors.tars import END, member

FAILURE = Failure(look="read", path="/sys/x", reason="Input/output error", errno=5)
MANIFEST = format_manifest(Manifest(version="1", taken_at=1.0, failures=(FAILURE,))).encode()


def test_nothing_named_is_this_machine() -> None:
    assert open_host(None)().read("/proc/sys/kernel/ostype") == b"Linux\n"


def test_a_folder_is_opened_anew_for_each_survey(tmp_path: Path) -> None:
    (tmp_path / "sys").mkdir()
    (tmp_path / "sys/x").write_text("1")
    open_again = open_host(str(tmp_path))
    assert open_again() is not open_again()
    assert open_again().read("/sys/x") == b"1"


def test_an_archive_is_read_once(tmp_path: Path) -> None:
    archive = tmp_path / "any.name"
    archive.write_bytes(member("sys/x", b"1") + END)
    open_again = open_host(str(archive))
    archive.unlink()
    assert open_again().read("/sys/x") == open_again().read("/sys/x") == b"1"


def test_failures_of_the_captured_machine_come_again(tmp_path: Path) -> None:
    folder, archive = tmp_path / "folder", tmp_path / "archive.tar"
    (folder / "sys").mkdir(parents=True)
    (folder / MANIFEST_PATH[1:]).write_bytes(MANIFEST)
    archive.write_bytes(member("sys/y") + member(MANIFEST_PATH, MANIFEST) + END)
    for host in (folder, archive):
        with pytest.raises(UnreadableError, match=r"^/sys/x: Input/output error$"):
            open_host(str(host))().read("/sys/x")


@pytest.mark.parametrize("name", ["nowhere", "nowhere/at/all"])
def test_what_is_not_there_is_said_to_be_missing(tmp_path: Path, name: str) -> None:
    with pytest.raises(CaptureError, match=f"{name}: No such file or directory"):
        open_host(str(tmp_path / name))


def test_an_empty_folder_and_an_empty_file_are_no_machines(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"it holds neither sys nor proc$"):
        open_host(str(tmp_path))
    (tmp_path / "file").touch()
    with pytest.raises(CaptureError, match="file: is empty"):
        open_host(str(tmp_path / "file"))


def test_a_folder_one_too_high_is_told_from_others(tmp_path: Path) -> None:
    (tmp_path / "some" / "machine" / "sys").mkdir(parents=True)
    with pytest.raises(CaptureError, match=r"neither sys nor proc; did you mean .*some/machine\?$"):
        open_host(str(tmp_path / "some"))


def test_a_folder_that_we_may_not_list_is_named(unprivileged: Path) -> None:
    (unprivileged / "closed").mkdir(0)
    with pytest.raises(CaptureError, match=r"closed: Permission denied"):
        open_host(str(unprivileged / "closed"))
    with pytest.raises(CaptureError, match="neither sys nor proc"):
        open_host(str(unprivileged))


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello\n" * 200)
    with pytest.raises(
        CaptureError, match=r"notes\.txt: is no tar archive; captures are \.tar, \.tar\.gz or \.tar\.xz"
    ):
        open_host(str(tmp_path / "notes.txt"))


def test_this_machine_needs_no_code_for_archives() -> None:
    program = "import sys; from collectors.hosts import open_host; open_host(None)(); print('tarfile' in sys.modules or 'lzma' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
