"""Archives made member by member, also such as no honest program writes."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from collectors.archive import DEFAULT_LIMITS, Limits, read_archive
from collectors.tree import FileTree

END = bytes(1024)


def header(name: str, *, kind: bytes = tarfile.REGTYPE, size: int = 0, target: str = "") -> bytes:
    """One member's header, extended where its names are too long for one block."""
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, target
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def member(name: str, data: bytes = b"", *, kind: bytes = tarfile.REGTYPE, target: str = "") -> bytes:
    """One member with its data."""
    return header(name, kind=kind, size=len(data), target=target) + padded(data)


def symlink(name: str, target: str) -> bytes:
    return member(name, kind=tarfile.SYMTYPE, target=target)


def hard_link(name: str, target: str) -> bytes:
    return member(name, kind=tarfile.LNKTYPE, target=target)


def directory(name: str) -> bytes:
    return member(name, kind=tarfile.DIRTYPE)


def extension(kind: bytes, data: bytes) -> bytes:
    """A header that extends the next one."""
    return member("extension", data, kind=kind)


def pax(keyword: str, value: bytes) -> bytes:
    """A pax header of one record."""
    body = b" " + keyword.encode() + b"=" + value + b"\n"
    length = len(body) + 1
    while len(str(length)) + len(body) != length:
        length += 1
    return extension(tarfile.XHDTYPE, str(length).encode() + body)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def with_checksum(block: bytes) -> bytes:
    """A header block with the checksum that its bytes have."""
    counted = 256 + sum(block[:148]) + sum(block[156:512])
    return block[:148] + b"%06o\0 " % counted + block[156:]


def read(folder: Path, *members: bytes, end: bytes = END, limits: Limits = DEFAULT_LIMITS) -> FileTree:
    """The tree of an archive of these members."""
    return read_bytes(folder, b"".join(members) + end, limits=limits)


def read_bytes(folder: Path, data: bytes, *, limits: Limits = DEFAULT_LIMITS) -> FileTree:
    """The tree of an archive that has these bytes."""
    archive = folder / "archive"
    archive.write_bytes(data)
    return read_archive(str(archive), limits)


def sample() -> bytes:
    """A small machine as tarfile writes it: files, links, long names, something that is passed over."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, data in (
            ("sys/a", b"1\n"),
            ("sys/deep/" + "x" * 120, b"2\n"),
            ("proc/meminfo", b"MemTotal: 1 kB\n"),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for name, kind, target in (
            ("sys/link", tarfile.SYMTYPE, "../proc/meminfo"),
            ("sys/hard", tarfile.LNKTYPE, "sys/a"),
            ("sys/far", tarfile.SYMTYPE, "/" + "y" * 150),
            ("dev/null", tarfile.CHRTYPE, ""),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            tar.addfile(info)
    return out.getvalue()
