"""Sets of ids in the three forms that kernels write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.parse import (
    MAX_ID,
    ParseError,
    format_id_list,
    ids_of_bits,
    parse_id_list,
    parse_id_mask,
    parse_ids_apart,
)

id_sets = st.frozensets(st.integers(0, 4095), max_size=64)


def mask_of(ids: frozenset[int], words: int) -> str:
    bits = sum(1 << number for number in ids)
    return ",".join(f"{bits >> 32 * word & 0xFFFFFFFF:08x}" for word in reversed(range(words)))


@given(ids=id_sets, padding=st.text(" \n\0\t", max_size=3))
def test_a_map_gives_back_what_it_was_made_of(ids: frozenset[int], padding: str) -> None:
    assert parse_id_mask(mask_of(ids, 128) + padding) == ids


@given(ids=id_sets)
def test_a_list_gives_back_what_it_was_made_of(ids: frozenset[int]) -> None:
    assert parse_id_list(format_id_list(ids) + "\n\0") == ids


@given(ids=id_sets)
def test_ids_apart_give_back_what_they_were_made_of(ids: frozenset[int]) -> None:
    assert parse_ids_apart(" ".join(map(str, sorted(ids))) + " \n") == ids


@given(bits=st.integers(0, 1 << 300))
def test_bits_are_the_positions_of_their_ones(bits: int) -> None:
    assert sum(1 << position for position in ids_of_bits(bits)) == bits


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("0", set()),
        ("f", {0, 1, 2, 3}),
        ("0x3", {0, 1}),
        ("3,00000001", {0, 32, 33}),
        ("0x1,0x2", {1, 32}),
        ("0x00000001,00000000", {32}),
        ("f,0f", {0, 1, 2, 3, 32, 33, 34, 35}),
        ("8000000000000000", {63}),
    ],
)
def test_maps_may_have_short_words_and_prefixes(text: str, ids: set[int]) -> None:
    assert parse_id_mask(text) == ids


@pytest.mark.parametrize("text", ["", ",", "1_0", "-1", "+f", "g", "0-3", "123456789,0", "f 0", "f" * 17])
def test_what_is_no_map_is_refused(text: str) -> None:
    with pytest.raises(ParseError, match="a map of ids"):
        parse_id_mask(text)


def test_a_map_wider_than_any_kernel_is_refused() -> None:
    assert parse_id_mask(",".join(["80000000"] + ["00000000"] * 2047)) == {MAX_ID}
    with pytest.raises(ParseError, match="a map of ids"):
        parse_id_mask(",".join(["00000000"] * 2049))


@pytest.mark.parametrize("text", ["0-1", "0,1", "x", "70000", "-1"])
def test_what_is_not_ids_apart_is_refused(text: str) -> None:
    with pytest.raises(ParseError, match="ids separated by blanks"):
        parse_ids_apart(text)


@given(text=st.text(max_size=40))
def test_any_text_is_ids_or_refused(text: str) -> None:
    for parse in (parse_id_mask, parse_id_list, parse_ids_apart):
        try:
            ids = parse(text)
        except ParseError:
            continue
        assert all(0 <= number <= MAX_ID for number in ids)
