"""JSON from outside, taken apart strictly."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors import strictjson
from collectors.parse import ParseError
from collectors.strictjson import IdLists, JsonValue, parse_json


def value(plain: object) -> JsonValue:
    return parse_json(json.dumps(plain), "it")


@pytest.mark.parametrize(
    "text", ["", "{", "[1,]", "NaN", '{"a":Infinity}', "1" * 5000, "[" * 100_000, '"\x00"']
)
def test_what_is_no_json_is_malformed(text: str) -> None:
    with pytest.raises(ParseError, match="expected a list of fruit"):
        parse_json(text, "a list of fruit")


def test_a_text_beyond_the_limit_is_not_looked_at() -> None:
    with pytest.raises(ParseError, match="of at most"):
        parse_json(" " * (strictjson.MAX_BYTES + 1), "it")


def test_values_come_back_as_they_are() -> None:
    document = value({"text": "ä", "whole": 3, "real": 1.5, "list": [1, 2], "nothing": None})
    assert document.get("text").text() == "ä"
    assert document.get("whole").integer() == 3
    assert (document.get("whole").number(), document.get("real").number()) == (3.0, 1.5)
    assert [each.integer() for each in document.get("list").elements()] == [1, 2]
    assert (
        document.get("nothing").is_null,
        document.get("absent").is_null,
        document.get("list").is_null,
    ) == (
        True,
        True,
        False,
    )


def test_null_is_an_empty_object_and_an_empty_array_as_go_writes_them() -> None:
    assert list(value(None).items()) == []
    assert list(value(None).elements()) == []


@pytest.mark.parametrize(
    ("plain", "ask", "words"),
    [
        ([], lambda it: it.get("a"), "an object at it, found 'an array'"),
        ({"a": {}}, lambda it: it.get("a").text(), "a string at it.a, found 'an object'"),
        (
            {"a": [True]},
            lambda it: next(it.get("a").elements()).integer(),
            "an integer at it.a.0., found 'true'",
        ),
        (True, lambda it: it.number(), "a number"),
        (-1, lambda it: it.integer(), "an integer up to"),
        (1 << 64, lambda it: it.integer(), "an integer up to"),
        (6, lambda it: it.integer(largest=5), "an integer up to 5 at it"),
        (1.0, lambda it: it.integer(), "an integer"),
        (10**400, lambda it: it.number(), "a number"),
        ({}, lambda it: list(it.elements()), "an array"),
        (3, lambda it: list(it.items()), "an object"),
        ("\ud800", lambda it: it.text(), "a string"),
        ({"\ud800": 1}, lambda it: list(it.items()), "a string"),
        ("0-x", lambda it: IdLists().parsed(it), "a list of ids at it"),
    ],
)
def test_what_is_not_as_demanded_is_malformed_and_its_place_is_named(
    plain: object, ask: Callable[[JsonValue], object], words: str
) -> None:
    with pytest.raises(ParseError, match=words):
        ask(value(plain))


def test_id_lists_of_one_document_are_bounded_together() -> None:
    lists = IdLists()
    assert lists.parsed(value("0-3,8")) == frozenset({0, 1, 2, 3, 8})
    texts = [f"{first}-65535" for first in range(100)]
    with pytest.raises(ParseError, match="ids in all"):
        [lists.parsed(value(text)) for text in texts]


def test_the_same_id_list_is_read_once() -> None:
    lists = IdLists()
    assert all(lists.parsed(value("0-65535")) is lists.parsed(value("0-65535")) for _ in range(100))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(text=st.text(max_size=60) | json_values.map(json.dumps))
def test_any_text_is_a_value_or_malformed(text: str) -> None:
    with contextlib.suppress(ParseError):
        assert isinstance(parse_json(text, "it"), JsonValue)
