"""A tree in memory to the bytes of a tar archive: the counterpart of collectors.archive."""

from __future__ import annotations

import gzip
import lzma
import posixpath
import tarfile
from collections.abc import Callable, Iterator

from collectors.tree import FileTree

COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    ".tar": bytes,
    ".tar.gz": lambda data: gzip.compress(data, mtime=0),
    ".tgz": lambda data: gzip.compress(data, mtime=0),
    ".tar.xz": lzma.compress,
    ".txz": lzma.compress,
}
"""What makes an archive's bytes of tar's, by the end of the archive's name."""

NOT_CAPTURED = "not-captured"
"""Where the link leads that stands for a name of which no more is known: nowhere, so it is listed and yet absent."""

_MODES = {tarfile.REGTYPE: 0o644, tarfile.DIRTYPE: 0o755, tarfile.SYMTYPE: 0o777}
_BLOCK = 512
_RECORD = 20 * _BLOCK


def pack(tree: FileTree, *, first: str, modified_at: float) -> bytes:
    """The tree as a tar archive, the same bytes for the same tree.

    Args:
        tree: what goes in; links are written relative, so that they also hold where a person unpacks it.
        first: the path of the file that comes first.
        modified_at: the time that every member carries, in seconds since the epoch.
    """
    seconds = int(modified_at)
    members = [_file(first, tree.files[first], seconds)]
    for path in sorted(tree.directories):
        if path:
            members.append(_header(path, tarfile.DIRTYPE, seconds))
        members.extend(_content(tree, path, first, seconds))
    data = b"".join(members) + bytes(2 * _BLOCK)
    return data + bytes(-len(data) % _RECORD)


def _content(tree: FileTree, directory: str, first: str, seconds: int) -> Iterator[bytes]:
    """The members in one directory, directories aside."""
    for name in sorted(tree.directories[directory]):
        path = f"{directory}/{name}"
        if path in tree.directories or path == first:
            continue
        if path in tree.files:
            yield _file(path, tree.files[path], seconds)
        else:
            target = tree.links.get(path)
            relative = NOT_CAPTURED if target is None else posixpath.relpath(target, directory or "/")
            yield _header(path, tarfile.SYMTYPE, seconds, target=relative)


def _file(path: str, data: bytes, seconds: int) -> bytes:
    return _header(path, tarfile.REGTYPE, seconds, size=len(data)) + data + bytes(-len(data) % _BLOCK)


def _header(path: str, kind: bytes, seconds: int, *, size: int = 0, target: str = "") -> bytes:
    info = tarfile.TarInfo(path[1:])
    info.type, info.size, info.linkname, info.mtime = kind, size, target, seconds
    info.mode = _MODES[kind]
    try:
        return info.tobuf(tarfile.USTAR_FORMAT, "utf-8", "surrogateescape")
    except ValueError:  # a path or target that is too long for it
        return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
