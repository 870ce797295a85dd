"""Which CPUs and which memory are kept for the system."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.kubelet_config.model import Hardware, UnfitError
from agent.kubelet_config.reserve_cpus import choose_cpus
from agent.kubelet_config.reserve_memory import share_memory
from tests.agent.kubelet_config.building import GIB, MIB, hardware


def test_a_core_of_each_node_is_kept_but_not_more_than_an_eighth_of_them() -> None:
    assert choose_cpus(hardware(cores=8), None) == {0, 16, 8, 24}
    assert choose_cpus(hardware(cores=4), None) == {0, 8}
    assert choose_cpus(hardware(nodes=(0,), cores=2), None) == {0, 2}


@pytest.mark.parametrize(
    ("wanted", "chosen"), [(1, {0, 8}), (2, {0, 8}), (3, {0, 8, 4, 12}), (6, {0, 8, 4, 12, 1, 9})]
)
def test_so_many_cpus_are_whole_cores_from_the_nodes_in_turn(wanted: int, chosen: set[int]) -> None:
    assert choose_cpus(hardware(), wanted) == chosen


def test_isolated_cpus_are_left_to_who_isolated_them() -> None:
    assert choose_cpus(hardware(isolated=frozenset({8, 5})), 4) == {1, 9, 4, 12}


def test_the_slowest_cores_are_kept_where_there_are_several_kinds() -> None:
    assert choose_cpus(hardware(nodes=(0,), threads=1, slow=frozenset({2, 3})), 1) == {2}


@pytest.mark.parametrize(
    ("machine", "wanted", "words"),
    [
        (hardware(), 0, "at least one"),
        (hardware(), 17, "there are 16 CPUs; name fewer"),
        (hardware(), 16, "would be left for pods"),
        (hardware(isolated=frozenset({0})), 15, "14 CPUs, 1 isolated ones not counted"),
        (hardware(isolated=frozenset(range(16))), None, "none can be reserved"),
    ],
)
def test_what_cannot_be_kept_is_an_error_that_says_why(
    machine: Hardware, wanted: int | None, words: str
) -> None:
    with pytest.raises(UnfitError, match=words):
        choose_cpus(machine, wanted)


def test_nodes_with_cpus_give_equal_shares_in_whole_mebibytes() -> None:
    assert share_memory(hardware(nodes=(0, 8)), 2077 * MIB) == ((0, 1039 * MIB), (8, 1038 * MIB))


def test_a_node_full_of_hugepages_gives_what_it_has_and_the_others_the_rest() -> None:
    small = hardware(memory=2 * GIB, hugepages={"hugepages-2Mi": 1800 * MIB}, memory_only=(2,))
    assert share_memory(small, 260 * MIB) == ((0, 124 * MIB), (1, 124 * MIB), (2, 12 * MIB))


def test_what_the_nodes_do_not_have_cannot_be_kept() -> None:
    with pytest.raises(UnfitError, match=r"is 64Gi; reserve less \(--reserve-memory\)"):
        share_memory(hardware(), 65 * GIB)


def test_a_kernel_that_tells_no_memory_by_node_needs_the_memory_manager_off() -> None:
    with pytest.raises(UnfitError, match="--memory-manager None"):
        share_memory(hardware(memory=0), GIB)


@given(
    total=st.integers(min_value=1, max_value=3 * GIB),
    nodes=st.integers(min_value=1, max_value=9),
    pages=st.integers(min_value=0, max_value=1000),
)
def test_shares_add_up_to_the_byte_and_no_node_gives_more_than_half(
    total: int, nodes: int, pages: int
) -> None:
    machine = hardware(nodes=range(nodes), memory=3 * GIB, hugepages={"hugepages-2Mi": pages * 2 * MIB})
    most = (3 * GIB - pages * 2 * MIB) // 2
    try:
        shares = share_memory(machine, total)
    except UnfitError:
        assert total > nodes * (most // MIB * MIB)
        return
    assert sum(size for _, size in shares) == total
    assert all(0 < size <= most for _, size in shares)
