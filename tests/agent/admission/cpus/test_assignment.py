from __future__ import annotations

import pytest

from agent.admission.cpus.assignment import CpuShortageError, take_packed
from agent.admission.cpus.options import CpuOptions
from agent.admission.cpus.topology import derive_topology, ids_of_mask, mask_of_cpus
from agent.admission.model import Machine
from collectors.parse import format_id_list, parse_id_list
from tests.agent.admission.cpus.builders import irregular, machine

PLAIN = CpuOptions()
SPREAD = CpuOptions(spread_cores=True)
BY_CACHE = CpuOptions(by_cache=True)
TWO_SOCKETS = machine(sockets=2, cores=4)  # cores 0-3 and 4-7, second threads 8-11 and 12-15


def taken(which: Machine, free: str, wanted: int, options: CpuOptions = PLAIN) -> str:
    cpus = mask_of_cpus(parse_id_list(free))
    return format_id_list(ids_of_mask(take_packed(derive_topology(which), cpus, wanted, options)))


def test_whole_cores_come_before_single_threads() -> None:
    assert taken(TWO_SOCKETS, "0-15", 4) == "0-1,8-9"


def test_the_odd_one_of_a_request_comes_from_the_next_core() -> None:
    assert taken(TWO_SOCKETS, "0-15", 3) == "0-1,8"


def test_a_single_cpu_uses_up_a_core_that_is_broken_already() -> None:
    assert taken(TWO_SOCKETS, "0-10,12-15", 1) == "3"


def test_the_socket_with_the_fewest_free_cpus_comes_first() -> None:
    assert taken(TWO_SOCKETS, "0-3,5-7,8-11,13-15", 2) == "5,13"


def test_a_request_as_large_as_a_socket_gets_a_whole_one_even_if_another_is_used_less_well() -> None:
    assert taken(TWO_SOCKETS, "0-7,9-15", 8) == "4-7,12-15"


def test_within_a_socket_a_whole_numa_node_is_taken_before_cores() -> None:
    four_nodes = machine(sockets=2, nodes=4, cores=2)
    assert taken(four_nodes, "0-15", 4) == "0-1,8-9"
    assert taken(four_nodes, "1-15", 4) == "2-3,10-11"


def test_a_numa_node_of_two_sockets_is_taken_before_sockets() -> None:
    one_node_two_sockets = machine(sockets=2, nodes=1, cores=2)
    assert taken(one_node_two_sockets, "0-7", 8) == "0-7"
    assert taken(one_node_two_sockets, "0-7", 4) == "0-1,4-5"
    assert taken(one_node_two_sockets, "1-7", 4) == "2-3,6-7"


def test_spread_over_cores_takes_the_lowest_ids_and_no_whole_cores() -> None:
    assert taken(TWO_SOCKETS, "0-15", 4, SPREAD) == "0-3"
    assert taken(TWO_SOCKETS, "0-15", 6, SPREAD) == "0-3,8-9"


def test_spread_over_cores_still_takes_whole_sockets() -> None:
    assert taken(TWO_SOCKETS, "1-15", 9, SPREAD) == "1,4-7,12-15"


def test_without_hyperthreading_single_cpus_are_whole_cores() -> None:
    assert taken(machine(sockets=2, cores=4, threads=1), "1-7", 2) == "1-2"


def test_nothing_wanted_takes_nothing() -> None:
    assert taken(TWO_SOCKETS, "", 0) == ""


def test_a_shortage_says_what_was_wanted_and_what_is_there() -> None:
    with pytest.raises(CpuShortageError) as caught:
        taken(TWO_SOCKETS, "0-2", 4)
    assert str(caught.value) == "not enough cpus available to satisfy request: requested=4, available=3"


class TestByUncoreCache:
    FOUR_CACHES = machine(cores=16, threads=1, caches=4)
    TWO_CACHES_HT = machine(cores=4, caches=2)  # caches {0-1,4-5} and {2-3,6-7}

    def test_a_request_as_large_as_a_cache_gets_a_whole_one(self) -> None:
        assert taken(self.FOUR_CACHES, "1-15", 4, BY_CACHE) == "4-7"

    def test_what_exceeds_whole_caches_comes_from_one_more(self) -> None:
        assert taken(self.FOUR_CACHES, "1-15", 6, BY_CACHE) == "1-2,4-7"

    def test_a_small_request_comes_from_the_first_cache_that_can_give_it_all(self) -> None:
        assert taken(self.FOUR_CACHES, "3-15", 3, BY_CACHE) == "4-6"

    def test_an_odd_request_leaves_the_highest_thread_of_its_last_core(self) -> None:
        assert taken(self.TWO_CACHES_HT, "0-7", 3, BY_CACHE) == "0-1,4"

    def test_before_1_34_an_odd_request_was_not_kept_in_a_cache(self) -> None:
        before = CpuOptions(by_cache=True, odd_from_cache=False)
        assert taken(self.TWO_CACHES_HT, "0,2-4,6-7", 3, BY_CACHE) == "2-3,6"
        assert taken(self.TWO_CACHES_HT, "0,2-4,6-7", 3, before) == "0,2,4"

    def test_a_cache_whose_lowest_core_is_half_taken_is_passed_over(self) -> None:
        assert taken(self.TWO_CACHES_HT, "1-7", 2, BY_CACHE) == "2,6"

    def test_where_no_cache_can_give_it_all_cores_are_taken_as_without_the_option(self) -> None:
        assert taken(self.FOUR_CACHES, "0-2,4-6,8-10,12-14", 4, BY_CACHE) == "0-2,4"


class TestUnevenParts:
    P_AND_E_CORES = irregular(
        (0, 0, 0, 0),
        (1, 0, 0, 0),
        (2, 2, 0, 0),
        (3, 2, 0, 0),
        (4, 4, 0, 0),
        (5, 5, 0, 0),
        (6, 6, 0, 0),
        (7, 7, 0, 0),
    )

    def test_where_the_average_core_has_one_cpu_only_cores_with_one_free_count_as_whole(self) -> None:
        assert taken(self.P_AND_E_CORES, "0-7", 2) == "4-5"

    def test_a_half_taken_core_then_counts_as_whole_and_is_given_with_the_half_that_is_taken(self) -> None:
        assert taken(self.P_AND_E_CORES, "1-3", 2) == "0-1"

    def test_a_socket_counts_as_whole_only_by_the_average(self) -> None:
        uneven = irregular(
            (0, 0, 0, 0), (1, 1, 0, 0), (2, 2, 0, 0), (3, 3, 1, 0), (4, 4, 1, 0), (5, 5, 1, 0), (6, 6, 1, 0)
        )
        assert taken(uneven, "0-6", 4) == "0-3"
