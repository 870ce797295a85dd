from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.model import AccessPerformance, MemoryTier, NumaStat
from collectors.numa_performance import parse_numastat, read_access, read_memory_tiers, read_numastat
from collectors.parse import ParseError
from tests.collectors.trees import UNREADABLE, problem_paths, reader_of

NODE = "/sys/devices/system/node/node5"
TIERS = "/sys/devices/virtual/memory_tiering"


def access_files(access_class: int, **figures: object) -> dict[str, object]:
    folder = f"{NODE}/access{access_class}/initiators"
    return {f"{folder}/{name}": f"{value}\n" for name, value in figures.items()}


def test_each_access_class_tells_its_initiators_and_figures(tmp_path: Path) -> None:
    figures = {"read_bandwidth": 100, "write_bandwidth": 90, "read_latency": 8, "write_latency": 9}
    links = {
        f"{NODE}/access0/initiators/node4": "../../../node4",
        f"{NODE}/access1/initiators/node0": "../../../node0",
        f"{NODE}/access1/initiators/node2": "../../../node2",
    }
    reader = reader_of(tmp_path, {**access_files(0, **figures), **access_files(1, read_latency=26)}, links)
    assert read_access(reader, NODE) == (
        AccessPerformance(
            access_class=0,
            initiators=frozenset({4}),
            read_bandwidth_mbps=100,
            write_bandwidth_mbps=90,
            read_latency_ns=8,
            write_latency_ns=9,
        ),
        AccessPerformance(access_class=1, initiators=frozenset({0, 2}), read_latency_ns=26),
    )
    assert reader.problems == ()


def test_a_machine_without_hmat_has_no_access_classes(tmp_path: Path) -> None:
    assert read_access(reader_of(tmp_path, {}), NODE) == ()


def test_figures_that_firmware_left_at_0_are_unknown(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, {**access_files(0, read_bandwidth=0, read_latency=0)})
    assert read_access(reader, NODE) == ()


def test_an_odd_figure_is_unknown_and_the_others_stay(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, access_files(1, read_bandwidth="fast", read_latency=7))
    assert read_access(reader, NODE) == (AccessPerformance(access_class=1, read_latency_ns=7),)
    assert problem_paths(reader) == [f"{NODE}/access1/initiators/read_bandwidth"]


def test_memory_tiers_tell_their_nodes_by_id(tmp_path: Path) -> None:
    reader = reader_of(
        tmp_path,
        {f"{TIERS}/memory_tier22/nodelist": "2-3\n", f"{TIERS}/memory_tier4/nodelist": "0-1\n"},
    )
    assert read_memory_tiers(reader) == (
        MemoryTier(id=4, nodes=frozenset({0, 1})),
        MemoryTier(id=22, nodes=frozenset({2, 3})),
    )


def test_a_tier_whose_nodes_cannot_be_read_is_left_out_and_named(tmp_path: Path) -> None:
    path = f"{TIERS}/memory_tier4/nodelist"
    reader = reader_of(tmp_path, {path: UNREADABLE, f"{TIERS}/memory_tier5/nodelist": "1\n"})
    assert [tier.id for tier in read_memory_tiers(reader)] == [5]
    assert problem_paths(reader) == [path]


def test_numastat_tells_every_counter(tmp_path: Path) -> None:
    text = "numa_hit 6\nnuma_miss 5\nnuma_foreign 4\ninterleave_hit 3\nlocal_node 2\nother_node 1\n"
    assert read_numastat(reader_of(tmp_path, {f"{NODE}/numastat": text}), NODE) == NumaStat(
        numa_hit=6, numa_miss=5, numa_foreign=4, interleave_hit=3, local_node=2, other_node=1
    )


def test_a_counter_that_is_missing_or_odd_is_unknown() -> None:
    assert parse_numastat("numa_hit 6\nnuma_miss -1\nlocal_node\n") == NumaStat(numa_hit=6)


@pytest.mark.parametrize("text", ["", "\n", "numa_hit\n", "numa_hit ٣\n"])
def test_a_numastat_without_counters_is_malformed(text: str) -> None:
    with pytest.raises(ParseError, match="lines of numastat"):
        parse_numastat(text)


@given(st.text())
def test_any_text_is_a_numastat_or_malformed(text: str) -> None:
    try:
        stat = parse_numastat(text)
    except ParseError:
        return
    assert stat != NumaStat()
