"""The agent in this process: its first words, wake-ups, signals and a clean end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from agent import app
from agent.app import Agent, Machine
from agent.clock import SystemClock
from agent.settings import Address, Settings
from agent.web.server import bind
from collectors.errors import CaptureError
from collectors.hostfs import HostFS
from collectors.hotplug import EventSource, HotplugError
from tests.fakes.events import PipeSource
from tests.fakes.memoryfs import MemoryFS
from tests.hosts.machine import build_tree
from tests.hosts.shapes import DESKTOP

SETTINGS = Settings(listen=Address("127.0.0.1", 0), node_name="worker-1", survey_period=3600.0)

MISSING = "libudev cannot be used: libudev.so.1: cannot open shared object file"


def desktop() -> HostFS:
    return MemoryFS.of(build_tree(DESKTOP))


def no_machine() -> HostFS:
    raise CaptureError("/mnt", "no such directory")


def no_events() -> EventSource:
    raise HotplugError(MISSING)


class Running:
    """An agent under way and what it said."""

    def __init__(self, machine: Machine) -> None:
        self.said: list[str] = []
        self.spoke = asyncio.Event()
        self.agent = Agent(SETTINGS, machine, bind(SETTINGS.listen), say=self._say, clock=SystemClock())

    def _say(self, lines: Sequence[str]) -> None:
        self.said += lines
        self.spoke.set()


@asynccontextmanager
async def running(
    open_host: Callable[[], HostFS] = desktop,
    open_events: Callable[[], EventSource] | None = None,
    *,
    captured: bool = False,
) -> AsyncIterator[Running]:
    """An agent that has said its first words; asked to stop at the end of the block."""
    run = Running(Machine(open_host=open_host, open_events=open_events, captured=captured))
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        serving = group.create_task(run.agent.serve())
        await run.spoke.wait()
        yield run
        run.agent.stop()
        await serving


@pytest.mark.asyncio
async def test_it_says_what_it_found_what_is_missing_and_where_it_serves() -> None:
    async with running() as run:
        pass
    text = "\n".join(run.said)
    assert text.startswith("numascope ")
    assert " on node worker-1\n" in text
    assert "  found    " in text
    assert "  missing  no kernel events, as asked: changes are seen by the timer alone\n" in text
    assert "no kubelet: topology only" in text
    assert "  serving  http://127.0.0.1:" in text
    for path in ("/metrics", "/api/v1/snapshot", "/api/v1/nrt", "/healthz", "/readyz"):
        assert f"{path}\n" in f"{text}\n"


@pytest.mark.asyncio
async def test_of_a_captured_machine_it_says_that_it_is_one() -> None:
    async with running(captured=True) as run:
        assert any("a captured machine: no kernel events, no kubelet" in line for line in run.said)
        assert not any("as asked" in line for line in run.said)


@pytest.mark.asyncio
async def test_without_libudev_it_says_once_that_the_timer_is_left_and_runs() -> None:
    async with running(open_events=no_events) as run:
        assert run.agent.surveyor.state.completed == 1
    assert [line.strip() for line in run.said if "libudev" in line] == [
        f"missing  no kernel events ({MISSING}): changes are seen by the timer alone"
    ]


@pytest.mark.asyncio
async def test_without_a_machine_it_says_why_and_serves_on() -> None:
    async with running(no_machine) as run:
        assert "  found    nothing yet: /mnt: no such directory" in run.said


@pytest.mark.asyncio
async def test_an_event_wakes_a_survey_long_before_the_timer() -> None:
    source = PipeSource()
    surveyed = asyncio.Event()
    loop = asyncio.get_running_loop()
    opened = 0

    def open_host() -> HostFS:
        nonlocal opened
        opened += 1
        if opened == 2:
            loop.call_soon_threadsafe(surveyed.set)
        return desktop()

    async with running(open_host, lambda: source):
        assert opened == 1
        source.send(b"+")
        await surveyed.wait()
    assert source.closed


@pytest.mark.asyncio
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it(number: signal.Signals) -> None:
    run = Running(Machine(open_host=desktop, open_events=None))
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(run.agent.serve())
        await run.spoke.wait()
        os.kill(os.getpid(), number)


@pytest.mark.asyncio
async def test_a_task_that_fails_ends_it_with_the_reason() -> None:
    run = Running(Machine(open_host=desktop, open_events=None))

    def fail(lines: Sequence[str]) -> None:
        raise ZeroDivisionError("ours")

    run.agent._say = fail
    with pytest.raises(ExceptionGroup) as caught:
        await run.agent.serve()
    assert caught.group_contains(ZeroDivisionError)


@pytest.mark.asyncio
async def test_connections_that_do_not_close_do_not_hold_it_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(app, "STOP_SECONDS", 0.05)

    async def never(grace_seconds: float) -> None:
        await asyncio.Event().wait()

    async with running() as run:
        stop, run.agent._web.stop = run.agent._web.stop, never  # type: ignore[method-assign]
    assert "some connections did not close in time" in caplog.messages
    await stop(0.1)
