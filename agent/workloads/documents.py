"""The documents of a manifest, YAML or JSON, as plain values. Pure, and safe with a stranger's text.

YAML's aliases let a short text stand for a long one, so what counts is the size with every alias written out: it is
worked out before anything is built. Duplicate keys are refused, as kubectl does; times stay the text that they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import yaml

from agent.workloads.errors import ManifestError

MAX_BYTES = 2 << 20
"""The API server takes no object that is larger"""

MAX_VALUES = 100_000
"""Of all documents together, with aliases written out; a List of a thousand pods has half of them"""

MAX_DEPTH = 60
"""A pod's template goes some ten levels deep"""


def parse_documents(text: str) -> tuple[Any, ...]:
    """Every document that is not empty, in order: dicts with text as keys, lists, and scalars. Raises ManifestError."""
    if len(text) > MAX_BYTES:
        raise ManifestError(f"more than {MAX_BYTES >> 20} MiB; split it into several files")
    if text.lstrip()[:1] in ("{", "["):
        try:
            return (_from_json(text),)
        except ValueError:
            pass  # YAML's flow style looks like JSON; what is neither, the YAML parser points at better
    try:
        return tuple(_from_yaml(text))
    except yaml.YAMLError as error:
        raise ManifestError(f"neither YAML nor JSON: {' '.join(str(error).split())}") from None
    except ValueError as error:  # a scalar that looks like a number or a date and is none
        raise ManifestError(f"neither YAML nor JSON: {error}") from None


def _from_json(text: str) -> Any:
    try:
        value = json.loads(text, object_pairs_hook=_unique)
    except RecursionError:
        raise _too_deep() from None
    _measure_plain(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _twice(key)
        found[key] = value
    return found


def _measure_plain(value: Any) -> None:
    pending, number = [(value, 1)], 0
    while pending:
        each, depth = pending.pop()
        number += 1
        _check(number, depth)
        below = each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
        pending += [(part, depth + 1) for part in below]


def _check(number: int, depth: int) -> None:
    if number > MAX_VALUES:
        raise ManifestError(
            f"more than {MAX_VALUES} values, YAML's aliases written out; split it into several files"
        )
    if depth > MAX_DEPTH:
        raise _too_deep()


def _too_deep() -> ManifestError:
    return ManifestError(f"more than {MAX_DEPTH} levels deep; no workload is")


def _twice(key: str) -> ManifestError:
    return ManifestError(f"key {key[:60]!r} stands twice in one object; take one of them out")


class _Loader(yaml.SafeLoader):
    """Takes times as the text that they are in JSON, and stops early."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._number = 0
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._number += 1
        self._depth += 1
        _check(self._number, self._depth)
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


_Loader.yaml_implicit_resolvers = {
    first: [each for each in resolvers if each[0] != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _from_yaml(text: str) -> Iterator[Any]:
    loader = _Loader(text)
    total = 0
    try:
        while loader.check_node() and (node := loader.get_node()) is not None:
            total += _Size().of(node)
            _check(total, 1)
            value = loader.construct_document(node)
            if value is not None:
                yield _plain(value)
    finally:
        loader.dispose()


_MERGE, _TEXT = "tag:yaml.org,2002:merge", "tag:yaml.org,2002:str"


class _Size:
    """The number of values below a node, with every alias written out, in time that only the text's length decides."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, int]] = {}
        self._open: set[int] = set()

    def of(self, node: yaml.Node) -> int:
        """How many values the node stands for. Raises ManifestError past the bounds, and where a key stands twice."""
        number, levels = self._measured(node)
        _check(number, levels + 1)
        return number

    def _measured(self, node: yaml.Node) -> tuple[int, int]:
        known = self._known.get(id(node))
        if known is not None:
            return known
        if id(node) in self._open:
            raise ManifestError("an alias that holds itself; write it out")
        self._open.add(id(node))
        number, levels = 1, 0
        for below in _below(node):
            inner, inner_levels = self._measured(below)
            number, levels = number + inner, max(levels, inner_levels + 1)
            _check(number, levels)
        self._open.discard(id(node))
        self._known[id(node)] = number, levels
        return number, levels


def _below(node: yaml.Node) -> Iterator[yaml.Node]:
    """What a node holds. Keys become text."""
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    if isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ManifestError("an object or an array as a key; keys are text")
            if key.value in keys:
                raise _twice(key.value)
            keys.add(key.value)
            if key.tag != _MERGE:
                key.tag = _TEXT  # `1` and `true` are one key to Python, and two to YAML
            yield key
            yield value


def _plain(value: Any) -> Any:
    """The value with every alias written out; what JSON does not have is refused."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise ManifestError(
        f"a value of YAML's type {type(value).__name__}, which JSON does not have; write it as text"
    )
