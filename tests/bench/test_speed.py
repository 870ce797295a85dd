"""Benchmarks of what has a bound, run by `make bench` alone: the median of many rounds is held to it.

Each round starts from nothing that the one before has left.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from agent.placement.ledger import derive_ledger
from agent.survey import survey
from collectors.hostfs import DirectoryFS
from tests.bench.crowds import crowded
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
