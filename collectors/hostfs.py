"""The files of one machine, read only: the only code that opens anything under /sys or /proc.

`DirectoryFS` serves this machine (root `/`) and unpacked captures; `collectors.tree.TreeFS` serves a capture
from memory. Paths are absolute POSIX paths as the machine itself names them: `/sys/devices/system/cpu/online`.

A capture may come from a stranger. Symbolic links are followed by us, inside the root (collectors.resolver); only
regular files are opened, without blocking, and never more is read of them than a limit.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Protocol

from collectors.errors import CaptureError, UnreadableError
from collectors.resolver import ABSENT, Resolver

READ_LIMIT = 1 << 20
"""Bytes read of one file at most. Attributes in sysfs are a page (4 KiB), CPU lists some pages; /proc files can be more."""

ENTRIES_LIMIT = 100_000
"""Names taken from one directory at most. Memory blocks of a 64 TiB machine are the longest real listing."""

ROOT_NAMES = ("sys", "proc")
"""A directory that holds one of these is a machine's root."""

NOT_REGULAR = "not a regular file"
TOO_MANY_ENTRIES = f"more than {ENTRIES_LIMIT} entries"
_VANISHED = frozenset({errno.ENODEV, errno.ENXIO})
_READ_RETRIES = 3
_SYSFS = ("/sys/devices/", "/sys/bus/", "/sys/class/")
_PAGE = 4096
_CHUNK = 65_536
"""Bytes asked for in one read: asking for more makes Python set aside, and give back, that much each time."""

_OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class HostFS(Protocol):
    """What a collector may ask of a machine's files. Absent is None; there but unreadable is UnreadableError."""

    def read(self, path: str, limit: int = READ_LIMIT) -> bytes | None:
        """The first `limit` bytes of a regular file, or None where there is none."""
        ...

    def entries(self, path: str) -> tuple[str, ...] | None:
        """The names in a directory, sorted, or None where there is none."""
        ...

    def real_path(self, path: str) -> str | None:
        """The path without symbolic links, or None where it leads nowhere."""
        ...


class DirectoryFS:
    """A machine whose root is a directory: `/` for this one.

    One object serves one survey: it remembers where directories really are, which a hotplug changes.
    Raises CaptureError where the root is no directory.
    """

    def __init__(self, root: str = "/", *, sys_root: str | None = None) -> None:
        """A container has a /sys of its own, which hides the host's cgroups and network devices: `sys_root` is the
        directory below which the host's is mounted, `/host` for /host/sys. All else is read below `root`."""
        self._prefix = _real_directory(root)
        self._sys_prefix = self._prefix if sys_root is None else _real_directory(sys_root)
        self._resolver = Resolver(
            mode_of=lambda path: os.lstat(self._location(path)).st_mode,
            target_of=lambda path: os.readlink(self._location(path)),
        )
        self._directories = self._resolver.directories

    def read(self, path: str, limit: int = READ_LIMIT) -> bytes | None:
        parent, _, name = path.rpartition("/")
        try:
            real_parent = self._directories.get(parent)
            if real_parent is None:
                real_parent = self._resolver.resolve(parent)
            return self._read_regular(self._location(f"{real_parent}/{name}"), path, limit)
        except OSError as error:
            if error.errno in ABSENT:
                return None
            if error.errno == errno.ELOOP:
                return self._read_through_link(path, limit)
            raise UnreadableError.from_os_error(path, error) from error
        except ValueError:
            return None  # a NUL, or what no file name can be written with

    def entries(self, path: str) -> tuple[str, ...] | None:
        real = self._resolver.locate(path)
        if real is None:
            return None
        try:
            names: list[str] = []
            with os.scandir(self._location(real or "/")) as listing:
                for entry in listing:
                    if len(names) == ENTRIES_LIMIT:
                        raise UnreadableError(path, TOO_MANY_ENTRIES)
                    names.append(entry.name)
                    # The listing knows what is a directory; asking again for each would cost as much as a read.
                    if entry.is_dir(follow_symlinks=False):
                        self._directories[f"{real}/{entry.name}"] = f"{real}/{entry.name}"
        except OSError as error:
            if error.errno in ABSENT:
                return None
            raise UnreadableError.from_os_error(path, error) from error
        return tuple(sorted(names))

    def real_path(self, path: str) -> str | None:
        real = self._resolver.locate(path)
        return "/" if real == "" else real

    def _location(self, path: str) -> str:
        """Where a path of the machine stands for us."""
        below_sys = path == "/sys" or path.startswith("/sys/")
        return (self._sys_prefix if below_sys else self._prefix) + path

    def _read_through_link(self, path: str, limit: int) -> bytes | None:
        real = self._resolver.locate(path)
        if real is None:
            return None
        try:
            return self._read_regular(self._location(real), path, limit)
        except OSError as error:
            if error.errno in ABSENT:
                return None
            raise UnreadableError.from_os_error(path, error) from error

    def _read_regular(self, location: str, path: str, limit: int) -> bytes | None:
        """Reads a whole file: sysfs hands out up to a page a read, /proc as many whole records as its buffer holds."""
        if self._prefix:
            _refuse_irregular(os.lstat(location).st_mode, path)
        descriptor = os.open(location, _OPEN_FLAGS)
        try:
            if not self._prefix:  # opening one of this machine's own files does no harm: one look is enough
                _refuse_irregular(os.fstat(descriptor).st_mode, path)
            data = self._read_patiently(descriptor, min(limit, _PAGE))
            if len(data) < _PAGE and path.startswith(_SYSFS):
                return data  # a short read is the end of an attribute of sysfs, and of nothing else
            chunks = [data]
            left = limit - len(data)
            while left > 0 and (chunk := self._read_patiently(descriptor, min(left, _CHUNK))):
                chunks.append(chunk)
                left -= len(chunk)
            return b"".join(chunks)
        except OSError as error:
            if error.errno in _VANISHED:
                return None  # the device went away between the listing and this read
            raise
        finally:
            os.close(descriptor)

    @staticmethod
    def _read_patiently(descriptor: int, size: int) -> bytes:
        """One read; some drivers answer EAGAIN while their firmware is busy."""
        for _ in range(_READ_RETRIES):
            try:
                return os.read(descriptor, size)
            except BlockingIOError:
                continue
        return os.read(descriptor, size)


def _real_directory(path: str) -> str:
    """Without links and without a slash at the end, so that paths can be put behind it."""
    real = os.path.realpath(path)
    if not os.path.isdir(real):
        raise CaptureError(path, "no such directory" if not os.path.exists(real) else "not a directory")
    return real.rstrip("/")


def _refuse_irregular(mode: int, path: str) -> None:
    """Keeps what is no regular file from being opened: in a stranger's folder, opening a device is an act of its own."""
    if stat.S_ISLNK(mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    if not stat.S_ISREG(mode):
        raise UnreadableError(path, NOT_REGULAR)
