"""Refused pods of a running agent: counted at once, explained soon, and not often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from agent.refusals.classify import classify
from agent.refusals.keeper import (
    AGAIN_SECONDS,
    BURST,
    PENDING,
    REFILL_SECONDS,
    SETTLE_SECONDS,
    Moment,
    RefusalKeeper,
    as_of,
)
from agent.refusals.model import Explanation, Story
from agent.refusals.signatures import Circumstances
from collectors.model.kubelet import KubeletCheckpoints
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import Pod
from collectors.model.snapshot import Observed
from tests.agent.placement.building import app, listed, spec
from tests.agent.refusals.building import refused
from tests.fakes.clock import FakeClock, settle


def picture(*names: str) -> KubeletPicture:
    """These pods run."""
    return KubeletPicture(
        allocations=Observed(facts=tuple(listed(name) for name in sorted(names))),
        pods=Observed(facts=tuple(spec(name, app()) for name in sorted(names))),
    )


class Scene:
    """A keeper under way.

    Attributes:
        now: the picture of now; None while it is not whole.
        explained: (pod, names of the pods in each picture, circumstances) of each explanation.
        announced: pods about which the cluster was told.
    """

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.now: KubeletPicture | None = picture("web")
        self.explained: list[tuple[str, list[list[str]], Circumstances]] = []
        self.announced: list[str] = []
        self.broken = False
        self.keeper = RefusalKeeper(
            clock=self.clock,
            picture=lambda: self.now,
            explain=self._explain,
            announce=self._announce,
        )

    async def _explain(
        self, pod: Pod, pictures: Sequence[KubeletPicture], circumstances: Circumstances, at: float
    ) -> Explanation:
        held = [[each.name for each in before.allocations.facts or ()] for before in pictures]
        self.explained.append((pod.name, held, circumstances))
        if self.broken:
            raise ValueError("a defect")
        return Explanation(
            pod=pod.name,
            cause=classify(pod.reason, pod.message).cause,
            summary=f"at {at - self.clock.wall():g}",
        )

    async def _announce(self, pod: Pod, story: Story, explanation: Explanation) -> None:
        self.announced.append(pod.name)

    def refuse(
        self, pod: Pod, *, news: bool = True, in_flight: frozenset[tuple[str, str]] = frozenset()
    ) -> None:
        moment = Moment(picture=self.now or KubeletPicture(), in_flight=in_flight)
        self.keeper.refused(pod, news=news, moment=moment)

    async def settle(self) -> None:
        """Lets the time pass in which those who came just before become known."""
        await self.clock.advance(SETTLE_SECONDS)

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.explained]

    def summary(self) -> str | None:
        """Of the story to which something happened last."""
        explanation = self.keeper.stories.all()[0].explanation
        return None if explanation is None else explanation.summary


@asynccontextmanager
async def keeping() -> AsyncIterator[Scene]:
    scene = Scene()
    running = asyncio.create_task(scene.keeper.run())
    try:
        yield scene
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.asyncio
async def test_a_refused_pod_is_counted_at_once_explained_soon_and_announced() -> None:
    async with keeping() as scene:
        scene.refuse(refused("web-1"))
        assert scene.keeper.counts(()).refused == 1
        await settle()
        assert scene.explained == []
        await scene.settle()
        assert scene.names == scene.announced == ["web-1"]
        assert scene.summary() == f"at {-SETTLE_SECONDS:g}"


@pytest.mark.asyncio
async def test_a_storm_of_one_workload_is_explained_once_a_minute() -> None:
    async with keeping() as scene:
        for number in range(300):
            scene.refuse(refused(f"web-{number}"))
            await scene.clock.advance(0.25)
        first_again = int((AGAIN_SECONDS + SETTLE_SECONDS) / 0.25)
        assert scene.names == ["web-0", f"web-{first_again}"]
        assert scene.keeper.counts(()).refused == 300


@pytest.mark.asyncio
async def test_another_cause_is_explained_at_once() -> None:
    async with keeping() as scene:
        scene.refuse(refused("web-1"))
        await scene.settle()
        scene.refuse(refused("web-2", reason="OutOfpods", message="?"))
        await scene.settle()
        assert scene.names == ["web-1", "web-2"]


@pytest.mark.asyncio
async def test_many_workloads_are_explained_one_after_the_other() -> None:
    async with keeping() as scene:
        for number in range(BURST + 2):
            scene.refuse(refused(f"w-{number}", owner=f"w-{number}"))
        await scene.settle()
        assert len(scene.explained) == BURST
        await scene.clock.advance(2 * REFILL_SECONDS)
        assert len(scene.explained) == BURST + 2


@pytest.mark.asyncio
async def test_what_waits_is_bounded_and_the_rest_has_its_turn_with_its_next_pod() -> None:
    async with keeping() as scene:
        for number in range(PENDING + 3):
            scene.refuse(refused(f"w-{number}", owner=f"w-{number}"))
        await scene.clock.advance(PENDING * REFILL_SECONDS)
        assert len(scene.explained) == PENDING
        scene.refuse(refused("again", owner=f"w-{PENDING + 2}"))
        await scene.clock.advance(REFILL_SECONDS)
        assert scene.names[-1] == "again"


@pytest.mark.asyncio
async def test_the_likeliest_state_is_that_of_the_moment_and_another_that_with_all_who_came_since() -> None:
    async with keeping() as scene:
        scene.refuse(refused("web-1"))
        scene.now = picture("web", "later")
        await scene.settle()
        assert scene.explained[0][1] == [["web"], ["later", "web"]]


@pytest.mark.asyncio
async def test_pods_that_had_just_come_are_waited_for() -> None:
    async with keeping() as scene:
        scene.refuse(refused("web-1"), in_flight=frozenset({("default", "new")}))
        scene.now = picture("web", "new")
        await scene.settle()
        assert scene.explained[0][1] == [["new", "web"]]


@pytest.mark.asyncio
async def test_a_pod_that_ran_before_is_known_to_have() -> None:
    async with keeping() as scene:
        again = replace(refused("web"), uid="uid-web")
        scene.refuse(again)
        await scene.settle()
        assert scene.explained[0][2].ran


@pytest.mark.asyncio
async def test_what_was_refused_before_we_looked_is_explained_in_hindsight_and_not_announced() -> None:
    async with keeping() as scene:
        scene.now = None
        scene.refuse(refused("old"), news=False)
        await settle()
        assert scene.explained == []
        scene.now = picture("web")
        await scene.clock.advance(SETTLE_SECONDS)
        assert scene.names == ["old"]
        assert scene.explained[0][2].hindsight
        assert scene.announced == []
        assert scene.keeper.counts(()).refused == 0


@pytest.mark.asyncio
async def test_a_defect_in_one_explanation_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with keeping() as scene:
        scene.broken = True
        scene.refuse(refused("a", owner="a"))
        await scene.settle()
        scene.broken = False
        scene.refuse(refused("b", owner="b"))
        await scene.settle()
        scene.refuse(refused("a-2", owner="a"))
        await scene.settle()
        assert (scene.announced, scene.names) == (["b"], ["a", "b"])
    assert caplog.text.count("this is a defect") == 1


@pytest.mark.asyncio
async def test_nothing_is_remembered_of_workloads_whose_story_is_forgotten() -> None:
    async with keeping() as scene:
        for number in range(100):
            scene.refuse(refused(f"w-{number}", owner=f"w-{number}"))
            await scene.clock.advance(REFILL_SECONDS)
        assert len(scene.keeper._explained_at) == len(scene.keeper.stories.all()) == 64


def test_a_moment_without_an_answer_of_the_kubelet_is_seen_as_of_now() -> None:
    now = picture("web")
    assert as_of(Moment(picture=KubeletPicture()), now) == (now,)


def test_where_nobody_has_come_a_moment_is_its_own_picture() -> None:
    before = picture("web")
    (found,) = as_of(Moment(picture=before), picture())
    assert found is before


def test_the_kubelets_files_are_taken_with_those_who_had_just_come() -> None:
    moment = Moment(picture=picture("web"), in_flight=frozenset({("default", "new")}))
    now = replace(picture("new"), checkpoints=KubeletCheckpoints())
    (found,) = as_of(moment, now)
    assert [pod.name for pod in found.pods.facts or ()] == ["new", "web"]
    assert found.checkpoints == KubeletCheckpoints()
    blind = replace(moment, picture=replace(moment.picture, pods=Observed()))
    assert as_of(blind, now)[0].pods.facts is None
