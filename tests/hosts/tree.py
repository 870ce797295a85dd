"""A file tree in memory: what a machine is made into before it is written to a disk or served from here."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Tree:
    """Regular files and symbolic links by absolute path, and directories that must be there although empty."""

    files: dict[str, bytes] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)

    def file(self, path: str, text: str | bytes) -> None:
        """A regular file; a text gets the newline that sysfs puts at the end."""
        self.files[path] = f"{text}\n".encode() if isinstance(text, str) else text

    def link(self, path: str, target: str) -> None:
        """A symbolic link to an absolute path of the tree, written relative as sysfs writes it."""
        self.links[path] = posixpath.relpath(target, posixpath.dirname(path))

    def directory(self, path: str) -> None:
        """A directory, for what may stay empty."""
        self.directories.add(path)

    def all_directories(self) -> set[str]:
        """Every directory with its parents, `/` not among them."""
        found: set[str] = set()
        for path in (*self.directories, *(posixpath.dirname(name) for name in (*self.files, *self.links))):
            here = path
            while here != "/" and here not in found:
                found.add(here)
                here = posixpath.dirname(here)
        return found

    def write(self, root: Path) -> None:
        """Puts the tree below a directory."""
        base = os.fspath(root)
        for directory in sorted(self.all_directories()):
            os.mkdir(base + directory)  # noqa: PTH102 (a thousand CPUs are a hundred thousand paths)
        for path, data in self.files.items():
            descriptor = os.open(base + path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            os.write(descriptor, data)
            os.close(descriptor)
        for path, target in self.links.items():
            os.symlink(target, base + path)  # noqa: PTH211

    @classmethod
    def load(cls, root: Path) -> Tree:
        """The tree below a directory: an unpacked capture."""
        tree = cls()
        for path, name in _walk(root):
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                tree.links[name] = os.readlink(path)  # noqa: PTH115
            elif stat.S_ISDIR(mode):
                tree.directories.add(name)
            elif stat.S_ISREG(mode):
                tree.files[name] = path.read_bytes()
        return tree


def _walk(root: Path) -> Iterator[tuple[Path, str]]:
    pending = [root]
    while pending:
        for entry in sorted(pending.pop().iterdir()):
            yield entry, "/" + entry.relative_to(root).as_posix()
            if entry.is_dir() and not entry.is_symlink():
                pending.append(entry)
