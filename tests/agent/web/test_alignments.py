"""/api/v1/alignment: made when somebody asks, by one at a time, and served for a second."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import pytest

from agent.surveyor import SurveyState
from agent.web.alignments import Alignments, make_alignment
from agent.web.endpoints import Endpoints, Query
from collectors.model import Snapshot
from tests.agent.alignment.building import machine, runs
from tests.agent.placement.building import container, listed, picture, spec
from tests.collectors.cgroup_trees import CONTAINER, LAYOUTS, Group, version_2
from tests.collectors.trees import write_tree
from tests.fakes.clock import FakeClock

ASKED = Query(method="GET", path="/api/v1/alignment")
SNAPSHOT = machine(picture(listed("p", container(cpus="2-5")), specs=[spec("p", runs(CONTAINER))]))


@dataclass
class Maker:
    """Counts how often it is asked."""

    made: int = 0
    open: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.open.set()

    def __call__(self, snapshot: Snapshot) -> dict[str, object]:
        self.open.wait(10)
        self.made += 1
        return {"number": self.made}


def endpoints(alignments: Alignments | None, snapshot: Snapshot | None = SNAPSHOT) -> Endpoints:
    state = SurveyState(ticked_at=1000.0, snapshot=snapshot)
    return Endpoints(
        lambda: state, clock=FakeClock(), node_name="n", period=60.0, deadline=20.0, alignments=alignments
    )


async def asked(served: Endpoints, query: Query = ASKED) -> tuple[HTTPStatus, dict[str, object]]:
    await served.prepare(query)
    answer = served.answer(query)
    return answer.status, json.loads(answer.body)


@pytest.mark.asyncio
async def test_it_is_made_when_somebody_asks_and_served_for_a_second() -> None:
    clock, maker = FakeClock(), Maker()
    served = endpoints(Alignments(maker, clock=clock))
    assert maker.made == 0
    assert await asked(served) == (HTTPStatus.OK, {"number": 1})
    assert await asked(served) == (HTTPStatus.OK, {"number": 1})
    await clock.advance(1.0)
    assert await asked(served) == (HTTPStatus.OK, {"number": 2})


@pytest.mark.asyncio
async def test_one_that_takes_long_is_served_for_longer() -> None:
    clock, maker = FakeClock(), Maker()
    served = endpoints(Alignments(maker, clock=clock))
    maker.open.clear()
    asking = asyncio.create_task(asked(served))
    await clock.advance(2.0)
    maker.open.set()
    await asking
    await clock.advance(19.0)
    assert await asked(served) == (HTTPStatus.OK, {"number": 1})
    await clock.advance(1.0)
    assert await asked(served) == (HTTPStatus.OK, {"number": 2})


@pytest.mark.asyncio
async def test_many_who_ask_at_once_get_one() -> None:
    maker = Maker()
    served = endpoints(Alignments(maker, clock=FakeClock()))
    maker.open.clear()
    asking = asyncio.gather(*(asked(served) for _ in range(20)))
    await asyncio.sleep(0)
    maker.open.set()
    assert {body["number"] for _, body in await asking} == {1}


@pytest.mark.asyncio
async def test_one_that_is_stuck_is_said_to_be_and_not_begun_again() -> None:
    clock, maker = FakeClock(), Maker()
    alignments = Alignments(maker, clock=clock)
    alignments.patience_seconds = 0.01
    served = endpoints(alignments)
    maker.open.clear()
    assert (await asked(served))[0] is HTTPStatus.SERVICE_UNAVAILABLE
    await clock.advance(60.0)
    assert (await asked(served))[0] is HTTPStatus.SERVICE_UNAVAILABLE
    alignments.patience_seconds = 10.0
    maker.open.set()
    assert await asked(served) == (HTTPStatus.OK, {"number": 1})


@pytest.mark.asyncio
async def test_other_questions_and_what_is_refused_make_nothing() -> None:
    maker = Maker()
    served = endpoints(Alignments(maker, clock=FakeClock()))
    for query in (
        Query(method="GET", path="/healthz"),
        Query(method="POST", path=ASKED.path),
        Query(method="GET", path=ASKED.path, has_body=True),
    ):
        await served.prepare(query)
    assert maker.made == 0


@pytest.mark.asyncio
async def test_a_machine_alone_and_one_that_is_not_read_yet_have_none() -> None:
    status, body = await asked(endpoints(None))
    assert (status, body) == (HTTPStatus.SERVICE_UNAVAILABLE, {"error": "there is no kubelet here"})
    status, _ = await asked(endpoints(Alignments(Maker(), clock=FakeClock()), snapshot=None))
    assert status is HTTPStatus.SERVICE_UNAVAILABLE


def test_it_is_made_of_the_snapshot_and_the_cgroups_of_this_machine(tmp_path: Path) -> None:
    write_tree(tmp_path, version_2(Group(path=LAYOUTS["systemd and CRI-O"]), root="/cgroups"))
    made = json.loads(json.dumps(make_alignment(f"{tmp_path}/cgroups")(SNAPSHOT)))
    (app,) = made["pods"][0]["containers"]
    assert (app["cpuset"]["cpus"], app["cpuset"]["verdict"]) == ("2-5", "same")
