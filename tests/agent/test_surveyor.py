"""Surveys in a thread: what is kept, what is said, and what a hanging file does not do."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

import pytest

from agent.surveyor import Surveyor
from collectors.errors import CaptureError
from collectors.hostfs import HostFS
from tests.fakes.clock import FakeClock, settle
from tests.fakes.memoryfs import MemoryFS
from tests.hosts.machine import build_tree, expected_snapshot
from tests.hosts.shapes import DESKTOP
from tests.hosts.tree import Tree

DEADLINE = 20.0
ONLINE = "/sys/devices/system/cpu/online"


def desktop() -> MemoryFS:
    return MemoryFS.of(build_tree(DESKTOP))


class HangingFS(MemoryFS):
    """A machine whose list of CPUs does not answer until it is let go."""

    gate = threading.Event()

    def read(self, path: str, limit: int = 1 << 20) -> bytes | None:
        if path == ONLINE:
            self.gate.wait(30)
        return super().read(path, limit)


class Hosts:
    """Opens one machine after the other, the last one again and again."""

    def __init__(self, *hosts: HostFS | Exception) -> None:
        self._hosts = list(hosts)

    def __call__(self) -> HostFS:
        host = self._hosts.pop(0) if len(self._hosts) > 1 else self._hosts[0]
        if isinstance(host, Exception):
            raise host
        return host


@pytest.fixture
def hanging() -> Callable[[], HangingFS]:
    """Makes a machine that hangs; it is let go at the end of the test."""
    HangingFS.gate = threading.Event()

    def make() -> HangingFS:
        host = HangingFS.of(build_tree(DESKTOP))
        assert isinstance(host, HangingFS)
        return host

    return make


@pytest.mark.asyncio
async def test_a_survey_gives_the_snapshot_and_when_it_was_complete() -> None:
    clock = FakeClock(wall=1_700_000_000.0)
    surveyor = Surveyor(desktop, clock=clock, deadline=DEADLINE)
    await surveyor.survey()
    state = surveyor.state
    assert state.snapshot == expected_snapshot(DESKTOP, now=1_700_000_000.0)
    assert (state.completed, state.failed, state.failure, state.stuck) == (1, 0, None, False)
    assert (state.completed_at, state.ticked_at, state.duration_seconds) == (1000.0, 1000.0, 0.0)


@pytest.mark.asyncio
async def test_a_machine_that_cannot_be_opened_keeps_the_last_snapshot_and_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hosts = Hosts(
        desktop(), CaptureError("/mnt", "no such directory"), OSError(24, "Too many open files"), desktop()
    )
    surveyor = Surveyor(hosts, clock=FakeClock(), deadline=DEADLINE)
    await surveyor.survey()
    first = surveyor.state.snapshot
    await surveyor.survey()
    state = surveyor.state
    assert state.snapshot is first
    assert state.failure == "/mnt: no such directory"
    await surveyor.survey()
    state = surveyor.state
    assert state.failure == "OSError: [Errno 24] Too many open files"
    assert (state.completed, state.failed) == (1, 2)
    with caplog.at_level(logging.INFO):
        await surveyor.survey()
    assert surveyor.state.failure is None
    assert "the survey is complete again" in caplog.messages


@pytest.mark.asyncio
async def test_a_folder_without_a_machine_is_no_complete_survey() -> None:
    surveyor = Surveyor(lambda: MemoryFS.of(Tree()), clock=FakeClock(), deadline=DEADLINE)
    await surveyor.survey()
    assert surveyor.state.completed_at is None
    assert (surveyor.state.failure or "").startswith("no machine could be read: ")


@pytest.mark.asyncio
async def test_memory_alone_makes_a_machine() -> None:
    tree = Tree()
    tree.file("/proc/meminfo", "MemTotal: 1024 kB\nMemFree: 512 kB\n")
    surveyor = Surveyor(lambda: MemoryFS.of(tree), clock=FakeClock(), deadline=DEADLINE)
    await surveyor.survey()
    assert surveyor.state.completed == 1


@pytest.mark.asyncio
async def test_a_hanging_file_is_named_at_the_deadline_and_the_last_snapshot_stays(
    hanging: Callable[[], HangingFS], caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    surveyor = Surveyor(Hosts(desktop(), hanging(), desktop()), clock=clock, deadline=DEADLINE)
    await surveyor.survey()
    first = surveyor.state.snapshot
    for attempt in (1, 2, 3):
        async with asyncio.TaskGroup() as group:
            group.create_task(surveyor.survey())
            await clock.advance(DEADLINE)
        assert surveyor.state.stuck
        assert surveyor.state.failure == f"the survey is stuck at {ONLINE}"
        assert surveyor.state.ticked_at == 1000.0 + attempt * DEADLINE
        assert surveyor.state.snapshot is first
    assert surveyor.state.failed == 1
    assert [thread.name for thread in threading.enumerate()].count("survey") == 1
    assert len([message for message in caplog.messages if "stuck" in message]) == 1
    HangingFS.gate.set()
    await surveyor.survey()
    assert not surveyor.state.stuck
    assert surveyor.state.failure is None
    assert surveyor.state.completed == 2


@pytest.mark.asyncio
async def test_a_stuck_survey_can_be_left_behind(hanging: Callable[[], HangingFS]) -> None:
    surveyor = Surveyor(hanging, clock=FakeClock(), deadline=DEADLINE)
    waiting = asyncio.ensure_future(surveyor.survey())
    await settle()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    HangingFS.gate.set()


@pytest.mark.asyncio
async def test_a_defect_in_opening_is_told_and_ends_nothing() -> None:
    surveyor = Surveyor(Hosts(ZeroDivisionError("ours")), clock=FakeClock(), deadline=DEADLINE)
    await surveyor.survey()
    assert surveyor.state.failure == "ZeroDivisionError: ours"
