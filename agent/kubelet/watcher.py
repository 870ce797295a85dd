"""Keeps a picture of the kubelet current: asks it as soon as something may have changed, and as little as it takes.

- Everything is listed at the start, after a restart of the kubelet, and once a minute.
- A pod's event asks for that pod alone, at once, and again within the next second until all is there that its spec will
  bring it. Its further events ask for nothing, unless its spec has changed or does not tell all; nor does its end. Many
  at once, or a kubelet without that call (before 1.34), are a list of all.
- What the kubelet can give is read again shortly after every change, and every three seconds.

The kubelet answers 100 calls a second, ten at once, from all its clients together. We take twenty at most.

Whatever fails is said once and tried again; what was known before stays, with its age. Nothing is known to be free
because a kubelet that has just started does not know its pods yet (agent.kubelet.continuity).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Never

from agent.clock import Clock
from agent.kubelet.agenda import Agenda, Due, PodName
from agent.kubelet.config_keeper import ConfigKeeper
from agent.kubelet.config_reader import ConfigReader
from agent.kubelet.continuity import Allocations, Continuity, by_name, unlisted
from agent.kubelet.expected import has_init_containers, is_certain, listed_cpus, shows_all
from agent.kubelet.files import KubeletFiles, Mark, mark_of
from agent.kubelet.looks import Looks
from agent.kubelet.own_cpus import OwnCpus
from agent.kubelet.pictures import content, listed_pods
from agent.kubelet.seams import Audience, PodResources
from agent.sources.pod_source import PodFeed, PodSource, PolledPods
from agent.sources.pod_store import PodListener, PodStore
from agent.supervise import Backoff, TokenBucket
from collectors.kubelet.errors import (
    KubeletBusyError,
    KubeletError,
    KubeletUnsupportedError,
    PodNotFoundError,
)
from collectors.model.kubelet import Allocatable, PodAllocation
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import Pod
from collectors.model.snapshot import Observed
from collectors.parse import IdSet

log = logging.getLogger(__name__)

BURST = 8
REFILL_SECONDS = 0.05
"""Looks at the kubelet: a few at once, then twenty a second. One is up to three calls."""

FEW_PODS = 3
"""That are asked for one by one. A list of a hundred pods costs the two of us as much as five questions."""

LATER_SECONDS = 0.5
"""Until a look at a pod of which more may come, and until what takes and frees nothing is in the picture"""

POOL_AFTER_SECONDS = 0.25
"""Until the pool is read again after a change"""

EVERYTHING_SECONDS = 60.0
POOL_SECONDS = 3.0
"""A device that fails is told by no event. Reading a pool of 100 devices takes 2 ms."""

SHARE = 1000.0
"""A timer costs a thousandth of a core at most: a pool that takes 30 ms to read is read every half minute."""

DOUBT_SECONDS = (0.1, 0.1, 0.2, 0.2, 0.4, 0.5, 1.0)
"""Between lists while the kubelet does not list what it must have"""

RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0)
"""After a failure. Asking a socket that nobody listens on costs next to nothing, and it shows at once when it is new."""

TICK_SECONDS = 1.0
FIRST_TICK_SECONDS = 0.1
"""Between looks at what no event tells of: whether the socket is another one, our own CPUs, files"""

PATIENCE_SECONDS = 10.0
"""After the first answer, until the picture counts as complete though sources of pods or of the configuration fail"""


class KubeletWatcher:
    """One kubelet.

    Attributes:
        picture: what is known of it.
        complete: whether the picture has ever been whole; what is derived of one that is not would be wrong.
        store: the pods of the node, where the sources write them.
        feed: which source of pods is in use.
    """

    def __init__(
        self,
        kubelet: PodResources,
        *,
        socket_path: str,
        config: ConfigReader,
        files: KubeletFiles,
        sources: Callable[[PodListener], Sequence[PodSource]],
        clock: Clock,
        audience: Audience,
        own_cpus: Callable[[], IdSet | None] = lambda: None,
    ) -> None:
        self._kubelet = kubelet
        self._socket_path = socket_path
        self._config = ConfigKeeper(config, clock=clock, on_read=lambda: self._agenda.draw_picture(within=0))
        self._files = files
        self._clock = clock
        self._audience = audience
        self._own_cpus = OwnCpus(own_cpus, clock=clock)
        self._agenda = Agenda(clock)
        self._bucket = TokenBucket(clock, burst=BURST, refill_seconds=REFILL_SECONDS)
        self._continuity = Continuity()
        self._looks = Looks()
        self._doubt = Backoff(DOUBT_SECONDS)
        self._retry = Backoff(RETRY_SECONDS)
        self._socket: Mark = mark_of(socket_path)
        self._pods: dict[PodName, PodAllocation] = {}
        self._allocations: Observed[tuple[PodAllocation, ...]] = Observed()
        self._allocatable: Observed[Allocatable] = Observed()
        self._with_init_containers: set[PodName] = set()
        self._asked_for: frozenset[PodName] = frozenset()
        self._can_get = True
        self._gives_pool = True
        self._failing: KubeletError | None = None
        self._first_answer_at: float | None = None
        self.complete = False
        self.picture = KubeletPicture()
        self.store = PodStore(self, clock=clock)
        self.feed = PodFeed(sources(self), self.store, clock=clock)

    async def run(self) -> Never:
        """Keeps the picture current until it is cancelled. Raises only what is a defect."""
        self._agenda.list_everything(within=0)
        self._agenda.read_allocatable(within=0)
        async with self._kubelet, asyncio.TaskGroup() as group:
            group.create_task(self.feed.run(), name="source of pods")
            group.create_task(self._config.run(self._files), name="the kubelet's configuration")
            group.create_task(self._keep_ticking(), name="the kubelet's socket and files")
            await self._keep_looking()

    def devices_changed(self) -> None:
        """Devices of the machine may have come or gone, and the kubelet's plugins may know of it."""
        self._agenda.read_allocatable(within=POOL_AFTER_SECONDS)

    @property
    def kubelet_age(self) -> float | None:
        """Seconds since the kubelet started; None where we did not see it start."""
        return self._continuity.kubelet_age(self._clock.monotonic())

    @property
    def plugins_back(self) -> Mapping[str, float]:
        """By resource, how many seconds after that start its device plugin was seen to be back."""
        return self._continuity.plugins_back

    # What the store tells

    def pod_changed(self, namespace: str, name: str) -> None:
        pod = self._live((namespace, name))
        if pod is None:
            self._pod_left((namespace, name))
        else:
            self._pod_moved((namespace, name), pod)

    def pods_unknown(self) -> None:
        self._agenda.list_everything(within=0)

    def pod_refused(self, pod: Pod, *, news: bool) -> None:
        if news:
            self._agenda.read_allocatable(within=POOL_AFTER_SECONDS)
        in_flight = (self._agenda.pods | self._asked_for) - {(pod.namespace, pod.name)}
        self._audience.pod_refused(pod, news=news, before=self.picture, in_flight=in_flight)

    def _pod_moved(self, name: PodName, pod: Pod) -> None:
        """Something happened to a pod that lives."""
        if has_init_containers(pod):
            self._with_init_containers.add(name)
        if not self._looks.is_over(name, pod):
            self._agenda.look_at(name, within=0)
        elif is_certain(pod, self._config.observed.facts):
            self._agenda.draw_picture(within=LATER_SECONDS)
        else:
            self._agenda.look_at(name, within=LATER_SECONDS)

    def _pod_left(self, name: PodName) -> None:
        """A pod has ended, or its object is gone, which may come before its end."""
        self._looks.forget(name)
        self._agenda.drop(name)
        if name not in self._pods:
            self._agenda.draw_picture(within=LATER_SECONDS)
        elif self.store.named(*name):  # all of them have ended: nothing need be asked
            self._take({other: held for other, held in self._pods.items() if other != name})
            self._agenda.draw_picture(within=0)
        else:
            self._agenda.look_at(name, within=0)

    def _live(self, name: PodName) -> Pod | None:
        found = by_name(self.store.named(*name)).get(name)
        return None if found is None or found.ended else found

    # Asking the kubelet

    async def _keep_looking(self) -> Never:
        while True:
            await self._agenda.wait()
            due = self._agenda.take()
            if due.asks:
                await self._bucket.take()
                await self._look(self._agenda.take().joined(due))
            self._draw()

    async def _look(self, due: Due) -> None:
        self._watch_socket()
        try:
            await self._ask(due)
        except KubeletError as error:
            self._fail(error)
            pause = self._retry.failed()
            self._agenda.list_everything(within=pause)
            self._agenda.read_allocatable(within=pause)
            for name in due.pods:
                self._agenda.look_at(name, within=pause)
        else:
            self._succeed()

    async def _ask(self, due: Due) -> None:
        pods = self._asked_for = due.pods
        if due.everything or len(pods) > FEW_PODS or (pods and not self._can_get):
            await self._list()
        else:
            for name in sorted(pods):
                await self._get(name)
        self._plan_looks(pods)
        await self._files.read()
        self._asked_for = frozenset()
        if due.allocatable:
            if pods:
                self._draw()  # who holds what goes out before what there is
            await self._read_allocatable()

    async def _list(self) -> None:
        began_at = self._clock.monotonic()
        listed = {(pod.namespace, pod.name): pod for pod in await self._kubelet.list()}
        now = self._clock.monotonic()
        self._take(self._continuity.settle(listed, self._pods, self.store.observed().facts, now))
        self._allocations = Observed(facts=self._allocations.facts, read_at=self._clock.wall())
        self._agenda.list_everything(within=max(EVERYTHING_SECONDS, (now - began_at) * SHARE))
        if self._first_answer_at is None:
            self._first_answer_at = now

    async def _get(self, name: PodName) -> None:
        try:
            found = await self._kubelet.get(*name)
        except PodNotFoundError:
            self._take_one(name, None)
        except KubeletUnsupportedError:
            log.info("this kubelet cannot be asked for one pod: all are listed each time")
            self._can_get = False
            await self._list()
        else:
            self._take_one(name, found)

    async def _read_allocatable(self) -> None:
        if not self._gives_pool:
            return
        began_at = self._clock.monotonic()
        try:
            read = await self._kubelet.allocatable()
        except KubeletUnsupportedError as error:
            self._gives_pool = False
            log.warning("%s; what it can give at all stays unknown", error)
            self._allocatable = replace(self._allocatable, error=str(error))
            return
        now = self._clock.monotonic()
        before = self._allocatable.facts
        pool = self._continuity.pool(read, before, now)
        self._allocatable = Observed(facts=before if pool == before else pool, read_at=self._clock.wall())
        soon = pool is not read or self._continuity.starting(now)
        self._agenda.read_allocatable(
            within=LATER_SECONDS if soon else max(POOL_SECONDS, (now - began_at) * SHARE)
        )

    def _take_one(self, name: PodName, found: PodAllocation | None) -> None:
        now = self._clock.monotonic()
        pods = dict(self._pods)
        if found is not None:
            pods[name] = found
        elif name in pods and self._continuity.is_gone(name, self.store.observed().facts, now):
            del pods[name]
        self._take(pods)

    def _take(self, pods: dict[PodName, PodAllocation]) -> None:
        """Notes what pods hold; what is equal to what was known stays the very object that it was."""
        if pods != self._pods:
            self._agenda.read_allocatable(within=POOL_AFTER_SECONDS)
            self._note_cpus(self._pods, pods)
            self._pods = pods
        if self._continuity.doubted or not self.complete:
            self._agenda.list_everything(within=self._doubt.failed())
        else:
            self._doubt.succeeded()

    def _note_cpus(self, before: Allocations, after: Allocations) -> None:
        """What has changed hands, for what our own CPUs tell."""
        for name in before.keys() - after.keys():
            self._own_cpus.pod_went(listed_cpus(before[name]), had_more=name in self._with_init_containers)
            self._with_init_containers.discard(name)
        for name in after.keys() - before.keys():
            self._own_cpus.pod_came(listed_cpus(after[name]))

    def _plan_looks(self, pods: Iterable[PodName]) -> None:
        """Another look at each pod that has not shown all yet, unless there have been enough."""
        resources = {device.resource for device in getattr(self._allocatable.facts, "devices", ())}
        config = self._config.observed.facts
        for name in pods:
            pod = self._live(name)
            if pod is None:
                if name in self._pods:  # its object is gone, and the kubelet has not ended it yet
                    self._agenda.look_at(name, within=LATER_SECONDS)
                continue
            shown = shows_all(pod, self._pods.get(name), config=config, resources=resources)
            pause = self._looks.looked(name, pod, shown=shown)
            if pause is not None:
                self._agenda.look_at(name, within=pause)

    # How it goes

    def _fail(self, error: KubeletError) -> None:
        if isinstance(error, KubeletBusyError):
            log.info("%s; asking again later", error)
            return
        if self._failing is None or type(self._failing) is not type(error):
            log.warning("%s; what was known before is kept, and we try on", error)
        self._failing = error
        self._allocations = replace(self._allocations, error=str(error))
        if self._gives_pool:
            self._allocatable = replace(self._allocatable, error=str(error))

    def _succeed(self) -> None:
        self._retry.succeeded()
        if self._failing is None:
            return
        log.info("the kubelet answers again")
        self._failing = None
        self._allocations = replace(self._allocations, error=None)
        self._allocatable = replace(
            self._allocatable, error=None if self._gives_pool else self._allocatable.error
        )

    def _watch_socket(self) -> None:
        """Notices that the kubelet has started anew: its socket is another one."""
        mark = mark_of(self._socket_path)
        if mark == self._socket or mark is None:
            return
        self._socket = mark
        log.info("the kubelet has started anew")
        self._continuity.kubelet_started(self._clock.monotonic())
        self._can_get = self._gives_pool = True
        self._retry.succeeded()
        self._doubt.succeeded()
        self._config.read_soon()
        self._agenda.list_everything(within=0)
        self._agenda.read_allocatable(within=0)

    # Beside the kubelet's answers

    async def _keep_ticking(self) -> Never:
        while True:
            await self._clock.sleep(TICK_SECONDS if self.complete else FIRST_TICK_SECONDS)
            self._watch_socket()
            self._own_cpus.read()
            if self._files.changed():
                self._agenda.list_everything(within=0)
                self._agenda.read_allocatable(within=0)
            self._draw()
            self._audience.second_passed()

    # The picture

    def _draw(self) -> None:
        """Puts together what is known, and tells of it where it is news."""
        facts = listed_pods(self._pods) if self._first_answer_at is not None else None
        if facts != self._allocations.facts:
            self._allocations = replace(self._allocations, facts=facts)
        picture = KubeletPicture(
            allocatable=self._allocatable,
            allocations=self._allocations,
            pods=self.store.observed(),
            config=self._config.observed,
            checkpoints=self._files.checkpoints,
            own_cpus=self._own_cpus.cpus,
        )
        news = content(picture) != content(self.picture)
        if news or picture.allocations.read_at != self.picture.allocations.read_at:
            self.picture = picture  # else it would be another one every second for the sake of its age alone
        if not self.complete and self._is_complete():
            self.complete = news = True
        if news:
            self._audience.picture_changed()

    def _is_complete(self) -> bool:
        """Whether all has been asked and answered once, or has had its time."""
        first = self._first_answer_at
        if first is None or (self._gives_pool and self._allocatable.facts is None):
            return False
        if self._clock.monotonic() - first >= PATIENCE_SECONDS:
            return True
        if not self._config.settled or self._continuity.doubted:
            return False
        pods = self.store.observed().facts
        if pods is None:
            return self.feed.choice.name == PolledPods.name
        return not unlisted(pods, self._pods)
