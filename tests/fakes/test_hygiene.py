"""The fakes and fixtures keep what they promise."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.clock import FakeClock


@pytest.mark.asyncio
async def test_a_fake_clock_wakes_sleepers_in_the_order_of_their_time() -> None:
    clock = FakeClock()
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.monotonic()))

    async with asyncio.TaskGroup() as group:
        group.create_task(sleeper("late", 30))
        group.create_task(sleeper("early", 10))
        await clock.advance(40)
    assert woken == [("early", 1010), ("late", 1030)]
    assert clock.monotonic() == 1040
