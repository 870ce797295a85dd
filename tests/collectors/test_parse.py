"""Every small language of the kernel: what is written comes back, and any text gives a value or ParseError."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.parse import (
    PADDING,
    ParseError,
    format_id_list,
    ids_of_bits,
    parse_count,
    parse_flag,
    parse_hex_int,
    parse_id,
    parse_id_list,
    parse_id_mask,
    parse_ids_apart,
    parse_int,
    parse_int_row,
    parse_key_values,
    parse_meminfo,
    parse_size,
    parse_text,
)
from tests.hosts.text import id_list, id_mask

PARSERS: tuple[Callable[[str], object], ...] = (
    parse_text,
    parse_int,
    parse_count,
    parse_id,
    parse_flag,
    parse_hex_int,
    parse_id_list,
    parse_id_mask,
    parse_ids_apart,
    parse_size,
    parse_int_row,
    parse_meminfo,
    parse_key_values,
)

paddings = st.text(PADDING, max_size=4)
near_misses = st.text("0123456789abcdefxKMGB,-+ .:=\n\0٣٤Node kB()", max_size=40)


@pytest.mark.parametrize("parse", PARSERS)
@given(text=st.one_of(st.text(), near_misses, st.binary().map(lambda data: data.decode("utf-8", "replace"))))
def test_any_text_is_parsed_or_refused(parse: Callable[[str], object], text: str) -> None:
    with contextlib.suppress(ParseError):
        parse(text)


@pytest.mark.parametrize("parse", PARSERS[1:-1])
def test_a_refusal_carries_the_text_and_what_was_expected(parse: Callable[[str], object]) -> None:
    with pytest.raises(ParseError) as refusal:
        parse("no value at all")

    assert refusal.value.text == "no value at all"
    assert str(refusal.value) == f"expected {refusal.value.expected}, found 'no value at all'"


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize(
    "unit",
    ["0,", "1", "f", "0-9,", "0-65535,", "9 ", "0x", "a b\n", " \n", "\0", "A: 1 kB\n", "65535-", "K=\n"],
)
def test_a_mebibyte_of_anything_is_done_within_seconds(parse: Callable[[str], object], unit: str) -> None:
    text = unit * ((1 << 20) // len(unit))
    started = time.process_time()
    with contextlib.suppress(ParseError):
        parse(text)
    assert time.process_time() - started < 5


@given(number=st.integers(-(10**19), 10**19), before=paddings, after=paddings)
def test_integers_come_back_whatever_blanks_and_nuls_are_around(number: int, before: str, after: str) -> None:
    assert parse_int(f"{before}{number}{after}") == number


@given(number=st.integers(0, 10**19), padding=paddings)
def test_counts_come_back_and_nothing_below_nought(number: int, padding: str) -> None:
    assert parse_count(f"{number}{padding}") == number
    with pytest.raises(ParseError):
        parse_count(f"-{number + 1}")


@given(number=st.integers(-(10**6), 10**6))
def test_an_id_below_nought_is_none(number: int) -> None:
    assert parse_id(f"{number}\n") == (number if number >= 0 else None)


@pytest.mark.parametrize(("text", "value"), [("1\n", True), ("0\n", False), ("0\n\0", False)])
def test_flags_are_nought_or_one(text: str, value: bool) -> None:
    assert parse_flag(text) is value


@pytest.mark.parametrize("text", ["2", "-1", "yes", ""])
def test_what_is_neither_is_no_flag(text: str) -> None:
    with pytest.raises(ParseError):
        parse_flag(text)


@given(number=st.integers(0, (1 << 64) - 1), prefix=st.sampled_from(("", "0x", "0X")), padding=paddings)
def test_hexadecimal_integers_come_back(number: int, prefix: str, padding: str) -> None:
    assert parse_hex_int(f"{prefix}{number:x}{padding}") == number


@given(ids=st.frozensets(st.integers(0, 65_535), max_size=40), padding=paddings)
def test_sets_come_back_from_lists_as_another_hand_writes_them(ids: frozenset[int], padding: str) -> None:
    assert parse_id_list(id_list(ids) + padding) == ids
    assert format_id_list(ids) == id_list(ids)


@given(ids=st.frozensets(st.integers(0, 1023), max_size=40), room=st.integers(0, 300))
def test_sets_come_back_from_maps_of_any_width(ids: frozenset[int], room: int) -> None:
    assert parse_id_mask(id_mask(ids, max(ids, default=0) + 1 + room) + "\n") == ids


@given(ids=st.frozensets(st.integers(0, 65_535), max_size=40))
def test_ids_come_back_from_words(ids: frozenset[int]) -> None:
    assert parse_ids_apart(" ".join(str(number) for number in sorted(ids))) == ids


@given(ids=st.frozensets(st.integers(0, 5000), max_size=40))
def test_ids_come_back_from_bits(ids: frozenset[int]) -> None:
    assert ids_of_bits(sum(1 << number for number in ids)) == ids


@given(
    number=st.integers(0, 10**12), unit=st.sampled_from((("", 0), ("K", 10), ("M", 20), ("G", 30), ("T", 40)))
)
def test_sizes_come_back_in_bytes(number: int, unit: tuple[str, int]) -> None:
    assert parse_size(f"{number}{unit[0]}\n") == number << unit[1]


@given(row=st.lists(st.integers(0, 10**9), max_size=70), gap=st.text(" \t", min_size=1, max_size=3))
def test_rows_come_back(row: list[int], gap: str) -> None:
    assert parse_int_row(gap.join(str(number) for number in row) + "\n") == tuple(row)


names = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_()", min_size=1, max_size=20)


@given(
    amounts=st.dictionaries(names, st.integers(0, 10**15), min_size=1, max_size=20),
    prefix=st.sampled_from(("", "Node 0 ", "Node 1023 ")),
)
def test_meminfo_comes_back_in_bytes(amounts: dict[str, int], prefix: str) -> None:
    text = "".join(f"{prefix}{name}:{amount:>12} kB\n" for name, amount in amounts.items())

    assert parse_meminfo(text) == {name: amount * 1024 for name, amount in amounts.items()}


def test_meminfo_counts_hugepages_without_a_unit_and_nothing_else() -> None:
    text = "Node 0 MemTotal: 8 kB\nNode 0 HugePages_Total:     3\nNode 0 MemFree: 4\n"

    assert parse_meminfo(text) == {"MemTotal": 8192, "HugePages_Total": 3}


values = st.text("ABCxyz0189_-./", max_size=12)


@given(pairs=st.dictionaries(names, values, max_size=10), separator=st.sampled_from(("=", ":")))
def test_keys_and_values_come_back(pairs: dict[str, str], separator: str) -> None:
    text = "".join(f"{key}{separator}{value}\n" for key, value in pairs.items())

    assert parse_key_values(text, separator) == pairs


@given(text=st.text(min_size=1))
def test_a_text_loses_its_padding_and_nothing_else(text: str) -> None:
    stripped = text.strip(PADDING)
    if stripped:
        assert parse_text(text) == stripped
    else:
        with pytest.raises(ParseError):
            parse_text(text)
