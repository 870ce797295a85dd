"""Follows kernel events on the event loop and wakes the survey.

Events are a help, never a need: where they cannot be had, or end, that is said once and the timer goes on alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from agent.clock import Clock
from agent.supervise import Backoff, WakeUp
from collectors.hotplug import EventSource, HotplugError

log = logging.getLogger(__name__)

REOPEN_SECONDS = (1.0, 5.0, 30.0, 60.0)
"""Between attempts after a source that worked has ended."""

LASTING_SECONDS = 60.0
"""A source that was followed for as long counts as one that works."""

CALM_SECONDS = 0.1
"""Between looks at the socket. In a storm it fills and overruns meanwhile, which is one wake-up too, so that ten
thousand events a second cost no more than ten looks."""


async def follow_events(source: EventSource, wake_up: WakeUp, clock: Clock) -> None:
    """Wakes for what the source tells, until it ends: then raises HotplugError."""
    readable = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_readable() -> None:
        # The descriptor stays readable until it is drained: without this the loop would spin.
        loop.remove_reader(source.fileno())
        readable.set()

    try:
        while True:
            readable.clear()
            loop.add_reader(source.fileno(), on_readable)
            await readable.wait()
            if source.drain():
                wake_up.wake()
            await clock.sleep(CALM_SECONDS)
    finally:
        loop.remove_reader(source.fileno())
        source.close()


async def keep_following(
    source: EventSource, open_source: Callable[[], EventSource], wake_up: WakeUp, clock: Clock
) -> None:
    """Follows `source`, and others opened in its place when it ends; never returns."""
    backoff = Backoff(REOPEN_SECONDS)
    while True:
        followed_since = clock.monotonic()
        try:
            await follow_events(source, wake_up, clock)
        except HotplugError as error:
            log.warning("%s; only the timer notices changes until they are back", error)
        if clock.monotonic() - followed_since >= LASTING_SECONDS:
            backoff.succeeded()
        source = await _reopened(open_source, backoff, clock)
        log.info("kernel events are followed again")
        wake_up.wake()  # what happened while nobody listened is unknown


async def _reopened(open_source: Callable[[], EventSource], backoff: Backoff, clock: Clock) -> EventSource:
    while True:
        await clock.sleep(backoff.failed())
        try:
            return open_source()
        except HotplugError as error:
            log.debug("%s", error)
