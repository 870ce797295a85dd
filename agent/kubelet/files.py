"""The kubelet's files, where they are mounted.

By default only the kubelet's sockets are mounted, and there is nothing to read here. Where the state files are, they
say more than the kubelet's answers (collectors.kubelet.checkpoints), and that they have changed is a wake-up. They are
looked at once a second rather than followed with inotify: every pod that comes or goes is told by a faster source, and
what is left, a device that fails, can wait for a second.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable

from collectors.hostfs import DirectoryFS, HostFS
from collectors.kubelet.checkpoints import read_checkpoints
from collectors.model.kubelet import KubeletCheckpoints
from collectors.reader import FactReader

log = logging.getLogger(__name__)

NAMES = (
    "cpu_manager_state",
    "memory_manager_state",
    "device-plugins",
    "device-plugins/kubelet_internal_checkpoint",
)
"""Below the kubelet's root. In the directory of the device plugins a socket comes or goes with each of them."""

Mark = tuple[int, int, int] | None
"""What changes when a file does; None where there is none"""


class KubeletFiles:
    """The files below one kubelet's root.

    Attributes:
        checkpoints: what they said when they were read last; None where none is mounted.
    """

    def __init__(self, root: str, *, open_host: Callable[[], HostFS] = DirectoryFS) -> None:
        self._root = root
        self._open_host = open_host
        self._read_at_marks: tuple[Mark, ...] = (None,) * len(NAMES)
        self._problems: tuple[str, ...] = ()
        self.checkpoints: KubeletCheckpoints | None = None

    @property
    def mounted(self) -> bool:
        """Whether there was anything when it was read last."""
        return any(self._read_at_marks)

    def changed(self) -> bool:
        """Whether anything is not as it was read."""
        return self._marks() != self._read_at_marks

    async def read(self) -> None:
        """Reads what has changed; in a thread, since a disk may hang."""
        marks = self._marks()
        if marks == self._read_at_marks:
            return
        self._read_at_marks = marks  # taken before the reading: what changes meanwhile is read again
        self.checkpoints = await asyncio.to_thread(self._read) if any(marks) else None

    def _marks(self) -> tuple[Mark, ...]:
        return tuple(mark_of(f"{self._root}/{name}") for name in NAMES)

    def _read(self) -> KubeletCheckpoints | None:
        reader = FactReader(self._open_host())
        checkpoints = read_checkpoints(reader, root=self._root)
        problems = tuple(f"{problem.path}: {problem.reason}" for problem in reader.problems)
        if problems and problems != self._problems:
            log.warning("the kubelet's state files cannot all be used: %s", "; ".join(problems))
        self._problems = problems
        return checkpoints if checkpoints != KubeletCheckpoints() else None


def mark_of(path: str) -> Mark:
    """What changes when a file, socket or directory is replaced or written; None where it cannot be seen."""
    try:
        state = os.stat(path)  # noqa: PTH116 - once a second, for several paths
    except OSError:
        return None
    return state.st_ino, state.st_ctime_ns, state.st_size
