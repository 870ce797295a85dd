"""Which source is chosen, when another takes over, and what is said about it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.sources.pod_source import (
    CHOOSE_AGAIN_SECONDS,
    POLL_SECONDS,
    PodFeed,
    PodSource,
    PodSourceChoice,
    PolledPods,
)
from agent.sources.pod_store import PodStore
from tests.agent.sources.notes import Notes
from tests.fakes.clock import FakeClock, settle


class Source:
    """A source whose state a test sets."""

    def __init__(self, name: str, *, why_not: str | None = None, recheck_seconds: float = 10.0) -> None:
        self.name = name
        self.recheck_seconds = recheck_seconds
        self.why_not = why_not
        self.asked = 0
        self.following = False
        self._ended: asyncio.Future[str] | None = None

    async def prepare(self) -> str | None:
        self.asked += 1
        return self.why_not

    async def follow(self, store: PodStore) -> str:
        self._ended = asyncio.get_running_loop().create_future()
        self.following = True
        try:
            return await self._ended
        finally:
            self.following = False

    def give_up(self, reason: str) -> None:
        assert self._ended is not None
        self.why_not = reason
        self._ended.set_result(reason)

    def break_down(self) -> None:
        assert self._ended is not None
        self._ended.set_exception(ZeroDivisionError())


@asynccontextmanager
async def feeding(clock: FakeClock, *sources: PodSource) -> AsyncIterator[tuple[PodFeed, PodStore]]:
    store = PodStore(Notes(), clock=clock)
    feed = PodFeed(sources, store, clock=clock)
    task = asyncio.create_task(feed.run())
    await settle()
    yield feed, store
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.asyncio
async def test_the_first_that_works_is_followed_and_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    first, second, third = Source("first", why_not="too old"), Source("second"), Source("third")
    async with feeding(FakeClock(), first, second, third) as (feed, _):
        assert [source.following for source in (first, second, third)] == [False, True, False]
        assert feed.choice == PodSourceChoice(name="second", passed_over=(("first", "too old"),))
    assert "pods come from second; not from first: too old" in caplog.text
    assert third.asked == 0


@pytest.mark.asyncio
async def test_the_last_is_followed_where_no_other_works() -> None:
    sources = [Source("first", why_not="a"), Source("second", why_not="b"), Source("third", why_not="c")]
    async with feeding(FakeClock(), *sources) as (feed, _):
        assert feed.choice.name == "third"
        assert sources[2].following


@pytest.mark.asyncio
async def test_a_better_one_takes_over_once_it_works() -> None:
    clock = FakeClock()
    best = Source("best", why_not="down", recheck_seconds=10)
    slow = Source("slow", why_not="forbidden", recheck_seconds=600)
    last = Source("last")
    async with feeding(clock, best, slow, last) as (feed, _):
        await clock.advance(25)
        assert (best.asked, slow.asked) == (3, 1)
        assert last.following
        best.why_not = None
        await clock.advance(5)
        assert (best.following, last.following) == (True, False)
        assert feed.choice == PodSourceChoice(name="best")


@pytest.mark.asyncio
async def test_one_that_gives_up_is_followed_by_the_next_after_a_pause() -> None:
    clock = FakeClock()
    first, last = Source("first"), Source("last")
    async with feeding(clock, first, last) as (feed, store):
        first.give_up("the kubelet is gone")
        await settle()
        assert feed.choice.name == "first"
        assert (last.asked, store.observed().error) == (0, "the kubelet is gone")
        await clock.advance(CHOOSE_AGAIN_SECONDS)
        assert last.following
        assert feed.choice.passed_over == (("first", "the kubelet is gone"),)


@pytest.mark.asyncio
async def test_a_defect_in_a_source_is_not_hidden() -> None:
    clock = FakeClock()
    source = Source("only")
    feed = PodFeed([source], PodStore(Notes(), clock=clock), clock=clock)
    task = asyncio.create_task(feed.run())
    await settle()
    source.break_down()
    with pytest.raises(ZeroDivisionError):
        await task


@pytest.mark.asyncio
async def test_polling_knows_no_pods_and_asks_for_a_look_again_and_again() -> None:
    clock, notes = FakeClock(), Notes()
    store = PodStore(notes, clock=clock)
    store.replace(())
    polled = PolledPods(notes, clock=clock)
    assert await polled.prepare() is None
    task = asyncio.create_task(polled.follow(store))
    await clock.advance(3 * POLL_SECONDS)
    assert store.observed().facts is None
    assert notes.unknown == 1 + 3
    task.cancel()
