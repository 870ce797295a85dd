"""A file tree in memory: what a machine is made into before it is written to a disk or served from here."""

from __future__ import annotations

import os
import posixpath
import tarfile
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
    def of_archive(cls, archive: Path) -> Tree:
        """The tree in a tar archive of one captured machine, whose name is the first part of every path."""
        tree = cls()
        with tarfile.open(archive) as members:
            for member in members:
                path = "/" + member.name.partition("/")[2]
                content = members.extractfile(member) if member.isfile() or member.islnk() else None
                if content is not None:
                    tree.files[path] = content.read()
                elif member.issym():
                    tree.links[path] = member.linkname
                elif member.isdir() and path != "/":
                    tree.directories.add(path)
        return tree
