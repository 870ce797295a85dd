"""Pure text to value: the small languages in which the kernel writes numbers, sets and tables.

Every function takes the text of a file and either returns a value or raises ParseError; none does I/O. All of
them accept what real kernels add around the value: newlines, blanks and NUL bytes at the end.

Sources: Documentation/admin-guide/cputopology.rst, Documentation/core-api/printk-formats.rst (bitmaps),
Documentation/filesystems/proc.rst (meminfo).
"""

from __future__ import annotations

import re

IdSet = frozenset[int]
"""CPU ids or NUMA node ids."""

MAX_ID = 65_535
"""No kernel has more CPUs or nodes than this: a bigger id is damage, and would cost memory to believe."""

PADDING = " \t\r\n\0"
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
_INTEGER_ROW = re.compile(r"(?:[0-9]{1,20}(?:\s+|$))*", re.ASCII)
_HEX_INTEGER = re.compile(r"(?:0[xX])?([0-9a-fA-F]{1,16})", re.ASCII)
_MASK = re.compile(r"[0-9a-fA-F]{1,16}|[0-9a-fA-F]{1,8}(?:,[0-9a-fA-F]{8}){1,2047}", re.ASCII)
_MASK_WORD = re.compile(r"[0-9a-fA-F]{1,8}", re.ASCII)
_ONES = tuple(tuple(bit for bit in range(8) if byte >> bit & 1) for byte in range(256))
_RANGE = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?", re.ASCII)
_SIZE = re.compile(r"([0-9]{1,15})\s*([KMGT]?)i?B?", re.ASCII | re.IGNORECASE)
_MEMINFO_LINE = re.compile(r"(?:Node\s+[0-9]+\s+)?([A-Za-z0-9_()]+):\s*([0-9]{1,18})(\s+kB)?", re.ASCII)
_SIZE_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class ParseError(ValueError):
    """Text that is not in the expected form.

    Attributes:
        text: what was found.
        expected: what would have been right, as a noun: "a CPU list".
    """

    def __init__(self, text: str, expected: str) -> None:
        super().__init__(f"expected {expected}, found {text[:60]!r}")
        self.text = text
        self.expected = expected


def parse_text(text: str) -> str:
    """The text without padding; raises ParseError where nothing is left."""
    stripped = text.strip(PADDING)
    if not stripped:
        raise ParseError(text, "a text")
    return stripped


def parse_int(text: str) -> int:
    """A decimal integer, signed or not."""
    stripped = text.strip(PADDING)
    if not _INTEGER.fullmatch(stripped):
        raise ParseError(text, "an integer")
    return int(stripped)


def parse_count(text: str) -> int:
    """A decimal integer that is not negative: counts, sizes, speeds."""
    value = parse_int(text)
    if value < 0:
        raise ParseError(text, "a count")
    return value


def parse_id(text: str) -> int | None:
    """An id of something, or None for the kernel's "does not apply" (any negative number, mostly -1)."""
    value = parse_int(text)
    return None if value < 0 else value


def parse_flag(text: str) -> bool:
    """`1` or `0`."""
    value = parse_int(text)
    if value not in (0, 1):
        raise ParseError(text, "0 or 1")
    return value == 1


def parse_hex_int(text: str) -> int:
    """An unsigned hexadecimal integer of up to 64 bits, with or without `0x`."""
    match = _HEX_INTEGER.fullmatch(text.strip(PADDING))
    if match is None:
        raise ParseError(text, "a hexadecimal integer")
    return int(match[1], 16)


def parse_id_list(text: str) -> IdSet:
    """Ids from the kernel's list form: `0-3,8,10-11`. An empty text and `(null)` are the empty set."""
    stripped = text.strip(PADDING)
    if stripped in ("", "(null)"):  # nohz_full prints a null pointer where the option is off
        return frozenset()
    ids: set[int] = set()
    room = MAX_ID + 1  # kernels name an id once; a mebibyte of `0-65535` would take minutes to believe
    for part in stripped.split(","):
        match = _RANGE.fullmatch(part.strip(PADDING))
        if match is None:
            raise ParseError(text, "a list of ids")
        first = int(match[1])
        last = first if match[2] is None else int(match[2])
        room -= last - first + 1
        if last < first or last > MAX_ID or room < 0:
            raise ParseError(text, "a list of ids")
        ids.update(range(first, last + 1))
    return frozenset(ids)


def parse_id_mask(text: str) -> IdSet:
    """Ids from the kernel's bitmap form: 32-bit hexadecimal words, highest first, `f0,0000000f`.

    Words may be short, and each may carry `0x`. An all-zero map is the empty set.
    """
    stripped = text.strip(PADDING).removeprefix("0x")
    if _MASK.fullmatch(stripped):  # what kernels print: no word but the first is short
        return ids_of_bits(int(stripped.replace(",", ""), 16))
    words = [word.strip(PADDING).removeprefix("0x") for word in stripped.split(",")]
    if len(words) > (MAX_ID + 1) // 32 or not all(_MASK_WORD.fullmatch(word) for word in words):
        raise ParseError(text, "a map of ids")
    return ids_of_bits(int("".join(word.rjust(8, "0") for word in words), 16))


def ids_of_bits(bits: int) -> IdSet:
    """The positions of the ones in a bitmap that is not negative."""
    ids: list[int] = []
    for offset, byte in enumerate(bits.to_bytes((bits.bit_length() + 7) // 8, "little")):
        if byte:
            first = offset * 8
            ids.extend(first + position for position in _ONES[byte])
    return frozenset(ids)


def format_id_list(ids: IdSet) -> str:
    """The kernel's list form of ids: the inverse of parse_id_list, `""` for none."""
    parts: list[str] = []
    first = last = None
    for number in sorted(ids):
        if last is not None and number == last + 1:
            last = number
            continue
        if first is not None:
            parts.append(_format_range(first, last))
        first = last = number
    if first is not None:
        parts.append(_format_range(first, last))
    return ",".join(parts)


def _format_range(first: int, last: int | None) -> str:
    return str(first) if first == last else f"{first}-{last}"


def parse_ids_apart(text: str) -> IdSet:
    """Ids separated by blanks: `0 1 8`, the form of cpufreq/related_cpus."""
    words = text.strip(PADDING).split()
    if not all(_RANGE.fullmatch(word) and "-" not in word for word in words):
        raise ParseError(text, "ids separated by blanks")
    ids = frozenset(int(word) for word in words)
    if ids and max(ids) > MAX_ID:
        raise ParseError(text, "ids separated by blanks")
    return ids


def parse_size(text: str) -> int:
    """Bytes from a size with a binary unit: `32K`, `16384K`, `8M`, `512`."""
    match = _SIZE.fullmatch(text.strip(PADDING))
    if match is None:
        raise ParseError(text, "a size")
    return int(match[1]) * _SIZE_UNITS[match[2].upper()]


def parse_int_row(text: str) -> tuple[int, ...]:
    """Integers that are not negative, separated by blanks: a row of node/nodeN/distance."""
    stripped = text.strip(PADDING)
    if not _INTEGER_ROW.fullmatch(stripped):
        raise ParseError(text, "a row of integers")
    return tuple(map(int, stripped.split()))


def parse_meminfo(text: str) -> dict[str, int]:
    """Bytes (or plain counts where the line has no `kB`) by name, from /proc/meminfo or node/nodeN/meminfo.

    Lines in another form are passed over: kernels add lines, and one odd line must not hide the others. So is an
    amount that lost its `kB`, as at the end of a text that was cut off: only hugepages are counted without a unit.
    """
    values: dict[str, int] = {}
    for line in text.splitlines():
        match = _MEMINFO_LINE.fullmatch(line.strip(PADDING))
        if match is not None and (match[3] or match[1].startswith("HugePages_")):
            values[match[1]] = int(match[2]) * (1024 if match[3] else 1)
    if not values:
        raise ParseError(text, "lines of meminfo")
    return values


def parse_key_values(text: str, separator: str = "=") -> dict[str, str]:
    """Values by key from lines of `KEY=value` (uevent) or another separator; other lines are passed over."""
    pairs = (line.partition(separator) for line in text.strip(PADDING).splitlines())
    return {key.strip(PADDING): value.strip(PADDING) for key, found, value in pairs if found}
