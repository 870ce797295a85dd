from __future__ import annotations

from agent.views.places import MAX_DEPTH, Level, Place, derive_places
from collectors.model import Cache, CacheType, CpuGroup, CpuTopology
from tests.agent.views.machines import group, ids, l3, node, two_packages


def shape(places: tuple[Place, ...]) -> list[tuple[str, list[object]]]:
    """Levels, and in each the levels inside."""
    return [(place.level.name, list(shape(place.inside))) for place in places]


def test_a_package_holds_its_numa_node_and_that_its_cache() -> None:
    topology = two_packages()
    nodes = [node(number, package.cpus) for number, package in enumerate(topology.packages)]
    assert shape(derive_places(topology, nodes)) == [("PACKAGE", [("NODE", [("CACHE", [])])])] * 2


def test_a_numa_node_of_two_packages_holds_both() -> None:
    topology = two_packages()
    places = derive_places(topology, [node(0, topology.online)])
    assert shape(places) == [("NODE", [("PACKAGE", [("CACHE", [])])] * 2)]


def test_numa_nodes_with_the_same_cpus_stand_side_by_side() -> None:
    topology = CpuTopology(online=ids(0, 3))
    places = derive_places(topology, [node(0, ids(0, 3)), node(1, ids(0, 3))])
    assert shape(places) == [("NODE", []), ("NODE", [])]


def test_numa_nodes_that_share_some_cpus_are_both_there() -> None:
    places = derive_places(CpuTopology(online=ids(0, 5)), [node(0, ids(0, 3)), node(1, ids(2, 5))])
    assert [place.cpus for place in places] == [ids(0, 3), ids(2, 5)]


def test_dies_that_only_repeat_their_packages_are_left_out() -> None:
    packages = (CpuGroup(cpus=ids(0, 3)), CpuGroup(cpus=ids(4, 7)))
    alike = CpuTopology(online=ids(0, 7), packages=packages, dies=packages)
    split = CpuTopology(online=ids(0, 7), packages=packages, dies=(group(0, 1), group(2, 3), *packages[1:]))
    assert shape(derive_places(alike, [])) == [("PACKAGE", []), ("PACKAGE", [])]
    assert shape(derive_places(split, [])) == [("PACKAGE", [("DIE", []), ("DIE", [])]), ("PACKAGE", [])]


def test_shared_second_level_caches_are_places_when_asked_for() -> None:
    l2 = Cache(level=2, type=CacheType.UNIFIED, cpus=ids(0, 1))
    topology = CpuTopology(online=ids(0, 3), caches=(l2, l3(ids(0, 3))))
    assert shape(derive_places(topology, [])) == [("CACHE", [])]
    assert shape(derive_places(topology, [], small_caches=True)) == [("CACHE", [("CACHE", [])])]


def test_books_and_drawers_are_outside_packages() -> None:
    topology = CpuTopology(
        online=ids(0, 3),
        drawers=(group(0, 1, 2, 3),),
        books=(group(0, 1), group(2, 3)),
        packages=(group(0, 1),),
    )
    assert shape(derive_places(topology, [])) == [("DRAWER", [("BOOK", [("PACKAGE", [])]), ("BOOK", [])])]


def test_cpus_in_no_inner_place_are_loose() -> None:
    topology = CpuTopology(online=ids(0, 7), packages=(CpuGroup(cpus=ids(0, 7)),))
    (package,) = derive_places(topology, [node(0, ids(0, 3))])
    assert package.level is Level.PACKAGE
    assert package.loose_cpus == ids(4, 7)


def test_a_forged_chain_of_caches_is_not_followed_for_ever() -> None:
    caches = tuple(l3(ids(0, last)) for last in range(2_000))
    places = derive_places(CpuTopology(online=ids(0, 1_999), caches=caches), [])
    depth = 1
    while places[0].inside:
        places = places[0].inside
        depth += 1
    assert depth == MAX_DEPTH + 1


def test_packages_are_in_order_of_their_ids_where_they_have_some() -> None:
    named = CpuTopology(
        online=ids(0, 2), packages=(group(0, number=7), group(1, number=3), group(2, number=5))
    )
    unnamed = CpuTopology(online=ids(0, 2), packages=(group(2), group(0), group(1, number=9)))
    assert [min(place.cpus) for place in derive_places(named, [])] == [1, 2, 0]
    assert [min(place.cpus) for place in derive_places(unnamed, [])] == [0, 1, 2]
