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
async def test_they_tell_nothing_until_the_kubelet_has_given_back_those_of_a_pod_that_went() -> None:
    clock = FakeClock()
    own = OwnCpus(lambda: frozenset({0, 2}), clock=clock)
    seen = [own.cpus]
    own.distrust()
    seen.append(own.cpus)
    for seconds in (SHARED_POOL_SECONDS - 1, 1):
        await clock.advance(seconds)
        own.read()
        seen.append(own.cpus)
    assert seen == [frozenset({0, 2}), None, None, frozenset({0, 2})]
