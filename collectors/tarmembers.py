"""The members of a tar archive, read strictly: pax (POSIX.1-2017, pax, "ustar Interchange Format") and GNU tar's own.

A stranger's archive decides nothing about our memory: what a header announces is compared with a limit before it is
read, and headers that only extend the next one are counted like all others.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from collectors.unpack import REMEDY, Unpacked

_BLOCK = 512
_END = bytes(_BLOCK)
_PAX_MAGIC = b"ustar\0"


class MemberKind(enum.Enum):
    """What a member is. What a machine's facts cannot be in (devices, pipes, volume labels) is OTHER."""

    FILE = enum.auto()
    DIRECTORY = enum.auto()
    SYMBOLIC_LINK = enum.auto()
    HARD_LINK = enum.auto()
    OTHER = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member as its headers describe it; nothing in it is to be trusted."""

    kind: MemberKind
    name: str
    """As it stands there: may be absolute, hold `..`, or be no UTF-8 (then with surrogate escapes)"""
    target: str = ""
    """Of a link"""
    data: bytes = b""
    """Of a file"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TarLimits:
    """How much an archive may be. Real machines stay far below: the largest has some 100,000 files of a few bytes."""

    unpacked_bytes: int = 256 << 20
    """All of the archive, decompressed"""
    headers: int = 500_000
    """Members, and the headers that extend them"""
    file_bytes: int = 32 << 20
    """One file: no collector asks for more of one"""
    extension_bytes: int = 64 << 10
    """One header that extends the next: a long name"""
    decoder_memory: int = 128 << 20
    """What xz may take; `xz -9` needs 65 MiB"""


_KINDS = {
    b"0": MemberKind.FILE,
    b"\0": MemberKind.FILE,
    b"7": MemberKind.FILE,
    b"1": MemberKind.HARD_LINK,
    b"2": MemberKind.SYMBOLIC_LINK,
    b"3": MemberKind.OTHER,
    b"4": MemberKind.OTHER,
    b"5": MemberKind.DIRECTORY,
    b"6": MemberKind.OTHER,
}
_WITHOUT_DATA = frozenset(b"123456")
_PAX, _PAX_OLD, _PAX_GLOBAL, _GNU_NAME, _GNU_TARGET, _GNU_SPARSE = b"x", b"X", b"g", b"L", b"K", b"S"


class TarReader:
    """Reads members in their order. What is malformed or over a limit is raised as CaptureError."""

    def __init__(self, unpacked: Unpacked, limits: TarLimits) -> None:
        self._unpacked = unpacked
        self._limits = limits
        self._headers = 0

    def members(self) -> Iterator[Member]:
        """Every member; the archive must have its end, or it was cut off."""
        extended: dict[str, bytes] = {}
        while True:
            header = self._unpacked.take(_BLOCK)
            if header == _END:
                return
            self._count()
            if not _checksum_holds(header):
                raise self._unpacked.refusal(self._no_header())
            kind = header[156:157]
            if kind in (_PAX, _PAX_OLD):
                extended |= self._pax_records(self._extension(header))
            elif kind == _PAX_GLOBAL:
                self._extension(header)  # holds for all members: no name, no size
            elif kind == _GNU_NAME:
                extended["path"] = self._extension(header).rstrip(b"\0")
            elif kind == _GNU_TARGET:
                extended["linkpath"] = self._extension(header).rstrip(b"\0")
            else:
                yield self._member(header, extended)
                extended = {}

    def _count(self) -> None:
        self._headers += 1
        if self._headers > self._limits.headers:
            raise self._unpacked.refusal(f"has more than {self._limits.headers} members; {REMEDY}")

    def _no_header(self) -> str:
        if self._headers == 1:
            return "is no tar archive; captures are .tar, .tar.gz or .tar.xz"
        return "is damaged: what should be a member's header is none; get the file anew"

    def _extension(self, header: bytes) -> bytes:
        size = self._number(header[124:136])
        if size > self._limits.extension_bytes:
            raise self._unpacked.refusal(
                f"has a name longer than {self._limits.extension_bytes} bytes; {REMEDY}"
            )
        return self._data(size)

    def _pax_records(self, data: bytes) -> dict[str, bytes]:
        """Values by keyword from records of `<length> <keyword>=<value>\\n`."""
        records: dict[str, bytes] = {}
        at = 0
        while at < len(data):
            digits, blank, _ = data[at : at + 8].partition(b" ")
            length = int(digits) if blank and digits.isdigit() else 0
            keyword, equals, value = data[at + len(digits) + 1 : at + length].partition(b"=")
            if not equals or not value.endswith(b"\n") or at + length > len(data):
                raise self._unpacked.refusal("is damaged: a pax header is malformed; get the file anew")
            records[keyword.decode("ascii", "replace")] = value[:-1]
            at += length
        return records

    def _member(self, header: bytes, extended: dict[str, bytes]) -> Member:
        name = _text(extended.get("path", _name(header)))
        kind = header[156:157]
        if kind == _GNU_SPARSE or any(keyword.startswith("GNU.sparse.") for keyword in extended):
            raise self._unpacked.refusal_of(name, "is sparse; make the archive without `tar --sparse`")
        size = self._size(header, extended, name)
        data = b""
        if kind[0] not in _WITHOUT_DATA:
            data = self._data(size)
        known = _KINDS.get(kind, MemberKind.OTHER)
        if known is MemberKind.FILE and name.endswith("/"):
            known = MemberKind.DIRECTORY  # as archives from before POSIX write them
        return Member(
            kind=known,
            name=name,
            target=_text(extended.get("linkpath", _until_nul(header[157:257]))),
            data=data,
        )

    def _size(self, header: bytes, extended: dict[str, bytes], name: str) -> int:
        text = extended.get("size")
        if text is None:
            size = self._number(header[124:136])
        elif text.isdigit() and len(text) <= 20:
            size = int(text)
        else:
            raise self._unpacked.refusal(
                "is damaged: a pax header has no size that is a number; get the file anew"
            )
        if size > self._limits.file_bytes and header[156] not in _WITHOUT_DATA:
            raise self._unpacked.refusal_of(
                name,
                f"is larger than {self._limits.file_bytes >> 20} MiB, as no file of a machine is; {REMEDY}",
            )
        return size

    def _data(self, size: int) -> bytes:
        """A member's bytes, leaving the archive at the next header."""
        data = self._unpacked.take(size)
        self._unpacked.take(-size % _BLOCK)
        return data

    def _number(self, field: bytes) -> int:
        """Octal digits, or GNU's base 256 behind a first byte of 0x80."""
        if field[0] == 0x80:
            return int.from_bytes(field[1:], "big")
        digits = _until_nul(field).strip(b" ")
        if digits.strip(b"01234567"):
            raise self._unpacked.refusal("is damaged: a member's size is no number; get the file anew")
        return int(digits, 8) if digits else 0


def _checksum_holds(header: bytes) -> bool:
    digits = _until_nul(header[148:156]).strip(b" ")
    if not digits or digits.strip(b"01234567"):
        return False
    found = int(digits, 8)
    counted = 8 * ord(" ") + sum(header) - sum(header[148:156])
    if found == counted:
        return True
    above = sum(256 for byte in header[:148] + header[156:] if byte > 127)
    return found == counted - above  # some tars once took bytes for signed


def _name(header: bytes) -> bytes:
    name = _until_nul(header[:100])
    prefix = _until_nul(header[345:500]) if header[257:263] == _PAX_MAGIC else b""
    return b"/".join((prefix, name)) if prefix else name


def _until_nul(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
