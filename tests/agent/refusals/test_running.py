"""Refused pods of the running agent, put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from agent.refusals.running import RunningRefusals
from agent.refusals.signatures import Circumstances
from collectors.model import Snapshot
from collectors.model.kubelet_picture import KubeletPicture
from tests.agent.placement.building import app
from tests.agent.refusals.building import GIB, GPU, holds, node, refused
from tests.fakes.clock import FakeClock

POD = refused("web-1", app(cpu=6, memory=GIB))


@dataclass
class FakeKubelet:
    """What the watcher tells."""

    picture: KubeletPicture = field(default_factory=KubeletPicture)
    complete: bool = True
    kubelet_age: float | None = None
    plugins_back: Mapping[str, float] = field(default_factory=dict)


def kubelet_of(snapshot: Snapshot) -> KubeletPicture:
    assert snapshot.kubelet is not None
    return snapshot.kubelet


ROOMY = kubelet_of(node(holds("db", "1-4")))
FULL = kubelet_of(node(holds("db", "1-4"), holds("job", "8-10")))


def running(kubelet: FakeKubelet, machine: Snapshot | None) -> RunningRefusals:
    return RunningRefusals(clock=FakeClock(), machine=lambda: machine, kubelet=kubelet, announce=None)


@pytest.mark.asyncio
async def test_the_first_state_that_explains_the_refusal_counts() -> None:
    refusals = running(FakeKubelet(), node())
    said = await refusals._explain(POD, (ROOMY, FULL), Circumstances(), 0.0)
    assert (said.replayed, said.fits) == (True, "5 CPUs would have fitted, on NUMA node 1")


@pytest.mark.asyncio
async def test_where_none_explains_it_the_likeliest_is_told() -> None:
    refusals = running(FakeKubelet(), node())
    said = await refusals._explain(POD, (ROOMY, ROOMY), Circumstances(), 7.0)
    assert said.replayed is False
    assert said.state is not None
    assert said.state.at == 7.0


@pytest.mark.asyncio
async def test_plugins_that_are_back_are_told() -> None:
    words = f"cannot allocate unregistered device {GPU}"
    pod = refused("web-1", app(cpu=1, gpu=1), reason="UnexpectedAdmissionError", message=words)
    refusals = running(FakeKubelet(plugins_back={GPU: 2.0}), node())
    said = await refusals._explain(pod, (FULL,), Circumstances(kubelet_age=1.0), 0.0)
    assert "the device plugin was back 2.0 s after that start" in said.evidence


def test_nothing_is_known_before_the_first_survey_and_the_first_whole_picture() -> None:
    assert running(FakeKubelet(), None)._whole_picture() is None
    assert running(FakeKubelet(complete=False), node())._whole_picture() is None
    assert running(FakeKubelet(picture=FULL), node())._whole_picture() is FULL
