"""A captured machine out of an archive: what is in it, and what a stranger's archive cannot do."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import tarfile
from pathlib import Path

import pytest

from collectors.archive import Limits, find_root, read_archive
from collectors.errors import CaptureError
from collectors.hostfs import READ_LIMIT
from collectors.tree import FileTree, TreeFS
from tests.collectors.tars import (
    directory,
    extension,
    hard_link,
    header,
    member,
    padded,
    pax,
    read,
    read_bytes,
    sample,
    symlink,
    with_checksum,
)

SYS = directory("sys")


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_form_of_tar_is_read(tmp_path: Path, form: int) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name in ("sys/short", "sys/" + "d" * 60 + "/" + "n" * 90):
            info = tarfile.TarInfo(name)
            info.size = 700
            tar.addfile(info, io.BytesIO(b"x" * 700))
    tree = read_bytes(tmp_path, out.getvalue())
    assert tree.files == {"/sys/short": b"x" * 700, "/sys/" + "d" * 60 + "/" + "n" * 90: b"x" * 700}


@pytest.mark.parametrize("compress", [bytes, gzip.compress, lzma.compress])
def test_it_is_read_compressed_or_not_whatever_its_name(tmp_path: Path, compress: type[bytes]) -> None:
    tree = read_bytes(tmp_path, compress(sample()))
    fs = TreeFS(tree)
    assert fs.read("/sys/a") == fs.read("/sys/hard") == b"1\n"
    assert fs.read("/sys/link") == b"MemTotal: 1 kB\n"
    assert tree.links["/sys/far"] == "/" + "y" * 150
    assert fs.entries("/") == ("proc", "sys")


def test_several_compressed_streams_are_one_archive(tmp_path: Path) -> None:
    data = sample()
    tree = read_bytes(tmp_path, gzip.compress(data[:700]) + gzip.compress(data[700:]) + bytes(512))
    assert tree.files == read_bytes(tmp_path, data).files
    assert (
        read_bytes(tmp_path, lzma.compress(data[:700]) + bytes(8) + lzma.compress(data[700:])).files
        == tree.files
    )


def test_a_folder_around_the_machine_is_taken_off(tmp_path: Path) -> None:
    tree = read(
        tmp_path, member("a/b/sys/x", b"1"), member("a/b/proc/y", b"2"), member("a/other/deep/sys/z", b"3")
    )
    assert tree.files == {"/sys/x": b"1", "/proc/y": b"2"}
    assert tree.directories == {"": {"sys", "proc"}, "/sys": {"x"}, "/proc": {"y"}}


def test_an_archive_of_several_machines_is_refused_with_their_names(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"several machines \(one, two, …\)"):
        read(tmp_path, directory("one/sys"), directory("two/proc"))


def test_an_archive_without_a_machine_is_refused() -> None:
    tree = FileTree()
    tree.add_file("/etc/passwd", b"")
    tree.add_file("/proc", b"a file")
    with pytest.raises(CaptureError, match="neither sys nor proc"):
        find_root(tree, "it")


def test_absolute_names_are_taken_from_the_archives_root(tmp_path: Path) -> None:
    tree = read(tmp_path, member("/sys/x", b"1"), member("./sys//./y", b"2"))
    assert tree.files == {"/sys/x": b"1", "/sys/y": b"2"}


@pytest.mark.parametrize("name", ["../sys/x", "sys/../../x", "sys/.."])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CaptureError, match="leads out of the archive"):
        read(tmp_path, SYS, member(name))


def test_a_nul_in_a_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="is a name that"):
        read(tmp_path, SYS, pax("path", b"sys/a\0b"), member("x"))


def test_names_that_are_no_utf_8_are_kept_as_on_a_disk(tmp_path: Path) -> None:
    tree = read(tmp_path, SYS, member("sys/" + os.fsdecode(b"caf\xe9"), b"1"))
    assert TreeFS(tree).read("/sys/" + os.fsdecode(b"caf\xe9")) == b"1"


def test_links_lead_nowhere_but_into_the_archive(tmp_path: Path) -> None:
    tree = read(
        tmp_path,
        SYS,
        symlink("sys/passwd", "/etc/passwd"),
        symlink("sys/up", "../../../../../etc/passwd"),
        symlink("sys/circle", "circle"),
    )
    fs = TreeFS(tree)
    assert fs.read("/sys/passwd") is None
    assert fs.read("/sys/up") is None
    assert fs.entries("/sys") == ("circle", "passwd", "up")


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="a folder and something else at once"):
        read(tmp_path, SYS, symlink("sys/link", "/etc"), member("sys/link/passwd", b"x"))
    with pytest.raises(CaptureError, match="a folder and something else at once"):
        read(tmp_path, SYS, member("sys/dir/x"), symlink("sys/dir", "/etc"))
    with pytest.raises(CaptureError, match="a folder and something else at once"):
        read(tmp_path, SYS, member("sys/file"), directory("sys/file"))


def test_of_members_with_one_name_the_last_counts(tmp_path: Path) -> None:
    tree = read(
        tmp_path,
        *(member("sys/x", b"1"), member("sys/x", b"2"), directory("sys/d"), directory("sys/d/")),
        *(symlink("sys/y", "x"), member("sys/y", b"3"), member("sys/z", b"4"), symlink("sys/z", "x")),
    )
    assert tree.files == {"/sys/x": b"2", "/sys/y": b"3"}
    assert tree.links == {"/sys/z": "x"}


def test_a_hard_link_is_what_its_original_is(tmp_path: Path) -> None:
    tree = read(
        tmp_path,
        *(member("sys/x", b"1"), symlink("sys/s", "x")),
        *(hard_link("sys/hx", "sys/x"), hard_link("sys/hs", "./sys/s")),
    )
    assert tree.files == {"/sys/x": b"1", "/sys/hx": b"1"}
    assert tree.links == {"/sys/s": "x", "/sys/hs": "x"}


@pytest.mark.parametrize("target", ["sys/later", "sys", "nowhere", "sys/self"])
def test_a_hard_link_to_what_does_not_come_before_is_refused(tmp_path: Path, target: str) -> None:
    with pytest.raises(CaptureError, match="is a hard link to something that does not come before it"):
        read(tmp_path, SYS, hard_link("sys/self", target), member("sys/later", b"1"))


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"V", b"Z"])
def test_devices_pipes_and_what_nobody_knows_are_passed_over(tmp_path: Path, kind: bytes) -> None:
    tree = read(tmp_path, member("sys/odd", kind=kind), member("sys/x", b"1"))
    assert tree.files == {"/sys/x": b"1"}
    assert tree.directories["/sys"] == {"x"}


def test_a_member_from_before_posix_that_ends_in_a_slash_is_a_folder(tmp_path: Path) -> None:
    tree = read(tmp_path, member("sys/old/", kind=tarfile.AREGTYPE))
    assert tree.directories["/sys/old"] == set()


def test_a_symbolic_link_without_a_target_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="without a target"):
        read(tmp_path, SYS, symlink("sys/x", ""))


def test_sparse_members_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        CaptureError, match="'sys/x', which is sparse; make the archive without `tar --sparse`"
    ):
        read(tmp_path, SYS, member("sys/x", kind=tarfile.GNUTYPE_SPARSE))
    with pytest.raises(CaptureError, match="is sparse"):
        read(tmp_path, SYS, pax("GNU.sparse.major", b"1"), member("sys/x"))


def test_a_long_file_is_kept_whole(tmp_path: Path) -> None:
    tree = read(tmp_path, member("sys/x", b"y" * (READ_LIMIT + 1000)), member("sys/z", b"1"))
    fs = TreeFS(tree)
    assert fs.read("/sys/x") == b"y" * READ_LIMIT
    assert fs.read("/sys/x", 2 * READ_LIMIT) == b"y" * (READ_LIMIT + 1000)
    assert fs.read("/sys/z") == b"1"


def test_extended_headers_hold_for_the_next_member_alone(tmp_path: Path) -> None:
    tree = read(
        tmp_path,
        *(pax("path", b"sys/a"), member("x", b"1"), member("sys/b", b"2")),
        *(extension(b"L", b"sys/c\0"), extension(b"K", b"a\0"), member("x", kind=tarfile.SYMTYPE)),
        *(extension(tarfile.XGLTYPE, b"12 path=sys\n"), member("sys/d", b"4")),
        *(pax("size", b"3"), header("sys/e", size=0), padded(b"555")),
    )
    assert tree.files == {"/sys/a": b"1", "/sys/b": b"2", "/sys/d": b"4", "/sys/e": b"555"}
    assert tree.links == {"/sys/c": "a"}


@pytest.mark.parametrize(
    "record",
    [b"x", b"5 a=b", b"4 a\n", b"99 path=x\n", b"0 path=x\n", b"-1 path=x\n", b"9 path=xx", b"\xb2 a=\n"],
)
def test_a_malformed_pax_header_is_refused(tmp_path: Path, record: bytes) -> None:
    with pytest.raises(CaptureError, match="a pax header is malformed"):
        read(tmp_path, SYS, extension(tarfile.XHDTYPE, record), member("sys/x"))


@pytest.mark.parametrize("size", [b"-1", b"", b"x", b"1e9", b"1" * 30])
def test_a_size_in_a_pax_header_that_is_no_number_is_refused(tmp_path: Path, size: bytes) -> None:
    with pytest.raises(CaptureError, match="no size that is a number"):
        read(tmp_path, SYS, pax("size", size), member("sys/x"))


def test_sizes_are_read_as_octal_and_as_base_256(tmp_path: Path) -> None:
    block = header("sys/x", size=3)
    for field in (b"3          \0", b"  00000003 \0", b"\x80" + bytes(10) + b"\3"):
        tree = read(tmp_path, with_checksum(block[:124] + field + block[136:]) + padded(b"abc"))
        assert tree.files == {"/sys/x": b"abc"}


@pytest.mark.parametrize("field", [b"\xff" * 12, b"9" * 12, b"-0000000001\0", b"1_0        \0"])
def test_a_size_that_is_no_number_is_refused(tmp_path: Path, field: bytes) -> None:
    block = header("sys/x", size=3)
    with pytest.raises(CaptureError, match="size is no number"):
        read(tmp_path, with_checksum(block[:124] + field + block[136:]))


def test_checksums_over_signed_bytes_are_as_good(tmp_path: Path) -> None:
    block = header("sys/ab").replace(b"sys/ab", b"sys/\xe9\xe8")
    signed = sum(byte - 256 if byte > 127 else byte for byte in block[:148] + block[156:]) + 256
    tree = read(tmp_path, block[:148] + b"%06o\0 " % signed + block[156:])
    assert list(tree.files) == ["/sys/" + os.fsdecode(b"\xe9\xe8")]


def test_what_is_no_archive_is_refused_by_name(tmp_path: Path) -> None:
    for data, words in (
        (b"", "is empty"),
        (b"hello", "it was cut off, or is no tar archive"),
        (b"x" * 4096, "is no tar archive; captures are"),
        (b"\x28\xb5\x2f\xfd" + b"x" * 600, "zstd -d"),
        (b"BZh9" + b"x" * 600, "bunzip2"),
        (b"PK\x03\x04" + b"x" * 600, "a zip archive"),
        (bytes(1024), "neither sys nor proc"),
    ):
        with pytest.raises(CaptureError, match=words) as refused:
            read_bytes(tmp_path, data)
        assert refused.value.source == str(tmp_path / "archive")


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, words in (
        (str(tmp_path / "pipe"), "neither a folder nor a regular file"),
        ("/dev/zero", "neither a folder nor a regular file"),
        (str(tmp_path / "nowhere"), "No such file"),
    ):
        with pytest.raises(CaptureError, match=words):
            read_archive(path)


def test_damage_between_members_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="what should be a member's header is none"):
        read(tmp_path, SYS, b"x" * 512)


@pytest.mark.parametrize("compress", [bytes, gzip.compress, lzma.compress])
def test_a_truncated_archive_is_refused_wherever_it_was_cut(tmp_path: Path, compress: type[bytes]) -> None:
    data = compress(sample())
    useful = len(data) if compress is not bytes else len(data.rstrip(b"\0"))
    for end in range(1, useful, max(1, useful // 60)):
        with pytest.raises(CaptureError, match="cut off"):
            read_bytes(tmp_path, data[:end])


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress])
def test_a_wrong_checksum_at_the_end_of_compressed_data_is_noticed(
    tmp_path: Path, compress: type[bytes]
) -> None:
    data = bytearray(compress(sample() + bytes(100_000)))
    data[-7 if compress is gzip.compress else -20] ^= 1
    with pytest.raises(CaptureError, match="is damaged"):
        read_bytes(tmp_path, bytes(data))


# Bounds


@pytest.mark.parametrize("compress", [bytes, gzip.compress, lzma.compress])
def test_a_bomb_is_stopped_by_what_comes_out_of_it(tmp_path: Path, compress: type[bytes]) -> None:
    bomb = compress(sample() + bytes(8 << 20))
    with pytest.raises(
        CaptureError, match=r"unpacks to more than 4 MiB; make it anew with `numascope capture`"
    ):
        read_bytes(tmp_path, bomb, limits=Limits(unpacked_bytes=4 << 20))
    assert read_bytes(tmp_path, bomb, limits=Limits(unpacked_bytes=16 << 20)).files


def test_xz_gets_no_more_memory_than_its_limit(tmp_path: Path) -> None:
    hungry = lzma.compress(sample(), filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 256 << 20, "preset": 0}])
    with pytest.raises(CaptureError, match=r"takes more than 128 MiB of memory.*xz -6"):
        read_bytes(tmp_path, hungry)
    assert read_bytes(tmp_path, lzma.compress(sample(), preset=9)).files


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="'sys/x', which is larger than 32 MiB"):
        read(tmp_path, SYS, header("sys/x", size=33 << 20), end=b"")
    with pytest.raises(CaptureError, match="is larger than 32 MiB"):
        read(tmp_path, SYS, pax("size", b"9" * 18), member("sys/x"), end=b"")


@pytest.mark.parametrize("kind", [b"x", b"X", b"g", b"L", b"K"])
def test_a_header_that_extends_the_next_is_bounded(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(CaptureError, match="has a name longer than 65536 bytes"):
        read(tmp_path, SYS, header("x", kind=kind, size=1 << 30), end=b"")


def test_members_are_counted_and_so_are_headers_that_extend_them(tmp_path: Path) -> None:
    limits = Limits(headers=10)
    assert read(tmp_path, SYS, *(member(f"sys/{n}") for n in range(9)), limits=limits)
    with pytest.raises(CaptureError, match="has more than 10 members"):
        read(tmp_path, SYS, *(member(f"sys/{n}") for n in range(10)), limits=limits)
    with pytest.raises(CaptureError, match="has more than 10 members"):
        read(tmp_path, SYS, *[pax("comment", b"x")] * 10_000, limits=limits)


def test_folders_that_names_imply_are_counted(tmp_path: Path) -> None:
    members = [member(f"sys/{n}/" + "d/" * 50 + "x") for n in range(10)]
    with pytest.raises(CaptureError, match="holds more than 400 files and folders"):
        read(tmp_path, SYS, *members, limits=Limits(nodes=400))


def test_the_length_of_all_names_is_bounded(tmp_path: Path) -> None:
    members = [member(f"sys/{n}/" + ("d" * 200 + "/") * 15 + "x") for n in range(100)]
    with pytest.raises(CaptureError, match="holds names of more than 1 MiB together"):
        read(tmp_path, SYS, *members, limits=Limits(name_bytes=1 << 20))


@pytest.mark.parametrize(
    ("name", "words"),
    [("sys/" + "x" * 5000, "a path longer than 4096 bytes"), ("d/" * 200, "deeper than 128")],
)
def test_long_and_deep_names_are_refused(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(CaptureError, match=words) as refused:
        read(tmp_path, SYS, member(name))
    assert len(str(refused.value)) < 500


def test_a_long_target_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="too long"):
        read(tmp_path, SYS, symlink("sys/x", "y" * 5000))
