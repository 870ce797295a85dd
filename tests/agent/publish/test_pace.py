"""The first write goes at once, a burst with growing pauses, a storm no faster than two a second."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.publish.pace import BURST, REFILL_SECONDS, WritePace
from tests.fakes.clock import FakeClock, settle


async def write_times(waits: list[float]) -> list[float]:
    """When each write goes of somebody who wants the next one so long after the last."""
    clock = FakeClock()
    pace, start = WritePace(clock), clock.monotonic()
    times: list[float] = []

    async def write() -> None:
        for wait in waits:
            if wait:
                await clock.sleep(wait)
            await pace.take()
            times.append(clock.monotonic() - start)

    async with asyncio.TaskGroup() as group:
        writing = group.create_task(write())
        while not writing.done():
            await clock.advance(1)
    return times


@pytest.mark.asyncio
async def test_single_changes_never_wait() -> None:
    clock = FakeClock()
    pace = WritePace(clock)
    for _ in range(30):
        await pace.take()
        await clock.advance(REFILL_SECONDS)
        await settle()
    assert clock.slept == []


@pytest.mark.asyncio
async def test_pauses_grow_from_nothing_to_the_refill() -> None:
    times = await write_times([0.0] * 60)
    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert times[0] == 0
    assert pauses[0] == pytest.approx(REFILL_SECONDS / BURST)
    assert all(after >= before - 1e-9 for before, after in itertools.pairwise(pauses))
    assert pauses[-1] == pytest.approx(REFILL_SECONDS, rel=0.1)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from([0.0, 0.01, 0.2, 1.0, 7.0]), max_size=80))
def test_no_stretch_has_more_writes_than_the_bucket_allows(waits: list[float]) -> None:
    times = asyncio.run(write_times(waits))
    for first, start in enumerate(times):
        for count, end in enumerate(times[first:], start=1):
            assert count <= BURST + (end - start) / REFILL_SECONDS + 1 + 1e-6
