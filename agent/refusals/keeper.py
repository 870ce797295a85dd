"""Refused pods of the running agent: counts each, keeps the stories, has them explained, and announces them.

A refused pod costs next to nothing when it comes: it is counted and noted with the picture of that moment, which is
there already. Explaining is done afterwards, one at a time and not often, and once for a workload: of 300
pods of a ReplicaSet the first is explained, and one a minute while they go on.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Never

from agent.clock import Clock
from agent.refusals.model import Explanation, Story
from agent.refusals.signatures import Circumstances
from agent.refusals.stories import Stories, StoryKey, story_key
from agent.refusals.tally import Tally
from agent.supervise import TokenBucket, WakeUp
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import Pod
from collectors.model.refusals import RefusalCounts

log = logging.getLogger(__name__)

PodName = tuple[str, str]

PENDING = 16
"""Refusals that wait for their explanation, each with the picture of its moment. Others are explained when the next pod
of their workload is refused."""

BURST = 4
REFILL_SECONDS = 1.0
"""Explanations: a few at once, then one a second. One takes some 50 ms, on dozens of NUMA nodes some hundred."""

AGAIN_SECONDS = 60.0
"""Until the explanation of a workload that goes on being refused is made anew"""

SETTLE_SECONDS = 0.5
"""In which the kubelet has told of pods that came just before, and answered for them"""

FOREVER = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What was known when a refused pod was seen."""

    picture: KubeletPicture
    in_flight: frozenset[PodName] = frozenset()
    """Pods that had come before it and of which the kubelet had not been asked yet"""
    kubelet_age: float | None = None
    """Seconds since the kubelet had started; None where nobody saw it start"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pending:
    pod: Pod
    at: float
    """Wall clock"""
    seen_at: float
    """Monotonic"""
    moment: Moment | None
    """None where it had been refused before we looked"""


Explain = Callable[[Pod, Sequence[KubeletPicture], Circumstances, float], Awaitable[Explanation]]
"""Works out an explanation from pictures as of that time, of which the first that explains it counts."""

Announce = Callable[[Pod, Story, Explanation], Awaitable[None]]
"""Tells the cluster."""


class RefusalKeeper:
    """The refused pods of one node.

    Attributes:
        stories: what is known of them.
        tally: how many there were.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        picture: Callable[[], KubeletPicture | None],
        explain: Explain,
        announce: Announce | None = None,
    ) -> None:
        """`picture` gives what is known of the kubelet now, None until that is whole."""
        self._clock = clock
        self._picture = picture
        self._explain = explain
        self._announce = announce
        self._pending: OrderedDict[StoryKey, _Pending] = OrderedDict()
        self._explained_at: dict[StoryKey, float] = {}
        self._bucket = TokenBucket(clock, burst=BURST, refill_seconds=REFILL_SECONDS)
        self._wake_up = WakeUp()
        self.stories = Stories()
        self.tally = Tally()

    def refused(self, pod: Pod, *, news: bool, moment: Moment) -> None:
        """The kubelet refused this pod; called once for each uid, on the event loop, and done at once."""
        now, wall = self._clock.monotonic(), self._clock.wall()
        if news:
            self.tally.count(pod, now=now, present=moment.picture.pods.facts or ())
        story = self.stories.add(pod, at=wall if news else pod.started_at or wall, news=news)
        key = story_key(pod)
        if key not in self._pending and len(self._pending) < PENDING and self._wants_words(key, story, now):
            self._pending[key] = _Pending(pod=pod, at=wall, seen_at=now, moment=moment if news else None)
            self._wake_up.wake()

    def counts(self, pods: tuple[Pod, ...] | None) -> RefusalCounts:
        """How many there were, and how many of these pods are such."""
        return self.tally.counts(pods)

    async def run(self) -> Never:
        """Explains what is to be explained, until it is cancelled."""
        while True:
            self._wake_up.answer()
            while self._pending:
                await self._bucket.take()
                await self._explain_next()
            await self._wake_up.wait(self._clock, FOREVER)

    def _wants_words(self, key: StoryKey, story: Story, now: float) -> bool:
        tried_at = self._explained_at.get(key)
        if tried_at is None or now - tried_at >= AGAIN_SECONDS:
            return True
        explanation = story.explanation
        return explanation is not None and explanation.cause is not story.reasons[0].cause

    async def _explain_next(self) -> None:
        key, pending = next(iter(self._pending.items()))
        await self._settle(pending)
        now = self._picture()
        if now is None:  # nothing is known of the kubelet yet
            await self._clock.sleep(SETTLE_SECONDS)
            return
        del self._pending[key]
        self._note_time(key)
        moment = pending.moment
        pictures = (now,) if moment is None else as_of(moment, now)
        circumstances = Circumstances(
            before=None if moment is None else _before(moment.picture, pending.pod),
            hindsight=moment is None,
            kubelet_age=None if moment is None else moment.kubelet_age,
        )
        try:
            explanation = await self._explain(pending.pod, pictures, circumstances, pending.at)
        except Exception:
            # Like a collector's: a defect in here must not take the agent along.
            log.exception("a refused pod could not be explained; this is a defect, please report it")
            return
        story = self.stories.explain(key, explanation)
        if story is not None and moment is not None:
            log.info("%s: refused (%s): %s", story.workload, pending.pod.reason, explanation.summary)
            if self._announce is not None:
                await self._announce(pending.pod, story, explanation)

    async def _settle(self, pending: _Pending) -> None:
        """Waits until those who came just before are known."""
        if pending.moment is not None:
            passed = self._clock.monotonic() - pending.seen_at
            if passed < SETTLE_SECONDS:
                await self._clock.sleep(SETTLE_SECONDS - passed)

    def _note_time(self, key: StoryKey) -> None:
        self._explained_at[key] = self._clock.monotonic()
        for old in [each for each in self._explained_at if self.stories.get(each) is None]:
            del self._explained_at[old]


def as_of(moment: Moment, now: KubeletPicture) -> tuple[KubeletPicture, ...]:
    """What the node may have been like at that moment, the likeliest first.

    The kubelet tells of a refusal at once, and of a pod that it has admitted just before perhaps a little later. So
    besides what was known, with those of whom the kubelet had told but not yet answered, it may have been that with all
    who have come since.
    """
    before = moment.picture
    if before.allocations.facts is None:
        return (now,)
    known = {(each.namespace, each.name) for each in before.allocations.facts}
    since = {(each.namespace, each.name) for each in now.allocations.facts or ()} - known
    likely = _with(before, now, moment.in_flight) if moment.in_flight else before
    return (likely,) if since <= moment.in_flight else (likely, _with(before, now, moment.in_flight | since))


def _with(before: KubeletPicture, now: KubeletPicture, names: frozenset[PodName]) -> KubeletPicture:
    """A picture with what pods of these names hold by another one."""
    held = {(each.namespace, each.name): each for each in before.allocations.facts or ()}
    for each in now.allocations.facts or ():
        name = (each.namespace, each.name)
        if name in names:
            held[name] = each
    pods = {each.uid: each for each in before.pods.facts or ()}
    for pod in now.pods.facts or ():
        if (pod.namespace, pod.name) in names:
            pods[pod.uid] = pod
    in_order = tuple(sorted(pods.values(), key=lambda pod: (pod.namespace, pod.name, pod.uid)))
    return replace(
        before,
        allocations=replace(before.allocations, facts=tuple(held[name] for name in sorted(held))),
        pods=replace(before.pods, facts=None if before.pods.facts is None else in_order),
        # The kubelet's files as they are now: who came since stands in them too, and is nobody to those who read them.
        checkpoints=now.checkpoints or before.checkpoints,
    )


def _before(picture: KubeletPicture, pod: Pod) -> Pod | None:
    return next((each for each in picture.pods.facts or () if each.uid == pod.uid), None)
