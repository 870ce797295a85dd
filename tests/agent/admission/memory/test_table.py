from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from agent.admission.memory.table import breaks_groups, derive_table, free_on, give_back, may_give, take
from agent.admission.model import Settings
from collectors.model.kubelet import MemoryBlock, MemoryTable
from tests.agent.admission.memory.builders import STATIC, block, machine

RESERVED = replace(STATIC, reserved_memory=((0, (("memory", 10), ("hugepages-2Mi", 4))),))


def test_hugepages_and_the_reserve_are_kept_from_a_nodes_memory() -> None:
    (node,) = derive_table(machine(100, pages=(20,)), RESERVED)
    assert node.tables == (
        MemoryTable(type="hugepages-2Mi", total=20, system_reserved=4, allocatable=16, reserved=0, free=16),
        MemoryTable(type="memory", total=100, system_reserved=10, allocatable=70, reserved=0, free=70),
    )


def test_a_reserve_beyond_what_hugepages_leave_wraps_around() -> None:
    (node,) = derive_table(machine(25, pages=(20,)), RESERVED)
    assert node.tables[1].free == 2**64 - 5


def test_nodes_are_in_the_order_of_their_ids_whatever_the_machines_order() -> None:
    two = machine(1, 2, 3)
    shuffled = replace(two, memory=two.memory[::-1])
    assert derive_table(shuffled, STATIC) == derive_table(two, STATIC)


def test_policy_none_keeps_no_table() -> None:
    assert derive_table(machine(100), Settings()) == ()


def test_the_lowest_node_gives_all_it_has_before_the_next_gives_anything() -> None:
    nodes = take(derive_table(machine(10, 10), STATIC), block(13, 0, 1), 13)
    assert [node.tables[1].free for node in nodes] == [0, 7]
    assert [node.group for node in nodes] == [{0, 1}, {0, 1}]
    assert [node.assignments for node in nodes] == [1, 1]


def test_a_node_of_a_group_gives_to_that_group_only() -> None:
    nodes = take(derive_table(machine(10, 10, 10), STATIC), block(13, 0, 1), 13)
    assert not may_give(nodes, 0b001)
    assert not may_give(nodes, 0b111)
    assert may_give(nodes, 0b011)
    assert may_give(nodes, 0b100)


def test_a_node_that_gives_by_itself_is_in_no_group() -> None:
    nodes = take(derive_table(machine(10, 10), STATIC), block(1, 0), 1)
    assert may_give(nodes, 0b01)
    assert not may_give(nodes, 0b11)
    assert breaks_groups(nodes, 0b11)


def test_the_last_check_lets_one_node_leave_its_group() -> None:
    nodes = take(derive_table(machine(10, 10), STATIC), block(13, 0, 1), 13)
    assert not breaks_groups(nodes, 0b10)
    nodes = take(nodes, block(2, 1), 2)
    assert [node.group for node in nodes] == [{0, 1}, {1}]


def test_a_group_ends_with_its_last_block() -> None:
    start = derive_table(machine(10, 10), STATIC)
    nodes = take(take(start, block(13, 0, 1), 13), block(2, 0, 1), 2)
    nodes = give_back(nodes, [block(2, 0, 1)])
    assert [node.group for node in nodes] == [{0, 1}, {0, 1}]
    assert give_back(nodes, [block(13, 0, 1)]) == start


def test_free_memory_is_added_up_over_nodes() -> None:
    assert free_on(derive_table(machine(10, 20, 30), STATIC), 0b101, "memory") == 40


@given(
    sizes=st.lists(st.integers(1, 30), max_size=5),
    amounts=st.lists(st.integers(0, 20), min_size=2, max_size=4),
)
def test_what_was_taken_comes_back(sizes: list[int], amounts: list[int]) -> None:
    start = derive_table(machine(*amounts), STATIC)
    every = range(len(amounts))
    blocks: list[MemoryBlock] = []
    nodes = start
    for size in sizes:
        if size <= free_on(nodes, (1 << len(amounts)) - 1, "memory"):
            blocks.append(block(size, *every))
            nodes = take(nodes, blocks[-1], size)
    assert sum(amounts) - free_on(nodes, -1, "memory") == sum(each.size_bytes for each in blocks)
    assert give_back(nodes, blocks[::-1]) == start
