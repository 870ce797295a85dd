"""The running agent: surveys, kernel events and the web server in one event loop, from start to a clean stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agent import __version__, footprint
from agent.clock import Clock, SystemClock
from agent.hotplug import keep_following
from agent.settings import Settings
from agent.supervise import TokenBucket, WakeUp, keep_doing, run_roots
from agent.surveyor import OpenHost, Surveyor, SurveyState
from agent.views.findings import describe_findings, describe_missing
from agent.web.alignments import Alignments, make_alignment
from agent.web.endpoints import Endpoints
from agent.web.server import WebServer, bind, url_of
from collectors.hotplug import EventSource, HotplugError
from collectors.model import Snapshot

if TYPE_CHECKING:  # what only a node of a cluster pays for
    from agent.cluster import Cluster

log = logging.getLogger(__name__)

WAKE_UP_BURST = 3
WAKE_UP_REFILL_SECONDS = 5.0
"""Surveys in a storm of kernel events: three at once, then one in five seconds. One takes 0.4 s at the very most, so
a storm costs less than a tenth of a core."""

ANSWER_GRACE_SECONDS = 0.4
STOP_SECONDS = 1.5
"""Until the process ends, whatever hangs: well within the grace period of any supervisor."""

SETTLE_SECONDS = 5.0
"""Before the first words, until what is around this machine has answered. A kubelet does within a second."""

Say = Callable[[Sequence[str]], None]
"""Tells a person some lines."""

Join = Callable[[Clock, Callable[[], Snapshot | None]], "Cluster"]
"""Makes what speaks to a kubelet and a cluster, from a clock and what gives the last survey."""


class _StopAsked(Exception):  # noqa: N818 - no error: it unwinds the group of tasks
    """A signal asked the process to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the agent reads.

    Attributes:
        open_host: its files, anew for each survey.
        open_events: its kernel events; None where they are not wanted, or it is a captured machine.
        captured: whether it is another machine than this one.
    """

    open_host: OpenHost
    open_events: Callable[[], EventSource] | None
    captured: bool = False


def run(settings: Settings, machine: Machine, *, say: Say, join: Join | None = None) -> None:
    """Runs the agent until SIGTERM or SIGINT; alone, unless there is something to `join`.

    Raises ListenError where it cannot serve.
    """
    bound = bind(settings.listen)
    asyncio.run(Agent(settings, machine, bound, say=say, clock=SystemClock(), join=join).serve())


class Agent:
    """One run of the agent."""

    def __init__(
        self,
        settings: Settings,
        machine: Machine,
        bound: socket.socket,
        *,
        say: Say,
        clock: Clock,
        join: Join | None = None,
    ) -> None:
        self._settings = settings
        self._machine = machine
        self._bound = bound
        self._say = say
        self._clock = clock
        self._stop = asyncio.Event()
        self._missing: list[str] = []
        self._told = False
        self.surveyor = Surveyor(machine.open_host, clock=clock, deadline=settings.survey_deadline)
        self.cluster = None if join is None else join(clock, lambda: self.surveyor.state.snapshot)
        self._node_name = settings.node_name if self.cluster is None else self.cluster.node_name
        self._web = WebServer(
            Endpoints(
                self._state,
                clock=clock,
                node_name=self._node_name,
                period=settings.survey_period,
                deadline=settings.survey_deadline,
                published=self.cluster,
                alignments=None
                if self.cluster is None
                else Alignments(
                    make_alignment(settings.cgroup_root, sys_root=settings.sys_root), clock=clock
                ),
                loopback_only=settings.api_access == "loopback",
            ),
            bound,
        )

    async def serve(self) -> None:
        """Serves until `stop`, or a signal; raises what a defect in one of the tasks raised."""
        self._listen_to_signals()
        wake_up = WakeUp()
        # Events first: what changes during the first survey must not go unnoticed.
        source = self._open_events()
        roots: dict[str, Coroutine[None, None, None]] = {
            "survey": self._keep_surveying(wake_up),
            "stop": self._raise_when_stopped(),
        }
        if self.cluster is not None:
            roots["cluster"] = self.cluster.run()
        if source is not None and self._machine.open_events is not None:
            roots["hotplug"] = keep_following(source, self._machine.open_events, wake_up, self._clock)
        await self._web.start()
        try:
            await run_roots(roots)
        except* _StopAsked:
            pass
        finally:
            await self._close()

    def stop(self) -> None:
        """Asks for a clean end; to be called on the event loop."""
        self._stop.set()

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number)

    def _on_signal(self, number: signal.Signals) -> None:
        if self._stop.is_set():
            # Somebody is in a hurry: no cleanup is worth making them wait.
            os._exit(128 + number)
        log.info("stopping on %s", number.name)
        self.stop()

    async def _raise_when_stopped(self) -> None:
        await self._stop.wait()
        raise _StopAsked

    async def _keep_surveying(self, wake_up: WakeUp) -> None:
        await keep_doing(
            self._survey,
            clock=self._clock,
            period=self._settings.survey_period,
            wake_up=wake_up,
            bucket=TokenBucket(self._clock, burst=WAKE_UP_BURST, refill_seconds=WAKE_UP_REFILL_SECONDS),
        )

    def _state(self) -> SurveyState:
        """How the surveys go, with what is known of the kubelet in the snapshot."""
        state = self.surveyor.state
        if self.cluster is None or state.snapshot is None:
            return state
        return replace(state, snapshot=self.cluster.with_kubelet(state.snapshot))

    async def _survey(self) -> None:
        await self.surveyor.survey()
        if self.cluster is not None:
            self.cluster.surveyed()
        if self._told:
            footprint.tidy_up()
            return
        self._told = True
        if self.cluster is not None:
            await self.cluster.settled(SETTLE_SECONDS)
        self._say(self._first_words())
        footprint.forget_the_start()

    def _open_events(self) -> EventSource | None:
        if self._machine.open_events is None:
            self._missing.append("no kernel events, as asked: changes are seen by the timer alone")
            return None
        try:
            return self._machine.open_events()
        except HotplugError as error:
            self._missing.append(f"no kernel events ({error}): changes are seen by the timer alone")
            return None

    def _first_words(self) -> list[str]:
        snapshot = self.surveyor.state.snapshot
        url = url_of(self._bound)
        lines = [f"numascope {__version__} on node {self._node_name}"]
        if snapshot is None:
            lines.append(f"  found    nothing yet: {self.surveyor.state.failure}")
        else:
            kubelet: list[str] = []
            published: list[str] = []
            if self._machine.captured:
                self._missing = ["a captured machine: no kernel events, no kubelet"]
            elif self.cluster is None:
                self._missing.append("no kubelet: topology only, nothing about pods")
            else:
                kubelet, published, missing = self.cluster.describe()
                self._missing += missing
            lines += _block("found", describe_findings(snapshot))
            lines += _block("kubelet", kubelet)
            lines += _block("missing", describe_missing(snapshot, self._missing))
            lines += _block("keeps", published)
        of_pods = (
            () if self.cluster is None else ("/api/v1/alignment", "/api/v1/headroom", "/api/v1/refusals")
        )
        paths = ("/metrics", "/api/v1/snapshot", "/api/v1/nrt", *of_pods, "/healthz", "/readyz")
        lines += _block("serving", [f"{url}{path}" for path in paths])
        return lines

    async def _close(self) -> None:
        """In reverse order of the start, and never for long."""
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._web.stop(ANSWER_GRACE_SECONDS)
        except TimeoutError:
            log.warning("some connections did not close in time")


def _block(title: str, lines: Sequence[str]) -> list[str]:
    """Lines under a title that stands beside the first."""
    return [f"  {title if position == 0 else '':8} {line}" for position, line in enumerate(lines)]
