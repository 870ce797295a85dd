"""What a refused pod costs: when it comes, and once for a workload when it is explained."""

from __future__ import annotations

import time

import pytest

from agent.refusals.keeper import Moment, RefusalKeeper
from agent.refusals.model import Explanation
from collectors.model.kubelet_picture import KubeletPicture
from tests.agent.placement.building import app
from tests.agent.refusals.building import GIB, holds, node, refused, why
from tests.agent.refusals.many import many_nodes
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.bench

STORM = 10_000
EVENT_SECONDS = 50e-6
"""For each refused pod, on the event loop"""

EXPLAIN_SECONDS = 0.1
MANY_NODES_SECONDS = 0.3
"""In a thread, at most once a second"""


async def _never(*_: object) -> Explanation:
    raise AssertionError("nothing runs here")


def test_a_refused_pod_is_counted_and_noted_at_once() -> None:
    keeper = RefusalKeeper(clock=FakeClock(), picture=lambda: None, explain=_never)
    pods = [refused(f"web-{number}") for number in range(STORM)]
    moment = Moment(picture=KubeletPicture())
    began = time.process_time()
    for pod in pods:
        keeper.refused(pod, news=True, moment=moment)
    each = (time.process_time() - began) / STORM
    print(f"\na refused pod: {each * 1e6:.1f} us")
    assert keeper.counts(()).refused == STORM
    assert each < EVENT_SECONDS


@pytest.mark.parametrize(
    ("name", "bound"), [("two nodes", EXPLAIN_SECONDS), ("34 nodes", MANY_NODES_SECONDS)]
)
def test_an_explanation_is_soon_there(name: str, bound: float) -> None:
    before = many_nodes() if name == "34 nodes" else node(holds("db", "1-4"), holds("job", "8-10"))
    pod = refused("web-1", app(cpu=6, gpu=1, memory=GIB))
    why(pod, before)
    began = time.process_time()
    said = why(pod, before)
    took = time.process_time() - began
    print(f"\nan explanation, {name}: {took * 1e3:.0f} ms")
    assert said.replayed
    assert took < bound
