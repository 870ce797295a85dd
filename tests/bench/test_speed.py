"""Benchmarks of what has a bound, run by `make bench` alone: the median of many rounds is held to it.

Each round starts from nothing that the one before has left.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import cycle

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from agent.kube.client import encode
from agent.placement.ledger import derive_ledger
from agent.survey import survey
from agent.views.nrt import derive_nrt
from collectors.hostfs import DirectoryFS
from collectors.kubelet.answers import AnswerDecoder
from collectors.model import Observed, Snapshot
from collectors.model.kubelet import PodAllocation
from tests.bench.crowds import crowded, get_answer, list_answer
from tests.bench.growth import written
from tests.hosts import shapes
from tests.hosts.spec import MachineSpec

pytestmark = pytest.mark.bench

ROUNDS = 30


def median_ms(benchmark: BenchmarkFixture, work: Callable[[], object]) -> float:
    """Runs the work in many rounds, without the garbage of the one before, and tells the median."""
    benchmark.pedantic(work, setup=collect_garbage, rounds=ROUNDS, warmup_rounds=1)  # type: ignore[no-untyped-call]
    assert benchmark.stats is not None
    return float(benchmark.stats.stats.median) * 1000


def collect_garbage() -> None:
    """gc.collect answers with a number, which pytest-benchmark would take for arguments."""
    gc.collect()


@pytest.mark.parametrize(
    ("spec", "at_most_ms"),
    [
        pytest.param(shapes.HUGE, 400, id="64 nodes, 1,024 CPUs, 200 PCI functions"),
        pytest.param(shapes.DUAL_SERVER, 40, id="2 sockets, 128 CPUs, 60 PCI functions"),
        pytest.param(shapes.HGX, 100, id="8 GPUs, 189 PCI functions"),
    ],
)
def test_full_survey(benchmark: BenchmarkFixture, spec: MachineSpec, at_most_ms: float) -> None:
    with written(spec) as root:
        assert median_ms(benchmark, lambda: survey(DirectoryFS(root), now=0.0)) <= at_most_ms


@pytest.mark.parametrize(
    ("pods", "devices_each", "at_most_ms"),
    [pytest.param(110, 0, 3, id="110 pods"), pytest.param(500, 16, 15, id="500 pods of 16 devices")],
)
def test_ledger(benchmark: BenchmarkFixture, pods: int, devices_each: int, at_most_ms: float) -> None:
    machine = crowded(pods=pods, devices_each=devices_each)
    assert median_ms(benchmark, lambda: derive_ledger(machine)) <= at_most_ms


class Node:
    """A node whose kubelet gave 500 pods 16 devices each, and what an agent keeps of its answers."""

    def __init__(self) -> None:
        self.source = random.Random(1)
        self.machine = crowded(pods=500, devices_each=16)
        self.decoder = AnswerDecoder()
        self.pods = self.named(self.decoder.pods(list_answer(self._listed, self.source)))

    @property
    def _listed(self) -> tuple[PodAllocation, ...]:
        assert self.machine.kubelet is not None
        return self.machine.kubelet.allocations.facts or ()

    @property
    def one(self) -> PodAllocation:
        """A pod in the midst of the others."""
        return self._listed[250]

    @staticmethod
    def named(pods: Iterable[PodAllocation]) -> dict[tuple[str, str], PodAllocation]:
        """By namespace and name, as the agent keeps them."""
        return {(pod.namespace, pod.name): pod for pod in pods}

    def changed(self) -> tuple[PodAllocation, PodAllocation]:
        """The one pod as it is, and with a CPU less."""
        (held,) = self.one.containers
        return self.one, replace(self.one, containers=(replace(held, cpus=frozenset({min(held.cpus)})),))

    def lists(self, one: PodAllocation) -> bytes:
        """An answer to List with that word on the one pod."""
        return list_answer((one if pod is self.one else pod for pod in self._listed), self.source)

    def with_pods(self, pods: dict[tuple[str, str], PodAllocation]) -> Snapshot:
        """The machine with these allocations."""
        assert self.machine.kubelet is not None
        allocations = Observed(facts=tuple([pods[name] for name in sorted(pods)]))
        return replace(self.machine, kubelet=replace(self.machine.kubelet, allocations=allocations))

    def bytes_for(self, pods: dict[tuple[str, str], PodAllocation]) -> bytes:
        """What is sent to the API server."""
        snapshot = self.with_pods(pods)
        nrt = derive_nrt(snapshot, node_name="node", ledger=derive_ledger(snapshot))
        assert nrt is not None
        return encode(nrt)


def test_a_pods_event_without_change(benchmark: BenchmarkFixture) -> None:
    node = Node()
    answers = cycle([get_answer(node.one, node.source) for _ in range(4)])

    def take() -> None:
        pod = node.decoder.pod(next(answers))
        assert {**node.pods, (pod.namespace, pod.name): pod} == node.pods

    assert median_ms(benchmark, take) <= 2


def test_a_full_list_without_change(benchmark: BenchmarkFixture) -> None:
    node = Node()
    answers = cycle([node.lists(node.one) for _ in range(4)])

    def take() -> None:
        assert node.named(node.decoder.pods(next(answers))) == node.pods

    assert median_ms(benchmark, take) <= 30


@pytest.mark.parametrize("call", ["Get", "List"])
def test_a_change_to_bytes_on_the_wire(benchmark: BenchmarkFixture, call: str) -> None:
    node = Node()
    words = cycle(
        [
            get_answer(one, node.source) if call == "Get" else node.lists(one)
            for one in reversed(node.changed())
        ]
    )
    sent: set[bytes] = set()

    def publish() -> None:
        if call == "Get":
            pod = node.decoder.pod(next(words))
            pods = {**node.pods, (pod.namespace, pod.name): pod}
        else:
            pods = node.named(node.decoder.pods(next(words)))
        sent.add(node.bytes_for(pods))

    assert median_ms(benchmark, publish) <= 40
    assert len(sent) == 2
