from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.parse import ParseError
from collectors.quantity import parse_amount, parse_millis, parse_quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("4", 4),
        ("1Ki", 1024),
        ("1.5Gi", 1_610_612_736),
        ("2G", 2_000_000_000),
        ("1e3", 1000),
        ("1E3", 1000),
        ("1E", 10**18),
        ("2Ei", 2 << 60),
        ("500m", 1),
        ("1n", 1),
        (".5", 1),
        ("5.", 5),
        ("+3", 3),
        ("-1500m", -1),
        ("123456789012345678", 123_456_789_012_345_678),
    ],
)
def test_quantities_are_whole_units_rounded_up(text: str, value: int) -> None:
    assert parse_quantity(text) == value


@pytest.mark.parametrize(
    ("text", "millis"), [("1", 1000), ("500m", 500), ("0.1", 100), ("1u", 1), ("2.5", 2500)]
)
def test_cpus_are_thousandths(text: str, millis: int) -> None:
    assert parse_millis(text) == millis


@pytest.mark.parametrize(
    "text", ["", " 1", "1 Gi", "Gi", "1gi", "0x10", "1_000", "١", "1e999", "1.2.3", "--1", "1Kii"]
)
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_quantity(text)


@given(st.integers(0, 10**15), st.sampled_from(["", "k", "Ki", "Mi", "Gi", "Pi", "M"]))
def test_whole_quantities_are_exact(number: int, unit: str) -> None:
    power = {"": 1, "k": 10**3, "M": 10**6, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Pi": 2**50}[unit]
    assert parse_quantity(f"{number}{unit}") == number * power


@given(st.text(max_size=40))
def test_any_text_is_a_quantity_or_refused(text: str) -> None:
    with contextlib.suppress(ParseError):
        assert isinstance(parse_quantity(text), int)


def test_cpus_count_in_thousandths_and_everything_else_in_whole_units() -> None:
    amounts = [parse_amount(resource, "2") for resource in ("cpu", "memory", "example.com/cpu")]
    assert amounts == [2000, 2, 2]
