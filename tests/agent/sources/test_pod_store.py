"""The store of pods: what it keeps, whom it tells, and how old that is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.sources.pod_store import PodStore
from collectors.model.pod import REFUSED, Pod
from collectors.model.snapshot import Observed
from tests.agent.sources.notes import Notes
from tests.fakes.clock import FakeClock

WALL = 1_700_000_000.0


def pod(name: str, uid: str | None = None, *, phase: str = "Running", message: str | None = None) -> Pod:
    return Pod(namespace="n", name=name, uid=uid or name, phase=phase, message=message)


def refused(name: str) -> Pod:
    return pod(name, phase="Failed", message=f"{REFUSED}no")


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(wall=WALL)


@pytest.fixture
def store(notes: Notes, clock: FakeClock) -> PodStore:
    return PodStore(notes, clock=clock)


def names(store: PodStore) -> list[str] | None:
    facts = store.observed().facts
    return None if facts is None else [each.name for each in facts]


def test_nothing_is_known_until_all_pods_were_told(store: PodStore) -> None:
    replay = store.replay()
    replay.add(pod("a"))
    assert store.observed() == Observed()
    replay.done()
    assert store.observed() == Observed(facts=(pod("a"),), read_at=WALL)


def test_a_node_without_pods_is_known_to_have_none(store: PodStore) -> None:
    store.replace(())
    assert store.observed() == Observed(facts=(), read_at=WALL)


def test_pods_come_in_an_order_that_only_they_decide(store: PodStore) -> None:
    store.replace((pod("b"), pod("a", "2"), pod("a", "1")))
    facts = store.observed().facts
    assert facts is not None
    assert [(each.name, each.uid) for each in facts] == [("a", "1"), ("a", "2"), ("b", "b")]


def test_the_same_facts_are_the_same_tuple(store: PodStore) -> None:
    store.replace((pod("a"), pod("b")))
    before, version = store.observed().facts, store.version
    store.put(pod("a"))
    assert store.replace((pod("b"), pod("a"))) == 0
    assert store.observed().facts is before
    assert store.version == version


def test_an_event_tells_of_its_pod_even_where_no_fact_changed(store: PodStore, notes: Notes) -> None:
    store.replace((pod("a"),))
    store.put(pod("a"))
    assert notes.changed == [("n", "a"), ("n", "a")]


def test_a_replay_tells_only_what_is_news(store: PodStore, notes: Notes) -> None:
    store.replace((pod("same"), pod("other"), pod("gone")))
    notes.changed.clear()
    different = store.replace((pod("same"), pod("other", phase="Succeeded"), pod("new")))
    assert notes.names == ["other", "new", "gone"]
    assert different == 3
    assert names(store) == ["new", "other", "same"]


def test_what_was_known_stays_during_a_replay(store: PodStore) -> None:
    store.replace((pod("a"), pod("b")))
    replay = store.replay()
    replay.add(pod("b"))
    assert names(store) == ["a", "b"]
    replay.done()
    assert names(store) == ["b"]


def test_a_pod_that_ended_stays_a_fact_until_it_is_dropped(store: PodStore, notes: Notes) -> None:
    store.replace((pod("a"),))
    store.put(pod("a", phase="Succeeded"))
    assert names(store) == ["a"]
    store.drop("a")
    store.drop("a")
    assert names(store) == []
    assert notes.names == ["a", "a", "a"]


def test_a_pod_made_anew_under_its_name_is_another(store: PodStore) -> None:
    store.replace((pod("a", "1"),))
    store.put(pod("a", "2"))
    store.drop("1")
    assert store.observed().facts == (pod("a", "2"),)


@pytest.mark.asyncio
async def test_facts_age_while_the_source_fails_and_are_fresh_when_it_confirms(
    store: PodStore, clock: FakeClock
) -> None:
    store.replace((pod("a"),))
    await clock.advance(60)
    store.fail("gone")
    assert store.observed() == Observed(facts=(pod("a"),), read_at=WALL, error="gone")
    store.confirm()
    assert store.observed() == Observed(facts=(pod("a"),), read_at=WALL + 60)


@pytest.mark.asyncio
async def test_an_event_makes_the_facts_fresh(store: PodStore, clock: FakeClock) -> None:
    store.replace((pod("a"), pod("b")))
    await clock.advance(5)
    store.put(pod("a"))
    assert store.observed().read_at == WALL + 5
    await clock.advance(5)
    store.drop("a")
    assert store.observed().read_at == WALL + 10


def test_a_source_that_never_worked_says_why(store: PodStore) -> None:
    store.fail("no such socket")
    assert store.observed() == Observed(error="no such socket")


def test_what_is_forgotten_is_known_no_longer_and_anything_may_have_changed(
    store: PodStore, notes: Notes
) -> None:
    store.replace((pod("a"),))
    version = store.version
    store.forget("no source")
    store.forget("no source")
    assert store.observed() == Observed(error="no source")
    assert notes.unknown == 2
    assert store.version == version + 1


def test_a_refusal_counts_once_however_often_it_is_told(store: PodStore, notes: Notes) -> None:
    store.replace(())
    store.put(refused("a"))
    store.put(replace(refused("a"), deleted=True))
    store.drop("a")
    store.replace((refused("a"),))
    assert notes.refused == [("a", True)]


def test_a_refusal_from_before_our_first_look_is_no_news(store: PodStore, notes: Notes) -> None:
    store.replace((refused("old"),))
    store.forget("a while without a source")
    store.replace((refused("old"), refused("meanwhile")))
    assert notes.refused == [("old", False), ("meanwhile", True)]


def test_a_pod_that_is_evicted_or_completes_was_not_refused(store: PodStore, notes: Notes) -> None:
    store.replace(
        (pod("a", phase="Failed", message="The node was low on resource"), pod("b", phase="Succeeded"))
    )
    assert notes.refused == []


def test_old_refusals_are_forgotten_but_none_that_is_still_there(notes: Notes, clock: FakeClock) -> None:
    store = PodStore(notes, clock=clock, remembered_refusals=2)
    store.replace((refused("stays"),))
    for name in ("r0", "r1", "r2", "r3"):
        store.put(refused(name))
        store.drop(name)
    notes.refused.clear()
    store.put(replace(refused("stays"), deleted=True))
    store.put(refused("r3"))
    assert notes.refused == []
    store.put(refused("r0"))
    assert notes.refused == [("r0", True)]
