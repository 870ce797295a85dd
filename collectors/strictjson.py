"""JSON from outside, taken apart with a demand at every step: pure text to values, no I/O.

`parse_json` gives a JsonValue that knows where in the document it stands; asking it for something that it is not
raises ParseError naming that place. Keys that nobody asks for are passed over: writers add some with time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NoReturn

from collectors.errors import SHOWN_CHARACTERS
from collectors.parse import IdSet, ParseError, parse_id_list

MAX_BYTES = 8 << 20
"""The longest text that is taken: a checkpoint of 500 pods with 16 devices each is about 2 MiB."""

MAX_IDS = 1_000_000
"""CPUs and NUMA nodes of all the different id lists of one document, together."""

MAX_INTEGER = (1 << 64) - 1
"""What fits into 64 bits: no size or id that we read is larger."""


def parse_json(text: str, expected: str) -> JsonValue:
    """The value of a JSON text.

    Args:
        text: the document.
        expected: what it ought to be, as a noun, for the error: "a checkpoint of the CPU manager".

    Raises ParseError where it is not JSON, nests deeper than any of ours, or is longer than MAX_BYTES.
    """
    if len(text) > MAX_BYTES:
        raise ParseError(f"{len(text)} characters", f"{expected} of at most {MAX_BYTES}")
    try:
        return JsonValue(json.loads(text, parse_constant=_refuse), expected)
    except (ValueError, RecursionError):
        raise ParseError(text, expected) from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and Infinity are Python's, not JSON's


class JsonValue:
    """One value of a document and the words for where it stands."""

    __slots__ = ("_value", "_where")

    def __init__(self, value: Any, where: str) -> None:
        self._value = value
        self._where = where

    @property
    def is_null(self) -> bool:
        """`null`, or a key that is not there."""
        return self._value is None

    @property
    def is_text(self) -> bool:
        """A string."""
        return isinstance(self._value, str)

    @property
    def is_object(self) -> bool:
        """Keys and values."""
        return isinstance(self._value, dict)

    def get(self, key: str) -> JsonValue:
        """The value of a key of this object; null where it has none."""
        return JsonValue(self._object().get(key), _inside(self._where, key))

    def items(self) -> Iterator[tuple[str, JsonValue]]:
        """Keys and values of this object; none where it is null, as Go writes an empty map."""
        if self._value is None:
            return
        for key, value in self._object().items():
            yield _clean(key, self._where), JsonValue(value, _inside(self._where, key))

    def elements(self) -> Iterator[JsonValue]:
        """The elements of this array; none where it is null, as Go writes an empty slice."""
        if self._value is None:
            return
        if not isinstance(self._value, list):
            self.fail("an array")
        for index, value in enumerate(self._value):
            yield JsonValue(value, f"{self._where}[{index}]")

    def text(self) -> str:
        """This string."""
        if not isinstance(self._value, str):
            self.fail("a string")
        return _clean(self._value, self._where)

    def integer(self, *, largest: int = MAX_INTEGER) -> int:
        """This integer, which is neither negative nor larger than that."""
        if not isinstance(self._value, int) or isinstance(self._value, bool):
            self.fail("an integer")
        if not 0 <= self._value <= largest:
            self.fail(f"an integer up to {largest}")
        return self._value

    def boolean(self) -> bool:
        """This `true` or `false`."""
        if not isinstance(self._value, bool):
            self.fail("true or false")
        return self._value

    def number(self) -> float:
        """This number."""
        if not isinstance(self._value, int | float) or isinstance(self._value, bool):
            self.fail("a number")
        try:
            return float(self._value)
        except OverflowError:
            self.fail("a number")

    def fail(self, expected: str) -> NoReturn:
        """Raises ParseError: this value is not what it ought to be."""
        kinds: dict[type, str] = {list: "an array", dict: "an object"}
        found = kinds.get(type(self._value)) or json.dumps(self._value)
        raise ParseError(found, f"{expected} at {self._where}")

    def _object(self) -> dict[str, Any]:
        if not isinstance(self._value, dict):
            self.fail("an object")
        return self._value


class IdLists:
    """Reads the id lists (`0-3,8`) of one document, and not more ids than a limit: a short text can name many."""

    def __init__(self) -> None:
        self._left = MAX_IDS
        self._known: dict[str, IdSet] = {}

    def parsed(self, value: JsonValue) -> IdSet:
        """The ids of a string."""
        text = value.text()
        if text not in self._known:
            try:
                ids = parse_id_list(text)
            except ParseError:
                value.fail("a list of ids")
            self._left -= len(ids)
            if self._left < 0:
                value.fail(f"at most {MAX_IDS} ids in all")
            self._known[text] = ids
        return self._known[text]


def _inside(where: str, key: str) -> str:
    return f"{where}.{key[:SHOWN_CHARACTERS]}"


def _clean(text: str, where: str) -> str:
    """A string without halves of surrogate pairs, which JSON can spell but nothing can write out again."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ParseError(ascii(text), f"a string at {where}") from None
    return text
