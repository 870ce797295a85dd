"""Benchmarks of the headroom, run by `make bench` alone: what the agent does once for a snapshot that somebody asks about."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from agent.headroom.derive import derive_headroom
from agent.prediction.node import WhatIf, node_of
from collectors.model import Cpu, CpuTopology, Observed, Snapshot
from tests.bench.crowds import crowded
from tests.bench.test_speed import collect_garbage, median_ms
from tests.hosts.machine import expected_snapshot
from tests.hosts.shapes import HUGE

pytestmark = pytest.mark.bench

STATIC = WhatIf(topology_policy="single-numa-node", cpu_policy="static", memory_policy="Static")


def full_node(*, pods: int, devices_each: int) -> Snapshot:
    """A node of two sockets full of pods, with its CPUs."""
    snapshot = crowded(pods=pods, devices_each=devices_each)
    assert snapshot.numa.facts is not None
    sockets = {cpu: node.id for node in snapshot.numa.facts.nodes for cpu in node.cpus}
    cpus = tuple(
        Cpu(id=cpu, online=True, package_id=socket, core_id=cpu // 2)
        for cpu, socket in sorted(sockets.items())
    )
    return replace(snapshot, cpus=Observed(facts=CpuTopology(online=frozenset(sockets), cpus=cpus)))


@pytest.mark.parametrize(
    ("pods", "devices_each", "at_most_ms"),
    [
        pytest.param(110, 4, 100, id="110 pods of 4 devices"),
        pytest.param(500, 16, 600, id="500 pods of 16 devices"),
    ],
)
def test_headroom_of_two_nodes(
    benchmark: BenchmarkFixture, pods: int, devices_each: int, at_most_ms: float
) -> None:
    snapshot = full_node(pods=pods, devices_each=devices_each)
    assert median_ms(benchmark, lambda: derive_headroom(node_of(snapshot, STATIC).node)) <= at_most_ms


@pytest.mark.parametrize("policy", ["restricted", "single-numa-node"])
def test_headroom_of_64_nodes(benchmark: BenchmarkFixture, policy: str) -> None:
    snapshot = expected_snapshot(HUGE, now=0.0)
    what_if = replace(STATIC, topology_policy=policy)
    benchmark.pedantic(  # type: ignore[no-untyped-call]
        lambda: derive_headroom(node_of(snapshot, what_if).node), setup=collect_garbage, rounds=3
    )
    assert benchmark.stats is not None
    assert float(benchmark.stats.stats.median) <= 5.0
