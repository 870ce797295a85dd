from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.numa_distance import read_distances
from collectors.parse import parse_int_row
from tests.collectors.trees import UNREADABLE, problem_paths, reader_of

NODE = "/sys/devices/system/node/node8"


def test_a_row_counts_nodes_that_are_online_not_ids(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, {f"{NODE}/distance": "40 10 80\n"})
    assert read_distances(reader, NODE, (0, 8, 250)) == ((0, 40), (8, 10), (250, 80))
    assert reader.problems == ()


def test_a_row_begins_with_a_blank_where_node_0_is_offline(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, {f"{NODE}/distance": " 20 10\n"})
    assert read_distances(reader, NODE, (1, 8)) == ((1, 20), (8, 10))


def test_no_row_is_no_distance_and_no_problem(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, {})
    assert read_distances(reader, NODE, (0, 8)) == ()
    assert reader.problems == ()


@pytest.mark.parametrize("row", ["", "10\n", "0 0\n", "10 0\n", "10 2x\n", "10,20\n", "10 -20\n", UNREADABLE])
def test_a_row_that_cannot_be_believed_is_unknown_and_named(tmp_path: Path, row: object) -> None:
    reader = reader_of(tmp_path, {f"{NODE}/distance": row})
    assert read_distances(reader, NODE, (0, 8)) == ()
    assert problem_paths(reader) == [f"{NODE}/distance"]


def test_the_first_values_of_a_longer_row_count_and_the_row_is_named(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, {f"{NODE}/distance": "20 10 0 0\n"})
    assert read_distances(reader, NODE, (0, 8)) == ((0, 20), (8, 10))
    assert problem_paths(reader) == [f"{NODE}/distance"]


@given(st.lists(st.integers(min_value=0, max_value=255)))
def test_a_row_that_the_kernel_writes_reads_back(row: list[int]) -> None:
    assert parse_int_row(" ".join(map(str, row)) + "\n") == tuple(row)
