"""The headroom as it is served: worked out in a thread when somebody asks, and kept as long as the snapshot is the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass

from collectors.errors import NumascopeError
from collectors.model import Snapshot

PATIENCE_SECONDS = 10.0
"""Until working it out counts as stuck. A machine of 64 NUMA nodes takes a second or two"""

SOURCE = "this node"

Make = Callable[[Snapshot], dict[str, object]]
"""From a snapshot to plain values. Raises NumascopeError where too little is known"""


@dataclass(frozen=True, slots=True)
class Made:
    """An answer, or why there is none."""

    body: bytes = b""
    reason: str | None = None


def make_headroom(snapshot: Snapshot) -> dict[str, object]:
    """The headroom of a node as plain values. Raises NumascopeError where its kubelet's settings are not known."""
    # Imported here: what nobody asks for costs no memory.
    from agent.headroom.derive import derive_headroom  # noqa: PLC0415
    from agent.prediction.node import node_of  # noqa: PLC0415
    from agent.views.headroom_page import plain_headroom  # noqa: PLC0415

    known = node_of(snapshot)
    return plain_headroom(derive_headroom(known.node), known, source=SOURCE)


class Headrooms:
    """Keeps the answer for the last snapshot that was asked about, and works out one at a time."""

    def __init__(self, make: Make = make_headroom) -> None:
        self._make = make
        self._snapshot: Snapshot | None = None
        self._making: asyncio.Task[Made] | None = None

    @property
    def made(self) -> Made:
        """The last answer."""
        if self._making is None or not self._making.done():
            return Made(reason="it is still being worked out; ask again")
        return self._making.result()

    async def refresh(self, snapshot: Snapshot) -> None:
        """Works the answer out anew where the snapshot is another; returns when there is one, or patience is at an end."""
        making = self._making
        if making is None or (making.done() and self._snapshot is not snapshot):
            self._snapshot = snapshot
            making = self._making = asyncio.create_task(
                asyncio.to_thread(self._answer, snapshot), name="headroom"
            )
        await asyncio.wait((making,), timeout=PATIENCE_SECONDS)

    def _answer(self, snapshot: Snapshot) -> Made:
        try:
            text = json.dumps(self._make(snapshot), ensure_ascii=False, separators=(",", ":"))
        except NumascopeError as error:
            return Made(reason=str(error))
        return Made(body=f"{text}\n".encode())
