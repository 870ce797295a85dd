from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.corpus import unpack
from tests.corpus.unpack import UnpackError, unpack_machine


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", text: bytes = b"0\n") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = link
    info.size = len(text) if kind == tarfile.REGTYPE else 0
    info.mode = 0
    return info


def archive_of(tmp_path: Path, members: Iterable[tarfile.TarInfo]) -> Path:
    path = tmp_path / "machine.tar.xz"
    with tarfile.open(path, "w:xz") as tar:
        for info in members:
            tar.addfile(info, io.BytesIO(b"0\n") if info.isfile() else None)
    return path


def unpacked(tmp_path: Path, *members: tarfile.TarInfo) -> Path:
    target = tmp_path / "target"
    target.mkdir()
    return unpack_machine(archive_of(tmp_path, members), target)


def test_files_folders_and_links_come_out_as_they_went_in(tmp_path: Path) -> None:
    root = unpacked(
        tmp_path,
        member("machine/sys/devices/online"),
        member("machine/sys/empty", tarfile.DIRTYPE),
        member("machine/sys/up", tarfile.SYMTYPE, "../../../etc"),
        member("machine/sys/absolute", tarfile.SYMTYPE, "/sys/devices"),
        member("machine/sys/hard", tarfile.LNKTYPE, "machine/sys/devices/online"),
    )
    assert root == tmp_path / "target/machine"
    assert (root / "sys/devices/online").read_bytes() == b"0\n"
    assert (root / "sys/hard").read_bytes() == b"0\n"
    assert (root / "sys/empty").is_dir()
    assert [(root / "sys" / name).readlink().as_posix() for name in ("up", "absolute")] == [
        "../../../etc",
        "/sys/devices",
    ]


def test_a_machine_may_lie_at_the_top_of_its_archive(tmp_path: Path) -> None:
    root = unpacked(tmp_path, member("./proc/meminfo"), member("./", tarfile.DIRTYPE))
    assert root == tmp_path / "target"


def test_devices_and_pipes_are_left_out(tmp_path: Path) -> None:
    root = unpacked(
        tmp_path, member("m/sys/x"), member("m/null", tarfile.CHRTYPE), member("m/p", tarfile.FIFOTYPE)
    )
    assert sorted(path.name for path in root.iterdir()) == ["sys"]


@pytest.mark.parametrize(
    "members",
    [
        [member("../outside")],
        [member("m/sys/../../../outside")],
        [member("/tmp/outside")],
        [member("m/sys", tarfile.SYMTYPE, ".."), member("m/sys/outside")],
        [member("m/x", tarfile.SYMTYPE, "../../outside"), member("m/x")],
        [member("m/x"), member("m/x/y")],
        [member("m/x", tarfile.LNKTYPE, "/etc/passwd")],
        [member("m/d", tarfile.DIRTYPE), member("m/x", tarfile.LNKTYPE, "m/d")],
    ],
)
def test_what_leads_out_of_the_archive_is_refused(tmp_path: Path, members: list[tarfile.TarInfo]) -> None:
    with pytest.raises(UnpackError, match=r"machine\.tar\.xz"):
        unpacked(tmp_path, *members)
    assert not (tmp_path / "outside").exists()


def test_an_archive_without_a_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnpackError, match="neither sys nor proc"):
        unpacked(tmp_path, member("m/etc/passwd"))


def test_an_archive_that_is_too_big_is_refused_before_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpack, "MAX_BYTES", 1)
    with pytest.raises(UnpackError, match="too big"):
        unpacked(tmp_path, member("m/sys/x"))
    assert list((tmp_path / "target").iterdir()) == []


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_an_archive_that_was_cut_off_is_refused(tmp_path: Path, keep: int) -> None:
    path = archive_of(tmp_path, [member(f"m/sys/{number}") for number in range(500)])
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UnpackError, match=r"machine\.tar\.xz"):
        unpack_machine(path, tmp_path)
