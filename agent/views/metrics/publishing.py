"""Samples about what is published: whether it is as it should be, and what it took. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from agent.views.metrics import table

Sample = tuple[tuple[str, ...], float]


class PublishHealth(Protocol):
    """How publishing one object goes, as `agent.publish.status.PublishStatus` tells it."""

    @property
    def kind(self) -> str: ...

    @property
    def known_equal(self) -> bool: ...

    @property
    def confirmed_at(self) -> float | None: ...

    @property
    def writes(self) -> int: ...

    @property
    def failures(self) -> tuple[tuple[str, int], ...]: ...

    @property
    def repairs(self) -> int: ...

    @property
    def yielded_to(self) -> tuple[str, ...]: ...


def publishing_families(published: Sequence[PublishHealth]) -> Iterator[tuple[table.Row, Iterable[Sample]]]:
    """Rows of the table with their samples, by kind."""
    yield table.PUBLISH_IN_SYNC, (((one.kind,), float(one.known_equal)) for one in published)
    yield (
        table.PUBLISH_CONFIRMED,
        (((one.kind,), one.confirmed_at) for one in published if one.confirmed_at is not None),
    )
    yield table.PUBLISH_WRITES, (((one.kind,), float(one.writes)) for one in published)
    yield (
        table.PUBLISH_FAILURES,
        (((one.kind, reason), float(count)) for one in published for reason, count in one.failures),
    )
    yield table.PUBLISH_REPAIRS, (((one.kind,), float(one.repairs)) for one in published)
    yield table.PUBLISH_YIELDED, (((one.kind, name), 1.0) for one in published for name in one.yielded_to)
