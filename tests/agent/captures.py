"""Captures for tests: made of synthetic machines, surveyed, and looked into."""

from __future__ import annotations

import posixpath
from pathlib import Path

from agent.capture import take_capture
from agent.survey import survey
from collectors.archive import read_archive
from collectors.hosts import open_host
from collectors.manifest import MANIFEST_PATH
from collectors.model import Snapshot
from collectors.pack import pack
from collectors.tree import FileTree
from tests.hosts.machine import build_tree
from tests.hosts.spec import MachineSpec

NOW = 1_700_000_000.0


def capture_to(archive: Path, host: Path, *, full: bool = False, now: float = NOW) -> Path:
    """Captures a machine into an archive."""
    capture = take_capture(str(host), full=full, kubelet_root="/var/lib/kubelet", now=now)
    archive.write_bytes(pack(capture.tree, first=MANIFEST_PATH, modified_at=now))
    return archive


def made(spec: MachineSpec, folder: Path) -> Path:
    """A machine's files in an archive, which is written faster than thousands of files."""
    made = build_tree(spec)
    tree = FileTree()
    for path in made.directories:
        tree.add_directory(path)
    for path, data in made.files.items():
        tree.add_file(path, data)
    for path, target in made.links.items():
        tree.add_link(path, posixpath.normpath(posixpath.join(posixpath.dirname(path), target)))
    tree.add_file("/made-by", b"a test")
    archive = folder / "machine.tar"
    archive.write_bytes(pack(tree, first="/made-by", modified_at=NOW))
    return archive


def surveyed(host: Path) -> Snapshot:
    """What a survey finds there."""
    return survey(open_host(str(host))(), now=NOW)


def contents(archive: Path) -> list[tuple[str, object]]:
    """Everything in an archive, by path."""
    tree = read_archive(str(archive))
    return sorted(
        [*tree.files.items(), *tree.links.items(), *tree.directories.items()], key=lambda item: item[0]
    )
