"""Events on the loop: a wake-up for what matters, calm in a storm, another source when one ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.hotplug import CALM_SECONDS, keep_following
from agent.supervise import WakeUp
from collectors.hotplug import EventSource, HotplugError
from tests.fakes.clock import FakeClock, settle
from tests.fakes.events import PipeSource


class Sources:
    """Opens these one after the other."""

    def __init__(self, *sources: PipeSource | HotplugError) -> None:
        self._sources = list(sources)

    def __call__(self) -> EventSource:
        source = self._sources.pop(0)
        if isinstance(source, HotplugError):
            raise source
        return source


@asynccontextmanager
async def following(
    source: PipeSource, *later: PipeSource | HotplugError, clock: FakeClock
) -> AsyncIterator[WakeUp]:
    wake_up = WakeUp()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(keep_following(source, Sources(*later), wake_up, clock))
        await settle()
        yield wake_up
        task.cancel()


async def woken(wake_up: WakeUp, clock: FakeClock) -> bool:
    """Whether there was a call since the last time this was asked."""
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(wake_up.wait(clock, 0.0))
        await clock.advance(0.0)
    wake_up.answer()
    return waiting.result()


async def real_turn() -> None:
    """Gives the loop the time to look at its descriptors."""
    await asyncio.sleep(0.01)
    await settle()


@pytest.mark.asyncio
async def test_an_event_that_matters_wakes_and_another_does_not() -> None:
    clock, source = FakeClock(), PipeSource()
    async with following(source, clock=clock) as wake_up:
        source.send(b"-")
        await real_turn()
        assert not await woken(wake_up, clock)
        await clock.advance(CALM_SECONDS)
        source.send(b"+")
        await real_turn()
        assert await woken(wake_up, clock)
    assert source.closed


@pytest.mark.asyncio
async def test_a_storm_is_looked_at_no_more_often_than_the_calm_allows() -> None:
    clock, source = FakeClock(), PipeSource()
    async with following(source, clock=clock) as wake_up:
        for _ in range(50):
            source.send(b"+")
            await real_turn()
        assert source.drained == 1
        await clock.advance(CALM_SECONDS)
        await real_turn()
        assert source.drained == 2
        assert await woken(wake_up, clock)


@pytest.mark.asyncio
async def test_a_source_that_ends_is_replaced_and_the_gap_counts_as_a_change(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, first, second = FakeClock(), PipeSource(), PipeSource()
    refused = HotplugError("libudev cannot be used: Too many open files")
    async with following(first, refused, second, clock=clock) as wake_up:
        first.send(b"!")
        await real_turn()
        assert first.closed
        await clock.advance(1.0)
        assert not await woken(wake_up, clock)
        await clock.advance(5.0)
        assert await woken(wake_up, clock)
        second.send(b"+")
        await real_turn()
        assert await woken(wake_up, clock)
    assert [message for message in caplog.messages if "only the timer" in message] == [
        "kernel events ended: No buffer space available; only the timer notices changes until they are back"
    ]


@pytest.mark.asyncio
async def test_sources_that_end_at_once_are_opened_ever_more_rarely_and_lasting_ones_start_over() -> None:
    clock = FakeClock()
    sources = [PipeSource() for _ in range(4)]
    async with following(*sources, clock=clock):
        sources[0].send(b"!")
        await real_turn()
        await clock.advance(1.0)
        sources[1].send(b"!")
        await real_turn()
        await clock.advance(1.0)
        assert sources[2].drained == 0
        await clock.advance(4.0)
        await clock.advance(100.0)
        sources[2].send(b"!")
        await real_turn()
        await clock.advance(1.0)
        sources[3].send(b"+")
        await real_turn()
        assert sources[3].drained == 1
