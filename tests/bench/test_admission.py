"""Benchmarks of the kubelet's rules, run by `make bench` alone: one admission, and one merge of hints over many nodes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from agent.admission.admit import NodeUnderRules, admit
from agent.admission.merging.merge import merge
from agent.admission.merging.rules import mask_of
from agent.admission.model import Enough, HintRule, Hints, Machine, Outcome, PluginDevice, Settings
from agent.admission.whole_node.wishes import NodeObject
from collectors.model.kubelet import DeviceAllocation
from collectors.model.pod import Amounts, ContainerRole, Pod, PodContainer
from tests.agent.admission.cpus.builders import machine
from tests.bench.test_speed import median_ms

pytestmark = pytest.mark.bench

GIB = 1 << 30
GPU = "example.com/gpu"
CAPACITY: Amounts = (("cpu", 127_000), (GPU, 16), ("memory", 256 * GIB), ("pods", 110))


def pod(name: str, *, cpus: int, gpus: int) -> Pod:
    asks: Amounts = (("cpu", 1000 * cpus), (GPU, gpus), ("memory", GIB))
    app = PodContainer(name="app", role=ContainerRole.APP, requests=asks, limits=asks)
    return Pod(namespace="team", name=name, uid=name, phase="Pending", containers=(app,))


@pytest.mark.parametrize("policy", ["none", "best-effort", "restricted", "single-numa-node"])
def test_an_admission_on_two_nodes(benchmark: BenchmarkFixture, policy: str) -> None:
    two = replace(
        machine(sockets=2, cores=32), memory=tuple((number, (("memory", 128 * GIB),)) for number in (0, 1))
    )
    settings = Settings(
        topology_policy=policy, cpu_policy="static", memory_policy="Static", reserved_cpus=frozenset({0})
    )
    node = NodeUnderRules.at(two, settings, node=NodeObject(name="n", allocatable=CAPACITY))
    devices = tuple(
        PluginDevice(
            device=DeviceAllocation(resource=GPU, device_id=f"gpu{each}", numa_nodes=frozenset({each % 2}))
        )
        for each in range(16)
    )
    node = node.with_books(replace(node.books, devices=devices))
    for number in range(8):
        node = node.with_books(admit(node, pod(f"pod-{number}", cpus=4, gpus=1))[1])
    asking = pod("new", cpus=8, gpus=2)
    assert admit(node, asking)[0].outcome is Outcome.ADMITTED
    assert median_ms(benchmark, lambda: admit(node, asking)) <= 3


EVERY = range(34)
DISTANCES = tuple(tuple(10 if one == other else 20 + one % 2 for other in EVERY) for one in EVERY)


def rule(nodes: range, amount: int, need: int) -> HintRule:
    amounts = tuple((1 << node, amount) for node in nodes)
    return HintRule(
        nodes=mask_of(nodes), enough=(Enough(amounts=amounts, need=need),), preferred_size=-(-need // amount)
    )


@pytest.mark.parametrize("policy", ["best-effort", "restricted", "single-numa-node"])
@pytest.mark.parametrize("closest", [False, True], ids=["narrowest", "closest"])
@pytest.mark.parametrize(
    ("gpus", "nics", "cpus", "memory"), [(1, 1, 8, 16), (4, 2, 24, 100), (8, 4, 64, 300), (16, 8, 271, 543)]
)
def test_a_merge_over_34_nodes_with_16_gpus_and_8_nics(
    benchmark: BenchmarkFixture, policy: str, closest: bool, gpus: int, nics: int, cpus: int, memory: int
) -> None:
    hints: list[Hints] = [
        {"gpu": rule(range(2, 18), 1, gpus), "nic": rule(range(0, 32, 4), 1, nics)},
        {"cpu": rule(EVERY, 8, cpus)},
        {"memory": rule(EVERY, 16, memory)},
    ]
    settings = Settings(topology_policy=policy, prefer_closest_numa_nodes=closest, max_numa_nodes=34)
    nodes = Machine(cpus=(), numa_nodes=tuple(EVERY), distances=DISTANCES)
    assert median_ms(benchmark, lambda: merge(hints, machine=nodes, settings=settings)) <= 50
