"""Counters of refused pods: bounded, and nothing counts twice."""

from __future__ import annotations

from agent.refusals.tally import GIVES_WAY_SECONDS, Tally
from collectors.model.refusals import RefusalCount, RefusalCounts
from tests.agent.refusals.building import refused


def by_owner(counts: RefusalCounts) -> dict[str | None, tuple[int, int | None]]:
    return {each.owner_name: (each.refused, each.present) for each in counts.by_workload}


def test_pods_of_one_workload_refused_for_one_reason_are_one_counter() -> None:
    tally = Tally()
    for number in range(3):
        tally.count(refused(f"web-{number}"), now=0.0)
    assert tally.counts(()) == RefusalCounts(
        refused=3,
        present=0,
        by_workload=(
            RefusalCount(
                reason="TopologyAffinityError",
                cause="alignment",
                namespace="default",
                owner_kind="ReplicaSet",
                owner_name="web",
                refused=3,
                present=0,
            ),
        ),
        present_others=0,
    )


def test_pods_without_a_controller_are_counted_together() -> None:
    tally = Tally()
    tally.count(refused("a", owner=None), now=0.0)
    tally.count(refused("b", owner=None), now=0.0)
    assert by_owner(tally.counts(())) == {None: (2, 0)}


def test_what_lies_around_is_told_though_it_was_never_counted() -> None:
    tally = Tally()
    tally.count(refused("web-9"), now=0.0)
    pods = (refused("web-9"), refused("old-1", owner="old"), refused("old-2", owner="old"))
    counts = tally.counts(pods)
    assert by_owner(counts) == {"old": (0, 2), "web": (1, 1)}
    assert (counts.refused, counts.present) == (1, 3)


def test_what_lies_around_is_unknown_where_the_pods_are() -> None:
    tally = Tally()
    tally.count(refused(), now=0.0)
    counts = tally.counts(None)
    assert (counts.present, counts.present_others, counts.by_workload[0].present) == (None, None, None)


def test_workloads_beyond_the_bound_are_counted_with_all_others() -> None:
    tally = Tally(series=2)
    pods = tuple(refused(name, owner=name) for name in ("a", "b", "c", "d", "a2"))
    for pod in pods:
        tally.count(pod, now=0.0, present=pods)
    counts = tally.counts(pods)
    assert by_owner(counts) == {"a": (1, 1), "b": (1, 1)}
    assert (counts.refused, counts.refused_others, counts.present_others) == (5, 3, 3)


def test_a_counter_of_long_ago_gives_way_unless_something_of_it_lies_around() -> None:
    tally = Tally(series=2)
    lying = refused("a", owner="a")
    tally.count(lying, now=0.0)
    tally.count(refused("b", owner="b"), now=1.0)
    tally.count(refused("c", owner="c"), now=GIVES_WAY_SECONDS - 1, present=[lying])
    tally.count(refused("d", owner="d"), now=GIVES_WAY_SECONDS + 1, present=[lying])
    counts = tally.counts((lying,))
    assert by_owner(counts) == {"a": (1, 1), "d": (1, 0)}
    assert (counts.refused, counts.refused_others) == (4, 1)


def test_a_full_table_stays_where_all_rest_but_lie_around() -> None:
    tally = Tally(series=1)
    lying = refused("a", owner="a")
    tally.count(lying, now=0.0)
    tally.count(refused("b", owner="b"), now=2 * GIVES_WAY_SECONDS, present=[lying])
    assert tally.counts(()).refused_others == 1


def test_the_same_counts_are_the_same_object() -> None:
    tally = Tally()
    pods = (refused(),)
    assert tally.counts(pods) is tally.counts(pods)
    before = tally.counts(pods)
    tally.count(refused("web-2"), now=0.0)
    assert tally.counts(pods) is not before


def test_a_counter_that_has_not_rested_long_stays_behind_one_that_lies_around() -> None:
    tally = Tally(series=2)
    lying = refused("a", owner="a")
    tally.count(lying, now=0.0)
    tally.count(refused("b", owner="b"), now=GIVES_WAY_SECONDS)
    tally.count(refused("c", owner="c"), now=GIVES_WAY_SECONDS + 1, present=[lying])
    assert set(by_owner(tally.counts(()))) == {"a", "b"}
