"""The alignment as it is served: made in a thread when somebody asks, and for a while the same for all who ask."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from agent.clock import Clock
from collectors.model import Snapshot

FRESH_SECONDS = 1.0
SHARE = 10.0
"""Whoever asks, and how often: it is made for a tenth of a core at most. Of 500 pods it takes 0.3 s"""

PATIENCE_SECONDS = 10.0
"""Until a reading counts as stuck. One of 1,500 containers takes a fraction of a second"""

Make = Callable[[Snapshot], dict[str, object]]
"""From a snapshot to plain values; blocks on files"""


class Alignments:
    """Keeps the last answer, and makes one at a time.

    Attributes:
        patience_seconds: how long somebody who asks may wait.
    """

    def __init__(self, make: Make, *, clock: Clock) -> None:
        self._make = make
        self._clock = clock
        self._stale_at = 0.0
        self.patience_seconds = PATIENCE_SECONDS
        self._making: asyncio.Task[bytes] | None = None

    @property
    def body(self) -> bytes | None:
        """The answer as JSON; None where there is none, or it is under way for too long."""
        return self._making.result() if self._making is not None and self._making.done() else None

    async def refresh(self, snapshot: Snapshot) -> None:
        """Makes the answer anew where it is not fresh; returns when there is one, or patience is at an end."""
        making = self._making
        if making is None or (making.done() and self._clock.monotonic() >= self._stale_at):
            making = self._making = asyncio.create_task(self._make_anew(snapshot), name="alignment")
        await asyncio.wait((making,), timeout=self.patience_seconds)

    async def _make_anew(self, snapshot: Snapshot) -> bytes:
        began_at = self._clock.monotonic()
        body = await asyncio.to_thread(self._text, snapshot)
        now = self._clock.monotonic()
        self._stale_at = now + max(FRESH_SECONDS, (now - began_at) * SHARE)
        return body

    def _text(self, snapshot: Snapshot) -> bytes:
        text = json.dumps(self._make(snapshot), ensure_ascii=False, separators=(",", ":"))
        return f"{text}\n".encode()


def make_alignment(cgroup_root: str | None, *, sys_root: str | None = None) -> Make:
    """How the alignment of this machine is made; None for the usual places of the cgroup file systems and of /sys."""

    def make(snapshot: Snapshot) -> dict[str, object]:
        # Imported here: what nobody asks for costs no memory.
        from agent.alignment.derive import derive_alignment  # noqa: PLC0415
        from agent.kubelet.cgroups import read_cgroups  # noqa: PLC0415
        from agent.views.alignment import plain_alignment  # noqa: PLC0415
        from collectors.hostfs import DirectoryFS  # noqa: PLC0415

        cgroups = read_cgroups(
            DirectoryFS(sys_root=sys_root), snapshot, root=cgroup_root, now=snapshot.taken_at
        )
        return plain_alignment(derive_alignment(snapshot, cgroups))

    return make
