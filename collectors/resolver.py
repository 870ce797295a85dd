"""Where a path really lies: symbolic links followed by us, inside a machine's root (path_resolution(7)).

One resolver serves a directory on disk and a tree in memory; each lends it two looks at a single component. The root
is `/` and `..` stops there, so no link leads out of it, whoever made it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable

from collectors.errors import UnreadableError

MAX_LINKS = 40
"""Symbolic links followed for one path: the kernel's own limit."""

ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR})
"""What the kernel says of a path that leads nowhere."""


class Resolver:
    """Resolves paths and remembers those of directories, for as long as nothing is plugged or unplugged.

    Both looks take a path below the root whose parent is a real directory.

    Args:
        mode_of: st_mode of what is there, not following it; raises OSError where nothing is.
        target_of: the text of the symbolic link that is there.

    Attributes:
        directories: where a path that led to a directory really lies, `""` for the root.
    """

    def __init__(self, *, mode_of: Callable[[str], int], target_of: Callable[[str], str]) -> None:
        self._mode_of = mode_of
        self._target_of = target_of
        self.directories: dict[str, str] = {"": "", "/": ""}

    def resolve(self, path: str) -> str:
        """The path without links, `""` for the root itself; raises OSError as the kernel would."""
        known = self.directories.get(path)
        if known is not None:
            return known
        parent, _, name = path.rpartition("/")
        start = self.directories.get(parent)
        real, pending = ("", path.split("/")[::-1]) if start is None else (start, [name])
        links = 0
        while pending:
            name = pending.pop()
            if name in ("", "."):
                continue
            if name == "..":
                real = real.rpartition("/")[0]
                continue
            step = f"{real}/{name}"
            target = self._look(step, bool(pending))
            if target is None:
                real = step
                continue
            links += 1
            if links > MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            pending.extend(target.split("/")[::-1])
            if target.startswith("/"):
                real = ""
        if real in self.directories:
            self.directories[path] = real
        return real

    def locate(self, path: str) -> str | None:
        """The path without links, `""` for the root, or None where it leads nowhere.

        Raises UnreadableError where the kernel would not let us look, and for links in circles.
        """
        try:
            return self.resolve(path)
        except OSError as error:
            if error.errno in ABSENT:
                return None
            raise UnreadableError.from_os_error(path, error) from error
        except ValueError:
            return None  # a NUL, or what no file name can be written with

    def _look(self, step: str, more: bool) -> str | None:
        """The target of the link at `step`, or None for a real thing: a directory, if more of the path follows."""
        if self.directories.get(step) == step:
            return None
        mode = self._mode_of(step)
        if stat.S_ISLNK(mode):
            return self._target_of(step)
        if stat.S_ISDIR(mode):
            self.directories[step] = step
        elif more:
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return None
