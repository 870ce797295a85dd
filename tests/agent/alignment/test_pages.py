"""Where a container's memory lies."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from agent.alignment.pages import add_up, derive_pages
from collectors.model.cgroup import ContainerCgroup, HugePagesByNode, NodeBytes, PagesByNode
from tests.agent.alignment.building import by_node, cgroup


def group(*anon: int, hugepages: tuple[int, ...] = ()) -> ContainerCgroup:
    made = cgroup("c", "0", pages=anon)
    return replace(made, hugepages=(HugePagesByNode(page_size_bytes=2 << 20, by_node=by_node(*hugepages)),))


def test_memory_on_other_nodes_than_the_cpus_is_remote() -> None:
    found = derive_pages(group(75, 25), frozenset({0}))
    assert found is not None
    assert (found.remote_bytes, found.remote_share) == (25, 0.25)


def test_hugepages_count_too() -> None:
    found = derive_pages(group(50, 0, hugepages=(0, 50)), frozenset({0}))
    assert found is not None
    assert (found.by_node, found.remote_share) == (by_node(50, 0), 0.5)
    assert found.hugepages[0].resource == "hugepages-2Mi"


def test_all_that_is_charged_is_added_up() -> None:
    pages = PagesByNode(
        anon=by_node(1, 2), file=by_node(10, 20), unevictable=by_node(100), kernel=by_node(0, 1000)
    )
    found = derive_pages(replace(cgroup("c", "0"), pages=pages), frozenset({1}))
    assert found is not None
    assert (found.by_node, found.remote_bytes) == (by_node(111, 1022), 111)


def test_without_known_cpus_nothing_is_known_to_be_remote() -> None:
    found = derive_pages(group(75, 25), frozenset())
    assert found is not None
    assert (found.remote_bytes, found.remote_share) == (None, None)


def test_a_container_without_memory_has_no_share() -> None:
    found = derive_pages(group(0, 0), frozenset({0}))
    assert found is not None
    assert (found.remote_bytes, found.remote_share) == (0, None)


def test_a_cgroup_that_does_not_tell_has_no_pages() -> None:
    assert derive_pages(cgroup("c", "0"), frozenset({0})) is None


_KIND = st.dictionaries(st.integers(0, 5), st.integers(0, 1 << 50)).map(
    lambda found: tuple(NodeBytes(node=node, bytes=size) for node, size in sorted(found.items()))
)


@given(st.lists(_KIND, max_size=4), st.frozensets(st.integers(0, 5)))
def test_what_is_near_and_what_is_remote_is_all(
    kinds: list[tuple[NodeBytes, ...]], near: frozenset[int]
) -> None:
    everything = add_up(*kinds)
    assert sum(each.bytes for each in everything) == sum(each.bytes for kind in kinds for each in kind)
    found = derive_pages(replace(cgroup("c", "0"), pages=PagesByNode(anon=everything, file=())), near)
    assert found is not None
    assert found.remote_share is None or 0 <= found.remote_share <= 1
    at_home = sum(each.bytes for each in everything if each.node in near)
    assert found.remote_bytes is None or found.remote_bytes + at_home == sum(
        each.bytes for each in everything
    )
