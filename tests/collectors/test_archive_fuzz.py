"""Archives damaged at random, by bits, by pieces and by whole headers: each is read within bounds, or refused."""

from __future__ import annotations

import contextlib
import gzip
import lzma
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectors.archive import Limits
from collectors.errors import CaptureError, UnreadableError
from collectors.tree import FileTree, TreeFS
from tests.collectors.tars import END, extension, member, pax, read_bytes, sample, with_checksum

ROUNDS = int(os.environ.get("FUZZ_ARCHIVES", "400"))
"""Mutated archives for each compression"""

SECONDS = 5.0
"""None takes longer: the limits below are small"""

LIMITS = Limits(unpacked_bytes=1 << 20, headers=500, nodes=2_000, name_bytes=1 << 20, decoder_memory=16 << 20)
_BLOCK = 512

Mutation = Callable[[random.Random, bytearray], None]


def flip(rng: random.Random, data: bytearray) -> None:
    for _ in range(rng.randint(1, 8)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def truncate(rng: random.Random, data: bytearray) -> None:
    del data[rng.randrange(len(data)) :]


def splice(rng: random.Random, data: bytearray) -> None:
    start, length, to = (rng.randrange(len(data)) for _ in range(3))
    data[to:to] = data[start : start + length % 2048]


def repeat(rng: random.Random, data: bytearray) -> None:
    start = rng.randrange(len(data)) // _BLOCK * _BLOCK
    data[start:start] = data[start : start + _BLOCK * rng.randint(1, 4)] * rng.randint(1, 20)


def garbage(rng: random.Random, data: bytearray) -> None:
    start = rng.randrange(len(data))
    data[start : start + rng.randint(1, 64)] = rng.randbytes(rng.randint(0, 64))


def header_field(rng: random.Random, data: bytearray) -> None:
    """Changes a header and makes its checksum right again, so that the damage reaches further in."""
    start = rng.randrange(len(data)) // _BLOCK * _BLOCK
    block = bytearray(data[start : start + _BLOCK].ljust(_BLOCK, b"\0"))
    if rng.random() < 0.5:
        block[156] = rng.choice(b"\x000123456789xgXLKSVDMN\xff")
    else:
        first, last = rng.choice(((0, 100), (124, 136), (157, 257), (257, 265), (345, 500)))
        choices = (
            rng.randbytes(last - first),
            b"../" * 40,
            b"/" * 155,
            b"7" * 155,
            b"sys/a".ljust(155, b"\0"),
        )
        block[first:last] = rng.choice(choices)[: last - first].ljust(last - first, b"\0")
    data[start : start + _BLOCK] = with_checksum(bytes(block))


MUTATIONS: tuple[Mutation, ...] = (flip, truncate, splice, repeat, garbage, header_field, header_field)


def walk(tree: FileTree) -> int:
    """Asks for everything that a tree names, links and all; returns how much there was."""
    fs = TreeFS(tree)
    pending, seen = ["/"], 0
    while pending:
        path = pending.pop()
        for name in fs.entries(path) or ():
            here = f"{path.rstrip('/')}/{name}"
            seen += 1
            for look in (fs.read, fs.real_path, fs.entries):
                with contextlib.suppress(UnreadableError):
                    look(here)
            if here in tree.directories:
                pending.append(here)
    return seen


def read_or_refused(folder: Path, data: bytes) -> bool:
    """Whether an archive was taken; anything but a clear refusal fails the test."""
    started = time.monotonic()
    tree: FileTree | None
    words = ""
    try:
        tree = read_bytes(folder, data, limits=LIMITS)
    except CaptureError as error:
        tree, words = None, error.reason
    if tree is None:
        assert 0 < len(words) < 400
        return False
    walk(tree)
    assert len(tree) <= LIMITS.nodes
    assert sum(map(len, tree.files.values())) <= LIMITS.unpacked_bytes
    assert time.monotonic() - started < SECONDS
    return True


@pytest.mark.parametrize("compress", [bytes, gzip.compress, lzma.compress], ids=["tar", "gzip", "xz"])
def test_a_mutated_archive_is_read_within_bounds_or_refused(tmp_path: Path, compress: type[bytes]) -> None:
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    taken = 0
    for number in range(ROUNDS):
        data = bytearray(sample())
        before = rng.random() < 0.7  # damage what is inside, or its compressed form
        mutations = [rng.choice(MUTATIONS) for _ in range(rng.randint(1, 3))]
        if not before:
            data = bytearray(compress(bytes(data)))
        for mutate in mutations:
            if data:
                mutate(rng, data)
        try:
            taken += read_or_refused(tmp_path, compress(bytes(data)) if before else bytes(data))
        except Exception as error:
            raise AssertionError(f"archive {number} of seed {seed}") from error
    assert taken > 0


names = st.text(alphabet=st.sampled_from("ab./\0\x80é"), max_size=12) | st.sampled_from(
    ("sys", "sys/a", "proc/b", "..")
)
members = st.builds(
    member,
    names.map(lambda name: f"sys/{name}"),
    st.binary(max_size=40),
    kind=st.sampled_from([b"0", b"1", b"2", b"3", b"5", b"6", b"\0", b"S", b"V"]),
    target=names,
)
extensions = st.builds(
    extension, st.sampled_from([b"x", b"g", b"L", b"K"]), st.binary(max_size=40)
) | st.builds(pax, st.sampled_from(["path", "linkpath", "size", "comment"]), st.binary(max_size=20))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(members | extensions, max_size=12))
def test_any_sequence_of_members_is_read_or_refused(tmp_path: Path, parts: list[bytes]) -> None:
    read_or_refused(tmp_path, b"".join(parts) + END)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=600), magic=st.sampled_from([b"", b"\x1f\x8b\x08", b"\xfd7zXZ\0"]))
def test_any_bytes_are_refused(tmp_path: Path, data: bytes, magic: bytes) -> None:
    assert not read_or_refused(tmp_path, magic + data)
