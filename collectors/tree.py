"""A machine's files in memory: what a capture is read into and written from.

Paths are those of the machine without symbolic links on the way: absolute, `""` for the root. A directory may name
what is neither a file, nor a link, nor a directory here: it was seen in a listing and is known no further.
"""

from __future__ import annotations

import errno
import os
import stat

from collectors import hostfs
from collectors.errors import UnreadableError
from collectors.hostfs import READ_LIMIT
from collectors.resolver import Resolver


class TreeConflictError(ValueError):
    """Two things cannot lie at one path, such as a directory with something in it, and a file."""


class FileTree:
    """Files, links and directories by path. What is added brings its parents along; a later leaf takes an earlier's place.

    Attributes:
        files: content by path.
        links: the text of symbolic links by path.
        directories: the names in each directory by path.
        name_bytes: characters of all paths together, which is what a tree without content costs.
    """

    __slots__ = ("directories", "files", "links", "name_bytes")

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.links: dict[str, str] = {}
        self.directories: dict[str, set[str]] = {"": set()}
        self.name_bytes = 0

    def __len__(self) -> int:
        """How many files, links and directories there are."""
        return len(self.files) + len(self.links) + len(self.directories)

    def add_file(self, path: str, data: bytes) -> None:
        """Puts a file; raises TreeConflictError where a directory is, or where a parent is none."""
        self._place_leaf(path)
        self.links.pop(path, None)
        self.files[path] = data

    def add_link(self, path: str, target: str) -> None:
        """Puts a symbolic link; raises TreeConflictError where a directory is, or where a parent is none."""
        self._place_leaf(path)
        self.files.pop(path, None)
        self.links[path] = target

    def add_directory(self, path: str) -> None:
        """Puts a directory, or leaves the one that is there; raises TreeConflictError where something else is."""
        if path in self.directories:
            return
        self._refuse_leaf(path)
        self._hang(path)
        self.directories[path] = set()

    def below(self, path: str) -> FileTree:
        """The tree below one of its directories, as a tree of its own."""
        if not path:
            return self
        start = f"{path}/"
        cut = len(path)
        tree = FileTree()
        tree.files = {name[cut:]: data for name, data in self.files.items() if name.startswith(start)}
        tree.links = {name[cut:]: target for name, target in self.links.items() if name.startswith(start)}
        tree.directories = {
            name[cut:]: names
            for name, names in self.directories.items()
            if name == path or name.startswith(start)
        }
        tree.name_bytes = self.name_bytes
        return tree

    def _place_leaf(self, path: str) -> None:
        if path in self.directories:
            raise TreeConflictError(path)
        if path not in self.files and path not in self.links:
            self._hang(path)

    def _hang(self, path: str) -> None:
        """Makes a path known to its parents, up to the first that is there; changes nothing where that is none."""
        parent = path.rpartition("/")[0]
        if parent not in self.directories:
            missing = [parent]
            while (parent := parent.rpartition("/")[0]) not in self.directories:
                missing.append(parent)
            for each in missing:
                self._refuse_leaf(each)
            for each in reversed(missing):
                self._enter(each)
                self.directories[each] = set()
        self._enter(path)

    def _enter(self, path: str) -> None:
        parent, _, name = path.rpartition("/")
        self.directories[parent].add(name)
        self.name_bytes += len(path)

    def _refuse_leaf(self, path: str) -> None:
        if path in self.files or path in self.links:
            raise TreeConflictError(path)


class TreeFS:
    """A HostFS over a tree, which must not change any more. Links are followed as on a disk."""

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree
        self._resolver = Resolver(mode_of=self._mode_of, target_of=tree.links.__getitem__)

    def read(self, path: str, limit: int = READ_LIMIT) -> bytes | None:
        data = self._tree.files.get(path)
        if data is None:
            real = self._resolver.locate(path)
            if real is None:
                return None
            data = self._tree.files.get(real)
            if data is None:
                raise UnreadableError(path, hostfs.NOT_REGULAR)
        return data if len(data) <= limit else data[:limit]

    def entries(self, path: str) -> tuple[str, ...] | None:
        real = self._resolver.locate(path)
        names = None if real is None else self._tree.directories.get(real)
        if names is None:
            return None
        if len(names) > hostfs.ENTRIES_LIMIT:
            raise UnreadableError(path, hostfs.TOO_MANY_ENTRIES)
        return tuple(sorted(names))

    def real_path(self, path: str) -> str | None:
        real = self._resolver.locate(path)
        return "/" if real == "" else real

    def _mode_of(self, path: str) -> int:
        if path in self._tree.directories:
            return stat.S_IFDIR
        if path in self._tree.links:
            return stat.S_IFLNK
        if path in self._tree.files:
            return stat.S_IFREG
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
