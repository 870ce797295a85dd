"""A machine's files as the collectors saw them: what they read, listed and resolved, and nothing beside it.

What comes out is a tree that gives the same answers again, without the links' own texts: a link leads straight to where
it ended. Failures are answers too; they are kept by question, as no tree could give them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from collectors.errors import UnreadableError
from collectors.hostfs import READ_LIMIT, HostFS
from collectors.tree import FileTree, TreeConflictError

CONTENT_LIMIT = 128 << 20
"""Bytes of content kept of one machine. 1,024 CPUs with all their devices are some 2 MiB; a stranger's folder may be more."""

Look = Literal["read", "entries", "real_path"]
"""What was asked of a HostFS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A question that the machine did not answer."""

    look: Look
    path: str
    reason: str
    errno: int | None


class RecordingFS:
    """A HostFS that remembers what is asked of another one.

    Args:
        fs: who answers.
        limit: bytes of content that are kept at most; what comes after is counted alone.

    Attributes:
        bytes_kept: how much content was read, or would have been kept without the limit.
        tree: files with as much of their content as was read, links, and directories with the names that were listed.
    """

    def __init__(self, fs: HostFS, *, limit: int = CONTENT_LIMIT) -> None:
        self._fs = fs
        self._limit = limit
        self._located: dict[str, str | None] = {"": "", "/": ""}
        self._failures: dict[tuple[Look, str], Failure] = {}
        self.bytes_kept = 0
        self.tree = FileTree()

    @property
    def failures(self) -> tuple[Failure, ...]:
        """What could not be read, by path."""
        return tuple(sorted(self._failures.values(), key=lambda failure: (failure.path, failure.look)))

    def read(self, path: str, limit: int = READ_LIMIT) -> bytes | None:
        try:
            data = self._fs.read(path, limit)
        except UnreadableError as error:
            self._note("read", path, error)
            raise
        if data is not None:
            self._keep_file(path, data)
        return data

    def entries(self, path: str) -> tuple[str, ...] | None:
        try:
            names = self._fs.entries(path)
        except UnreadableError as error:
            self._note("entries", path, error)
            raise
        if names is not None:
            real = self._keep_directory(path)
            if real is not None:
                self.tree.directories[real].update(names)
        return names

    def real_path(self, path: str) -> str | None:
        try:
            real = self._fs.real_path(path)
        except UnreadableError as error:
            self._note("real_path", path, error)
            raise
        if real is not None:
            self._keep_directory(path)
        return real

    def _note(self, look: Look, path: str, error: UnreadableError) -> None:
        self._failures[look, path] = Failure(look=look, path=path, reason=error.reason, errno=error.errno)

    def _keep_file(self, path: str, data: bytes) -> None:
        real = self._locate(path)
        if real is None or len(self.tree.files.get(real, b"")) > len(data):
            return  # gone since it was read, or once more of it was read than now
        self.bytes_kept += len(data)
        if self.bytes_kept > self._limit:
            return
        # What was only resolved before was taken for a directory.
        if self.tree.directories.get(real) == set():
            del self.tree.directories[real]
        with contextlib.suppress(TreeConflictError):  # the machine changed meanwhile: the first answer stays
            self.tree.add_file(real, data)

    def _keep_directory(self, path: str) -> str | None:
        """Where the directory lies; None where it, or something above it, has become something else."""
        real = self._locate(path)
        if real is not None:
            with contextlib.suppress(TreeConflictError):
                self.tree.add_directory(real)
                return real
        return None

    def _locate(self, path: str) -> str | None:
        """Where a path really lies; keeps the links on the way. None where it leads nowhere (any more)."""
        here: str | None = ""
        walked = ""
        for name in path.split("/"):
            if name == "":
                continue
            walked = f"{walked}/{name}"
            if walked not in self._located:
                self._located[walked] = self._step(here, name, walked)
            here = self._located[walked]
            if here is None:
                return None
        return here

    def _step(self, parent: str | None, name: str, walked: str) -> str | None:
        try:
            real = self._fs.real_path(walked)
        except UnreadableError:
            return None
        if real is None or name in (".", ".."):
            return real
        real = "" if real == "/" else real
        plain = f"{parent}/{name}"
        if plain != real:
            with contextlib.suppress(TreeConflictError):
                self.tree.add_link(plain, real or "/")
        return real


class ReplayFS:
    """A HostFS that fails where the captured machine failed, and else answers as another one.

    Args:
        fs: the capture's files.
        failures: what the machine did not answer.
    """

    def __init__(self, fs: HostFS, failures: Iterable[Failure]) -> None:
        self._fs = fs
        self._failures = {(failure.look, failure.path): failure for failure in failures}

    def read(self, path: str, limit: int = READ_LIMIT) -> bytes | None:
        self._fail("read", path)
        return self._fs.read(path, limit)

    def entries(self, path: str) -> tuple[str, ...] | None:
        self._fail("entries", path)
        return self._fs.entries(path)

    def real_path(self, path: str) -> str | None:
        self._fail("real_path", path)
        return self._fs.real_path(path)

    def _fail(self, look: Look, path: str) -> None:
        failure = self._failures.get((look, path))
        if failure is not None:
            raise UnreadableError(path, failure.reason, failure.errno)
