from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.placement.holders import Holder
from agent.placement.memory_blocks import fill, listed_blocks, release_first
from collectors.model.kubelet import MemoryBlock
from tests.agent.placement.building import block, container, listed, on

AMOUNTS = st.integers(0, 1000)


def sizes(*containers: MemoryBlock, pod: MemoryBlock) -> list[int]:
    held = listed(
        "a", *(container(f"c{at}", memory=[each]) for at, each in enumerate(containers)), memory=[pod]
    )
    return [each.size for each in listed_blocks(Holder(name="default/a", allocation=held))]


def test_a_pod_has_beyond_its_containers_what_they_do_not_cover() -> None:
    assert sizes(block(3, 0), block(4, 0), pod=block(10, 0)) == [3, 4, 3]


def test_containers_may_use_up_what_the_pod_has() -> None:
    assert sizes(block(6, 0), block(4, 0), pod=block(10, 0)) == [6, 4]


def test_another_type_of_memory_covers_nothing() -> None:
    assert sizes(block(6, 0, kind="hugepages-2Mi"), pod=block(10, 0)) == [6, 10]


def test_giving_back_leaves_alone_what_has_nothing() -> None:
    taken = {(0, "memory"): 0, (1, "memory"): 5}
    release_first(taken, block(4, 0, 1))
    assert taken == {(0, "memory"): 0, (1, "memory"): 1}


def test_more_than_there_is_cannot_be_given_back() -> None:
    taken = {(0, "memory"): 2}
    release_first(taken, block(4, 0))
    assert taken == {(0, "memory"): 0}


@given(st.dictionaries(st.integers(0, 9), AMOUNTS, min_size=1), AMOUNTS)
def test_a_block_is_laid_out_to_the_last_byte(free: dict[int, int], size: int) -> None:
    parts = list(fill(frozenset(free), size, free))
    assert sum(part for _, part in parts) == size
    assert [node for node, _ in parts] == sorted({node for node, _ in parts})
    assert all(part <= free[node] for node, part in parts if node != max(free))


@given(st.dictionaries(st.integers(0, 9), AMOUNTS, min_size=1), AMOUNTS)
def test_what_was_filled_first_can_be_given_back(free: dict[int, int], size: int) -> None:
    taken = {(node, "memory"): part for node, part in fill(frozenset(free), size, free)}
    release_first(taken, block(size, *free))
    assert not any(taken.values())


def test_a_block_on_no_node_is_laid_out_nowhere() -> None:
    assert list(fill(on(), 5, {})) == []
