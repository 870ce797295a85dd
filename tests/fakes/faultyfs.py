"""A machine whose kernel refuses some files: permission, I/O errors, busy firmware, devices that go away.

Tests run as root, for whom no mode bit is a refusal, and no file system gives EIO on demand: so it is done at our seam.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Collection, Iterator, Mapping

from collectors.errors import UnreadableError
from collectors.hostfs import READ_LIMIT, HostFS

VANISHED = errno.ENODEV
"""The fault of a file that is listed but gone when it is read: absent, not unreadable"""


class FaultyFS:
    """A HostFS that answers errno numbers for some real paths and for everything below them.

    Attributes:
        directories: real paths of the directories that were listed and are there.
        refused: what was asked for, as it was asked, and could not be read, whether by a fault or by nature.
    """

    def __init__(self, inner: HostFS, faults: Mapping[str, int] | None = None) -> None:
        self._inner = inner
        self._faults = dict(faults or {})
        self._asked: dict[str, set[str]] = {}
        self.directories: set[str] = set()
        self.refused: set[str] = set()

    @property
    def files(self) -> set[str]:
        """Real paths of the files that were read."""
        return set(self._asked)

    def asked_as(self, real_paths: Collection[str]) -> set[str]:
        """The names under which some real paths were read."""
        return {path for real in real_paths for path in self._asked.get(real, ())}

    def read(self, path: str, limit: int = READ_LIMIT) -> bytes | None:
        with self._watching(path):
            real = self._inner.real_path(path)
            if real is None or self._is_gone(path, real):
                return None
            data = self._inner.read(path, limit)
        if data is not None:
            self._asked.setdefault(real, set()).add(path)
        return data

    def entries(self, path: str) -> tuple[str, ...] | None:
        with self._watching(path):
            real = self._inner.real_path(path)
            if real is None or self._is_gone(path, real):
                return None
            names = self._inner.entries(path)
        if names is not None:
            self.directories.add(real)
        return names

    def real_path(self, path: str) -> str | None:
        with self._watching(path):
            real = self._inner.real_path(path)
            gone = real is None or self._is_gone(path, os.path.dirname(real))  # noqa: PTH120
        return None if gone else real

    @contextlib.contextmanager
    def _watching(self, path: str) -> Iterator[None]:
        try:
            yield
        except UnreadableError:
            self.refused.add(path)
            raise

    def _is_gone(self, path: str, real: str) -> bool:
        """Whether the file is as if it were not there; raises UnreadableError where it is there but refused."""
        for fault, number in self._faults.items():
            if real == fault or real.startswith(f"{fault}/"):
                if number == VANISHED:
                    return True
                raise UnreadableError.from_os_error(path, OSError(number, os.strerror(number)))
        return False
