from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.views.numaplacement import (
    ALPHABET,
    PlacedContainer,
    derive_numaplacement,
    encode_number,
    encode_vector,
)
from tests.shared import shared_folder


def decode_vector(text: str) -> list[int]:
    """The inverse, written from the definition and not from the encoder."""
    numbers, higher, continued = [], 0, False
    for character in text:
        index = ALPHABET.index(character)
        if index >= 64:
            higher, continued = higher * 25 + index - 64, True
            continue
        numbers.append(64 + higher * 64 + index if continued else index)
        higher, continued = 0, False
    return [sum(numbers[: end + 1]) for end in range(len(numbers))]


@pytest.mark.shared
def test_placements_equal_those_of_the_reference_code() -> None:
    cases = json.loads((shared_folder("vectors") / "numaplacement-v001.json").read_text())
    for case in cases:
        found = derive_numaplacement(
            [PlacedContainer(**container) for container in case["containers"]], numa_nodes=case["numa_nodes"]
        )
        assert found is not None
        assert found.metadata == case["metadata"]
        assert {str(node): vector for node, vector in found.vectors} == case["vectors"]
    assert len(cases) >= 10


@given(st.sets(st.integers(0, 100_000)))
def test_a_vector_gives_its_numbers_back(numbers: set[int]) -> None:
    assert decode_vector(encode_vector(sorted(numbers))) == sorted(numbers)


def test_the_alphabet_has_no_character_that_markup_or_quotes_would_escape() -> None:
    assert len(ALPHABET) == len(set(ALPHABET)) == 89
    assert not set(ALPHABET) & set('"&<>\\ ')


@pytest.mark.parametrize(
    ("value", "length"), [(0, 1), (63, 1), (64, 2), (64 + 25 * 64 - 1, 2), (64 + 25 * 64, 3)]
)
def test_numbers_take_as_many_characters_as_they_need(value: int, length: int) -> None:
    assert len(encode_number(value)) == length


def test_the_busiest_node_is_left_out_and_the_lowest_wins_a_tie() -> None:
    containers = [
        PlacedContainer(namespace="n", pod=f"p{number}", container="c", numa_node=number % 2)
        for number in range(4)
    ]
    found = derive_numaplacement(containers, numa_nodes=2)
    assert found is not None
    assert found.metadata.endswith("::cc=4::nn=2::bn=0")
    assert [node for node, _ in found.vectors] == [1]


def test_sparse_ids_have_no_placement() -> None:
    container = PlacedContainer(namespace="n", pod="p", container="c", numa_node=8)
    assert derive_numaplacement([container], numa_nodes=2) is None
