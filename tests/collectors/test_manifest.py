"""The manifest of a capture: written, read back, and never trusted."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.errors import CaptureError
from collectors.manifest import (
    MANIFEST_PATH,
    MAX_FAILURES,
    Manifest,
    format_manifest,
    parse_manifest,
    read_manifest,
)
from collectors.parse import ParseError
from collectors.recording import Failure
from collectors.tree import FileTree, TreeFS

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
failures = st.builds(
    Failure,
    look=st.sampled_from(["read", "entries", "real_path"]),
    path=words,
    reason=words,
    errno=st.none() | st.integers(0, 4095),
)
manifests = st.builds(
    Manifest,
    version=words,
    taken_at=st.floats(0, 1e12),
    architecture=st.none() | words,
    kernel_release=st.none() | words,
    redacted=st.none()
    | st.dictionaries(words, st.integers(0, 1 << 40), max_size=3).map(lambda d: tuple(d.items())),
    failures=st.lists(failures, max_size=3).map(tuple),
)


@given(manifest=manifests)
def test_what_was_written_is_read_back(manifest: Manifest) -> None:
    assert parse_manifest(format_manifest(manifest)) == manifest


@given(text=st.text(max_size=40) | st.recursive(st.none() | st.integers() | words, st.lists).map(json.dumps))
def test_any_other_text_is_malformed(text: str) -> None:
    with pytest.raises(ParseError):
        parse_manifest(text)


def as_written(**changes: object) -> str:
    """A manifest's text with other values."""
    return json.dumps(json.loads(format_manifest(Manifest(version="1", taken_at=1.0))) | changes)


@pytest.mark.parametrize(
    ("changes", "words_"),
    [
        ({"format": 2}, "a newer numascope made it"),
        ({"format": None}, "an integer"),
        ({"taken_at": "now"}, "a number"),
        ({"redacted": []}, "an object"),
        ({"redacted": {"x": -1}}, "an integer up to"),
        ({"unreadable": {}}, "an array"),
        ({"unreadable": [{"look": "open"}]}, "one of read, entries, real_path"),
        (
            {"unreadable": [{"look": "read", "path": "/x", "reason": "y", "errno": 1 << 20}]},
            "an integer up to 4095",
        ),
    ],
)
def test_what_is_wrong_in_it_is_named(changes: dict[str, object], words_: str) -> None:
    with pytest.raises(ParseError, match=words_):
        parse_manifest(as_written(**changes))


def test_fields_that_a_newer_one_adds_are_passed_over() -> None:
    assert parse_manifest(as_written(more=[1])) == Manifest(version="1", taken_at=1.0)


def test_failures_are_bounded_on_both_ways() -> None:
    one = Failure(look="read", path="/x", reason="y", errno=None)
    manifest = Manifest(version="1", taken_at=1.0, failures=(one,) * (MAX_FAILURES + 5))
    assert len(parse_manifest(format_manifest(manifest)).failures) == MAX_FAILURES
    entry = json.loads(format_manifest(manifest))["unreadable"][0]
    assert len(parse_manifest(as_written(unreadable=[entry] * (MAX_FAILURES + 5))).failures) == MAX_FAILURES


def test_a_capture_without_a_manifest_has_none() -> None:
    assert read_manifest(TreeFS(FileTree()), "it") is None


def test_a_capture_whose_manifest_is_none_of_ours_is_refused() -> None:
    tree = FileTree()
    tree.add_file(MANIFEST_PATH, b"{}")
    with pytest.raises(CaptureError, match=r"^it: its numascope.json cannot be used: expected"):
        read_manifest(TreeFS(tree), "it")
    folder = FileTree()
    folder.add_directory(MANIFEST_PATH)
    with pytest.raises(CaptureError, match="not a regular file"):
        read_manifest(TreeFS(folder), "it")
