"""Who set which field of an object: what `metadata.managedFields` says. Pure.

Each entry names a manager and, as a tree (FieldsV1), the fields that it set: `f:<name>` a field, `k:<json>` the element
of a list with these keys, `v:<json>` an element that is a plain value, `.` the parent itself. A list without keys
(every list of a NodeResourceTopology) is one field as a whole. What comes from a server is taken as it comes: a tree
that is none says nothing.
Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from agent.kube.client import FIELD_MANAGER, Object

NAME_CHARACTERS = 128
"""Of a manager's name that is kept: it stands in logs and metrics."""


def applied_by_us(found: Object) -> tuple[Mapping[str, Any], ...]:
    """The trees of fields that we applied and still own."""
    return tuple(
        entry["fieldsV1"]
        for entry in _entries(found)
        if entry.get("manager") == FIELD_MANAGER
        and entry.get("operation") == "Apply"
        and not entry.get("subresource")
        and isinstance(entry.get("fieldsV1"), dict)
    )


def last_other_manager(found: Object) -> str | None:
    """Who, besides us, wrote to the object last (but for its status); None where nobody is named."""
    others = [
        (str(entry.get("time", "")), str(entry["manager"])[:NAME_CHARACTERS])
        for entry in _entries(found)
        if entry.get("manager") not in (None, "", FIELD_MANAGER) and not entry.get("subresource")
    ]
    return max(others)[1] if others else None


def reaches_beyond(fields: Mapping[str, Any], wanted: Any) -> bool:
    """Whether a tree of fields names one that `wanted` does not have."""
    return any(
        not _has(wanted, key) or (isinstance(below, dict) and reaches_beyond(below, _step(wanted, key)))
        for key, below in fields.items()
        if key != "."
    )


def fields_below(fields: Mapping[str, Any], *path: str) -> tuple[str, ...]:
    """Names of the fields right below a path of fields, in order: `("metadata", "labels")` gives label keys."""
    for name in path:
        below = fields.get(f"f:{name}")
        if not isinstance(below, dict):
            return ()
        fields = below
    return tuple(sorted(key[2:] for key in fields if key.startswith("f:")))


def _has(wanted: Any, key: str) -> bool:
    kind, _, rest = key.partition(":")
    if kind == "f":
        return isinstance(wanted, dict) and rest in wanted
    if kind == "k":
        return _element(wanted, rest) is not None
    if kind == "v":
        return isinstance(wanted, list) and _parsed(rest) in wanted
    return True  # an index, or a notation of a later day: nothing that can be compared


def _step(wanted: Any, key: str) -> Any:
    kind, _, rest = key.partition(":")
    if kind == "f":
        return wanted[rest]
    return _element(wanted, rest) if kind == "k" else wanted


def _element(wanted: Any, keys: str) -> Any:
    """The element of a list that has these keys, or None."""
    parsed = _parsed(keys)
    if not isinstance(wanted, list) or not isinstance(parsed, dict):
        return None
    return next(
        (
            item
            for item in wanted
            if isinstance(item, dict) and all(item.get(name) == value for name, value in parsed.items())
        ),
        None,
    )


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _entries(found: Object) -> Iterator[Mapping[str, Any]]:
    metadata = found.get("metadata")
    entries = metadata.get("managedFields") if isinstance(metadata, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            yield entry
