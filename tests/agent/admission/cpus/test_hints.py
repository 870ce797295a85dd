from __future__ import annotations

from agent.admission.cpus.hints import cpu_hints
from agent.admission.cpus.topology import derive_topology, mask_of_cpus
from agent.admission.merging.rules import listed
from agent.admission.model import CpuPlace, Machine
from collectors.parse import parse_id_list
from tests.agent.admission.cpus.builders import irregular, machine

TWO_SOCKETS = machine(sockets=2, cores=4)  # node 0: 0-3,8-11; node 1: 4-7,12-15
FOUR_NODES = machine(sockets=2, nodes=4, cores=2, threads=1)  # two CPUs each


def hints(
    which: Machine, free: str, wanted: int, *, again: str = "", by_socket: bool = False
) -> dict[int | None, bool]:
    rule = cpu_hints(
        derive_topology(which),
        free=mask_of_cpus(parse_id_list(free)),
        again=mask_of_cpus(parse_id_list(again)),
        wanted=wanted,
        by_socket=by_socket,
    )
    return {hint.nodes: hint.preferred for hint in listed(rule)}


def test_every_set_of_nodes_with_enough_free_cpus_is_a_hint_and_the_smallest_are_preferred() -> None:
    assert hints(TWO_SOCKETS, "0-15", 4) == {0b01: True, 0b10: True, 0b11: False}


def test_a_node_without_enough_free_cpus_is_no_hint() -> None:
    assert hints(TWO_SOCKETS, "0-1,4-7", 4) == {0b10: True, 0b11: False}


def test_what_one_idle_node_could_hold_is_never_preferred_on_two() -> None:
    assert hints(TWO_SOCKETS, "0-7,12", 8) == {0b11: False}


def test_what_no_idle_node_could_hold_is_preferred_on_two() -> None:
    assert hints(TWO_SOCKETS, "0-15", 9) == {0b11: True}


def test_more_than_the_machine_has_is_no_hint_at_all() -> None:
    assert hints(TWO_SOCKETS, "0-15", 17) == {}


def test_cpus_to_be_used_again_count_and_their_node_must_be_in_the_set() -> None:
    assert hints(TWO_SOCKETS, "2-7", 4, again="0-1") == {0b01: True, 0b11: False}


def test_nodes_without_cpus_are_in_no_hint() -> None:
    sparse = irregular((0, 0, 0, 0), (1, 1, 1, 33))
    assert hints(sparse, "0-1", 1) == {1: True, 1 << 33: True, 1 | 1 << 33: False}


def test_with_align_by_socket_nodes_of_one_socket_are_as_good_as_one_node() -> None:
    found = hints(FOUR_NODES, "0-7", 2, by_socket=True)
    preferred = {mask for mask, is_preferred in found.items() if is_preferred}
    assert preferred == {0b0001, 0b0010, 0b0100, 0b1000, 0b0011, 0b1100}


def test_with_align_by_socket_three_nodes_need_two_sockets() -> None:
    found = hints(FOUR_NODES, "0-7", 6, by_socket=True)
    assert found == {0b0111: True, 0b1011: True, 0b1101: True, 0b1110: True, 0b1111: True}


def test_with_align_by_socket_and_fewer_nodes_than_sockets_only_the_size_counts() -> None:
    one_node = machine(sockets=2, nodes=1)
    assert hints(one_node, "0-15", 2, by_socket=True) == {1: True}


def test_34_nodes_with_cpus_on_two_make_one_small_rule() -> None:
    grace = Machine(
        cpus=tuple(
            CpuPlace(cpu=cpu, core=cpu, socket=cpu // 72, numa_node=cpu // 72, uncore_cache=cpu // 72)
            for cpu in range(144)
        ),
        numa_nodes=tuple(range(34)),
    )
    assert hints(grace, "0-143", 72) == {0b01: True, 0b10: True, 0b11: False}
