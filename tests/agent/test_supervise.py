"""Roots, wake-ups, the token bucket and backoff, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from agent.supervise import Backoff, RootEndedError, TokenBucket, WakeUp, keep_doing, race, run_roots
from tests.fakes.clock import FakeClock, settle

PERIOD = 60.0
BURST = 3
REFILL = 5.0


@asynccontextmanager
async def running(
    step: Callable[[], Awaitable[None]], clock: FakeClock, wake_up: WakeUp
) -> AsyncIterator[None]:
    """keep_doing with the constants above, for the length of the block."""
    bucket = TokenBucket(clock, burst=BURST, refill_seconds=REFILL)
    loop = keep_doing(step, clock=clock, period=PERIOD, wake_up=wake_up, bucket=bucket)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(loop)
        await settle()
        yield
        task.cancel()


class Steps:
    """Notes when it was called."""

    def __init__(self, clock: FakeClock, *, lasting: float = 0.0) -> None:
        self._clock = clock
        self._lasting = lasting
        self.times: list[float] = []

    async def __call__(self) -> None:
        self.times.append(self._clock.monotonic() - 1000.0)
        if self._lasting:
            await self._clock.sleep(self._lasting)


@pytest.mark.asyncio
async def test_steps_come_at_once_and_then_once_a_period() -> None:
    clock = FakeClock()
    steps = Steps(clock)
    async with running(steps, clock, WakeUp()):
        await clock.advance(3 * PERIOD)
    assert steps.times == [0.0, 60.0, 120.0, 180.0]


@pytest.mark.asyncio
async def test_the_first_wake_up_acts_at_once_and_starts_the_period_anew() -> None:
    clock = FakeClock()
    wake_up = WakeUp()
    steps = Steps(clock)
    async with running(steps, clock, wake_up):
        await clock.advance(10.0)
        wake_up.wake()
        await clock.advance(65.0)
    assert steps.times == [0.0, 10.0, 70.0]


@pytest.mark.asyncio
async def test_a_storm_is_spaced_by_the_bucket_and_its_last_wake_up_is_answered() -> None:
    clock = FakeClock()
    wake_up = WakeUp()
    steps = Steps(clock)
    async with running(steps, clock, wake_up):
        for _ in range(200):
            await clock.advance(0.1)
            wake_up.wake()
        await clock.advance(10.0)
    burst, after = steps.times[: BURST + 1], steps.times[BURST + 1 :]
    assert burst == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert after == pytest.approx([5.1, 10.1, 15.1, 20.1], abs=0.2)
    assert after[-1] >= 20.0


@pytest.mark.asyncio
async def test_wake_ups_during_a_step_are_answered_by_one_more_step() -> None:
    clock = FakeClock()
    wake_up = WakeUp()
    steps = Steps(clock, lasting=1.0)
    async with running(steps, clock, wake_up):
        for _ in range(5):
            await clock.advance(0.1)
            wake_up.wake()
        await clock.advance(10.0)
    assert steps.times == [0.0, 1.0]


@pytest.mark.asyncio
async def test_an_idle_hour_fills_the_bucket_to_the_brim_and_no_further() -> None:
    clock = FakeClock()
    bucket = TokenBucket(clock, burst=2, refill_seconds=1.0)
    await clock.advance(3600.0)
    await bucket.take()
    await bucket.take()
    assert clock.slept == []
    async with asyncio.TaskGroup() as group:
        group.create_task(bucket.take())
        await clock.advance(1.0)
    assert clock.slept == [1.0]


@pytest.mark.asyncio
async def test_a_failing_step_ends_the_loop() -> None:
    async def step() -> None:
        raise ZeroDivisionError

    clock = FakeClock()
    bucket = TokenBucket(clock, burst=1, refill_seconds=1.0)
    with pytest.raises(ZeroDivisionError):
        await keep_doing(step, clock=clock, period=1.0, wake_up=WakeUp(), bucket=bucket)


@pytest.mark.asyncio
async def test_a_root_that_returns_is_a_fault_and_ends_the_others() -> None:
    cancelled = asyncio.Event()

    async def for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def returns() -> None:
        await asyncio.sleep(0)

    with pytest.raises(ExceptionGroup) as caught:
        await run_roots({"for ever": for_ever(), "returns": returns()})
    assert caught.group_contains(RootEndedError, match="'returns' ended by itself")
    assert cancelled.is_set()


def test_backoff_repeats_its_last_delay_and_starts_over_after_success() -> None:
    backoff = Backoff((1.0, 5.0, 30.0))
    assert [backoff.failed() for _ in range(5)] == [1.0, 5.0, 30.0, 30.0, 30.0]
    backoff.succeeded()
    assert backoff.failed() == 1.0


async def _ends(*, after_turns: int, error: Exception | None = None) -> int:
    for _ in range(after_turns):
        await asyncio.sleep(0)
    if error is not None:
        raise error
    return after_turns


async def _runs_for_ever(cancelled: list[str]) -> int:
    try:
        await asyncio.Event().wait()
    finally:
        cancelled.append("cancelled")
    return 0


@pytest.mark.asyncio
async def test_a_race_is_won_by_the_first_to_end_and_the_others_are_cancelled() -> None:
    cancelled: list[str] = []
    assert await race(_runs_for_ever(cancelled), _ends(after_turns=9), _ends(after_turns=2)) == 2
    assert cancelled == ["cancelled"]


@pytest.mark.asyncio
async def test_a_race_fails_as_its_first_fails_and_leaves_no_cancellation_behind() -> None:
    cancelled: list[str] = []
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await race(_runs_for_ever(cancelled), _ends(after_turns=1, error=ZeroDivisionError()))
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    assert len(cancelled) == 3


@pytest.mark.asyncio
async def test_a_race_that_is_cancelled_is_cancelled_even_where_a_contender_fails_just_then() -> None:
    async def fails_when_told(told: asyncio.Event) -> None:
        await told.wait()
        raise ZeroDivisionError

    told, cancelled = asyncio.Event(), list[str]()
    task = asyncio.create_task(race(fails_when_told(told), _runs_for_ever(cancelled)))
    await settle()
    told.set()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cancelled == ["cancelled"]
