"""Puts a captured machine from a .tar.xz archive into a folder, and nothing beside it.

An archive may come from a stranger: names that lead out of the folder, a file through a symbolic link, devices and
archives without end are refused or left out. Links are written as they are, for a HostFS follows them itself.
"""

from __future__ import annotations

import lzma
import shutil
import tarfile
from pathlib import Path, PurePosixPath

MAX_MEMBERS = 1_000_000
"""Names in one archive at most; a machine with 1,024 CPUs has some 200,000."""

MAX_BYTES = 1 << 30
"""Bytes of all files of one archive at most; captures have some MiB."""

MACHINE_FOLDERS = ("sys", "proc")


class UnpackError(Exception):
    """An archive that is damaged or built to do harm; the text names the archive."""


def unpack_machine(archive: Path, target: Path) -> Path:
    """Unpacks an archive into an empty folder.

    Returns the folder in it that is the machine's root: the one that holds `sys` or `proc`.
    Raises UnpackError where the archive cannot be trusted or holds no machine.
    """
    budget = MAX_BYTES
    try:
        with tarfile.open(archive, "r:xz") as tar:
            for number, member in enumerate(tar):
                budget -= member.size
                if number == MAX_MEMBERS or budget < 0:
                    raise UnpackError(f"{archive}: too big for a captured machine")
                _unpack_member(tar, member, target)
    except (tarfile.TarError, lzma.LZMAError, OSError, EOFError, KeyError) as error:
        raise UnpackError(f"{archive}: {error}") from error
    return _machine_root(archive, target)


def _unpack_member(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    location = _location(member.name, target)
    if member.isdir():
        location.mkdir(exist_ok=True)
    elif member.issym():
        location.symlink_to(member.linkname)
    elif member.isfile() or member.islnk():
        # A hard link is written as a copy: it is read from the archive, so it leads to nothing outside.
        source = tar.extractfile(member)
        if source is None:
            raise tarfile.ExtractError(f"{member.name}: a link to what is no file")
        with source, location.open("xb") as file:  # x: nothing that is there is followed or written over
            shutil.copyfileobj(source, file)


def _location(name: str, target: Path) -> Path:
    """Where a member goes; makes the folders above it, and refuses to go through anything but folders."""
    parts = PurePosixPath(name).parts
    if PurePosixPath(name).is_absolute() or ".." in parts:
        raise tarfile.ExtractError(f"{name}: leads out of the archive")
    location = target
    for part in parts[:-1]:
        location /= part
        if location.is_symlink() or (location.exists() and not location.is_dir()):
            raise tarfile.ExtractError(f"{name}: goes through {part}, which is no folder")
        location.mkdir(exist_ok=True)
    return location.joinpath(*parts[-1:])


def _machine_root(archive: Path, target: Path) -> Path:
    for root in (
        target,
        *sorted(path for path in target.iterdir() if path.is_dir() and not path.is_symlink()),
    ):
        if any((root / name).is_dir() for name in MACHINE_FOLDERS):
            return root
    raise UnpackError(f"{archive}: holds no captured machine, neither sys nor proc")
