"""Following the API server's watch of a node's pods, against a server in this process that says what a test wants."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.kube.client import KubeClient
from agent.sources.api_pods import (
    FORBIDDEN_RECHECK_SECONDS,
    LATER_SECONDS,
    SHORT_SECONDS,
    SOON_SECONDS,
    UNREACHABLE_RECHECK_SECONDS,
    ApiPods,
)
from agent.sources.pod_store import PodStore
from collectors.model.pod import REFUSED, Pod
from tests.agent.sources.notes import Notes, until
from tests.fakes.apiserver import Answer, Request, ScriptedApiServer, serve
from tests.fakes.clock import FakeClock
from tests.pods.as_json import bookmark, event, pod_list
from tests.pods.secrets import who_holds_secrets

SELECTED = {"fieldSelector": "spec.nodeName=numa0"}
FORBIDDEN = Answer(status=403, body={"reason": "Forbidden", "message": "no pods for you"})
GONE = json.dumps({"type": "ERROR", "object": {"code": 410, "reason": "Expired"}}).encode() + b"\n"


def pod(name: str, *, phase: str = "Running", message: str | None = None) -> Pod:
    return Pod(namespace="n", name=name, uid=name, phase=phase, message=message)


def listed(*names: str, version: str = "1", token: str = "") -> Answer:
    return Answer(body=pod_list(*map(pod, names), version=version, token=token))


def watched(*lines: bytes, ends: bool = False) -> Answer:
    return Answer(lines=lines, stays_open=not ends)


class _Nobody:
    def __init__(self, server: str) -> None:
        self.server = server

    def tls(self) -> ssl.SSLContext | None:
        return None

    def token(self) -> str | None:
        return None


class Scene:
    """A server, and a source that follows it in virtual time."""

    def __init__(self, client: KubeClient, server: ScriptedApiServer) -> None:
        self.server = server
        self.clock = FakeClock()
        self.notes = Notes()
        self.store = PodStore(self.notes, clock=self.clock)
        self.source = ApiPods(client, node_name="numa0", clock=self.clock, random=lambda: 0.5)

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
    def watches(self) -> list[Request]:
        return [request for request in self.server.requests if "watch" in request.query]

    @property
    def lists(self) -> list[Request]:
        return [request for request in self.server.requests if "watch" not in request.query]

    async def knows(self, *names: str) -> None:
        await until(lambda: self.names == list(names))

    async def paused(self, times: int) -> float:
        """The pause after so many failures, once it has begun; lets it pass."""
        await until(lambda: len(self.clock.slept) >= times)
        pause = self.clock.slept[times - 1]
        await self.clock.advance(pause)
        return pause / 1.25  # the half of the spread that `random` asks for


@asynccontextmanager
async def scene_of(*answers: Answer) -> AsyncIterator[Scene]:
    async with (
        serve(*answers) as server,
        KubeClient(_Nobody(server.url), user_agent="test") as client,
    ):
        yield Scene(client, server)


@pytest.mark.asyncio
async def test_the_first_list_is_of_the_cache_and_the_watch_goes_on_from_it() -> None:
    async with scene_of(listed("a", version="41"), watched()) as scene:
        assert await scene.source.prepare() is None
        async with scene.following():
            await scene.knows("a")
            await until(lambda: len(scene.watches) == 1)
    assert scene.lists[0].path == "/api/v1/pods"
    assert scene.lists[0].query == {**SELECTED, "limit": "100", "resourceVersion": "0"}
    query = scene.watches[0].query
    assert (query["fieldSelector"], query["resourceVersion"]) == ("spec.nodeName=numa0", "41")


@pytest.mark.asyncio
async def test_a_list_of_many_pages_is_one_list() -> None:
    pages = (listed("a", token="more"), listed("b", token="still more"), listed("c", version="7"))
    async with scene_of(*pages, watched()) as scene:
        assert await scene.source.prepare() is None
        async with scene.following():
            await scene.knows("a", "b", "c")
            await until(lambda: len(scene.watches) == 1)
    assert [request.query.get("continue") for request in scene.lists] == [None, "more", "still more"]
    assert "resourceVersion" not in scene.lists[1].query
    assert scene.watches[0].query["resourceVersion"] == "7"


@pytest.mark.asyncio
async def test_pods_are_added_changed_and_dropped_as_the_watch_tells() -> None:
    no = pod("c", phase="Failed", message=f"{REFUSED}no")
    lines = (
        event("ADDED", no, "2"),
        event("MODIFIED", pod("a", phase="Succeeded"), "3"),
        event("DELETED", pod("b"), "4"),
    )
    async with scene_of(listed("a", "b"), watched(*lines)) as scene, scene.following():
        await scene.knows("a", "c")
        facts = scene.store.observed().facts
    assert facts is not None
    assert [each.phase for each in facts] == ["Succeeded", "Failed"]
    assert scene.notes.names == ["a", "b", "c", "a", "b"]
    assert scene.notes.refused == [("c", True)]


@pytest.mark.asyncio
async def test_a_watch_that_ends_in_good_time_goes_on_from_the_last_bookmark_without_a_list() -> None:
    async with scene_of(listed(), watched(bookmark("9")), watched()) as scene, scene.following():
        await until(lambda: len(scene.watches) == 1)
        await scene.knows()
        await until(lambda: scene.source._version == "9")
        await scene.clock.advance(SHORT_SECONDS)
        scene.server.end_streams()
        await until(lambda: len(scene.watches) == 2)
        assert (len(scene.lists), scene.clock.slept) == (1, [])
        assert scene.watches[1].query["resourceVersion"] == "9"


@pytest.mark.asyncio
async def test_watches_that_end_at_once_are_asked_for_with_growing_pauses() -> None:
    async with scene_of(listed(), *[watched(ends=True)] * 5, watched()) as scene, scene.following():
        pauses = [await scene.paused(times) for times in range(1, 6)]
        await until(lambda: len(scene.watches) == 6)
    assert pauses == pytest.approx([*SOON_SECONDS, SOON_SECONDS[-1]])


@pytest.mark.asyncio
async def test_a_version_that_is_gone_is_followed_by_a_list_of_what_is_there_now() -> None:
    answers = (listed("a", "b"), watched(GONE), listed("b", "c", version="90"), watched())
    async with scene_of(*answers) as scene, scene.following():
        await scene.paused(1)
        await scene.knows("b", "c")
        await until(lambda: len(scene.watches) == 2)
    assert "resourceVersion" not in scene.lists[1].query
    assert scene.watches[1].query["resourceVersion"] == "90"


@pytest.mark.asyncio
async def test_a_list_whose_next_page_is_gone_is_begun_anew() -> None:
    gone = Answer(status=410, body={"reason": "Expired"})
    answers = (listed("a", token="more"), gone, listed("b"), watched())
    async with scene_of(*answers) as scene, scene.following():
        await scene.paused(1)
        await scene.knows("b")


@pytest.mark.asyncio
async def test_a_server_that_refuses_is_left_in_peace_as_long_as_it_asks() -> None:
    slow = Answer(status=429, body={}, headers={"Retry-After": "7"})
    broken = Answer(status=503, body={})
    async with scene_of(listed("a"), slow, broken, watched()) as scene, scene.following():
        pauses = [await scene.paused(1), await scene.paused(2)]
        await until(lambda: len(scene.watches) == 3)
        await until(lambda: scene.store.observed().error is None)
    assert pauses == pytest.approx([7.0, LATER_SECONDS[1]])


@pytest.mark.asyncio
async def test_facts_stay_and_age_while_the_server_is_away() -> None:
    async with scene_of(listed("a"), watched()) as scene, scene.following():
        await until(lambda: len(scene.watches) == 1)
        await scene.clock.advance(SHORT_SECONDS)
        await scene.server.stop()
        pauses = [await scene.paused(times) for times in range(1, 6)]
        assert pauses == pytest.approx([*SOON_SECONDS, SOON_SECONDS[-1]])
        assert scene.names == ["a"]
        assert "/api/v1/pods" in (scene.store.observed().error or "")


@pytest.mark.asyncio
async def test_who_may_not_read_pods_gives_up_at_the_start_or_later() -> None:
    async with scene_of(FORBIDDEN, listed("a"), FORBIDDEN) as scene:
        assert "no pods for you" in (await scene.source.prepare() or "")
        assert scene.source.recheck_seconds == FORBIDDEN_RECHECK_SECONDS
        async with scene.following() as task:
            assert "no pods for you" in await asyncio.wait_for(task, 10)


@pytest.mark.asyncio
async def test_a_server_that_cannot_be_reached_is_tried_again_soon() -> None:
    async with scene_of(FORBIDDEN) as scene:
        await scene.source.prepare()
        await scene.server.stop()
        assert await scene.source.prepare() is not None
    assert scene.source.recheck_seconds == UNREACHABLE_RECHECK_SECONDS


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "body", [{"items": [{"metadata": {}}]}, {"items": [{"metadata": {"namespace": "n", "name": 7}}]}]
)
async def test_a_pod_that_makes_no_sense_is_as_good_as_no_answer(body: dict[str, object]) -> None:
    async with scene_of(Answer(body=body)) as scene:
        assert "expected" in (await scene.source.prepare() or "")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "body", [{}, {"items": None, "metadata": None}, {"items": 5, "metadata": {"continue": ""}}]
)
async def test_a_list_without_items_has_none(body: dict[str, object]) -> None:
    async with scene_of(Answer(body=body), listed("a"), watched()) as scene:
        assert await scene.source.prepare() is None
        async with scene.following():
            await scene.knows("a")


@pytest.mark.asyncio
async def test_nothing_that_is_kept_holds_a_value_of_the_environment() -> None:
    lines = (event("ADDED", pod("b"), "2"), bookmark("3"))
    async with scene_of(listed("a"), watched(*lines)) as scene, scene.following() as task:
        await scene.knows("a", "b")
        await until(lambda: scene.source._version == "3")
        assert who_holds_secrets(scene.store, scene.source, task.get_coro()) == []
