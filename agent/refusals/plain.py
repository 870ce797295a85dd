"""Stories as plain values, ready for JSON: what is served at /api/v1/refusals and printed by `numascope explain -o json`.

The rules are those of agent.views.plain: what is unknown is null, times are RFC 3339 in UTC, amounts and options are
objects by name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from agent.refusals.model import Story
from agent.timestamps import format_timestamp
from agent.views.plain import API_VERSION, plain
from collectors.model.pod import Pod
from collectors.model.refusals import RefusalCounts

_TIMES = frozenset({"at", "first_at", "last_at"})
_NAMED = frozenset({"amounts", "cpu_options"})


def plain_refusals(
    counts: RefusalCounts, stories: Iterable[Story], *, forgotten: int = 0, pod: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Everything that is known of refused pods; `pod` is what was asked for, where one pod was."""
    said: dict[str, Any] = {"api_version": API_VERSION, "kind": "Refusals"}
    if pod is not None:
        said["pod"] = pod
    return {
        **said,
        "counts": plain(counts),
        "stories": [plain_story(story) for story in stories],
        "forgotten": forgotten,
    }


def plain_story(story: Story) -> dict[str, Any]:
    """One workload's."""
    said: dict[str, Any] = _plain(story)
    return said


def plain_pod(namespace: str, name: str, pod: Pod | None) -> dict[str, Any]:
    """What is known of a pod that was asked for."""
    return {
        "namespace": namespace,
        "name": name,
        "found": pod is not None,
        "refused": None if pod is None else pod.refused,
        "phase": None if pod is None else pod.phase,
        "reason": None if pod is None else pod.reason,
        "message": None if pod is None else pod.message,
    }


def _plain(value: object) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value):
        return {item.name: _field(item.name, getattr(value, item.name)) for item in dataclasses.fields(value)}
    return plain(value)


def _field(name: str, value: Any) -> Any:
    if name in _TIMES:
        return format_timestamp(value)
    return dict(value) if name in _NAMED else _plain(value)
