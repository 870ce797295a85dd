"""The refused pods of the running agent, put together: keeper, explanations, Events, and what is served of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Never, Protocol

from agent.clock import Clock
from agent.refusals.keeper import Announce, Moment, PodName, RefusalKeeper
from agent.refusals.model import Explanation
from agent.refusals.plain import plain_pod, plain_refusals
from agent.refusals.signatures import Circumstances
from agent.refusals.stories import story_key
from agent.survey import NOTHING_SEEN
from collectors.model import Snapshot
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import Pod
from collectors.model.refusals import RefusalCounts


class Kubelet(Protocol):
    """What is asked of agent.kubelet.watcher.KubeletWatcher."""

    @property
    def picture(self) -> KubeletPicture:
        """What is known of the kubelet."""
        ...

    @property
    def complete(self) -> bool:
        """Whether that has ever been whole."""
        ...

    @property
    def kubelet_age(self) -> float | None:
        """Seconds since the kubelet started; None where nobody saw it start."""
        ...

    @property
    def plugins_back(self) -> Mapping[str, float]:
        """By resource, how many seconds after that start its device plugin was seen to be back."""
        ...


class RunningRefusals:
    """Made when the first refused pod comes, or somebody asks for them."""

    def __init__(
        self,
        *,
        clock: Clock,
        machine: Callable[[], Snapshot | None],
        kubelet: Kubelet,
        announce: Announce | None,
    ) -> None:
        """`machine` gives the last survey."""
        self._machine = machine
        self._kubelet = kubelet
        self._keeper = RefusalKeeper(
            clock=clock, picture=self._whole_picture, explain=self._explain, announce=announce
        )

    async def run(self) -> Never:
        """Explains and announces until it is cancelled."""
        await self._keeper.run()

    def refused(self, pod: Pod, *, news: bool, before: KubeletPicture, in_flight: frozenset[PodName]) -> None:
        """The kubelet refused a pod."""
        moment = Moment(picture=before, in_flight=in_flight, kubelet_age=self._kubelet.kubelet_age)
        self._keeper.refused(pod, news=news, moment=moment)

    def counts(self, pods: tuple[Pod, ...] | None) -> RefusalCounts:
        """How many there were, and how many of these pods are such."""
        return self._keeper.counts(pods)

    def served(
        self, pods: tuple[Pod, ...] | None, asked: tuple[PodName, tuple[Pod, ...]] | None
    ) -> dict[str, Any]:
        """Everything, or the story of one pod: `asked` has its name and those of that name that are known."""
        stories = self._keeper.stories
        counts = self.counts(pods)
        if asked is None:
            return plain_refusals(counts, stories.all(), forgotten=stories.forgotten)
        (namespace, name), found = asked
        refused = next((pod for pod in found if pod.refused), None)
        pod = refused or next(iter(found), None)
        story = stories.named(namespace, name)
        if story is None and refused is not None:
            story = stories.get(story_key(refused))
        return plain_refusals(
            counts,
            () if story is None else (story,),
            forgotten=stories.forgotten,
            pod=plain_pod(namespace, name, pod),
        )

    def _whole_picture(self) -> KubeletPicture | None:
        known = self._machine() is not None and self._kubelet.complete
        return self._kubelet.picture if known else None

    async def _explain(
        self, pod: Pod, pictures: Sequence[KubeletPicture], circumstances: Circumstances, at: float
    ) -> Explanation:
        """In a thread: one takes some 50 ms, on dozens of NUMA nodes some hundred."""
        circumstances = replace(circumstances, plugins_back=dict(self._kubelet.plugins_back))
        return await asyncio.to_thread(self._explain_now, pod, pictures, circumstances, at)

    def _explain_now(
        self, pod: Pod, pictures: Sequence[KubeletPicture], circumstances: Circumstances, at: float
    ) -> Explanation:
        # Imported in the thread that explains: the rules are as much code as all that counts and keeps.
        from agent.refusals.explain import explain  # noqa: PLC0415
        from agent.refusals.replay import replay_of  # noqa: PLC0415

        machine = self._machine() or NOTHING_SEEN
        tried = []
        for picture in pictures:
            snapshot = replace(machine, kubelet=picture, taken_at=at)
            tried.append(explain(pod, snapshot, circumstances=circumstances, replay_of=replay_of))
            if tried[-1].explains:
                return tried[-1]
        return tried[0]
