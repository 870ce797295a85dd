from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.views.units import (
    describe_shortfall,
    format_bytes,
    format_frequency,
    format_ids,
    format_link,
    format_number,
    format_rate,
)
from collectors.model import PcieLink


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0 B"),
        (512, "512 B"),
        (48 << 10, "48 KiB"),
        (5 << 18, "1.25 MiB"),
        ((1007 << 30) + (1 << 29), "1008 GiB"),
        (1 << 40, "1 TiB"),
        (1 << 70, "1024 EiB"),
    ],
)
def test_bytes_have_three_significant_digits_and_a_binary_unit(number: int, said: str) -> None:
    assert format_bytes(number) == said


@given(st.integers(0, 1 << 63))
def test_bytes_are_never_off_by_more_than_a_hundredth(number: int) -> None:
    value, unit = format_bytes(number).split(" ")
    exact = number / 1024 ** ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB").index(unit)
    assert abs(float(value) - exact) <= exact / 100


def test_numbers_keep_zeros_before_the_point_and_lose_those_after_it() -> None:
    assert [format_number(value) for value in (1000.0, 100.4, 10.0, 2.50, 0.0)] == [
        "1000",
        "100",
        "10",
        "2.5",
        "0",
    ]


def test_frequencies_and_rates_take_the_unit_that_fits() -> None:
    assert format_frequency(3_500_000) == "3.5 GHz"
    assert format_frequency(800_000) == "800 MHz"
    assert format_rate(25_000) == "25 Gb/s"
    assert format_rate(100) == "100 Mb/s"


def test_no_ids_are_called_none() -> None:
    assert format_ids(frozenset()) == "none"
    assert format_ids(frozenset({0, 1, 2, 8})) == "0-2,8"


def test_a_link_leaves_out_what_is_unknown() -> None:
    assert format_link(16, 16.0) == "x16 16 GT/s"
    assert format_link(None, 2.5) == "2.5 GT/s"
    assert format_link(None, None) == ""


def test_a_link_lacks_only_what_it_is_known_to_lack() -> None:
    assert describe_shortfall(PcieLink(width=8, max_width=16, speed_gts=16, max_speed_gts=16)) == "x8 of x16"
    assert (
        describe_shortfall(PcieLink(width=8, max_width=8, speed_gts=2.5, max_speed_gts=16))
        == "2.5 of 16 GT/s"
    )
    assert describe_shortfall(PcieLink(width=8, speed_gts=2.5)) is None
