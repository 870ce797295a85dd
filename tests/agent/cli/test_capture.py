"""`numascope capture` as a person runs it: what is written, what is said, and what is never overwritten."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from agent.__main__ import main
from agent.cli import capture
from collectors.archive import read_archive
from tests.hosts.machine import write_machine
from tests.hosts.shapes import DESKTOP

NO_KUBELET = ("--kubelet-root", "/nonexistent")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    machine = tmp_path / "machine"
    machine.mkdir()
    write_machine(DESKTOP, machine)
    return machine


def test_this_machine_is_captured_and_shown_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = tmp_path / "here.tar.gz"
    assert main(["capture", "-o", str(archive), *NO_KUBELET]) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0].startswith(f"{archive}: ")
    assert lines[1].startswith("left out: ")
    assert lines[2] == "kubelet: none here (no socket /nonexistent/pod-resources/kubelet.sock)"
    assert said.err == ""
    assert main(["show", "--host", str(archive), "-o", "json"]) == 0
    assert '"cpus"' in capsys.readouterr().out


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz"])
def test_the_name_says_how_it_is_compressed(machine: Path, tmp_path: Path, suffix: str) -> None:
    archive = tmp_path / f"a.b{suffix}"
    assert main(["capture", "-o", str(archive), "--host", str(machine)]) == 0
    with tarfile.open(archive) as tar:
        assert tar.getnames()[0] == "numascope.json"
    assert archive.stat().st_mode & 0o777 == 0o666 & ~current_umask()
    assert sorted(path.name for path in tmp_path.iterdir()) == [archive.name, "machine"]


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_what_is_left_out_is_said(machine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["capture", "-o", str(tmp_path / "a.tar"), "--host", str(machine)])
    assert (
        "left out: MAC addresses and GUIDs (1), serial numbers and UUIDs (1); --full keeps them\n"
        in capsys.readouterr().out
    )
    main(["capture", "-o", str(tmp_path / "b.tar"), "--host", str(machine), "--full"])
    assert "left out: nothing; look at it before you give it away\n" in capsys.readouterr().out
    (tmp_path / "bare/proc").mkdir(parents=True)
    main(["capture", "-o", str(tmp_path / "c.tar"), "--host", str(tmp_path / "bare")])
    assert "left out: nothing, as nothing private was found\n" in capsys.readouterr().out


def test_what_cannot_be_read_is_said_without_control_characters(
    machine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("\x1b[31m", "b"):
        (machine / "sys/class/net").mkdir(parents=True, exist_ok=True)
        (machine / "sys/class/net" / name).symlink_to(name)
    assert main(["capture", "-o", str(tmp_path / "a.tar"), "--host", str(machine)]) == 0
    said = capsys.readouterr().out
    assert "\nnot readable: 2 files or folders, such as /sys/class/net/?[31m: Too many levels" in said
    assert "\x1b" not in said


def test_a_file_that_is_there_is_not_overwritten(
    machine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "a.tar"
    archive.write_text("mine")
    assert main(["capture", "-o", str(archive), "--host", str(machine)]) == 2
    assert capsys.readouterr().err == (
        f"numascope: {archive}: is there already; give another name, or --force to overwrite it\n"
    )
    assert archive.read_text() == "mine"
    assert main(["capture", "-o", str(archive), "--host", str(machine), "--force"]) == 0
    assert read_archive(str(archive)).files


def test_what_is_no_file_is_not_even_overwritten_by_force(machine: Path, tmp_path: Path) -> None:
    (tmp_path / "folder.tar").mkdir()
    (tmp_path / "link.tar").symlink_to("target.tar")
    for name in ("folder.tar", "link.tar"):
        assert main(["capture", "-o", str(tmp_path / name), "--host", str(machine), "--force"]) == 2
    assert not (tmp_path / "target.tar").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("machine.zip", "must end in one of .tar, .tar.gz, .tgz, .tar.xz, .txz"),
        ("nowhere/machine.tar", "cannot be written: No such file or directory"),
        ("x" * 300 + ".tar", "cannot be written: File name too long"),
    ],
)
def test_where_it_cannot_be_written_is_said_by_name(
    machine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, words: str
) -> None:
    assert main(["capture", "-o", str(tmp_path / name), "--host", str(machine)]) == 2
    assert capsys.readouterr().err == f"numascope: {tmp_path / name}: {_whole(words)}\n"


def _whole(words: str) -> str:
    return f"the archive's name {words}" if words.startswith("must") else words


def test_nothing_is_left_behind_where_it_is_interrupted(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(output: str, *, force: bool) -> None:
        if list(tmp_path.glob("*.part")):
            raise KeyboardInterrupt

    monkeypatch.setattr(capture, "_refuse_existing", interrupted)
    assert main(["capture", "-o", str(tmp_path / "a.tar"), "--host", str(machine)]) == 130
    assert [path.name for path in tmp_path.iterdir()] == ["machine"]


def test_standard_output_gets_the_archive_and_nothing_else(
    machine: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["capture", "-o", "-", "--host", str(machine)]) == 0
    said = capsysbinary.readouterr()
    with tarfile.open(fileobj=io.BytesIO(said.out), mode="r:gz") as tar:
        assert "numascope.json" in tar.getnames()
    assert said.err.startswith(b"standard output: ")


def test_an_archive_is_not_written_to_a_terminal(
    machine: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(ours), os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        assert main(["capture", "-o", "-", "--host", str(machine)]) == 2
    assert capsys.readouterr().err.startswith("numascope: standard output: is a terminal")


def test_the_command_runs_in_a_process_of_its_own(machine: Path, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "agent", "capture", "-o", tmp_path / "a.tar.xz", "--host", machine],
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert read_archive(str(tmp_path / "a.tar.xz")).files
