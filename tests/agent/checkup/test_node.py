"""Where the node comes from: the kubelet here, where that tells all; else an agent; else the machine alone."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from agent.checkup.node import Looked, node_here
from agent.settings import Settings
from agent.views.plain import plain_snapshot
from tests.agent.alignment.building import machine, runs
from tests.agent.checkup.test_machine import PODS, POOL
from tests.agent.placement.building import spec
from tests.agent.refusals.building import holds, node
from tests.collectors.cgroup_trees import CONTAINER
from tests.fakes.apiserver import Answer
from tests.fakes.apiserver import serve as serve_http
from tests.fakes.kubelet import ALLOCATABLE, LIST, LIST_PODS, serve
from tests.pods.as_wire import pod_bytes, pod_list

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A kubelet's directory, and its configuration."""
    for name in ("pod-resources", "pods-api"):
        (tmp_path / name).mkdir()
    configuration = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "topologyManagerPolicy": "restricted",
    }
    (tmp_path / "config.yaml").write_text(json.dumps(configuration))
    return tmp_path


def here(root: Path, agent_url: str = NOWHERE) -> Looked:
    settings = Settings(kubelet_root=str(root), kubelet_config=f"{root}/config.yaml")
    return node_here(machine(), settings=settings, credentials=None, agent_url=agent_url)


@pytest.mark.asyncio
async def test_a_kubelet_that_tells_all_is_enough(root: Path) -> None:
    async with (
        serve(root / "pod-resources/kubelet.sock", {LIST: PODS, ALLOCATABLE: POOL}),
        serve(
            root / "pods-api/pods-api.sock", {LIST_PODS: pod_list([pod_bytes(spec("p", runs(CONTAINER)))])}
        ),
    ):
        found = await asyncio.to_thread(here, root)
    assert found.source == "this machine and its kubelet"
    assert found.snapshot.kubelet is not None
    assert found.snapshot.kubelet.config.facts is not None
    assert found.snapshot.kubelet.config.facts.topology_manager_policy == "restricted"


@pytest.mark.asyncio
async def test_where_it_does_not_tell_all_an_agent_is_asked(root: Path) -> None:
    served = node(holds("p", "1-3"))
    async with (
        serve(root / "pod-resources/kubelet.sock", {LIST: PODS, ALLOCATABLE: POOL}),
        serve_http(Answer(body=plain_snapshot(served))) as agent,
    ):
        found = await asyncio.to_thread(here, root, agent.url)
    assert (found.source, found.snapshot) == (f"the agent at {agent.url}", served)


@pytest.mark.asyncio
async def test_without_an_agent_what_the_kubelet_tells_has_to_do(root: Path) -> None:
    async with serve(root / "pod-resources/kubelet.sock", {LIST: PODS, ALLOCATABLE: POOL}):
        found = await asyncio.to_thread(here, root)
    assert found.snapshot.kubelet is not None
    assert found.snapshot.kubelet.pods.facts is None


def test_without_either_the_machine_is_alone(root: Path) -> None:
    found = here(root)
    assert (found.source, found.snapshot.kubelet) == ("this machine, without a kubelet", None)
