"""A Snapshot from its public form, as a running agent serves it at /api/v1/snapshot: the inverse of agent.views.plain.

The types of the model say how each value is read, so that a field that is added there is read here too. The agent may be
of another version: fields that we do not know are passed over, and ones that it does not know have their default.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import types
import typing
from typing import Any

from agent.timestamps import parse_timestamp
from collectors.model import Observed, Snapshot
from collectors.model.kubelet_picture import KubeletPicture
from collectors.parse import ParseError
from collectors.strictjson import IdLists, JsonValue, parse_json

KIND = "Snapshot"


def parse_snapshot(text: str) -> Snapshot:
    """The snapshot in a text of JSON. Raises ParseError."""
    document = parse_json(text, "a snapshot")
    if document.get("kind").text() != KIND:
        document.get("kind").fail(KIND)
    found: Snapshot = _Reader().read(Snapshot, document)
    return found


class _Reader:
    """Reads one document; equal sets become one object."""

    def __init__(self) -> None:
        self._lists = IdLists()

    def read(self, kind: Any, value: JsonValue) -> Any:
        """The value as one of that type."""
        origin, parts = typing.get_origin(kind), typing.get_args(kind)
        if origin in (typing.Union, types.UnionType):
            return self._one_of(parts, value)
        if origin is tuple:
            return self._tuple(parts, value)
        if origin is frozenset:
            return self._set(parts[0], value)
        if origin is Observed:
            return self._facts(Observed, value, {"facts": parts[0] | None})
        return self._facts(kind, value, {}) if dataclasses.is_dataclass(kind) else self._single(kind, value)

    def _one_of(self, parts: tuple[Any, ...], value: JsonValue) -> Any:
        """Unions of the model have one type beside None."""
        if value.is_null:
            return None
        (kind,) = (part for part in parts if part is not types.NoneType)
        return self.read(kind, value)

    def _tuple(self, parts: tuple[Any, ...], value: JsonValue) -> Any:
        """A list; or pairs that have become an object, by their first half."""
        pair = typing.get_args(parts[0])
        if value.is_object and typing.get_origin(parts[0]) is tuple and len(pair) == 2:
            return tuple((_key(pair[0], key, value), self.read(pair[1], each)) for key, each in value.items())
        return tuple([self.read(parts[0], each) for each in value.elements()])

    def _set(self, part: Any, value: JsonValue) -> Any:
        if part is int:
            return self._lists.parsed(value)
        return frozenset(each.text() for each in value.elements())

    def _single(self, kind: Any, value: JsonValue) -> Any:
        if not (isinstance(kind, type) and issubclass(kind, enum.Enum)):
            return _scalar(kind, value)
        text = value.text()
        found = next((each for each in kind if each.value == text), None)
        return (
            found
            if found is not None
            else value.fail(f"one of {', '.join(str(each.value) for each in kind)}")
        )

    def _facts(self, kind: Any, value: JsonValue, known: dict[str, Any]) -> Any:
        hints = {**_hints(kind), **known}
        told = {name for name, _ in value.items()}
        found = {}
        for name, required in _fields(kind):
            if name in told:
                found[name] = self.read(hints[name], value.get(name))
            elif required:
                value.get(name).fail("a value")
        return kind(**found)


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind, localns={"KubeletPicture": KubeletPicture})


@functools.cache
def _fields(kind: Any) -> tuple[tuple[str, bool], ...]:
    """(name, whether it must be there) of each field."""
    missing = dataclasses.MISSING
    return tuple(
        (each.name, each.default is missing and each.default_factory is missing)
        for each in dataclasses.fields(kind)
    )


def _key(kind: Any, key: str, value: JsonValue) -> str | int:
    """A NUMA node's id where that is what the pairs begin with."""
    if kind is not int:
        return key
    return int(key) if key.isascii() and key.isdecimal() else value.fail("an object by numbers")


def _scalar(kind: Any, value: JsonValue) -> Any:
    """Texts, numbers and truths; a time or a number of PCI stands as text."""
    if kind is bool:
        return value.boolean()
    if kind is str:
        return value.text()
    if value.is_text:
        return _spelt(kind, value)
    return value.number() if kind is float else value.integer()


def _spelt(kind: Any, value: JsonValue) -> int | float:
    text = value.text()
    try:
        return parse_timestamp(text) if kind is float else int(text, 16)
    except ValueError:
        raise ParseError(text, "a time" if kind is float else "a hexadecimal number") from None
