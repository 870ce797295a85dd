"""A machine's files served from memory, with the kernel's rules for links, directories and what is neither."""

from __future__ import annotations

import errno
import os
import posixpath
from dataclasses import dataclass
from typing import Literal

from collectors.errors import UnreadableError
from collectors.hostfs import READ_LIMIT
from collectors.resolver import MAX_LINKS
from tests.hosts.tree import Tree


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link, whether it leads somewhere or not."""

    target: str


Node = bytes | Link | Literal["directory", "fifo"]
"""A regular file's content, or what else may lie at a path"""


class MemoryFS:
    """A HostFS over nodes by absolute path; may be copied cheaply and changed path by path."""

    def __init__(self, nodes: dict[str, Node], children: dict[str, frozenset[str]]) -> None:
        self._nodes = nodes
        self._children = children
        self._resolved: dict[str, str] = {}

    @classmethod
    def of(cls, tree: Tree) -> MemoryFS:
        """The files of a tree."""
        nodes: dict[str, Node] = dict.fromkeys(tree.all_directories(), "directory")
        nodes["/"] = "directory"
        nodes.update(tree.files)
        nodes.update({path: Link(target) for path, target in tree.links.items()})
        listing: dict[str, set[str]] = {}
        for path in nodes:
            if path != "/":
                listing.setdefault(posixpath.dirname(path), set()).add(posixpath.basename(path))
        return cls(nodes, {path: frozenset(names) for path, names in listing.items()})

    def copy(self) -> MemoryFS:
        """A second machine with the same files; changing one leaves the other."""
        return MemoryFS(dict(self._nodes), dict(self._children))

    def node(self, path: str) -> Node | None:
        """What lies at a path, links not followed."""
        return self._nodes.get(path)

    def put(self, path: str, node: Node) -> None:
        """Puts something in the place of what is there; a directory's content goes with it."""
        self.remove(path)
        parent = posixpath.dirname(path)
        self._nodes[path] = node
        self._children[parent] = self._children.get(parent, frozenset()) | {posixpath.basename(path)}

    def remove(self, path: str) -> None:
        """Takes a path away, with everything below it."""
        self._resolved.clear()
        for name in self._children.pop(path, frozenset()):
            self.remove(f"{path}/{name}")
        if self._nodes.pop(path, None) is not None:
            parent = posixpath.dirname(path)
            self._children[parent] = self._children.get(parent, frozenset()) - {posixpath.basename(path)}

    def read(self, path: str, limit: int = READ_LIMIT) -> bytes | None:
        try:
            node = self._nodes[self._resolve(path)]
        except OSError as error:
            return self._absent_or_raise(path, error)
        if not isinstance(node, bytes):
            raise UnreadableError(path, "not a regular file")
        return node[:limit]

    def entries(self, path: str) -> tuple[str, ...] | None:
        try:
            real = self._resolve(path)
        except OSError as error:
            return self._absent_or_raise(path, error)
        if self._nodes[real] != "directory":
            return None
        return tuple(sorted(self._children.get(real, ())))

    def real_path(self, path: str) -> str | None:
        try:
            return self._resolve(path)
        except OSError as error:
            return self._absent_or_raise(path, error)

    @staticmethod
    def _absent_or_raise(path: str, error: OSError) -> None:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):
            raise UnreadableError.from_os_error(path, error) from error

    def _resolve(self, path: str) -> str:
        """The path without links; raises OSError as the kernel would."""
        known = self._resolved.get(path)
        if known is not None:
            return known
        parent, _, name = path.rpartition("/")
        here = self._resolved.get(parent)
        pending = [name] if here is not None else path.split("/")[::-1]
        real = self._follow(here or "/", pending)
        self._resolved[path] = real
        return real

    def _follow(self, here: str, pending: list[str]) -> str:
        links = 0
        while pending:
            name = pending.pop()
            if self._nodes.get(here) != "directory":
                raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            if name in ("", "."):
                continue
            if name == "..":
                here = posixpath.dirname(here)
                continue
            candidate = f"{here}/{name}" if here != "/" else f"/{name}"
            node = self._nodes.get(candidate)
            if node is None:
                raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
            if isinstance(node, Link):
                links += 1
                if links > MAX_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                pending.extend(node.target.split("/")[::-1])
                if node.target.startswith("/"):
                    here = "/"
                continue
            here = candidate
        return here
