"""The reader that turns files into facts: what is not there, what cannot be read, what is no value."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from collectors.hostfs import DirectoryFS
from collectors.model import Problem
from collectors.parse import parse_count, parse_id_list, parse_meminfo, parse_text
from collectors.reader import MAX_PROBLEMS, FactReader
from tests.collectors.trees import problem_paths, reader_of, write_tree
from tests.fakes.faultyfs import VANISHED, FaultyFS


def test_what_is_absent_is_unknown_and_no_problem(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, {})

    assert reader.value("/sys/count", parse_count) is None
    assert reader.entries("/sys") == ()
    assert reader.problems == ()


@pytest.mark.parametrize("parse", [parse_count, parse_id_list, parse_meminfo, parse_text])
def test_a_file_without_a_byte_is_no_value_not_even_an_empty_set(
    tmp_path: Path, parse: Callable[[str], object]
) -> None:
    reader = reader_of(tmp_path, {"/sys/empty": ""})

    assert reader.value("/sys/empty", parse) is None
    assert problem_paths(reader) == ["/sys/empty"]


def test_a_line_without_text_is_the_empty_set(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, {"/sys/cpulist": "\n"})

    assert reader.value("/sys/cpulist", parse_id_list) == frozenset()
    assert reader.problems == ()


def test_a_refusal_is_unknown_and_named_unless_it_means_that_nothing_applies(tmp_path: Path) -> None:
    write_tree(tmp_path, {"/sys/speed": "100\n"})
    reader = FactReader(FaultyFS(DirectoryFS(str(tmp_path)), {"/sys/speed": errno.EINVAL}))

    assert reader.value("/sys/speed", parse_count, silent=frozenset({errno.EINVAL})) is None
    assert problem_paths(reader) == []
    assert reader.value("/sys/speed", parse_count) is None
    assert reader.problems == (Problem(path="/sys/speed", reason="Invalid argument"),)


def test_a_directory_that_cannot_be_listed_is_not_an_empty_one(tmp_path: Path) -> None:
    write_tree(tmp_path, {"/sys/devices/one": "1\n"})
    reader = FactReader(FaultyFS(DirectoryFS(str(tmp_path)), {"/sys/devices": errno.EACCES}))

    assert reader.entries("/sys/devices") is None
    assert reader.numbered("/sys/devices", "cpu") is None
    assert problem_paths(reader) == ["/sys/devices", "/sys/devices"]


def test_what_goes_away_between_listing_and_reading_is_absent(tmp_path: Path) -> None:
    write_tree(tmp_path, {"/sys/devices/one": "1\n"})
    reader = FactReader(FaultyFS(DirectoryFS(str(tmp_path)), {"/sys/devices/one": VANISHED}))

    assert reader.entries("/sys/devices") == ("one",)
    assert reader.value("/sys/devices/one", parse_count) is None
    assert reader.problems == ()


def test_numbers_of_entries_are_those_that_a_kernel_would_write(tmp_path: Path) -> None:
    names = ("cpu0", "cpu10", "cpu2", "cpufreq", "cpu", "cpu٣", "cpu9999999999", "node1")
    reader = reader_of(tmp_path, {f"/sys/{name}": "" for name in names})

    assert reader.numbered("/sys", "cpu") == (0, 2, 10)


def test_a_link_that_leads_in_circles_is_unknown_and_named(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, {}, {"/sys/driver": "driver", "/sys/gone": "nowhere"})

    assert reader.link_name("/sys/driver") is None
    assert reader.link_name("/sys/gone") is None
    assert problem_paths(reader) == ["/sys/driver"]


def test_past_a_limit_problems_are_counted_and_not_kept(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, {})
    for number in range(MAX_PROBLEMS + 7):
        reader.note(f"/sys/{number}", "bad")

    assert len(reader.problems) == MAX_PROBLEMS + 1
    assert reader.problems[-1].reason == "and 7 more"
