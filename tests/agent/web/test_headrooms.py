"""/api/v1/headroom: worked out when somebody asks, once for each snapshot."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

import pytest

from agent.surveyor import SurveyState
from agent.web import headrooms as module
from agent.web.endpoints import Endpoints, Query
from agent.web.headrooms import Headrooms, make_headroom
from collectors.errors import NumascopeError
from collectors.model import Snapshot
from tests.agent.refusals.building import node
from tests.agent.web.test_endpoints import InCluster
from tests.fakes.clock import FakeClock

ASKED = Query(method="GET", path="/api/v1/headroom")
SNAPSHOT = node()


@dataclass
class Maker:
    """Counts how often it is asked; waits while it is closed."""

    made: int = 0
    open: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.open.set()

    def __call__(self, snapshot: Snapshot) -> dict[str, object]:
        self.open.wait(10)
        self.made += 1
        return {"number": self.made}


class Served:
    """Endpoints of a node of a cluster, or of a machine alone, over a snapshot that the test changes."""

    def __init__(self, snapshot: Snapshot | None = SNAPSHOT, *, alone: bool = False) -> None:
        self.snapshot = snapshot
        self.endpoints = Endpoints(
            lambda: SurveyState(ticked_at=1000.0, snapshot=self.snapshot),
            clock=FakeClock(),
            node_name="n",
            period=60.0,
            deadline=20.0,
            published=None if alone else InCluster(None),
        )

    async def ask(self, query: Query = ASKED) -> tuple[HTTPStatus, dict[str, Any]]:
        await self.endpoints.prepare(query)
        answer = self.endpoints.answer(query)
        return answer.status, json.loads(answer.body)


@pytest.mark.asyncio
async def test_it_tells_the_largest_pods_of_the_node() -> None:
    status, body = await Served().ask()
    assert (status, body["kind"]) == (HTTPStatus.OK, "Headroom")
    assert {each["kind"]: each["pod"] for each in body["largest"]}["cpu"] == {"cpu": 8, "memory": 1 << 20}


@pytest.mark.asyncio
async def test_it_is_worked_out_once_for_a_snapshot() -> None:
    maker = Maker()
    kept = Headrooms(maker)
    for _ in range(2):
        await kept.refresh(SNAPSHOT)
    assert maker.made == 1
    await kept.refresh(replace(SNAPSHOT))
    assert (maker.made, kept.made.body) == (2, b'{"number":2}\n')


@pytest.mark.asyncio
async def test_many_who_ask_at_once_get_one() -> None:
    maker = Maker()
    kept = Headrooms(maker)
    maker.open.clear()
    asking = asyncio.gather(*(kept.refresh(replace(SNAPSHOT)) for _ in range(20)))
    await asyncio.sleep(0)
    maker.open.set()
    await asking
    assert maker.made == 1


@pytest.mark.asyncio
async def test_one_that_takes_too_long_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.01)
    maker = Maker()
    kept = Headrooms(maker)
    maker.open.clear()
    await kept.refresh(SNAPSHOT)
    assert kept.made.reason == "it is still being worked out; ask again"
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 10.0)
    maker.open.set()
    await kept.refresh(SNAPSHOT)
    assert kept.made.reason is None


@pytest.mark.asyncio
async def test_a_machine_alone_one_that_is_not_read_and_one_without_settings_have_none() -> None:
    assert await Served(alone=True).ask() == (
        HTTPStatus.SERVICE_UNAVAILABLE,
        {"error": "there is no kubelet here"},
    )
    assert (await Served(None).ask())[0] is HTTPStatus.SERVICE_UNAVAILABLE
    status, body = await Served(replace(SNAPSHOT, kubelet=None)).ask()
    assert status is HTTPStatus.SERVICE_UNAVAILABLE
    assert "how a kubelet is configured here is not known" in body["error"]


@pytest.mark.parametrize(
    "query", [Query(method="GET", path="/healthz"), Query(method="GET", path=ASKED.path, has_body=True)]
)
@pytest.mark.asyncio
async def test_other_questions_and_what_is_refused_work_nothing_out(query: Query) -> None:
    served = Served()
    await served.endpoints.prepare(query)
    assert served.endpoints.answer(ASKED).status is HTTPStatus.SERVICE_UNAVAILABLE


def test_a_node_of_which_too_little_is_known_says_so() -> None:
    with pytest.raises(NumascopeError):
        make_headroom(replace(SNAPSHOT, kubelet=None))
