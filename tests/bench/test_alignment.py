"""Benchmark of an alignment, run by `make bench` alone: what the agent does when somebody asks for it."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from agent.alignment.derive import derive_alignment
from agent.kubelet.cgroups import read_cgroups
from agent.views.alignment import plain_alignment
from collectors.hostfs import DirectoryFS
from tests.agent.alignment.building import machine, runs
from tests.agent.placement.building import container, device, listed, picture, spec
from tests.bench.test_speed import median_ms
from tests.collectors.cgroup_trees import Group, version_2
from tests.collectors.trees import write_tree

pytestmark = pytest.mark.bench

PODS = 500


def test_an_alignment_of_500_pods_with_1500_containers(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    source = random.Random(1)
    names = ("a", "b", "c")
    ids = {(pod, name): f"{source.getrandbits(256):064x}" for pod in range(PODS) for name in names}
    groups = (
        Group(path=f"kubepods/burstable/pod{pod:05}/{container_id}", cpus="0-1,6-15")
        for (pod, _), container_id in ids.items()
    )
    write_tree(tmp_path, version_2(*groups))
    pods = [
        listed(
            f"p{pod}", container("a"), container("b", devices=[device(f"g{pod}", pod % 2)]), container("c")
        )
        for pod in range(PODS)
    ]
    specs = [
        spec(f"p{pod}", *(runs(ids[pod, name], name) for name in names), qos="Burstable")
        for pod in range(PODS)
    ]
    snapshot = machine(picture(*pods, specs=specs))

    def answer() -> str:
        cgroups = read_cgroups(DirectoryFS(str(tmp_path)), snapshot, root=None, now=0.0)
        assert len(cgroups.facts.containers if cgroups.facts is not None else ()) == len(ids)
        return json.dumps(plain_alignment(derive_alignment(snapshot, cgroups)))

    assert median_ms(benchmark, answer) <= 500
