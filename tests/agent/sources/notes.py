"""A listener that notes what it is told, and a wait until something is so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from collectors.model.pod import Pod

LIMIT_SECONDS = 20.0
"""Until a test gives up; what it waits for takes milliseconds."""


class Notes:
    """Attributes:
    changed: (namespace, name) of each call, in order.
    refused: (uid, news) of each call.
    unknown: how often any pod may have changed.
    """

    def __init__(self) -> None:
        self.changed: list[tuple[str, str]] = []
        self.refused: list[tuple[str, bool]] = []
        self.unknown = 0

    def pod_changed(self, namespace: str, name: str) -> None:
        self.changed.append((namespace, name))

    def pods_unknown(self) -> None:
        self.unknown += 1

    def pod_refused(self, pod: Pod, *, news: bool) -> None:
        self.refused.append((pod.uid, news))

    @property
    def names(self) -> list[str]:
        """The names of what changed, in order."""
        return [name for _, name in self.changed]


async def until(condition: Callable[[], bool]) -> None:
    """Returns when the condition holds, which sockets bring about and no clock of ours."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while not condition():  # noqa: ASYNC110 - what it waits for happens in code that knows no test
            await asyncio.sleep(0.001)
