"""YAML and JSON as plain values, within bounds that hold for hostile text too."""

from __future__ import annotations

import itertools
import json
import string
import time
from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agent.workloads.documents import MAX_BYTES, MAX_DEPTH, MAX_VALUES, parse_documents
from agent.workloads.errors import ManifestError

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def laughs(levels: int) -> str:
    """A short text that stands for 9^levels values."""
    names = string.ascii_lowercase[:levels]
    lines = [f"{names[0]}: &{names[0]} [x, x, x, x, x, x, x, x, x]"]
    for before, name in itertools.pairwise(names):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]")
    return "\n".join(lines)


def merges(levels: int) -> str:
    """The same by merge keys."""
    names = string.ascii_lowercase[:levels]
    lines = [f"{names[0]}: &{names[0]} {{k: x}}"]
    for before, name in itertools.pairwise(names):
        lines.append(f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 9)}]}}")
    return "\n".join(lines)


@given(PLAIN.filter(lambda value: value is not None))
def test_what_was_written_as_json_or_yaml_comes_back(value: Any) -> None:
    assert parse_documents(json.dumps({"v": value})) == ({"v": value},)
    assert parse_documents(yaml.safe_dump({"v": value}, allow_unicode=False)) == ({"v": value},)


@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*!|>'\"\n ,#?%@<0.1~"), max_size=60) | st.text(max_size=60))
def test_any_text_has_values_or_says_why_not(text: str) -> None:
    with suppress(ManifestError):
        json.dumps(parse_documents(text))


def test_documents_come_in_order_and_empty_ones_are_left_out() -> None:
    assert parse_documents("---\na: 1\n---\n---\n# nothing\n---\n- b\n") == ({"a": 1}, ["b"])
    assert parse_documents(" \n") == ()


def test_flow_style_yaml_that_looks_like_json_is_read() -> None:
    assert parse_documents("{a: 1, b: [x]}") == ({"a": 1, "b": ["x"]},)


def test_times_stay_text_and_keys_become_text() -> None:
    assert parse_documents("a: 2026-01-02T03:04:05Z\n1: x\ntrue: y") == (
        {"a": "2026-01-02T03:04:05Z", "1": "x", "true": "y"},
    )


def test_aliases_and_merges_are_written_out() -> None:
    assert parse_documents("a: &x {p: 1}\nb: *x\nc: {<<: *x, q: 2}") == (
        {"a": {"p": 1}, "b": {"p": 1}, "c": {"p": 1, "q": 2}},
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (laughs(12), "more than 100000 values"),
        (merges(12), "more than 100000 values"),
        ("- " * 5000 + "x", "levels deep"),
        ("[" * 100_000, "levels deep"),
        (json.dumps([0] * (MAX_VALUES + 1)), "more than 100000 values"),
        ("a: &a [*a]", "an alias that holds itself"),
        ("a: 1\na: 2", "key 'a' stands twice"),
        ('{"a": 1, "a": 2}', "key 'a' stands twice"),
        ("? [a]\n: 1", "keys are text"),
        ("a: !!binary aGk=", "bytes, which JSON does not have"),
        ("!!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("a: [", "line 1, column 5"),
        ("a: 0b_", "neither YAML nor JSON"),
        ("x" * (MAX_BYTES + 1), "more than 2 MiB"),
    ],
)
def test_what_is_wrong_is_named_at_once(text: str, words: str) -> None:
    began = time.monotonic()
    with pytest.raises(ManifestError, match=words):
        parse_documents(text)
    assert time.monotonic() - began < 20


def test_aliases_within_the_bounds_are_taken() -> None:
    assert len(parse_documents(laughs(4))[0]["d"]) == 9


def test_a_document_may_be_as_deep_as_the_bound_and_no_deeper() -> None:
    assert parse_documents("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    with pytest.raises(ManifestError, match="levels deep"):
        parse_documents("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))
