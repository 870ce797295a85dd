"""What is due when."""

from __future__ import annotations

import asyncio

import pytest

from agent.kubelet.agenda import Agenda, Due
from tests.fakes.clock import FakeClock, settle

POD = ("default", "web")
OTHER = ("default", "db")


def test_the_earlier_of_two_times_counts() -> None:
    agenda = Agenda(FakeClock())
    agenda.look_at(POD, within=10)
    agenda.look_at(POD, within=0)
    agenda.look_at(POD, within=5)
    assert agenda.take() == Due(pods=frozenset({POD}))
    assert agenda.take() == Due()


@pytest.mark.asyncio
async def test_only_what_is_due_is_taken() -> None:
    clock = FakeClock()
    agenda = Agenda(clock)
    agenda.look_at(POD, within=1)
    agenda.look_at(OTHER, within=2)
    agenda.list_everything(within=3)
    agenda.read_allocatable(within=4)
    taken = []
    for _ in range(4):
        await clock.advance(1)
        taken.append(agenda.take())
    assert taken == [
        Due(pods=frozenset({POD})),
        Due(pods=frozenset({OTHER})),
        Due(everything=True),
        Due(allocatable=True),
    ]


def test_what_is_dropped_does_not_come() -> None:
    agenda = Agenda(FakeClock())
    agenda.look_at(POD, within=0)
    agenda.drop(POD)
    agenda.drop(OTHER)
    assert not agenda.take().asks


def test_a_picture_asks_nobody() -> None:
    agenda = Agenda(FakeClock())
    agenda.draw_picture(within=0)
    assert not agenda.take().asks


@pytest.mark.asyncio
async def test_waiting_ends_at_the_time_or_when_something_earlier_comes() -> None:
    clock = FakeClock()
    agenda = Agenda(clock)
    waiting = asyncio.create_task(agenda.wait())
    await settle()
    agenda.list_everything(within=60)
    await clock.advance(59)
    assert not waiting.done()
    agenda.look_at(POD, within=0)
    await settle()
    assert waiting.done()
    agenda.take()
    waiting = asyncio.create_task(agenda.wait())
    await clock.advance(1)
    assert waiting.done()


def test_joined_is_both() -> None:
    one, other = Due(pods=frozenset({POD}), everything=True), Due(pods=frozenset({OTHER}), allocatable=True)
    assert one.joined(other) == Due(pods=frozenset({POD, OTHER}), everything=True, allocatable=True)
