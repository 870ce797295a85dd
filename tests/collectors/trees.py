"""Machines of a few files, written for one test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from collectors.hostfs import DirectoryFS
from collectors.reader import FactReader

UNREADABLE = object()
"""Stands for a file that is there but cannot be read: a directory in its place, which works for root too."""


def write_tree(root: Path, files: Mapping[str, object], links: Mapping[str, str] | None = None) -> None:
    """Writes files by the path that the machine has for them, and symbolic links by their target."""
    for path, content in files.items():
        location = root / path.lstrip("/")
        if content is UNREADABLE:
            location.mkdir(parents=True)
            continue
        location.parent.mkdir(parents=True, exist_ok=True)
        location.write_bytes(str(content).encode())
    for path, target in (links or {}).items():
        location = root / path.lstrip("/")
        location.parent.mkdir(parents=True, exist_ok=True)
        location.symlink_to(target)


def reader_of(root: Path, files: Mapping[str, object], links: Mapping[str, str] | None = None) -> FactReader:
    """A reader of a machine that has just these files."""
    write_tree(root, files, links)
    return FactReader(DirectoryFS(str(root)))


def problem_paths(reader: FactReader) -> list[str]:
    """What could not be read, in the order of reading."""
    return [problem.path for problem in reader.problems]
