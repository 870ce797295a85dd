"""When the kubelet is asked, what for, and what is made of its answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from agent.kubelet.config_reader import ConfigReader, ConfigSources
from agent.kubelet.files import KubeletFiles
from agent.kubelet.looks import LOOK_AGAIN_SECONDS
from agent.kubelet.own_cpus import SHARED_POOL_SECONDS
from agent.kubelet.watcher import (
    EVERYTHING_SECONDS,
    LATER_SECONDS,
    PATIENCE_SECONDS,
    POOL_SECONDS,
    KubeletWatcher,
)
from agent.sources.configz import ConfigzError, ConfigzUnreachableError
from agent.sources.pod_source import PodSource, PolledPods
from agent.sources.pod_store import PodListener, PodStore
from collectors.kubelet.errors import (
    KubeletBusyError,
    KubeletDownError,
    KubeletError,
    KubeletUnsupportedError,
    PodNotFoundError,
)
from collectors.model.kubelet import Allocatable, PodAllocation
from collectors.model.kubelet_config import KubeletConfig
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import ContainerRole, ContainerState, Pod
from collectors.parse import IdSet
from tests.agent.kubelet.building import STATIC, asks, listed, told
from tests.agent.placement.building import device
from tests.fakes.clock import FakeClock, settle

POOL = Allocatable(cpus=frozenset(range(1, 16)), devices=(device("gpu0", 0), device("gpu1", 0)))
SOCKET = "kubelet.sock"
A_TICK = 1.0
DOWN = KubeletDownError(SOCKET, "nobody listens")


class FakeKubelet:
    """Answers as the test has set it.

    Attributes:
        pods: what it lists.
        pool: what it can give.
        asked: the calls, `list`, `allocatable`, or the name of a pod.
        fault: raised by every call while there is one.
    """

    def __init__(self) -> None:
        self.pods: dict[str, PodAllocation] = {}
        self.pool: Allocatable | KubeletError = POOL
        self.asked: list[str] = []
        self.fault: KubeletError | None = None
        self.can_get = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def list(self) -> tuple[PodAllocation, ...]:
        self._answer("list")
        return tuple(self.pods.values())

    async def allocatable(self) -> Allocatable:
        self._answer("allocatable")
        if isinstance(self.pool, KubeletError):
            raise self.pool
        return self.pool

    async def get(self, namespace: str, name: str) -> PodAllocation:
        self._answer(name)
        if not self.can_get:
            raise KubeletUnsupportedError(SOCKET, "UNKNOWN", "PodResources API Get method disabled")
        if name not in self.pods:
            raise PodNotFoundError(SOCKET, "UNKNOWN", f"pod {name} in namespace {namespace} not found")
        return self.pods[name]

    def has(self, *pods: PodAllocation) -> None:
        """From now on it lists these."""
        self.pods = {pod.name: pod for pod in pods}

    def _answer(self, call: str) -> None:
        self.asked.append(call)
        if self.fault is not None:
            raise self.fault


class TestSource:
    """A source of pods that says what the test says."""

    __test__ = False
    name = "the test"
    recheck_seconds = 3600.0

    def __init__(self, pods: tuple[Pod, ...] | None) -> None:
        self.pods = pods
        self.store: PodStore | None = None

    async def prepare(self) -> str | None:
        return None

    async def follow(self, store: PodStore) -> str:
        self.store = store
        if self.pods is not None:
            store.replace(self.pods)
        await asyncio.Event().wait()
        return ""


class FakeConfigz:
    """Says how the kubelet is configured."""

    def __init__(self) -> None:
        self.outcome: KubeletConfig | ConfigzError = STATIC
        self.asked = 0

    async def read(self) -> KubeletConfig:
        self.asked += 1
        if isinstance(self.outcome, ConfigzError):
            raise self.outcome
        return self.outcome


class Scene:
    """A watcher and everything around it."""

    def __init__(
        self, folder: Path, kubelet: FakeKubelet, pods: tuple[Pod, ...] | None, *, polled: bool
    ) -> None:
        self.kubelet = kubelet
        self.source = TestSource(pods)
        self.configz = FakeConfigz()
        self.clock = FakeClock()
        self.changes = self.seconds = 0
        self.refused: list[tuple[str, bool, list[str], frozenset[tuple[str, str]]]] = []
        self.own_cpus: IdSet | None = None
        self.folder = folder
        self.start_kubelet()
        self.watcher = KubeletWatcher(
            kubelet,
            socket_path=str(folder / SOCKET),
            config=ConfigReader(ConfigSources(configz=self.configz), clock=self.clock),
            files=KubeletFiles(str(folder)),
            sources=lambda listener: self._sources(listener, polled=polled),
            clock=self.clock,
            audience=self,
            own_cpus=lambda: self.own_cpus,
        )

    def _sources(self, listener: PodListener, *, polled: bool) -> Sequence[PodSource]:
        return [PolledPods(listener, clock=self.clock)] if polled else [self.source]

    def picture_changed(self) -> None:
        self.changes += 1

    def pod_refused(
        self, pod: Pod, *, news: bool, before: KubeletPicture, in_flight: frozenset[tuple[str, str]]
    ) -> None:
        held = [each.name for each in before.allocations.facts or ()]
        self.refused.append((pod.name, news, held, in_flight))

    def second_passed(self) -> None:
        self.seconds += 1

    def start_kubelet(self) -> None:
        """The kubelet makes its socket anew."""
        (self.folder / "new.sock").write_text("")
        (self.folder / "new.sock").rename(self.folder / SOCKET)

    @property
    def store(self) -> PodStore:
        return self.watcher.store

    def held(self) -> dict[str, list[int]]:
        """CPUs by pod, in the picture."""
        return {
            pod.name: sorted(pod.containers[0].cpus) for pod in self.watcher.picture.allocations.facts or ()
        }

    async def advance(self, seconds: float) -> list[str]:
        """Lets time pass; returns what the kubelet was asked meanwhile."""
        self.kubelet.asked.clear()
        await self.clock.advance(seconds)
        return list(self.kubelet.asked)

    async def soon(self) -> list[str]:
        """What the kubelet is asked before any time passes."""
        self.kubelet.asked.clear()
        await settle()
        return list(self.kubelet.asked)

    async def quiet(self) -> None:
        """Lets what has begun come to its end."""
        await self.clock.advance(2.0)
        self.changes = 0


@asynccontextmanager
async def watching(
    folder: Path,
    *allocations: PodAllocation,
    pods: tuple[Pod, ...] | None = (),
    polled: bool = False,
    kubelet: FakeKubelet | None = None,
) -> AsyncIterator[Scene]:
    """A watcher under way, of a kubelet that has these pods."""
    kubelet = kubelet or FakeKubelet()
    kubelet.has(*allocations)
    scene = Scene(folder, kubelet, pods, polled=polled)
    running = asyncio.create_task(scene.watcher.run())
    try:
        await settle()
        yield scene
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.asyncio
async def test_at_the_start_all_is_asked_once_and_the_picture_is_whole(tmp_path: Path) -> None:
    async with watching(tmp_path, listed("web", 1, 2), pods=(told("web"),)) as scene:
        await scene.clock.advance(0.1)
        picture = scene.watcher.picture
        assert scene.watcher.complete
        assert sorted({*scene.kubelet.asked}) == ["allocatable", "list", "web"]
        assert scene.held() == {"web": [1, 2]}
        assert picture.allocatable.facts == POOL
        assert picture.config.facts == STATIC
        assert [pod.name for pod in picture.pods.facts or ()] == ["web"]


@pytest.mark.asyncio
async def test_an_idle_kubelet_is_listed_once_a_minute_and_its_pool_read_every_few_seconds(
    tmp_path: Path,
) -> None:
    async with watching(tmp_path, listed("web", 1), pods=(told("web"),)) as scene:
        await scene.quiet()
        seconds_before = scene.seconds
        asked = await scene.advance(2 * EVERYTHING_SECONDS)
        assert scene.seconds - seconds_before == 2 * EVERYTHING_SECONDS
        assert asked.count("list") == 2
        assert asked.count("allocatable") == 2 * EVERYTHING_SECONDS / POOL_SECONDS
        assert len(asked) == asked.count("list") + asked.count("allocatable")
        assert scene.changes == 0


@pytest.mark.asyncio
async def test_a_picture_that_says_the_same_is_the_same_until_all_has_been_listed_again(
    tmp_path: Path,
) -> None:
    async with watching(tmp_path, listed("web", 1), pods=(told("web"),)) as scene:
        await scene.quiet()
        before = scene.watcher.picture
        await scene.advance(EVERYTHING_SECONDS / 2)
        assert scene.watcher.picture is before
        await scene.advance(EVERYTHING_SECONDS)
        assert scene.watcher.picture is not before
        assert scene.changes == 0


@pytest.mark.asyncio
async def test_a_pod_that_comes_is_asked_for_at_once_and_alone(tmp_path: Path) -> None:
    async with watching(tmp_path, listed("web", 1), pods=(told("web"),)) as scene:
        await scene.quiet()
        scene.kubelet.has(listed("web", 1), listed("new", 2, 3))
        scene.store.put(told("new", asks(cpus=2)))
        assert await scene.soon() == ["new"]
        assert scene.held() == {"new": [2, 3], "web": [1]}
        assert scene.changes == 1
        assert await scene.advance(0.3) == ["allocatable"]
        assert scene.changes == 1


@pytest.mark.asyncio
async def test_a_pod_that_has_not_shown_all_is_asked_for_again_within_a_second(tmp_path: Path) -> None:
    async with watching(tmp_path) as scene:
        await scene.quiet()
        scene.store.put(told("new", asks(cpus=2), phase="Pending"))
        assert await scene.soon() == ["new"]
        scene.kubelet.has(listed("new"))
        assert await scene.advance(0.01) == ["new"]
        scene.kubelet.has(listed("new", 2, 3))
        assert await scene.advance(0.02) == ["new"]
        assert scene.held() == {"new": [2, 3]}
        assert "new" not in await scene.advance(5.0)


@pytest.mark.asyncio
async def test_a_pod_that_never_shows_what_it_asks_for_is_let_be(tmp_path: Path) -> None:
    async with watching(tmp_path, listed("new"), pods=()) as scene:
        await scene.quiet()
        scene.store.put(told("new", asks(gpus=1)))
        asked = await scene.advance(60.0)
        assert asked.count("new") == 1 + len(LOOK_AGAIN_SECONDS)


@pytest.mark.asyncio
async def test_further_events_of_a_pod_that_has_shown_all_ask_for_nothing(tmp_path: Path) -> None:
    async with watching(tmp_path, listed("web", 1), pods=(told("web", asks(cpus=1)),)) as scene:
        await scene.quiet()
        for number in range(3):
            scene.store.put(replace(told("web", asks(cpus=1)), message=f"step {number}"))
        assert "web" not in await scene.soon()
        assert scene.changes == 0
        assert "web" not in await scene.advance(LATER_SECONDS)
        assert scene.changes == 1
        assert [pod.message for pod in scene.watcher.picture.pods.facts or ()] == ["step 2"]


@pytest.mark.asyncio
async def test_a_pod_that_asks_for_more_than_before_is_looked_at(tmp_path: Path) -> None:
    async with watching(tmp_path, listed("web", 1), pods=(told("web", asks(cpus=1)),)) as scene:
        await scene.quiet()
        scene.kubelet.has(listed("web", 1, 2))
        scene.store.put(told("web", asks(cpus=2)))
        assert await scene.soon() == ["web"]
        assert scene.held() == {"web": [1, 2]}


@pytest.mark.asyncio
async def test_a_pod_of_which_more_may_come_is_looked_at_half_a_second_after_its_events(
    tmp_path: Path,
) -> None:
    whole = replace(told("web"), requests=(("cpu", 2000),))
    async with watching(tmp_path, listed("web"), pods=(whole,)) as scene:
        await scene.quiet()
        for number in range(3):
            scene.store.put(replace(whole, message=f"step {number}"))
        assert "web" not in await scene.soon()
        scene.kubelet.has(listed("web", 1, 2))
        assert (await scene.advance(LATER_SECONDS)).count("web") == 1
        assert scene.held() == {"web": [1, 2]}


@pytest.mark.asyncio
async def test_a_pod_that_has_ended_is_gone_at_once_and_nobody_is_asked(tmp_path: Path) -> None:
    async with watching(tmp_path, listed("web", 1), pods=(told("web"),)) as scene:
        await scene.quiet()
        scene.store.put(told("web", phase="Succeeded"))
        assert await scene.soon() == []
        assert (scene.held(), scene.changes) == ({}, 1)
        scene.store.drop("uid-of-web")
        await scene.advance(1.0)
        assert scene.held() == {}


@pytest.mark.asyncio
async def test_a_pod_whose_object_is_gone_is_held_until_the_kubelet_has_ended_it(tmp_path: Path) -> None:
    async with watching(tmp_path, listed("web", 1), pods=(told("web"),)) as scene:
        await scene.quiet()
        scene.store.drop("uid-of-web")
        assert await scene.soon() == ["web"]
        assert scene.held() == {"web": [1]}
        await scene.advance(LATER_SECONDS)
        scene.kubelet.has()
        await scene.advance(LATER_SECONDS)
        assert scene.held() == {}
        assert "web" not in await scene.advance(5.0)


@pytest.mark.asyncio
async def test_many_pods_at_once_are_one_list(tmp_path: Path) -> None:
    async with watching(tmp_path) as scene:
        await scene.quiet()
        names = [f"new-{number}" for number in range(10)]
        scene.kubelet.has(*(listed(name, number) for number, name in enumerate(names)))
        for name in names:
            scene.store.put(told(name, asks(cpus=1)))
        assert await scene.soon() == ["list"]
        assert (sorted(scene.held()), scene.changes) == (names, 1)


@pytest.mark.asyncio
async def test_a_storm_of_events_asks_no_more_than_twenty_times_a_second(tmp_path: Path) -> None:
    async with watching(tmp_path) as scene:
        await scene.quiet()
        asked = 0
        for number in range(200):
            scene.store.put(told(f"new-{number}", asks(state=ContainerState.WAITING), phase="Pending"))
            asked += len(await scene.advance(0.01))
        assert asked < 2 * 20 + 30


@pytest.mark.asyncio
async def test_a_kubelet_that_knows_no_single_pods_is_listed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kubelet = FakeKubelet()
    kubelet.can_get = False
    async with watching(tmp_path, kubelet=kubelet) as scene:
        await scene.quiet()
        scene.kubelet.has(listed("new", 2))
        scene.store.put(told("new", asks(cpus=1)))
        assert await scene.soon() == ["new", "list"]
        assert scene.held() == {"new": [2]}
        scene.kubelet.has(listed("new", 2), listed("more", 3))
        scene.store.put(told("more", asks(cpus=1)))
        assert await scene.soon() == ["list"]
    assert [each for each in caplog.messages if "one pod" in each] == []


@pytest.mark.asyncio
async def test_a_refusal_reads_the_pool_again(tmp_path: Path) -> None:
    async with watching(tmp_path) as scene:
        await scene.quiet()
        refused = replace(told("no", phase="Failed"), message="Pod was rejected: no devices")
        scene.store.put(refused)
        assert await scene.advance(0.3) == ["allocatable"]


@pytest.mark.asyncio
async def test_a_refusal_is_told_with_what_was_known_just_before_and_who_had_just_come(
    tmp_path: Path,
) -> None:
    async with watching(tmp_path, listed("web", 1, 2), pods=(told("web"),)) as scene:
        await scene.quiet()
        refused = replace(told("no", phase="Failed"), message="Pod was rejected: no devices")
        scene.store.put(told("new", asks(cpus=1)))
        scene.store.put(refused)
        assert scene.refused == [("no", True, ["web"], frozenset({("default", "new")}))]
        scene.kubelet.has(listed("web", 1, 2), listed("new", 3))
        await scene.quiet()
        scene.store.put(replace(refused, uid="another"))
        assert scene.refused[1:] == [("no", True, ["new", "web"], frozenset())]


@pytest.mark.asyncio
async def test_a_refusal_from_before_our_start_is_no_news(tmp_path: Path) -> None:
    refused = replace(told("no", phase="Failed"), message="Pod was rejected: no devices")
    async with watching(tmp_path, pods=(refused,)) as scene:
        await scene.clock.advance(0.1)
        assert (scene.watcher.complete, scene.held()) == (True, {})
        assert [news for _, news, _, _ in scene.refused] == [False]


@pytest.mark.asyncio
async def test_devices_that_come_late_and_go_are_seen_on_the_timer_and_when_the_machine_changes(
    tmp_path: Path,
) -> None:
    async with watching(tmp_path) as scene:
        await scene.quiet()
        scene.kubelet.pool = replace(POOL, devices=POOL.devices[:1])
        await scene.advance(POOL_SECONDS)
        assert (scene.watcher.picture.allocatable.facts, scene.changes) == (scene.kubelet.pool, 1)
        scene.kubelet.pool = POOL
        scene.watcher.devices_changed()
        assert await scene.advance(0.3) == ["allocatable"]
        assert scene.watcher.picture.allocatable.facts == POOL


@pytest.mark.asyncio
async def test_without_a_pool_the_rest_is_known(tmp_path: Path) -> None:
    kubelet = FakeKubelet()
    kubelet.pool = KubeletUnsupportedError(SOCKET, "UNIMPLEMENTED", "unknown method")
    async with watching(tmp_path, listed("web", 1), kubelet=kubelet) as scene:
        await scene.quiet()
        assert scene.watcher.complete
        assert scene.watcher.picture.allocatable.facts is None
        assert "unknown method" in (scene.watcher.picture.allocatable.error or "")
        assert "allocatable" not in await scene.advance(120.0)
        scene.kubelet.fault = DOWN
        await scene.advance(EVERYTHING_SECONDS)
        assert "unknown method" in (scene.watcher.picture.allocatable.error or "")


# Failures


@pytest.mark.asyncio
async def test_a_kubelet_that_is_down_is_said_once_and_what_was_known_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with watching(tmp_path, listed("web", 1), pods=(told("web"),)) as scene:
        await scene.quiet()
        age = scene.watcher.picture.allocations.read_at
        scene.kubelet.fault = DOWN
        await scene.advance(300.0)
        picture = scene.watcher.picture
        assert scene.held() == {"web": [1]}
        assert (picture.allocations.error, picture.allocatable.error) == (str(DOWN), str(DOWN))
        assert picture.allocations.read_at is not None
        assert age is not None
        assert picture.allocations.read_at - age <= EVERYTHING_SECONDS
        scene.kubelet.fault = None
        await scene.advance(1.1)
        assert scene.watcher.picture.allocations.error is None
    assert len([each for each in caplog.messages if "nobody listens" in each]) == 1
    assert "the kubelet answers again" in caplog.messages


@pytest.mark.asyncio
async def test_a_kubelet_that_is_down_is_asked_about_once_a_second(tmp_path: Path) -> None:
    async with watching(tmp_path) as scene:
        await scene.quiet()
        scene.kubelet.fault = DOWN
        await scene.advance(2 * EVERYTHING_SECONDS)
        assert 50 <= len(await scene.advance(60.0)) <= 61


@pytest.mark.asyncio
async def test_a_busy_kubelet_is_asked_later_and_no_fact_suffers(tmp_path: Path) -> None:
    async with watching(tmp_path) as scene:
        await scene.quiet()
        scene.kubelet.has(listed("new", 2))
        scene.kubelet.fault = KubeletBusyError(SOCKET, "RESOURCE_EXHAUSTED", "rejected by rate limit")
        scene.store.put(told("new", asks(cpus=1)))
        assert await scene.soon() == ["new"]
        assert scene.watcher.picture.allocations.error is None
        scene.kubelet.fault = None
        await scene.advance(0.2)
        assert scene.held() == {"new": [2]}


@pytest.mark.asyncio
async def test_a_pod_that_came_while_the_kubelet_was_silent_is_looked_at_until_it_shows(
    tmp_path: Path,
) -> None:
    async with watching(tmp_path) as scene:
        await scene.quiet()
        scene.kubelet.fault = DOWN
        scene.store.put(told("new", asks(cpus=1)))
        await scene.advance(0.05)
        scene.kubelet.fault = None
        scene.kubelet.has(listed("new"))
        await scene.advance(0.06)
        scene.kubelet.has(listed("new", 2))
        await scene.advance(0.1)
        assert scene.held() == {"new": [2]}


@pytest.mark.asyncio
async def test_a_kubelet_that_starts_anew_takes_nothing_from_anybody(tmp_path: Path) -> None:
    pods = (told("web", asks(cpus=1)), told("db", asks(cpus=1)))
    async with watching(tmp_path, listed("web", 1), listed("db", 2), pods=pods) as scene:
        await scene.quiet()
        scene.kubelet.fault = DOWN
        scene.store.fail("the stream broke")
        await scene.advance(3.0)
        scene.kubelet.fault = None
        scene.kubelet.has()
        scene.kubelet.pool = replace(POOL, devices=())
        scene.start_kubelet()
        await scene.advance(A_TICK)
        assert scene.held() == {"db": [2], "web": [1]}
        assert scene.watcher.picture.allocatable.facts == POOL
        scene.kubelet.has(listed("web", 1))
        await scene.advance(0.5)
        assert scene.held() == {"db": [2], "web": [1]}
        scene.kubelet.has(listed("web", 1), listed("db", 2))
        scene.kubelet.pool = POOL
        scene.store.replace(pods)
        await scene.advance(1.0)
        assert scene.held() == {"db": [2], "web": [1]}
        asked = await scene.advance(EVERYTHING_SECONDS)
        assert asked.count("list") <= 1


@pytest.mark.asyncio
async def test_a_pod_that_the_new_kubelet_does_not_admit_again_is_let_go(tmp_path: Path) -> None:
    async with watching(tmp_path, listed("web", 1), pods=(told("web"),)) as scene:
        await scene.quiet()
        scene.kubelet.has()
        scene.start_kubelet()
        await scene.advance(A_TICK)
        assert scene.held() == {"web": [1]}
        scene.store.put(told("web", phase="Failed"))
        await settle()
        assert scene.held() == {}


@pytest.mark.asyncio
async def test_the_configuration_is_read_again_when_the_kubelet_has_started_anew(tmp_path: Path) -> None:
    async with watching(tmp_path) as scene:
        await scene.quiet()
        asked = scene.configz.asked
        scene.configz.outcome = ConfigzUnreachableError("refused")
        scene.start_kubelet()
        await scene.advance(A_TICK)
        assert scene.configz.asked > asked
        assert scene.watcher.picture.config.facts == STATIC
        scene.configz.outcome = replace(STATIC, topology_manager_policy="restricted")
        await scene.advance(1.0)
        assert scene.watcher.picture.config.facts == scene.configz.outcome


# Whole or not


@pytest.mark.asyncio
async def test_the_picture_is_not_whole_while_pods_that_run_are_not_listed(tmp_path: Path) -> None:
    async with watching(tmp_path, pods=(told("web"),)) as scene:
        await scene.advance(3.0)
        assert not scene.watcher.complete
        scene.kubelet.has(listed("web", 1))
        await scene.advance(1.1)
        assert scene.watcher.complete


@pytest.mark.asyncio
async def test_the_picture_is_whole_after_a_while_whatever_is_missing(tmp_path: Path) -> None:
    async with watching(tmp_path, pods=None) as scene:
        await scene.advance(PATIENCE_SECONDS / 2)
        assert not scene.watcher.complete
        await scene.advance(PATIENCE_SECONDS)
        assert scene.watcher.complete


@pytest.mark.asyncio
async def test_a_kubelet_that_never_answered_makes_no_picture(tmp_path: Path) -> None:
    kubelet = FakeKubelet()
    kubelet.fault = DOWN
    async with watching(tmp_path, kubelet=kubelet) as scene:
        await scene.advance(60.0)
        assert not scene.watcher.complete
        assert scene.watcher.picture.allocations.facts is None


# Other wake-ups


@pytest.mark.asyncio
async def test_without_a_source_of_pods_the_kubelet_is_listed_every_two_seconds(tmp_path: Path) -> None:
    async with watching(tmp_path, listed("web", 1), polled=True) as scene:
        await scene.quiet()
        assert scene.watcher.complete
        assert 29 <= (await scene.advance(60.0)).count("list") <= 32
        scene.kubelet.has()
        await scene.advance(2.0)
        assert scene.held() == {}


@pytest.mark.asyncio
async def test_our_own_cpus_are_in_the_picture_within_a_second(tmp_path: Path) -> None:
    async with watching(tmp_path) as scene:
        await scene.quiet()
        scene.own_cpus = frozenset({0, 1})
        await scene.advance(A_TICK)
        assert (scene.watcher.picture.own_cpus, scene.changes) == (frozenset({0, 1}), 1)


@pytest.mark.asyncio
async def test_cpus_of_a_pod_that_has_gone_are_in_the_shared_pool_at_once(tmp_path: Path) -> None:
    async with watching(tmp_path, listed("web", 1), pods=(told("web"),)) as scene:
        scene.own_cpus = frozenset({0, 2})
        await scene.quiet()
        scene.store.put(told("web", phase="Succeeded"))
        await settle()
        assert scene.watcher.picture.own_cpus == frozenset({0, 1, 2})
        scene.kubelet.has(listed("new", 1))
        scene.store.put(told("new", asks(cpus=1)))
        await scene.advance(A_TICK)
        assert scene.watcher.picture.own_cpus == frozenset({0, 2})


@pytest.mark.asyncio
async def test_our_own_cpus_tell_nothing_once_a_pod_with_init_containers_has_gone(tmp_path: Path) -> None:
    pod = told("web", asks("first", role=ContainerRole.INIT), asks())
    async with watching(tmp_path, listed("web", 1), pods=(pod,)) as scene:
        scene.own_cpus = frozenset({0, 2})
        await scene.quiet()
        seen = [scene.watcher.picture.own_cpus]
        scene.store.drop(pod.uid)
        scene.kubelet.has()
        for seconds in (0.0, SHARED_POOL_SECONDS + A_TICK):
            await scene.advance(seconds)
            seen.append(scene.watcher.picture.own_cpus)
        assert scene.held() == {}
        assert seen == [frozenset({0, 2}), None, frozenset({0, 2})]


@pytest.mark.asyncio
async def test_a_state_file_that_changes_is_a_wake_up_and_in_the_picture(tmp_path: Path) -> None:
    async with watching(tmp_path) as scene:
        await scene.quiet()
        (tmp_path / "cpu_manager_state").write_text(
            '{"policyName":"static","defaultCpuSet":"0-3","checksum":1}'
        )
        assert "list" in await scene.advance(A_TICK)
        async with asyncio.timeout(10):
            while scene.watcher.picture.checkpoints is None:  # noqa: ASYNC110 - it is read in a thread
                await asyncio.sleep(0.001)
        assert "allocatable" in scene.kubelet.asked
        assert "list" not in await scene.advance(5 * A_TICK)
