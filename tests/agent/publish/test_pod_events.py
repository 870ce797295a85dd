"""Events on refused pods: few, one for a workload, and with all that helps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.kube.errors import ForbiddenError, KubeError, KubeUnreachableError
from agent.publish.events import NOTE_BYTES
from agent.publish.pod_events import (
    AGAIN_SECONDS,
    BURST,
    REFILL_SECONDS,
    RIGHTS,
    WORKLOADS,
    RefusalAnnouncer,
    note_of,
)
from agent.refusals.classify import Cause
from agent.refusals.model import Explanation, Story
from agent.refusals.stories import Stories
from collectors.model.pod import Pod
from tests.agent.placement.building import app, init
from tests.agent.refusals.building import GIB, holds, node, refused, why
from tests.fakes.clock import FakeClock

SAID = Explanation(pod="web-1", cause=Cause.ALIGNMENT, summary="because")


class FakeClient:
    """Takes Events.

    Attributes:
        created: (path, body) of each.
        fault: raised instead while there is one.
    """

    def __init__(self) -> None:
        self.created: list[tuple[str, dict[str, Any]]] = []
        self.fault: KubeError | None = None

    async def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if self.fault is not None:
            raise self.fault
        self.created.append((path, body))
        return body


class Scene:
    """An announcer and whom it tells."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.client = FakeClient()
        self.announcer = RefusalAnnouncer(
            self.client,  # type: ignore[arg-type]
            node_name="worker-1",
            clock=self.clock,
        )

    async def tell(self, pod: Pod, said: Explanation = SAID) -> int:
        """Of a refused pod; returns how many Events there have been."""
        await self.announcer.announce(pod, story(pod), said)
        return len(self.client.created)


def story(pod: Pod) -> Story:
    return Stories().add(pod, at=0.0, news=True)


@pytest.mark.asyncio
async def test_an_event_is_about_the_pod_in_its_namespace() -> None:
    scene = Scene()
    await scene.tell(refused("web-1", namespace="ml"))
    ((path, event),) = scene.client.created
    assert path == "/apis/events.k8s.io/v1/namespaces/ml/events"
    assert event["regarding"] == {
        "apiVersion": "v1",
        "kind": "Pod",
        "namespace": "ml",
        "name": "web-1",
        "uid": "uid-web-1",
    }
    assert (event["type"], event["reason"], event["reportingInstance"]) == (
        "Warning",
        "RefusalExplained",
        "worker-1",
    )
    assert event["eventTime"].endswith("Z")
    assert scene.announcer.created == 1


@pytest.mark.asyncio
async def test_a_workload_gets_another_one_for_another_cause_or_after_an_hour() -> None:
    scene = Scene()
    assert await scene.tell(refused("web-1")) == 1
    assert await scene.tell(refused("web-2")) == 1
    assert await scene.tell(refused("web-3"), replace(SAID, cause=Cause.MEMORY)) == 2
    await scene.clock.advance(AGAIN_SECONDS)
    assert await scene.tell(refused("web-4"), replace(SAID, cause=Cause.MEMORY)) == 3


@pytest.mark.asyncio
async def test_many_workloads_get_few_at_once_and_the_rest_its_turn() -> None:
    scene = Scene()
    for number in range(BURST + 3):
        await scene.tell(refused(f"w-{number}", owner=f"w-{number}"))
    assert len(scene.client.created) == BURST
    await scene.clock.advance(REFILL_SECONDS)
    assert await scene.tell(refused("late", owner=f"w-{BURST}")) == BURST + 1


@pytest.mark.asyncio
async def test_a_missing_right_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    scene.client.fault = ForbiddenError("create events", 403)
    await scene.tell(refused("a", owner="a"))
    await scene.tell(refused("b", owner="b"))
    assert caplog.text.count(RIGHTS) == 1
    scene.client.fault = None
    await scene.tell(refused("c", owner="c"))
    scene.client.fault = ForbiddenError("create events", 403)
    await scene.tell(refused("d", owner="d"))
    assert caplog.text.count(RIGHTS) == 2


@pytest.mark.asyncio
async def test_an_api_server_that_is_away_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    scene = Scene()
    scene.client.fault = KubeUnreachableError("no answer")
    await scene.tell(refused("a"))
    assert "no Event was created on a refused pod: no answer" in caplog.text
    assert scene.announcer.created == 0


@pytest.mark.asyncio
async def test_what_is_remembered_is_bounded() -> None:
    scene = Scene()
    for number in range(WORKLOADS + 20):
        await scene.clock.advance(REFILL_SECONDS)
        await scene.tell(refused(f"w-{number}", owner=f"w-{number}"))
    assert len(scene.announcer._told) == WORKLOADS


def test_the_note_says_why_what_fits_the_nearest_way_out_and_for_whom() -> None:
    pod = refused("web-9", app(cpu=6, memory=GIB))
    assert note_of(story(pod), why(pod, node(holds("db", "1-5"), holds("job", "8-10")))) == (
        "container app wants 6 CPUs on one NUMA node: node 0 has 2, node 1 has 5. 5 CPUs would have fitted, on NUMA node "
        "1. way out: ask for 5 CPUs at most. said once for all of ReplicaSet default/web (1 pod so far)"
    )


def test_the_note_names_a_known_fault_and_speaks_of_a_lone_pod_alone() -> None:
    pod = refused("web-9", init(cpu=1, memory=GIB), app(cpu=6, memory=GIB), owner=None)
    note = note_of(story(pod), why(pod, node(holds("web-0", "1-5"))))
    assert "issues/123816" in note
    assert "said once" not in note


def test_the_note_is_no_longer_than_the_api_takes() -> None:
    note = note_of(story(refused("a")), replace(SAID, summary="ä" * 2000))
    assert len(note.encode()) <= NOTE_BYTES
