"""/proc/cpuinfo: one text in as many forms as there are architectures.

The kernel writes it in arch/*/kernel and documents it nowhere; sysfs is the better source wherever it knows the
answer. On a big machine the file is 1.5 MB and slow to make, so it is read as a whole only where sysfs has no CPU
topology; a name is taken from its head.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from collectors.parse import MAX_ID, PADDING, ParseError, parse_id
from collectors.reader import FactReader

PROC_CPUINFO = "/proc/cpuinfo"
HEAD_BYTES = 16_384
"""The longest part of one CPU seen, x86 flags and bugs with it, is 5 KiB."""
WHOLE_BYTES = 32 << 20

_S390_PROCESSOR = re.compile(r"processor ([0-9]{1,5})", re.ASCII)
_NEW_PROCESSOR = frozenset({"processor", "cpu number"})
_PACKAGE_KEYS = frozenset({"physical id", "package"})
_CORE_KEYS = frozenset({"core id", "core"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """One online CPU as /proc/cpuinfo describes it."""

    id: int
    package_id: int | None = None
    """`physical id`"""
    core_id: int | None = None
    """`core id`"""


def parse_cpuinfo_lines(text: str) -> tuple[tuple[str, str], ...]:
    """(key, value) of every line `key : value`, in order; other lines are passed over."""
    lines = (line.partition(":") for line in text.strip(PADDING).splitlines())
    return tuple((key.strip(PADDING), " ".join(value.split())) for key, colon, value in lines if colon)


def parse_processors(text: str) -> tuple[Processor, ...]:
    """Every processor by id. Empty where the text names none, as on alpha and sparc."""
    found: dict[int, dict[str, int | None]] = {}
    current: dict[str, int | None] = {}
    for key, value in parse_cpuinfo_lines(text):
        number = _processor_number(key, value)
        if number is not None:
            current = found.setdefault(number, {})
        elif key in _PACKAGE_KEYS:
            current["package"] = _id_or_none(value)
        elif key in _CORE_KEYS:
            current["core"] = _id_or_none(value)
    return tuple(
        Processor(id=number, package_id=ids.get("package"), core_id=ids.get("core"))
        for number, ids in sorted(found.items())
    )


def _processor_number(key: str, value: str) -> int | None:
    """The number that a line gives to the processor whose part it begins.

    `processor : 0` nearly everywhere, `processor 0: version = ...` and later `cpu number : 0` on s390. On ARM
    `Processor : ARMv7 ...` is a name.
    """
    summary = _S390_PROCESSOR.fullmatch(key)
    if summary is None and key not in _NEW_PROCESSOR:
        return None
    number = int(summary[1]) if summary is not None else _id_or_none(value)
    return None if number is None or number > MAX_ID else number


def _id_or_none(value: str) -> int | None:
    try:
        return parse_id(value)
    except ParseError:
        return None


def read_processors(reader: FactReader) -> tuple[Processor, ...]:
    """Every processor of the whole file; empty where it is absent, unreadable, or names none."""
    text = reader.text(PROC_CPUINFO, limit=WHOLE_BYTES)
    return () if text is None else parse_processors(text)


def read_cpuinfo_head(reader: FactReader) -> tuple[tuple[str, str], ...]:
    """(key, value) of the lines within the first 16 KiB; the last, which may be cut off, is left out."""
    text = reader.text(PROC_CPUINFO, limit=HEAD_BYTES)
    if text is None:
        return ()
    if len(text) >= HEAD_BYTES:
        text = text.rpartition("\n")[0]
    return parse_cpuinfo_lines(text)
