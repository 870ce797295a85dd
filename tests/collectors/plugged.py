"""Devices as the kernel lays them out, written into a folder for one test, and hosts that misbehave while read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from collectors.errors import UnreadableError
from collectors.hostfs import READ_LIMIT, DirectoryFS
from collectors.reader import FactReader


def plug(root: Path, place: str, listing: str, files: Mapping[str, str] | None = None, **links: str) -> Path:
    """A device in /sys/devices/<place> with files and links by name, and a link to it in a bus or class directory.

    Returns its folder.
    """
    folder = root / "sys/devices" / place
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (files or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    for name, target in links.items():
        link(root, folder / name, target)
    link(root, root / listing.lstrip("/") / folder.name, f"/sys/devices/{place}")
    return folder


def plug_pci(root: Path, place: str, files: Mapping[str, str] | None = None, **links: str) -> Path:
    """A PCI function at `pci0000:00/0000:00:01.0/0000:01:00.0`, a network card unless its files say otherwise."""
    facts = {"class": "0x020000\n", "vendor": "0x8086\n", "device": "0x1592\n", **(files or {})}
    return plug(root, place, "/sys/bus/pci/devices", facts, **links)


def link(root: Path, location: Path, target: str) -> None:
    """A symbolic link, relative as in sysfs, to a path of the machine; whether there is something or not."""
    location.parent.mkdir(parents=True, exist_ok=True)
    location.symlink_to(os.path.relpath(root / target.lstrip("/"), location.parent.resolve()))


def host(root: Path) -> FactReader:
    """A reader of what was plugged."""
    return FactReader(DirectoryFS(str(root)))


class Unplugged(DirectoryFS):
    """A host from which folders and links go away right after a path was listed, or found to be there."""

    def __init__(self, root: Path, *, after: str, gone: Iterable[str]) -> None:
        super().__init__(str(root))
        self._after = after
        self._gone = [root / path.lstrip("/") for path in gone]

    def entries(self, path: str) -> tuple[str, ...] | None:
        names = super().entries(path)
        self._unplug(path)
        return names

    def real_path(self, path: str) -> str | None:
        real = super().real_path(path)
        self._unplug(path)
        return real

    def _unplug(self, path: str) -> None:
        while path == self._after and self._gone:
            location = self._gone.pop()
            if location.is_symlink():
                location.unlink()
            else:
                shutil.rmtree(location)


class Refusing(DirectoryFS):
    """A host whose kernel refuses some files and listings, with an errno."""

    def __init__(self, root: Path, refusals: Mapping[str, int]) -> None:
        super().__init__(str(root))
        self._refusals = refusals

    def read(self, path: str, limit: int = READ_LIMIT) -> bytes | None:
        self._refuse(path)
        return super().read(path, limit)

    def entries(self, path: str) -> tuple[str, ...] | None:
        self._refuse(path)
        return super().entries(path)

    def _refuse(self, path: str) -> None:
        if path in self._refusals:
            raise UnreadableError(path, os.strerror(self._refusals[path]), self._refusals[path])
