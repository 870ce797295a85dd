from __future__ import annotations

from dataclasses import replace

import pytest

from agent.admission.memory.manager import StaticMemory
from agent.admission.model import AllocationError, Books, Hint, Settings
from collectors.model.pod import Pod, PodContainer
from tests.agent.admission.memory.builders import (
    ANYWHERE,
    GATES,
    STATIC,
    block,
    container,
    free,
    groups,
    init,
    machine,
    pod,
    sidecar,
    untouched,
    written_out,
)

TWO = StaticMemory(machine(10, 10), STATIC)
APP = container("app", 8)
NODE_0 = Hint(0b01, True)
NODE_1 = Hint(0b10, True)


def admitted(memory: StaticMemory, books: Books, one: Pod, hint: Hint = ANYWHERE) -> Books:
    """The books after all containers of a pod got their memory."""
    for each in one.containers:
        books = memory.allocate(books, one, each, hint)
    return books


def test_all_kinds_of_memory_have_the_same_hints() -> None:
    memory = StaticMemory(machine(10, 10, pages=(2, 2)), STATIC)
    one = container(memory=4, pages=2)
    found = memory.hints(untouched(memory), pod(one), one)
    assert list(found) == ["hugepages-2Mi", "memory"]
    assert found["memory"] == found["hugepages-2Mi"]
    assert written_out(found, "memory") == {0b01: True, 0b10: True, 0b11: False}


def test_no_hint_at_all_reads_as_no_wish() -> None:
    one = container(memory=21)
    assert TWO.hints(untouched(TWO), pod(one), one) == {}


@pytest.mark.parametrize("one", [pod(APP, qos="Burstable"), pod(container()), pod(APP, whole=9)])
def test_others_than_guaranteed_pods_with_memory_of_their_own_get_none(one: Pod) -> None:
    books = untouched(TWO)
    assert TWO.hints(books, one, one.containers[0]) == {}
    assert TWO.pod_hints(books, one) == {}
    assert admitted(TWO, books, one) is books


def test_policy_none_changes_nothing() -> None:
    memory = StaticMemory(machine(10), Settings())
    books = untouched(memory)
    assert memory.hints(books, pod(APP), APP) == memory.pod_hints(books, pod(APP)) == {}
    assert admitted(memory, books, pod(APP)) is books
    assert memory.forget(books, frozenset()) is books
    assert memory.allocate_pod(books, pod(APP, whole=8), ANYWHERE) is books


def test_a_container_gets_a_block_of_each_kind_on_the_hints_nodes() -> None:
    memory = StaticMemory(machine(10, 10, pages=(2, 2)), STATIC)
    books = admitted(memory, untouched(memory), pod(container(memory=4, pages=2)), NODE_1)
    assert books.memory == {("a", "app"): (block(2, 1, kind="hugepages-2Mi"), block(4, 1))}
    assert (free(books), free(books, "hugepages-2Mi")) == ([8, 4], [2, 0])
    assert [node.assignments for node in books.memory_nodes] == [0, 2]


def test_a_refusal_has_the_kubelets_words_around_the_managers() -> None:
    with pytest.raises(AllocationError) as caught:
        admitted(TWO, untouched(TWO), pod(container(memory=21)), NODE_0)
    assert caught.value.reason == "UnexpectedAdmissionError"
    assert str(caught.value) == (
        "Allocate failed due to [memorymanager] failed to find NUMA nodes to extend the current topology hint, "
        "which is unexpected"
    )


def test_a_container_that_has_its_memory_keeps_it_and_hints_at_it() -> None:
    books = admitted(TWO, untouched(TWO), pod(APP), NODE_1)
    assert written_out(TWO.hints(books, pod(APP), APP), "memory") == {0b10: True}
    assert free(admitted(TWO, books, pod(APP), NODE_0)) == [10, 2]


def test_a_pod_that_has_its_memory_hints_at_that_of_its_first_container() -> None:
    books = admitted(TWO, untouched(TWO), pod(APP), NODE_1)
    assert written_out(TWO.pod_hints(books, pod(APP)), "memory") == {0b10: True}
    two = pod(container("one", 2), container("two", 3), uid="b")
    assert TWO.pod_hints(admitted(TWO, books, two, NODE_0), two) == {}


def test_a_pods_hints_are_of_all_its_containers_together() -> None:
    two = pod(container("one", 6), container("two", 6))
    assert written_out(TWO.pod_hints(untouched(TWO), two), "memory") == {0b11: True}


@pytest.mark.parametrize(("first", "second", "left"), [(8, 5, 2), (5, 8, 2), (8, 8, 2)])
def test_an_init_containers_memory_is_taken_once(first: int, second: int, left: int) -> None:
    books = admitted(TWO, untouched(TWO), pod(init("init", first), container("app", second)), NODE_0)
    assert free(books) == [left, 10]
    assert [sum(each.size_bytes for each in blocks) for blocks in books.memory.values()] == [
        max(0, first - second),
        second,
    ]


def test_on_other_nodes_an_init_containers_memory_is_not_used_again() -> None:
    one = pod(init("init", 8), container("app", 5))
    books = TWO.allocate(untouched(TWO), one, one.containers[0], NODE_0)
    books = TWO.allocate(books, one, one.containers[1], NODE_1)
    assert free(books) == [2, 5]
    assert books.memory["a", "init"] == (block(8, 0),)


def test_of_two_init_containers_the_larger_counts() -> None:
    books = admitted(TWO, untouched(TWO), pod(init("i1", 3), init("i2", 8), container("app", 4)), NODE_0)
    assert free(books) == [2, 10]
    assert books.reusable_memory == {"a": (block(4, 0),)}


def test_a_sidecar_uses_up_what_init_containers_left_and_leaves_nothing() -> None:
    books = admitted(TWO, untouched(TWO), pod(init("i", 3), sidecar("s", 3), container("app", 3)), NODE_0)
    assert free(books) == [4, 10]


def test_two_app_containers_share_what_an_init_container_left() -> None:
    books = admitted(TWO, untouched(TWO), pod(init("i", 8), container("one", 3), container("two", 4)), NODE_0)
    assert free(books) == [2, 10]
    assert books.memory["a", "i"] == (block(1, 0),)


def test_what_an_init_container_still_holds_goes_back_when_the_next_one_starts() -> None:
    one = pod(init("i", 8), sidecar("s", 1), container("app", 5))
    books = admitted(TWO, untouched(TWO), one, NODE_0)
    assert TWO.start(books, one, one.containers[0]) is books
    books = TWO.start(books, one, one.containers[2])
    assert free(books) == [4, 10]
    assert ("a", "i") not in books.memory
    assert TWO.start(books, one, one.containers[2]) is books


def test_after_a_restart_of_the_kubelet_reusable_memory_is_found_again() -> None:
    one = pod(init("i", 8), container("app", 5))
    books = TWO.allocate(untouched(TWO), one, one.containers[0], NODE_0)
    again = admitted(TWO, replace(books, reusable_memory={}), one, NODE_0)
    assert free(again) == [2, 10]


def test_another_pod_makes_reusable_memory_forgotten() -> None:
    first = pod(init("i", 8), container("app", 1))
    books = admitted(TWO, untouched(TWO), first, NODE_0)
    assert "a" in books.reusable_memory
    assert "a" not in admitted(TWO, books, pod(APP, uid="b"), NODE_1).reusable_memory


def test_pods_that_are_gone_give_their_memory_back() -> None:
    books = admitted(TWO, untouched(TWO), pod(APP), NODE_0)
    books = admitted(TWO, books, pod(APP, uid="b"), NODE_1)
    books = TWO.forget(books, frozenset("b"))
    assert free(books) == [10, 2]
    assert list(books.memory) == [("b", "app")]
    assert TWO.forget(books, frozenset("b")) is books


def test_a_pod_over_two_nodes_makes_a_group_of_them() -> None:
    books = admitted(TWO, untouched(TWO), pod(container(memory=12)))
    assert (free(books), groups(books)) == ([0, 8], [[0, 1], [0, 1]])
    with pytest.raises(AllocationError, match="failed to find the default preferred hint"):
        admitted(TWO, books, pod(container(memory=1), uid="b"), Hint(None, True))


def test_before_1_32_nobody_looks_at_groups_again() -> None:
    older = StaticMemory(machine(10, 10), replace(STATIC, version=(1, 31)))
    books = admitted(older, untouched(older), pod(container(memory=1)), NODE_0)
    two = pod(container(memory=12), uid="b")
    assert groups(admitted(older, books, two, Hint(0b11, False))) == [[0, 1], [0, 1]]
    with pytest.raises(AllocationError, match="preferred hint violates NUMA node allocation"):
        admitted(TWO, books, two, Hint(0b11, False))


def test_before_1_37_nodes_are_looked_for_on_behalf_of_who_asks_for_none() -> None:
    older = StaticMemory(machine(10, 10), replace(STATIC, version=(1, 36), gates=GATES))
    one = pod(container(), whole=9)
    with pytest.raises(AllocationError, match="failed to get the default NUMA affinity"):
        admitted(older, untouched(older), one)
    assert admitted(older, untouched(older), one, NODE_0).memory == {("a", "app"): ()}
    assert not admitted(WHOLE, untouched(WHOLE), one).memory


WHOLE = StaticMemory(machine(10, 10), replace(STATIC, gates=GATES))


def test_a_pod_with_memory_as_a_whole_gets_it_once_and_divides_it() -> None:
    one = pod(init("i", 0), sidecar("s", 2), container("own", 3), container("one"), container("two"), whole=9)
    assert written_out(WHOLE.pod_hints(untouched(WHOLE), one), "memory") == {
        0b01: True,
        0b10: True,
        0b11: False,
    }
    books = WHOLE.allocate_pod(untouched(WHOLE), one, NODE_1)
    assert free(books) == [10, 1]
    assert books.pod_memory == {"a": (block(9, 1),)}
    assert {name: blocks[0].size_bytes for (_, name), blocks in books.memory.items()} == {
        "i": 9,
        "s": 2,
        "own": 3,
        "one": 4,
        "two": 4,
    }


def test_memory_of_a_pod_as_a_whole_goes_back_with_its_last_container() -> None:
    one = pod(init("i", 2), container("own", 3), container("one"), whole=9)
    books = WHOLE.allocate_pod(untouched(WHOLE), one, NODE_1)
    started = WHOLE.start(books, one, one.containers[1])
    assert (free(started), list(started.memory)) == ([10, 1], [("a", "own"), ("a", "one")])
    gone = WHOLE.forget(started, frozenset())
    assert (free(gone), gone.memory, gone.pod_memory) == ([10, 10], {}, {})


def test_an_empty_shared_pool_is_refused_for_what_it_is() -> None:
    one = pod(container("own", 9), container("one"), whole=9)
    assert WHOLE.pod_hints(untouched(WHOLE), one) == {"memory": ()}
    with pytest.raises(
        AllocationError, match=r"^pod rejected, sum of exclusive container memory requests"
    ) as caught:
        WHOLE.allocate_pod(untouched(WHOLE), one, NODE_0)
    assert caught.value.reason == "EmptyPodSharedPoolError"


def test_in_container_scope_its_containers_get_memory_for_themselves() -> None:
    one = pod(container("own", 3), container("one"), whole=9)
    books = admitted(WHOLE, untouched(WHOLE), one, NODE_0)
    assert books.memory == {("a", "own"): (block(3, 0),)}
    assert WHOLE.hints(books, one, PodContainer(name="one", role=APP.role)) == {}


def test_an_init_container_that_shares_leaves_nothing_behind() -> None:
    one = pod(init("i", 0), container("own", 3), whole=9)
    books = admitted(WHOLE, untouched(WHOLE), one, NODE_0)
    assert books.memory == {("a", "own"): (block(3, 0),)}


def test_a_restarted_kubelet_counts_a_pod_as_a_whole_again() -> None:
    one = pod(container("own", 3), whole=4)
    books = WHOLE.allocate_pod(untouched(WHOLE), one, NODE_0)
    assert WHOLE.pod_hints(books, one) == {}
    assert free(WHOLE.allocate_pod(books, one, NODE_0)) == [2, 10]
