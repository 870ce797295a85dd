"""A machine on a real disk that is spoilt and mended again: links, FIFOs and directories as the kernel treats them."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from collectors.hostfs import DirectoryFS
from tests.fuzz.mutations import CANARY, OUTSIDE, Kind, Mutation, link_target
from tests.hosts.tree import Tree


class DiskMachine:
    """One machine below a folder. Beside its root lies a file that no survey may read."""

    def __init__(self, tree: Tree, folder: Path) -> None:
        self._root = folder / "root"
        self._aside = folder / "aside"
        self._canary = folder / "canary"
        for directory in (self._root, self._aside):
            directory.mkdir(parents=True)
        self._canary.write_text(f"{CANARY}\n")
        tree.write(self._root)

    def open(self) -> DirectoryFS:
        """The machine's files as they are now."""
        return DirectoryFS(os.fspath(self._root))

    @contextlib.contextmanager
    def spoilt(self, mutations: tuple[Mutation, ...]) -> Iterator[None]:
        """Spoils the machine for a while."""
        moved: list[tuple[Path, Path]] = []
        try:
            for number, mutation in enumerate(mutations):
                place = self._root / mutation.path.lstrip("/")
                if os.path.lexists(place):  # an earlier mutation may have taken it away
                    aside = self._aside / str(number)
                    place.rename(aside)
                    moved.append((place, aside))
                    self._put(mutation, place, was_directory=aside.is_dir())
            yield
        finally:
            for place, aside in reversed(moved):
                _clear(place)
                aside.rename(place)

    def _put(self, mutation: Mutation, place: Path, *, was_directory: bool) -> None:
        kind = mutation.kind
        if kind is Kind.DIRECTORY or (kind is Kind.EMPTIED and was_directory):
            place.mkdir()
        elif kind is Kind.FIFO:
            os.mkfifo(place)
        elif kind in (Kind.DANGLING, Kind.LOOPING, Kind.ESCAPING):
            place.symlink_to(link_target(mutation).replace(OUTSIDE, os.fspath(self._canary)))
        elif kind is not Kind.REMOVED:
            place.write_bytes(mutation.payload)


def _clear(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
