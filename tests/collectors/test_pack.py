"""Archives as we write them: what others unpack, and the same bytes for the same tree."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile

import pytest

from collectors.pack import COMPRESSIONS, NOT_CAPTURED, pack
from collectors.tree import FileTree


@pytest.fixture
def tree() -> FileTree:
    tree = FileTree()
    tree.add_file("/sys/a", b"1\n")
    tree.add_file("/sys/" + "long/" * 60 + "é", b"x" * 513)
    tree.add_link("/sys/class/l", "/sys/a")
    tree.add_link("/sys/class/root", "/")
    tree.add_link("/top", "/" + "far/" * 50)
    tree.add_file("/manifest", b"{}")
    tree.add_directory("/sys/empty")
    tree.directories["/sys/empty"].add("name")
    return tree


def test_others_unpack_what_was_packed(tree: FileTree) -> None:
    with tarfile.open(fileobj=io.BytesIO(pack(tree, first="/manifest", modified_at=17.9))) as tar:
        members = {member.name: member for member in tar}
        assert next(iter(members)) == "manifest"
        assert all(member.mtime == 17 and member.uid == 0 and not member.uname for member in members.values())
        assert tar.extractfile("sys/" + "long/" * 60 + "é").read() == b"x" * 513  # type: ignore[union-attr]
        assert members["sys/class/l"].linkname == "../a"
        assert members["sys/class/root"].linkname == "../.."
        assert members["top"].linkname == ("far/" * 50)[:-1]
        assert members["sys/empty"].isdir()
        assert members["sys/empty/name"].linkname == NOT_CAPTURED


def test_equal_trees_are_equal_bytes(tree: FileTree) -> None:
    other = FileTree()
    for path in reversed(tree.files):
        other.add_file(path, tree.files[path])
    for path in reversed(tree.links):
        other.add_link(path, tree.links[path])
    other.add_directory("/sys/empty")
    other.directories["/sys/empty"].add("name")
    first, second = (pack(each, first="/manifest", modified_at=1) for each in (tree, other))
    assert first == second
    assert len(first) % 10_240 == 0
    for compress in COMPRESSIONS.values():
        assert compress(first) == compress(second)


def test_each_suffix_has_its_compression() -> None:
    assert COMPRESSIONS[".tar"](b"x") == b"x"
    assert (
        gzip.decompress(COMPRESSIONS[".tar.gz"](b"x")) == gzip.decompress(COMPRESSIONS[".tgz"](b"x")) == b"x"
    )
    assert (
        lzma.decompress(COMPRESSIONS[".tar.xz"](b"x")) == lzma.decompress(COMPRESSIONS[".txz"](b"x")) == b"x"
    )
