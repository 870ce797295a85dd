from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.admission.cpus.assignment import CpuShortageError, EndlessSearchError
from agent.admission.cpus.distribution import choices, standard_deviation, take_distributed
from agent.admission.cpus.options import CpuOptions
from agent.admission.cpus.topology import derive_topology, ids_of_mask, mask_of_cpus
from agent.admission.model import Machine
from collectors.parse import format_id_list, parse_id_list
from tests.agent.admission.cpus.builders import irregular, machine

PLAIN = CpuOptions()
WHOLE_CORES = CpuOptions(whole_cores=True)
TWO_NODES = machine(sockets=2, cores=4)  # node 0: 0-3,8-11; node 1: 4-7,12-15
FOUR_NODES = machine(sockets=2, nodes=4, cores=4, threads=1)  # four CPUs each
EIGHT_NODES = machine(sockets=8, cores=4, threads=1)


def taken(which: Machine, free: str, wanted: int, options: CpuOptions = PLAIN) -> str:
    cpus = mask_of_cpus(parse_id_list(free))
    found = take_distributed(derive_topology(which), cpus, wanted, options)
    return format_id_list(ids_of_mask(found))


def test_what_one_node_can_give_comes_from_one_node() -> None:
    assert taken(TWO_NODES, "0-15", 8) == "0-3,8-11"


def test_what_needs_two_nodes_comes_half_from_each() -> None:
    assert taken(TWO_NODES, "0-15", 10) == "0-2,4-6,8-9,12-13"


def test_one_that_cannot_be_shared_comes_from_the_node_that_has_more_left() -> None:
    assert taken(TWO_NODES, "0-3,5-15", 9) == "0-2,5-6,8-9,13-14"


def test_whole_cores_are_shared_whole() -> None:
    assert taken(TWO_NODES, "0-15", 10, WHOLE_CORES) == "0-2,4-5,8-10,12-13"


def test_a_request_that_is_no_number_of_whole_cores_is_packed() -> None:
    assert taken(TWO_NODES, "0-15", 9, WHOLE_CORES) == "0-4,8-11"


def test_among_single_nodes_the_one_that_leaves_the_machine_most_even_wins() -> None:
    assert taken(FOUR_NODES, "1-15", 2) == "4-5"


def test_a_node_that_leaves_all_nodes_equal_ends_the_search() -> None:
    three_and_twos = irregular(
        *((cpu, cpu, int(cpu >= 3), 0 if cpu < 3 else (cpu - 1) // 2) for cpu in range(9))
    )
    assert taken(three_and_twos, "0-8", 1) == "0"


def test_with_align_by_socket_two_nodes_of_one_socket_win_over_a_more_even_choice() -> None:
    free = "0-2,4-6,8-11,12-15"
    assert taken(FOUR_NODES, free, 6) == "8-10,12-14"
    assert taken(FOUR_NODES, "0-3,4-5,8-11,12-13", 6, CpuOptions(by_socket=True)) == "0-5"


def test_nothing_wanted_takes_nothing() -> None:
    assert taken(TWO_NODES, "", 0) == ""


def test_where_no_even_shares_exist_cpus_are_packed() -> None:
    assert taken(TWO_NODES, "0,4-7,12-15", 9) == "0,4-7,12-15"


def test_a_shortage_is_told_in_the_kubelets_words() -> None:
    with pytest.raises(CpuShortageError) as caught:
        taken(TWO_NODES, "0-2", 4)
    assert str(caught.value) == "not enough cpus available to satisfy request: requested=4, available=3"


def test_nodes_with_half_a_core_free_keep_the_kubelet_searching_for_ever() -> None:
    four_nodes = machine(
        sockets=4, cores=3
    )  # two nodes are left with three CPUs each, and six are wanted from them
    with pytest.raises(EndlessSearchError):
        taken(four_nodes, "1-2,4-5,8,10-23", 14, WHOLE_CORES)


class TestChoicesThatTurnIntoOthers:
    """Ten nodes of four CPUs in sockets of four and six nodes; all is free in the first, three CPUs a node in the other.
    Only the first socket's nodes can give four CPUs each, and they are found, but by then they are no longer what they
    were: the fourth has become the last node of the other socket."""

    TEN_NODES = irregular(*((cpu, cpu, int(cpu >= 16), cpu // 4) for cpu in range(40)))
    FREE = format_id_list(frozenset(range(16)) | {cpu for cpu in range(16, 40) if cpu % 4})

    def test_the_kubelet_then_searches_for_ever(self) -> None:
        with pytest.raises(EndlessSearchError):
            taken(self.TEN_NODES, self.FREE, 16)

    def test_before_1_37_it_found_its_sum_wrong(self) -> None:
        with pytest.raises(CpuShortageError) as caught:
            taken(self.TEN_NODES, self.FREE, 16, CpuOptions(shares_mind_sockets=False))
        assert str(caught.value) == "accounting error, not enough CPUs allocated, remaining: 4"


def test_before_1_37_align_by_socket_does_not_matter() -> None:
    options = CpuOptions(by_socket=True, shares_mind_sockets=False)
    assert taken(FOUR_NODES, "0-3,4-5,8-11,12-13", 6, options) == taken(FOUR_NODES, "0-3,4-5,8-11,12-13", 6)


class TestChoices:
    def test_up_to_three_are_lists_of_their_own(self) -> None:
        assert list(choices([0, 1, 2, 3], 3)) == [[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]]

    def test_a_choice_of_four_that_is_remembered_turns_into_a_later_one_with_the_same_first_three(
        self,
    ) -> None:
        seen = [(list(choice), choice) for choice in choices([0, 1, 2, 3, 4], 4)]
        assert [then for then, _ in seen][:2] == [[0, 1, 2, 3], [0, 1, 2, 4]]
        assert [later for _, later in seen][:2] == [[0, 1, 2, 4], [0, 1, 2, 4]]

    def test_choices_of_seven_have_the_same_list_as_long_as_their_first_five_are_the_same(self) -> None:
        lists = list(choices(list(range(9)), 7))
        assert lists[0] is lists[5]
        assert lists[5] is not lists[6]

    @given(st.lists(st.integers(0, 63), unique=True, max_size=7), st.integers(1, 7))
    def test_each_choice_is_right_when_it_comes(self, ids: list[int], size: int) -> None:
        seen = [tuple(choice) for choice in choices(ids, size)]
        assert len(set(seen)) == len(seen)
        assert all(len(set(choice)) == size and set(choice) <= set(ids) for choice in seen)


class TestStandardDeviation:
    def test_of_equal_values_is_zero(self) -> None:
        assert standard_deviation([7, 7, 7]) == 0

    def test_is_rounded_to_thousandths(self) -> None:
        assert standard_deviation([1, 2, 4]) == 1.247
