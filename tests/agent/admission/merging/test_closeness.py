"""The search for sets of nodes that lie close together, on machines where not every set can be looked at."""

from __future__ import annotations

from agent.admission.merging.closeness import STEPS, SURE_NODES, Closeness
from agent.admission.merging.fitness import Fitness
from agent.admission.merging.rules import mask_of


def fitness(nodes: int, *, near: int = 12, far: int = 20) -> Fitness:
    """Nodes in pairs that lie near each other."""
    rows = {
        one: tuple(10 if one == other else near if one // 2 == other // 2 else far for other in range(nodes))
        for one in range(nodes)
    }
    return Fitness(nodes=mask_of(range(nodes)), rows=rows)


def test_without_a_first_set_everything_is_worth_finding() -> None:
    search = Closeness(fitness(4))
    assert search.allows(mask_of({0, 3}), 0, ())


def test_after_it_only_what_can_become_closer_is() -> None:
    search = Closeness(fitness(6))
    assert search.closer_than(mask_of({0, 3}))
    assert search.allows(mask_of({0}), 1, (1, 2))
    assert not search.allows(mask_of({0}), 1, (2, 3))
    assert search.allows(mask_of({4, 5}), 0, ())
    assert not search.allows(mask_of({1, 4}), 0, ())


def test_where_distances_are_not_asked_for_the_first_set_is_the_last() -> None:
    search = Closeness(Fitness(nodes=0b1111))
    assert not search.closer_than(0b0011)


def test_on_many_nodes_the_search_gives_up_after_its_steps() -> None:
    search = Closeness(fitness(SURE_NODES + 2))
    search.closer_than(mask_of({0, 3}))
    assert [search.allows(mask_of({4}), 1, (5,)) for _ in range(STEPS + 1)] == [
        *(True for _ in range(STEPS)),
        False,
    ]


def test_on_few_nodes_it_never_does() -> None:
    search = Closeness(fitness(SURE_NODES))
    search.closer_than(mask_of({0, 3}))
    assert all(search.allows(mask_of({4}), 1, (5,)) for _ in range(2 * STEPS))
