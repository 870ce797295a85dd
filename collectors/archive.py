"""A captured machine out of an archive, wholly in memory: nothing is ever extracted to a disk.

The archive may come from a stranger. Its bytes, members, names and depth are bounded (Limits), and each bound gives one
CaptureError that says what to do. Links stay inside the machine's root, because there is nothing else; devices and
pipes are passed over; a name with `..` is refused.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from collectors.errors import CaptureError
from collectors.hostfs import ROOT_NAMES
from collectors.tarmembers import Member, MemberKind, TarLimits, TarReader
from collectors.tree import FileTree, TreeConflictError
from collectors.unpack import REMEDY, Unpacked


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits(TarLimits):
    """How much a captured machine may be."""

    nodes: int = 500_000
    """Files, links and directories, named or implied by a name"""
    name_bytes: int = 128 << 20
    """Characters of all their paths together"""
    path_bytes: int = 4096
    """One path: the kernel's PATH_MAX"""
    depth: int = 128
    """Directories in one path; behind the most bridges it is some thirty"""


DEFAULT_LIMITS = Limits()


def read_archive(path: str, limits: Limits = DEFAULT_LIMITS) -> FileTree:
    """The captured machine in a file: .tar, .tar.gz or .tar.xz, whatever its name.

    Its root is the shallowest directory that holds `sys` or `proc`, so that captures packed with a folder around them
    are read too. Raises CaptureError where the file cannot be read, is no such archive, or is over a limit.
    """
    try:
        # Opening must not wait for a writer, should this be a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise CaptureError(path, "is neither a folder nor a regular file")
            if status.st_size == 0:
                raise CaptureError(path, "is empty")
            unpacked = Unpacked(file, path, limit=limits.unpacked_bytes, decoder_memory=limits.decoder_memory)
            tree = _Builder(unpacked, limits).build()
    except OSError as error:
        raise CaptureError(path, os.strerror(error.errno) if error.errno else str(error)) from error
    return tree.below(find_root(tree, path))


def find_root(tree: FileTree, source: str) -> str:
    """The shallowest directory of a tree that holds `sys` or `proc`; raises CaptureError where it is none or several."""
    found = {
        path.rpartition("/")[0]
        for path in tree.directories
        if path.endswith(tuple(f"/{name}" for name in ROOT_NAMES))
    }
    if not found:
        raise CaptureError(source, "is no captured machine: it holds neither sys nor proc")
    depth = min(path.count("/") for path in found)
    roots = sorted(path for path in found if path.count("/") == depth)
    if len(roots) > 1:
        names = ", ".join(path.lstrip("/") for path in roots[:3])
        raise CaptureError(source, f"holds several machines ({names}, …); give one of them alone")
    return roots[0]


class _Builder:
    """Turns members into a tree, and stops where it would become too much."""

    def __init__(self, unpacked: Unpacked, limits: Limits) -> None:
        self._unpacked = unpacked
        self._limits = limits
        self._tree = FileTree()

    def build(self) -> FileTree:
        """The tree of all members."""
        for member in TarReader(self._unpacked, self._limits).members():
            if member.kind is MemberKind.OTHER:
                continue
            try:
                self._add(self._path(member.name), member)
            except TreeConflictError as error:
                raise self._unpacked.refusal_of(
                    error.args[0], "is a folder and something else at once"
                ) from error
            self._weigh()
        self._unpacked.drain()
        return self._tree

    def _add(self, path: str, member: Member) -> None:
        if member.kind is MemberKind.DIRECTORY:
            self._tree.add_directory(path)
        elif member.kind is MemberKind.FILE:
            self._tree.add_file(path, member.data)
        elif member.kind is MemberKind.SYMBOLIC_LINK:
            self._tree.add_link(path, self._target(path, member.target))
        else:
            self._add_hard_link(path, self._path(member.target))

    def _add_hard_link(self, path: str, original: str) -> None:
        """A second name of an earlier member."""
        if original in self._tree.links:
            self._tree.add_link(path, self._tree.links[original])
        elif original in self._tree.files:
            self._tree.add_file(path, self._tree.files[original])
        else:
            raise self._unpacked.refusal_of(path, "is a hard link to something that does not come before it")

    def _path(self, name: str) -> str:
        """A member's path in the tree; an absolute one is taken from the archive's root, as tar does."""
        if len(name) > self._limits.path_bytes:
            raise self._unpacked.refusal_of(
                name, f"has a path longer than {self._limits.path_bytes} bytes; {REMEDY}"
            )
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if len(parts) > self._limits.depth:
            raise self._unpacked.refusal_of(name, f"lies deeper than {self._limits.depth} folders; {REMEDY}")
        if ".." in parts or "\0" in name:
            raise self._unpacked.refusal_of(name, "is a name that leads out of the archive")
        return "".join(f"/{part}" for part in parts)

    def _target(self, path: str, target: str) -> str:
        if not 0 < len(target) <= self._limits.path_bytes:
            raise self._unpacked.refusal_of(
                path, "is a symbolic link without a target, or with one that is too long"
            )
        return target

    def _weigh(self) -> None:
        if len(self._tree) > self._limits.nodes:
            raise self._unpacked.refusal(f"holds more than {self._limits.nodes} files and folders; {REMEDY}")
        if self._tree.name_bytes > self._limits.name_bytes:
            raise self._unpacked.refusal(
                f"holds names of more than {self._limits.name_bytes >> 20} MiB together; {REMEDY}"
            )
