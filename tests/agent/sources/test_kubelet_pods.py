"""Following the kubelet's Pods API through everything that may happen to it, against a kubelet in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from agent.sources.kubelet_pods import (
    AUDIT_RETRY_SECONDS,
    AUDIT_SECONDS,
    AUDIT_TRIES,
    PATIENCE_SECONDS,
    RETRY_SECONDS,
    KubeletPods,
)
from agent.sources.pod_store import PodStore
from collectors.model.pod import REFUSED, Pod
from tests.agent.sources.notes import Notes, until
from tests.fakes.clock import FakeClock
from tests.fakes.kubelet import GET_POD, LIST_PODS, WATCH_PODS, Answer, FakeKubelet, serve
from tests.pods.as_wire import event, name_bytes, pod_bytes, pod_list
from tests.pods.secrets import who_holds_secrets

SYNCED = event(4)


def pod(name: str, *, phase: str = "Running", message: str | None = None) -> Pod:
    return Pod(namespace="n", name=name, uid=name, phase=phase, message=message)


def added(each: Pod) -> bytes:
    return event(1, pod_bytes(each))


class Kubelet:
    """What the kubelet streams: `pods` to begin with, then what `tell` says, until `end`."""

    def __init__(self) -> None:
        self.pods: list[Pod] = []
        self.opened = 0
        self._queue: asyncio.Queue[bytes | GRPCError] = asyncio.Queue()

    async def stream(self) -> AsyncIterator[bytes]:
        self.opened += 1
        self._queue = asyncio.Queue()
        for each in self.pods:
            yield added(each)
        yield SYNCED
        while isinstance(message := await self._queue.get(), bytes):
            yield message
        raise message

    def tell(self, message: bytes) -> None:
        self._queue.put_nowait(message)

    def end(self, status: Status) -> None:
        self._queue.put_nowait(GRPCError(status, "because"))


class Scene:
    """A kubelet, and a source that follows it in virtual time."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.clock = FakeClock()
        self.notes = Notes()
        self.store = PodStore(self.notes, clock=self.clock)
        self.source = KubeletPods(str(socket), clock=self.clock)
        self.kubelet = Kubelet()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[FakeKubelet]:
        answers: dict[str, Answer] = {
            LIST_PODS: self._list,
            GET_POD: GRPCError(Status.NOT_FOUND, "no such pod"),
        }
        async with serve(self.socket, answers, {WATCH_PODS: self.kubelet.stream}) as server:
            yield server

    async def _list(self, _: bytes) -> bytes:
        return pod_list(pod_bytes(each) for each in self.kubelet.pods)

    @asynccontextmanager
    async def following(self) -> AsyncIterator[asyncio.Task[str]]:
        task = asyncio.create_task(self.source.follow(self.store))
        yield task
        task.cancel()
        await asyncio.wait((task,))

    @property
    def names(self) -> list[str] | None:
        facts = self.store.observed().facts
        return None if facts is None else [each.name for each in facts]

    @property
    def error(self) -> str | None:
        return self.store.observed().error

    async def knows(self, *names: str) -> None:
        await until(lambda: self.names == list(names))

    @property
    def pauses(self) -> int:
        """How many attempts have failed."""
        return sum(seconds in RETRY_SECONDS for seconds in self.clock.slept)

    async def tries_again(self, condition: Callable[[], bool]) -> None:
        """Lets attempts fail and pauses pass until the condition holds."""
        await until(lambda: condition() or self.pauses > 0)
        while not condition():
            paused = self.pauses
            await self.clock.advance(RETRY_SECONDS[-1])
            await until(lambda paused=paused: condition() or self.pauses > paused)  # type: ignore[misc]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "pods-api.sock")


@pytest.mark.asyncio
@pytest.mark.parametrize("status", [Status.NOT_FOUND, Status.FAILED_PRECONDITION])
async def test_a_kubelet_that_has_the_api_works_even_while_it_starts(scene: Scene, status: Status) -> None:
    async with scene.serving() as server:
        server.answers[GET_POD] = GRPCError(status, "so it is")
        assert await scene.source.prepare() is None
        server.answers[GET_POD] = b""
        assert await scene.source.prepare() is not None


@pytest.mark.asyncio
async def test_a_kubelet_without_the_api_does_not_work_and_says_why(scene: Scene) -> None:
    assert "no such socket" in (await scene.source.prepare() or "")
    async with serve(scene.socket, {}):
        assert "UNIMPLEMENTED" in (await scene.source.prepare() or "")


@pytest.mark.asyncio
async def test_pods_are_added_changed_and_dropped_as_the_stream_tells(scene: Scene) -> None:
    scene.kubelet.pods = [pod("a"), pod("b")]
    async with scene.serving(), scene.following():
        await scene.knows("a", "b")
        scene.kubelet.tell(added(pod("c")))
        scene.kubelet.tell(event(2, pod_bytes(pod("a", phase="Succeeded"))))
        scene.kubelet.tell(event(3, name_bytes(pod("b"))))
        await scene.knows("a", "c")
    facts = scene.store.observed().facts
    assert facts is not None
    assert [each.ended for each in facts] == [True, False]
    assert scene.notes.names == ["a", "b", "c", "a", "b"]


@pytest.mark.asyncio
async def test_a_kubelet_that_is_not_there_yet_is_waited_for(scene: Scene) -> None:
    async with scene.following():
        await until(lambda: scene.error is not None)
        assert scene.names is None
        async with scene.serving():
            await scene.tries_again(lambda: scene.names == [])


@pytest.mark.asyncio
async def test_after_a_restart_what_is_not_told_again_is_gone_and_no_refusal_counts_twice(
    scene: Scene,
) -> None:
    no = pod("refused", phase="Failed", message=f"{REFUSED}no")
    scene.kubelet.pods = [pod("a"), pod("b"), no]
    async with scene.following():
        async with scene.serving():
            await scene.tries_again(lambda: scene.names == ["a", "b", "refused"])
        await until(lambda: scene.error is not None)
        assert scene.names == ["a", "b", "refused"]
        scene.kubelet.pods = [pod("b"), pod("c"), no]
        scene.notes.changed.clear()
        async with scene.serving():
            await scene.tries_again(lambda: scene.names == ["b", "c", "refused"])
            assert scene.error is None
    assert scene.notes.names == ["c", "a"]
    assert scene.notes.refused == [("refused", False)]


@pytest.mark.asyncio
@pytest.mark.parametrize("status", [Status.RESOURCE_EXHAUSTED, Status.FAILED_PRECONDITION, Status.INTERNAL])
async def test_a_stream_that_is_cut_begins_anew_at_once(scene: Scene, status: Status) -> None:
    async with scene.serving(), scene.following():
        await scene.knows()
        scene.kubelet.pods = [pod("missed")]
        scene.kubelet.end(status)
        await until(lambda: scene.error is not None)
        await scene.clock.advance(RETRY_SECONDS[0])
        await scene.knows("missed")
        assert scene.kubelet.opened == 2


@pytest.mark.asyncio
async def test_an_audit_repairs_what_the_stream_left_out(scene: Scene) -> None:
    scene.kubelet.pods = [pod("a"), pod("b")]
    async with scene.serving(), scene.following():
        await scene.knows("a", "b")
        scene.kubelet.pods = [pod("b"), pod("c")]
        await scene.clock.advance(AUDIT_SECONDS)
        await scene.knows("b", "c")
    assert scene.source.repaired == 2
    assert scene.kubelet.opened == 1


@pytest.mark.asyncio
async def test_an_audit_that_finds_nothing_makes_the_facts_fresh(scene: Scene) -> None:
    async with scene.serving() as server, scene.following():
        await scene.knows()
        before = scene.store.observed().read_at
        assert before is not None
        await scene.clock.advance(AUDIT_SECONDS)
        await until(lambda: scene.store.observed().read_at == before + AUDIT_SECONDS)
        assert [call for call, _ in server.questions].count(LIST_PODS) == 1
    assert scene.source.repaired == 0


@pytest.mark.asyncio
async def test_a_list_during_which_an_event_came_proves_nothing(scene: Scene) -> None:
    lists = 0

    async def outrun(_: bytes) -> bytes:
        nonlocal lists
        lists += 1
        scene.kubelet.tell(added(pod(f"new{lists}")))
        await scene.knows(*(f"new{number}" for number in range(1, lists + 1)))
        return pod_list([])

    async with scene.serving() as server, scene.following():
        await scene.knows()
        server.answers[LIST_PODS] = outrun
        await scene.clock.advance(AUDIT_SECONDS)
        for tried in range(1, AUDIT_TRIES + 1):
            await until(lambda tried=tried: scene.clock.slept.count(AUDIT_RETRY_SECONDS) == tried)  # type: ignore[misc]
            await scene.clock.advance(AUDIT_RETRY_SECONDS)
        await until(lambda: scene.clock.slept.count(AUDIT_SECONDS) == 2)
    assert lists == AUDIT_TRIES
    assert scene.names == [f"new{number}" for number in range(1, AUDIT_TRIES + 1)]


@pytest.mark.asyncio
@pytest.mark.parametrize("answer", [GRPCError(Status.RESOURCE_EXHAUSTED, "slower"), b"\xff"])
async def test_an_audit_that_is_refused_leaves_the_stream_alone(
    scene: Scene, answer: bytes | GRPCError
) -> None:
    async with scene.serving() as server, scene.following():
        await scene.knows()
        server.answers[LIST_PODS] = answer
        await scene.clock.advance(AUDIT_SECONDS)
        await until(lambda: scene.clock.slept.count(AUDIT_SECONDS) == 2)
        assert (scene.error, scene.kubelet.opened) == (None, 1)


@pytest.mark.asyncio
async def test_a_kubelet_that_hangs_is_found_out_by_the_audit(tmp_path: Path) -> None:
    async def hang(_: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""

    scene = Scene(tmp_path / "pods-api.sock")
    scene.source = KubeletPods(str(scene.socket), clock=scene.clock, deadline_seconds=0.05)
    async with scene.serving() as server, scene.following():
        await scene.knows()
        server.answers[LIST_PODS] = hang
        await scene.clock.advance(AUDIT_SECONDS)
        await until(lambda: scene.error is not None)
        assert "no answer within" in (scene.error or "")
        await scene.clock.advance(RETRY_SECONDS[0])
        await until(lambda: scene.kubelet.opened == 2)


@pytest.mark.asyncio
async def test_a_kubelet_that_lost_the_api_is_given_up(scene: Scene) -> None:
    async with serve(scene.socket, {}), scene.following() as task:
        assert "UNIMPLEMENTED" in await asyncio.wait_for(task, 10)


@pytest.mark.asyncio
async def test_a_kubelet_that_stays_away_is_given_up_after_some_patience(scene: Scene) -> None:
    async with scene.following() as task:
        began = scene.clock.monotonic()
        await scene.tries_again(task.done)
        assert "no such socket" in task.result()
    assert scene.clock.monotonic() - began == pytest.approx(PATIENCE_SECONDS, abs=1)


@pytest.mark.asyncio
async def test_patience_begins_when_the_stream_ends_however_long_it_was_silent(scene: Scene) -> None:
    async with scene.following() as task:
        async with scene.serving():
            await scene.tries_again(lambda: scene.names == [])
            await scene.clock.advance(AUDIT_SECONDS - 1)
        await until(lambda: scene.error is not None)
        await scene.clock.advance(RETRY_SECONDS[0])
        assert not task.done()


@pytest.mark.asyncio
async def test_nothing_that_is_kept_holds_a_value_of_the_environment(scene: Scene) -> None:
    scene.kubelet.pods = [pod("a"), pod("b")]
    async with scene.serving(), scene.following() as task:
        await scene.knows("a", "b")
        scene.kubelet.tell(added(pod("c")))
        await scene.knows("a", "b", "c")
        await scene.clock.advance(AUDIT_SECONDS)
        await until(lambda: scene.clock.slept.count(AUDIT_SECONDS) == 2)
        assert who_holds_secrets(scene.store, scene.source, task.get_coro()) == []
