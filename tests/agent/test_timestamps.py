"""Instants, written and read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.timestamps import format_timestamp, parse_timestamp


@given(st.integers(min_value=0, max_value=4_000_000_000_000))
def test_an_instant_reads_back_as_it_is_written(milliseconds: int) -> None:
    assert parse_timestamp(format_timestamp(milliseconds / 1000)) == pytest.approx(milliseconds / 1000)


def test_other_offsets_and_whole_seconds_are_instants_too() -> None:
    assert parse_timestamp("1970-01-01T01:00:05+01:00") == parse_timestamp("1970-01-01T00:00:05Z") == 5.0


@pytest.mark.parametrize("text", ["", "yesterday", "2026-01-31", "2026-01-31T09:00:00"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"offset|isoformat"):
        parse_timestamp(text)
