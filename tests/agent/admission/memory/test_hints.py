from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.admission.memory.hints import (
    NoNodesError,
    again,
    check_groups,
    choose_nodes,
    derive_rule,
    narrowest,
)
from agent.admission.memory.table import Nodes, derive_table, may_give, take
from agent.admission.merging.rules import holds, listed
from agent.admission.model import Hint, HintRule
from collectors.model.kubelet import MemoryBlock
from tests.agent.admission.memory.builders import ANYWHERE, STATIC, block, machine


def nodes(*memory: int, taken: Sequence[MemoryBlock] = (), pages: tuple[int, ...] = ()) -> Nodes:
    table = derive_table(machine(*memory, pages=pages), STATIC)
    for each in taken:
        table = take(table, each, each.size_bytes)
    return table


def hints(rule: HintRule | None) -> dict[int, bool]:
    assert rule is not None
    return {hint.nodes or 0: hint.preferred for hint in listed(rule)}


def test_sets_with_enough_are_hints_and_the_smallest_are_preferred() -> None:
    assert hints(derive_rule(nodes(10, 10), {"memory": 8})) == {0b01: True, 0b10: True, 0b11: False}
    assert hints(derive_rule(nodes(10, 10), {"memory": 12})) == {0b11: True}


def test_every_kind_of_memory_has_to_be_there() -> None:
    assert hints(derive_rule(nodes(10, 10, pages=(4, 0)), {"memory": 6, "hugepages-2Mi": 4})) == {
        1: True,
        3: False,
    }


def test_preferred_is_what_would_do_on_the_empty_machine() -> None:
    table = nodes(10, 10, 10, taken=[block(5, 0), block(5, 1), block(5, 2)])
    assert derive_rule(table, {"memory": 8}) is None
    assert hints(derive_rule(nodes(10, 10, 10, taken=[block(5, 0)]), {"memory": 10})) == {
        0b010: True,
        0b100: True,
        0b110: False,
    }


def test_a_group_is_a_hint_and_its_nodes_are_not() -> None:
    table = nodes(10, 10, 10, taken=[block(12, 0, 1)])
    assert hints(derive_rule(table, {"memory": 3})) == {0b011: False, 0b100: True}


def test_what_init_containers_left_counts_on_their_own_nodes() -> None:
    table = nodes(10, 10, 10, taken=[block(8, 0)])
    assert hints(derive_rule(table, {"memory": 9}, [block(8, 0)])) == {1: True, 2: True, 4: True, 6: False}


def test_more_than_the_machine_has_is_no_hint() -> None:
    assert derive_rule(nodes(10, 10), {"memory": 21}) is None
    assert derive_rule(nodes(10, 10), {"hugepages-1Gi": 1}) is None
    assert derive_rule(nodes(10, 10), {}) is None


def test_an_amount_that_wrapped_around_takes_all_alone_and_little_with_others() -> None:
    table = nodes(5, 50, pages=(8, 0))
    assert hints(derive_rule(table, {"memory": 48})) == {0b01: True, 0b10: True}
    assert hints(derive_rule(table, {"memory": 47})) == {0b01: True, 0b10: True, 0b11: False}
    assert derive_rule(nodes(5, pages=(8,)), {"hugepages-2Mi": 9}) is None


def test_memory_that_is_held_already_is_where_it_is() -> None:
    held = [block(4, 1), block(2, 1, kind="hugepages-2Mi")]
    assert again(held, {"memory": 4, "hugepages-2Mi": 2}) == {
        "memory": (Hint(0b10, True),),
        "hugepages-2Mi": (Hint(0b10, True),),
    }


@pytest.mark.parametrize("request_", [{"memory": 5}, {"memory": 4, "hugepages-2Mi": 2}, {"hugepages-2Mi": 4}])
def test_memory_that_is_held_in_another_amount_is_no_wish(request_: dict[str, int]) -> None:
    assert again([block(4, 1)], request_) == {}


def test_the_merged_hint_is_taken_where_it_has_enough() -> None:
    assert choose_nodes(nodes(10, 10), {"memory": 8}, (), Hint(0b10, True)) == 0b10


def test_without_a_merged_hint_the_best_own_one_is_taken() -> None:
    assert choose_nodes(nodes(5, 10, 10), {"memory": 8}, (), ANYWHERE) == 0b010
    assert choose_nodes(nodes(5, 10, 10), {"memory": 12}, (), ANYWHERE) == 0b011


def test_without_a_merged_hint_and_without_own_ones_there_are_no_nodes() -> None:
    with pytest.raises(
        NoNodesError, match=r"^\[memorymanager\] failed to get the default NUMA affinity, no NUMA nodes w"
    ):
        choose_nodes(nodes(10), {"memory": 12}, (), ANYWHERE)


def test_anywhere_preferred_wants_a_preferred_hint() -> None:
    table = nodes(10, 10, taken=[block(12, 0, 1)])
    with pytest.raises(NoNodesError, match=r"^\[memorymanager\] failed to find the default preferred hint$"):
        choose_nodes(table, {"memory": 3}, (), Hint(None, True))


def test_a_hint_with_too_little_is_extended() -> None:
    assert choose_nodes(nodes(5, 5, 9), {"memory": 8}, (), Hint(0b010, False)) == 0b011
    assert choose_nodes(nodes(1, 5, 9), {"memory": 8}, (), Hint(0b010, False)) == 0b110


def test_a_hint_that_cannot_be_extended_ends_it() -> None:
    table = nodes(5, 5, 9, taken=[block(1, 1)])
    with pytest.raises(NoNodesError, match=r"failed to find NUMA nodes to extend the current topology hint$"):
        choose_nodes(table, {"memory": 8}, (), Hint(0b010, False))


def test_a_preferred_hint_is_extended_to_preferred_ones_only() -> None:
    with pytest.raises(NoNodesError, match=r"^\[memorymanager\] failed to find the extended preferred hint$"):
        choose_nodes(nodes(5, 9), {"memory": 8}, (), Hint(0b01, True))


def test_what_init_containers_left_counts_for_the_extension_only() -> None:
    table = nodes(10, 10, taken=[block(8, 0)])
    assert choose_nodes(table, {"memory": 8}, [block(8, 0)], Hint(0b01, True)) == 0b01


def test_a_hint_over_nodes_of_different_groups_ends_it() -> None:
    table = nodes(10, 10, taken=[block(1, 0)])
    with pytest.raises(
        NoNodesError, match=r"^\[memorymanager\] preferred hint violates NUMA node allocation$"
    ):
        check_groups(table, choose_nodes(table, {"memory": 3}, (), Hint(0b11, False)))


@st.composite
def tables(draw: st.DrawFn) -> Nodes:
    table = nodes(*draw(st.lists(st.integers(0, 9), min_size=1, max_size=5)))
    for _ in range(draw(st.integers(0, 4))):
        mask = draw(st.integers(1, (1 << len(table)) - 1))
        size = draw(st.integers(1, 5))
        if may_give(table, mask):
            where = [node.id for node in table if mask >> node.id & 1]
            table = take(table, block(size, *where), size)
    return table


@given(table=tables(), need=st.integers(1, 20), base=st.integers(0, 31))
def test_the_narrowest_hint_is_the_first_of_all_that_have_the_base(
    table: Nodes, need: int, base: int
) -> None:
    rule = derive_rule(table, {"memory": need})
    if rule is None:
        return
    every = [hint for hint in listed(rule) if (hint.nodes or 0) & base == base]
    best = min(
        every, key=lambda hint: (not hint.preferred, (hint.nodes or 0).bit_count(), hint.nodes), default=None
    )
    assert narrowest(rule, base) == (best.nodes if best else None)


@given(table=tables(), need=st.integers(1, 20))
def test_no_hint_breaks_a_group(table: Nodes, need: int) -> None:
    rule = derive_rule(table, {"memory": need})
    for mask in range(1, 1 << len(table)):
        if rule is not None and holds(rule, mask):
            assert may_give(table, mask)


@given(data=st.data(), needs=st.tuples(st.integers(0, 60), st.integers(1, 60)))
def test_what_helps_a_search_over_many_nodes_changes_no_hint(
    data: st.DataObject, needs: tuple[int, int]
) -> None:
    free = data.draw(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=13, max_size=13))
    table = nodes(*(memory + pages for memory, pages in free), pages=tuple(pages for _, pages in free))
    rule = derive_rule(table, {"memory": needs[0], "hugepages-2Mi": needs[1]})
    mask = data.draw(st.integers(1, (1 << 13) - 1))
    has = [sum(amounts[kind] for node, amounts in enumerate(free) if mask >> node & 1) for kind in (0, 1)]
    enough = has[0] >= needs[0] and has[1] >= needs[1]
    assert (rule is not None and holds(rule, mask)) is enough


def test_thirty_four_nodes_are_no_matter() -> None:
    table = nodes(*([100] * 34), taken=[block(5, 3)])
    assert choose_nodes(table, {"memory": 1650}, (), Hint(1 << 33, False)) == (1 << 33) | ((1 << 17) - 1) & ~(
        1 << 3
    )
