"""Reading what a client would take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.web.negotiate import accepted, matches_etag, prefers, takes_gzip

YAML = ("application/yaml", "text/yaml")


@pytest.mark.parametrize(
    ("header", "takes"),
    [
        ("", False),
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip;q=0.0, *", False),
        ("*", True),
        ("*;q=0", False),
        ("br", False),
        ("gzip;q=much", False),
        ("gzip;level=9", True),
    ],
)
def test_gzip_is_for_who_asks_for_it(header: str, takes: bool) -> None:
    assert takes_gzip(header) is takes


@pytest.mark.parametrize(
    ("header", "yaml"),
    [
        ("", False),
        ("*/*", False),
        ("application/yaml", True),
        ("text/yaml", True),
        ("application/json, application/yaml", True),
        ("application/json, application/yaml;q=0.9", False),
        ("application/json;q=0.5, text/yaml;q=0.9", True),
        ("application/yaml;q=0", False),
        ("application/yaml, */*;q=0.1", True),
    ],
)
def test_another_form_is_for_who_names_it_and_likes_it_no_less(header: str, yaml: bool) -> None:
    assert prefers(header, YAML, over="application/json") is yaml


@pytest.mark.parametrize(
    ("header", "matches"),
    [("", False), ('W/"a"', True), ('"a"', True), ('"b", W/"a"', True), ("*", True), ('"b"', False)],
)
def test_a_version_is_compared_weakly(header: str, matches: bool) -> None:
    assert matches_etag(header, 'W/"a"') is matches


@given(header=st.text(max_size=60))
def test_any_header_can_be_read(header: str) -> None:
    accepted(header)
    takes_gzip(header)
    prefers(header, YAML, over="application/json")
    matches_etag(header, 'W/"a"')
