"""The CPUs of our own process, and when they tell nothing."""

from __future__ import annotations

import pytest

from agent.kubelet.own_cpus import SHARED_POOL_SECONDS, OwnCpus, read_own_cpus
from tests.fakes.clock import FakeClock
from tests.fakes.memoryfs import MemoryFS
from tests.hosts.tree import Tree


@pytest.mark.parametrize(
    ("status", "cpus"),
    [
        ("Name:\tnumascope\nCpus_allowed_list:\t0-1,8\nMems_allowed_list:\t0\n", frozenset({0, 1, 8})),
        ("Name:\tnumascope\n", None),
        ("Cpus_allowed_list:\tall\n", None),
        (None, None),
    ],
)
def test_our_own_cpus_are_what_the_kernel_says(status: str | None, cpus: frozenset[int] | None) -> None:
    files = {} if status is None else {"/proc/self/status": status.encode()}
    assert read_own_cpus(MemoryFS.of(Tree(files=files))) == cpus


@pytest.mark.asyncio
async def test_what_a_pod_has_given_back_is_in_the_pool_at_once_and_stays_there() -> None:
    clock = FakeClock()
    given = {0, 2}
    own = OwnCpus(lambda: frozenset(given), clock=clock)
    own.pod_went(frozenset({4, 5}), had_more=False)
    assert own.cpus == frozenset({0, 2, 4, 5})
    assert isinstance(own.cpus, frozenset), "it becomes part of a picture, which nobody may change"
    given |= {4, 5}
    await clock.advance(SHARED_POOL_SECONDS)
    own.read()
    assert own.cpus == frozenset({0, 2, 4, 5})


@pytest.mark.asyncio
async def test_what_never_comes_back_is_in_the_pool_no_longer_after_a_while() -> None:
    clock = FakeClock()
    own = OwnCpus(lambda: frozenset({0}), clock=clock)
    own.pod_went(frozenset({4}), had_more=False)
    await clock.advance(SHARED_POOL_SECONDS)
    own.read()
    assert own.cpus == frozenset({0})


def test_what_another_pod_has_got_since_is_not_in_the_pool() -> None:
    own = OwnCpus(lambda: frozenset({0}), clock=FakeClock())
    own.pod_went(frozenset({4, 5}), had_more=False)
    own.pod_came(frozenset({5, 6}))
    own.read()
    assert own.cpus == frozenset({0, 4})


@pytest.mark.asyncio
async def test_after_a_pod_that_may_have_had_more_they_tell_nothing_for_a_while() -> None:
    clock = FakeClock()
    own = OwnCpus(lambda: frozenset({0, 2}), clock=clock)
    own.pod_went(frozenset({4}), had_more=True)
    assert own.cpus is None
    await clock.advance(SHARED_POOL_SECONDS)
    own.read()
    assert own.cpus == frozenset({0, 2})


def test_where_they_are_not_known_they_are_not_made_up() -> None:
    own = OwnCpus(lambda: None, clock=FakeClock())
    own.pod_went(frozenset({4}), had_more=False)
    assert own.cpus is None
