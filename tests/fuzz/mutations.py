"""What can be done to the files of a machine, and doing it to one in memory."""

from __future__ import annotations

import enum
import errno
from dataclasses import dataclass
from random import Random

from tests.fakes.faultyfs import VANISHED
from tests.fakes.memoryfs import Link, MemoryFS


class Kind(enum.Enum):
    """A way to spoil a path."""

    REMOVED = "removed"
    EMPTIED = "emptied"
    DENIED = "permission denied"
    IO_ERROR = "I/O error"
    BUSY = "busy for ever"
    VANISHED = "listed, then gone"
    DANGLING = "a link to nowhere"
    LOOPING = "a link to itself"
    ESCAPING = "a link out of the root"
    DIRECTORY = "a directory in place of a file"
    FIFO = "a FIFO"
    FILE = "a file in place of a directory"
    GARBAGE = "bytes that are nothing"
    TRUNCATED = "cut short"
    NUMBER = "an odd number"
    LONG = "1 MiB long"
    SWAPPED = "a link to another file of the machine"


FAULTS = {
    Kind.DENIED: errno.EACCES,
    Kind.IO_ERROR: errno.EIO,
    Kind.BUSY: errno.EAGAIN,
    Kind.VANISHED: VANISHED,
}
MISLEADING = frozenset({Kind.TRUNCATED, Kind.NUMBER, Kind.LONG, Kind.SWAPPED})
"""Those that leave something behind that may be believed; all others only take away"""

ON_FILES = tuple(kind for kind in Kind if kind is not Kind.FILE)
ON_DIRECTORIES = (
    Kind.REMOVED,
    Kind.EMPTIED,
    Kind.DENIED,
    Kind.IO_ERROR,
    Kind.VANISHED,
    Kind.DANGLING,
    Kind.LOOPING,
    Kind.ESCAPING,
    Kind.FIFO,
    Kind.FILE,
)
ON_DISK = frozenset(
    {
        Kind.REMOVED,
        Kind.EMPTIED,
        Kind.DANGLING,
        Kind.LOOPING,
        Kind.ESCAPING,
        Kind.DIRECTORY,
        Kind.FIFO,
        Kind.FILE,
        Kind.GARBAGE,
        Kind.TRUNCATED,
        Kind.NUMBER,
        Kind.LONG,
    }
)
"""Those that a real directory can have too"""

GARBAGE = (
    b"\xff\xfe\xfd\n",
    "٣٤\n".encode(),
    b"9" * 400 + b"\n",
    b"?!\n",
    b"0x\n",
    b"--1\n",
    b"3-1,?\n",
    b"1;2\n",
)
"""In none of the forms in which the kernel writes numbers, sets and tables"""

NUMBERS = (
    b"-1",
    b"0",
    b"1",
    b"4095",
    b"65535",
    b"65536",
    b"4294967295",
    b"18446744073709551615",
    b"-9223372036854775808",
)
LONG = (
    b"0," * (1 << 19),
    b"0-65535," * (1 << 17),
    b"1" * (1 << 20),
    b"f" * (1 << 20),
    b"a b\n" * (1 << 18),
    b"\0" * (1 << 20),
)

SAMPLES = {Kind.GARBAGE: GARBAGE, Kind.NUMBER: NUMBERS, Kind.LONG: LONG}

OUTSIDE = "/numascope-fuzz-outside"
"""A file beside the root, by absolute path; it is nowhere inside"""

CANARY = "canary-that-lies-outside-of-the-machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One path spoilt in one way."""

    kind: Kind
    path: str
    payload: bytes = b""
    """What is in the file now, or where the link leads"""

    @property
    def takes_away(self) -> bool:
        """Whether what is left cannot be mistaken for a fact."""
        return self.kind not in MISLEADING

    def __str__(self) -> str:
        shown = f" {self.payload[:40]!r}" if self.payload else ""
        return f"{self.path}: {self.kind.value}{shown}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """The paths that are worth spoiling: those that a survey of the sound machine asks for."""

    files: tuple[str, ...]
    directories: tuple[str, ...]
    numeric: frozenset[str]
    """Of `files`, those in which garbage is surely no value"""


def draw_mutation(random: Random, targets: Targets, content: MemoryFS) -> Mutation:
    """A random mutation of a random path."""
    if targets.directories and random.random() < 0.15:
        kind = random.choice(ON_DIRECTORIES)
        path = random.choice(targets.directories)
        return Mutation(kind=kind, path=path, payload=b"" if kind is not Kind.ESCAPING else _outside(random))
    path = random.choice(targets.files)
    kind = random.choice(ON_FILES)
    if kind is Kind.GARBAGE and path not in targets.numeric:
        kind = Kind.REMOVED
    return Mutation(kind=kind, path=path, payload=_payload(random, kind, path, targets, content))


def _payload(random: Random, kind: Kind, path: str, targets: Targets, content: MemoryFS) -> bytes:
    if kind in SAMPLES:
        return random.choice(SAMPLES[kind])
    if kind is Kind.SWAPPED:
        return random.choice(targets.files).encode()
    if kind is Kind.ESCAPING:
        return _outside(random)
    node = content.node(path)
    if kind is Kind.TRUNCATED and isinstance(node, bytes) and node:
        return node[: random.randrange(len(node))]
    return b""


def _outside(random: Random) -> bytes:
    return random.choice((OUTSIDE, f"../../../../../../../../../../../../../../../..{OUTSIDE}")).encode()


def apply_in_memory(mutation: Mutation, machine: MemoryFS, faults: dict[str, int]) -> None:
    """Spoils a path of a machine in memory, or notes that it will be refused."""
    kind, path = mutation.kind, mutation.path
    if kind in FAULTS:
        faults[path] = FAULTS[kind]
    elif machine.node(path) is None:
        return  # an earlier mutation took it away
    elif kind is Kind.REMOVED:
        machine.remove(path)
    elif kind is Kind.EMPTIED:
        machine.put(path, "directory" if machine.node(path) == "directory" else b"")
    elif kind is Kind.DIRECTORY:
        machine.put(path, "directory")
    elif kind is Kind.FIFO:
        machine.put(path, "fifo")
    elif kind in (Kind.DANGLING, Kind.LOOPING, Kind.ESCAPING, Kind.SWAPPED):
        machine.put(path, Link(link_target(mutation)))
    else:
        machine.put(path, mutation.payload)


def link_target(mutation: Mutation) -> str:
    """Where the link leads that a mutation puts in place."""
    if mutation.kind is Kind.DANGLING:
        return "no-such-file"
    if mutation.kind is Kind.LOOPING:
        return mutation.path.rpartition("/")[2]
    return mutation.payload.decode()
