"""How close together parts are, on which nodes, and at which level."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.alignment.fit import derive_fit
from agent.alignment.machine import Machine
from agent.alignment.model import Fit, Level, Part
from collectors.model import CpuTopology
from collectors.parse import IdSet, parse_id_list
from tests.agent.alignment.building import CPUS, MEMORY_ALONE, NUMA, machine, with_distances

MACHINE = Machine(machine())
WITH_MEMORY_ALONE = Machine(machine(numa=with_distances((*NUMA.nodes, MEMORY_ALONE))))


def cpus(text: str) -> Part:
    ids = parse_id_list(text)
    return Part(resource="cpu", amount=len(ids), nodes=MACHINE.nodes_of_cpus(ids) or None, cpus=ids)


def memory(*nodes: int, resource: str = "memory") -> Part:
    return Part(resource=resource, amount=1, nodes=frozenset(nodes))


def gpu(*nodes: int) -> Part:
    return Part(resource="example.com/gpu", amount=1, nodes=frozenset(nodes) or None)


def fit(*parts: Part, on: Machine = MACHINE) -> Fit:
    return derive_fit(parts, on)


def test_nothing_is_neither_aligned_nor_not() -> None:
    assert fit() == Fit()


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("2", Level.CORE),
        ("2-3", Level.CORE),
        ("3-4", Level.NUMA),
        ("4-6", Level.L3),
        ("1-7", Level.NUMA),
        ("0,8", Level.MACHINE),
    ],
)
def test_cpus_are_together_in_the_smallest_part_that_holds_them(text: str, level: Level) -> None:
    assert fit(cpus(text)).level is level


def test_with_memory_or_devices_nothing_is_nearer_than_a_node() -> None:
    assert fit(cpus("2-3"), memory(0)) == Fit(
        nodes=frozenset({0}), aligned=True, level=Level.NUMA, distance=10
    )


def test_parts_on_two_nodes_are_as_far_apart_as_these() -> None:
    assert fit(cpus("2-3"), memory(1)) == Fit(
        nodes=frozenset({0, 1}), aligned=False, level=Level.MACHINE, distance=21
    )


def test_two_nodes_of_one_socket_are_together_there() -> None:
    one_socket = replace(CPUS, packages=(replace(CPUS.packages[0], cpus=CPUS.online),))
    assert fit(memory(0, 1), on=Machine(machine(cpus=one_socket))).level is Level.SOCKET


def test_memory_over_two_nodes_is_on_both() -> None:
    assert fit(memory(0, 1, resource="hugepages-2Mi")).aligned is False


def test_a_device_on_two_nodes_counts_for_the_one_that_suits_the_others() -> None:
    assert fit(cpus("8-9"), gpu(0, 1)).nodes == {1}
    assert fit(gpu(0, 1), gpu(1, 2)).aligned is True


def test_devices_that_no_single_node_has_take_a_few() -> None:
    assert fit(gpu(0), gpu(0), gpu(1)).nodes == {0, 1}


def test_a_device_of_which_nobody_knows_the_node_leaves_it_open() -> None:
    assert fit(cpus("2-3"), gpu()) == Fit(nodes=frozenset({0}), distance=10)
    assert fit(gpu()) == Fit()


def test_what_is_apart_already_is_not_aligned_whatever_is_unknown() -> None:
    assert fit(cpus("2"), memory(1), gpu()).aligned is False


def test_a_node_without_cpus_belongs_to_no_known_socket() -> None:
    found = fit(cpus("2"), memory(2), on=WITH_MEMORY_ALONE)
    assert (found.aligned, found.level, found.distance) == (False, None, None)


def test_cpus_that_are_offline_are_nowhere() -> None:
    assert fit(cpus("40")).aligned is None
    assert MACHINE.level_of_cpus(parse_id_list("1,40")) is None


def test_without_sockets_it_is_not_known_what_is_in_several() -> None:
    bare = Machine(machine(cpus=CpuTopology(online=CPUS.online)))
    assert bare.level_of_cpus(parse_id_list("0,8")) is None
    assert bare.level_of_cpus(parse_id_list("0-1")) is Level.NUMA


def test_a_node_that_is_not_there_is_at_no_distance() -> None:
    assert MACHINE.distance(frozenset({0, 7})) is None


_NODES = st.frozensets(st.integers(0, 2), max_size=3)
_PARTS = st.lists(
    st.builds(
        Part,
        resource=st.sampled_from(("memory", "hugepages-2Mi", "example.com/gpu", "example.com/nic")),
        amount=st.just(1),
        nodes=_NODES.map(lambda nodes: nodes or None),
    ),
    max_size=6,
)


def holds_all(node: int, parts: list[Part]) -> bool:
    """By the words of the rule: what is spread lies on that node alone, a device may be reached from it."""
    return all(
        part.nodes is None
        or (part.nodes == {node} if part.resource.startswith(("memory", "huge")) else node in part.nodes)
        for part in parts
    )


@given(_PARTS)
def test_it_is_aligned_where_one_node_holds_all_and_nothing_is_unknown(parts: list[Part]) -> None:
    found = derive_fit(parts, WITH_MEMORY_ALONE)
    one = any(holds_all(node, parts) for node in range(3))
    known = all(part.nodes for part in parts)
    assert found.aligned is (False if not one else True if parts and known else None)


@given(_PARTS)
def test_every_part_touches_the_nodes_and_order_does_not_matter(parts: list[Part]) -> None:
    found = derive_fit(parts, WITH_MEMORY_ALONE)
    assert found == derive_fit(parts[::-1], WITH_MEMORY_ALONE)
    assert all(part.nodes & found.nodes for part in parts if part.nodes)
    spread: IdSet = frozenset().union(
        *(part.nodes or () for part in parts if part.resource.startswith(("memory", "huge")))
    )
    assert spread <= found.nodes
