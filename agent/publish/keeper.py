"""Keeps one object at the API server equal to the wanted one.

It holds the latest wish, no queue of them. It looks at what is there before the first write and after every break,
writes only what differs, and watches the one object, so that what others change or delete is put right. A cycle:

    look -> follow the watch, and for each new wish or change: equal? else wait for the pace, apply -> break -> rest -> look

All that can happen to a request is a fault that passes or that somebody puts right; none of them ends the keeper.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal

from agent.clock import Clock
from agent.kube.client import Object
from agent.kube.errors import ConflictError, KubeError, KubeUnreachableError
from agent.publish.events import Announcer
from agent.publish.faults import Fault, Reason, Retries, explain
from agent.publish.likeness import Likeness, fulfilment, likeness
from agent.publish.owner import OwnerTrust
from agent.publish.ownership import last_other_manager
from agent.publish.pace import WritePace
from agent.publish.places import Place, Seen
from agent.publish.rivals import REPAIRS, WINDOW_SECONDS, Rivals
from agent.publish.status import PublishStatus

log = logging.getLogger(__name__)

SHORT_WATCH_SECONDS = 5.0
"""A watch that the server ends earlier than that, time after time, must not become a hot loop."""

UNNAMED = "a manager without a name"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishPolicy:
    """What a person decides about publishing."""

    on_conflict: Literal["yield", "force"] = "yield"
    """Whether another field manager that insists on our fields gets them"""
    write_spread: float = 0.0
    """Seconds over which a fleet that starts at once spreads its first writes, and its reconnects"""


class ObjectKeeper:
    """One object. `want` says what it should be, `run` sees to it.

    Attributes:
        status: how it goes.
    """

    def __init__(
        self,
        place: Place,
        *,
        clock: Clock,
        chance: random.Random,
        announcer: Announcer,
        policy: PublishPolicy,
    ) -> None:
        self._place = place
        self._clock = clock
        self._announcer = announcer
        self._title = f"{place.kind.name} {place.name}"
        self._retries = Retries(clock, chance, spread_seconds=policy.write_spread)
        self._first_delay = chance.random() * policy.write_spread
        self._pace = WritePace(clock)
        self._rivals = Rivals(clock, force=policy.on_conflict == "force")
        self._owner = OwnerTrust(clock)
        self._news = asyncio.Event()
        self._wanted: Object | None = None
        self._seen: Seen | None = None  # None: what is there is not known
        self._broken: KubeError | None = None
        self._settled: Object | None = None  # the wish with which the server's object was in sync last
        self._accepted: tuple[Object, Likeness] | None = None  # what the server made of a wish
        self._fault: Fault | None = None
        self._failures: Counter[Reason] = Counter()
        self.status = PublishStatus(kind=place.kind.name, name=place.name)

    def want(self, wanted: Object | None) -> None:
        """Takes the latest wish; None where nothing is known, which changes nothing at the server.

        To be called on the event loop. The object belongs to the keeper from then on.
        """
        if wanted == self._wanted:
            return
        self._wanted = wanted
        self._unsettle()
        self._news.set()

    async def run(self) -> None:
        """Keeps it so until it is cancelled. Raises only what is a defect."""
        while True:
            while self._wanted is None:
                self._news.clear()
                await self._news.wait()
            await self._rest(await self._keep())

    # One stretch from a look to a break

    async def _keep(self) -> KubeError:
        """Looks once, and keeps the object as wanted until something breaks; returns what it was."""
        self._broken = None
        try:
            seen = await self._place.look()
        except KubeError as error:
            return error
        self._take(seen, looked=True)
        if not self._place.watchable:
            return await self._serve()
        async with asyncio.TaskGroup() as group:
            follower = group.create_task(self._follow(seen.version), name=f"watch {self._title}")
            try:
                return await self._serve()
            finally:
                follower.cancel()

    async def _follow(self, version: str) -> None:
        """Takes what the watch shows, taking it up again each time that the server ends it."""
        try:
            while True:
                started_at = self._clock.monotonic()
                async for seen in self._place.watch(version):
                    version = seen.version or version
                    if not seen.bookmark:
                        self._take(seen, looked=False)
                if self._clock.monotonic() - started_at < SHORT_WATCH_SECONDS:
                    raise KubeUnreachableError(f"the watch of {self._title} was ended as soon as it began")
        except KubeError as error:
            self._broken = error
            self._unsettle()
            self._news.set()

    async def _serve(self) -> KubeError:
        """Settles each piece of news; returns why the watch broke."""
        while self._broken is None:
            self._news.clear()
            try:
                await self._settle()
            except KubeError as error:
                await self._rest(error)
                continue
            if self._broken is None:
                await self._news.wait()
        return self._broken

    def _take(self, seen: Seen, *, looked: bool) -> None:
        """Notes what is there, unless we know of something newer already."""
        if not looked and self._seen is not None and not is_newer(seen.version, self._seen.version):
            return  # our own write coming back, or what was there before it
        if seen.object is None and self._seen is not None and self._seen.object is not None:
            log.warning("%s was deleted by somebody else; it is made again", self._title)
            self._owner.deleted(self._settled)
            self._rivals.release()
        self._seen = seen
        self._news.set()

    # Wanted and found

    async def _settle(self) -> None:
        """Returns when what is there is as wanted, or is left to others."""
        while self._due() is not None:
            await self._wait_for_the_fleet()
            await self._pace.take()
            body = self._due()  # meanwhile the wish may have changed, or come true
            if body is not None:
                await self._write(body)

    async def _wait_for_the_fleet(self) -> None:
        """Before the first write after the start, where that is spread; never again."""
        if self._first_delay > 0:
            await self._clock.sleep(self._first_delay)
            self._first_delay = 0.0

    def _due(self) -> Object | None:
        """What has to be applied now; None where nothing has to be, or nothing can."""
        if self._wanted is None or self._seen is None or self._broken is not None:
            return None
        found = self._seen.object
        body = self._owner.admit(self._place.complete(self._wanted, found))
        if found is not None and self._is_fulfilled(found, body):
            self._mark_settled(body)
            return None
        self._unsettle()
        return None if self._rivals.yielded_to else body

    def _is_fulfilled(self, found: Object, body: Object) -> bool:
        looks = likeness(found, body)
        if looks == fulfilment(body):
            return True
        return self._accepted is not None and self._accepted == (body, looks)

    async def _write(self, body: Object) -> None:
        found = None if self._seen is None else self._seen.object
        rival = self._rival(found, body)
        if rival is not None and not await self._may_repair(rival):
            return
        try:
            answer = await self._place.apply(body, force=rival is not None)
        except ConflictError as error:
            if not error.managers:
                raise
            if not await self._may_repair(error.managers):
                return
            answer = await self._place.apply(body, force=True)
        if found is None:
            self._owner.made()
        self.status = replace(self.status, writes=self.status.writes + 1)
        self._accepted = (body, likeness(answer.object or {}, body))
        self._take(answer, looked=False)

    def _rival(self, found: Object | None, body: Object) -> tuple[str, ...] | None:
        """Who changed an object that was as wanted already; None where it was never so, or is gone."""
        if found is None or self._settled != body:
            return None
        return (last_other_manager(found) or UNNAMED,)

    async def _may_repair(self, managers: tuple[str, ...]) -> bool:
        names = ", ".join(managers)
        if self._rivals.may_repair(managers):
            level = logging.DEBUG if self._rivals.insisting else logging.WARNING
            log.log(level, "%s: %s set fields of ours; they are set again", self._title, names)
            self.status = replace(self.status, repairs=self.status.repairs + 1)
            return True
        note = (
            f"{names} sets fields of {self._title} that numascope publishes, again after {REPAIRS} repairs in "
            f"{WINDOW_SECONDS / 60:g} minutes: they are left to it. Stop one of the two and delete the object, or let "
            "numascope win with --on-conflict force."
        )
        log.error("%s", note)
        self.status = replace(self.status, yielded_to=managers)
        about = (self._seen and self._seen.object) or {"metadata": {"name": self._place.name}}
        await self._announcer.warn(self._place.kind, about, reason="YieldedToOtherManager", note=note)
        return False

    # How it goes

    def _mark_settled(self, body: Object) -> None:
        self._settled = body
        self._first_delay = 0.0
        self._rivals.release()
        if self._fault is not None:
            log.info("%s is as it should be again", self._title)
            self._fault = None
        elif self.status.confirmed_at is None:
            log.info("%s is published", self._title)
        since = self.status.in_sync_since
        self.status = replace(
            self.status,
            known_equal=True,
            in_sync_since=self._clock.monotonic() if since is None else since,
            confirmed_at=self._clock.wall(),
            yielded_to=(),
            error=None,
        )

    def _unsettle(self) -> None:
        if self.status.known_equal:
            self.status = replace(self.status, known_equal=False, in_sync_since=None)

    async def _rest(self, error: KubeError) -> None:
        """Notes a failure, says it where it is news, and waits until the next attempt."""
        fault = explain(error, self._place.kind)
        if fault.reason is not Reason.GONE:
            if self._fault is None or self._fault.reason is not fault.reason:
                log.warning("%s cannot be kept up: %s; trying on", self._title, fault.words)
            self._fault = fault
            self._failures[fault.reason] += 1
            failures = tuple(
                (reason.value, self._failures[reason]) for reason in Reason if self._failures[reason]
            )
            self._unsettle()
            self.status = replace(self.status, failures=failures, error=fault.words)
        await self._clock.sleep(self._retries.delay_after(error, fault.reason))


def is_newer(version: str, known: str) -> bool:
    """Versions are numbers that grow where they are numbers; else whatever comes later counts as newer."""
    if version.isdecimal() and known.isdecimal():
        return int(version) > int(known)
    return version != known
