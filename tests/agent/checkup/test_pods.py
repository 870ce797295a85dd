"""Where the alignment of pods comes from: the kubelet's sockets, an agent, a captured machine."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agent.alignment.model import Alignment
from agent.checkup.pods import NoPodsError, alignment_here, alignment_of_capture
from agent.settings import Settings
from agent.views.alignment import plain_alignment
from collectors.errors import CaptureError
from tests.agent.alignment.building import machine, runs
from tests.agent.checkup.test_machine import PODS, POOL
from tests.agent.placement.building import spec
from tests.agent.views.test_alignment import ALIGNMENT
from tests.collectors.cgroup_trees import CONTAINER, LAYOUTS, Group, version_2
from tests.collectors.trees import write_tree
from tests.fakes.apiserver import Answer
from tests.fakes.apiserver import serve as serve_http
from tests.fakes.kubelet import ALLOCATABLE, LIST, LIST_PODS, serve
from tests.pods.as_wire import pod_bytes, pod_list

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A kubelet's directory, and beside it the cgroups."""
    for name in ("pod-resources", "pods-api"):
        (tmp_path / name).mkdir()
    write_tree(tmp_path, version_2(Group(path=LAYOUTS["cgroupfs, Burstable"], cpus="1"), root="/cgroups"))
    return tmp_path


def here(root: Path, agent_url: str = NOWHERE) -> Alignment:
    settings = Settings(kubelet_root=str(root), cgroup_root=f"{root}/cgroups")
    return alignment_here(machine(), settings=settings, credentials=None, agent_url=agent_url)


@pytest.mark.asyncio
async def test_a_kubelet_that_tells_all_is_enough(root: Path) -> None:
    listed = spec("p", runs(CONTAINER))
    async with (
        serve(root / "pod-resources/kubelet.sock", {LIST: PODS, ALLOCATABLE: POOL}),
        serve(root / "pods-api/pods-api.sock", {LIST_PODS: pod_list([pod_bytes(listed)])}),
    ):
        found = await asyncio.to_thread(here, root)
    assert [pod.name for pod in found.pods] == ["p"]
    assert found.cgroup_version == 2


@pytest.mark.asyncio
async def test_where_the_specs_are_not_told_an_agent_is_asked(root: Path) -> None:
    async with (
        serve(root / "pod-resources/kubelet.sock", {LIST: PODS, ALLOCATABLE: POOL}),
        serve_http(Answer(body=plain_alignment(ALIGNMENT))) as agent,
    ):
        assert await asyncio.to_thread(here, root, agent.url) == ALIGNMENT


@pytest.mark.asyncio
async def test_without_an_agent_what_the_kubelet_tells_has_to_do(root: Path) -> None:
    async with serve(root / "pod-resources/kubelet.sock", {LIST: PODS, ALLOCATABLE: POOL}):
        found = await asyncio.to_thread(here, root)
    assert [pod.name for pod in found.pods] == ["p"]
    assert "which only the pods' specs name" in found.unknown[0]


def test_without_either_it_is_said_why(tmp_path: Path) -> None:
    with pytest.raises(NoPodsError, match=r"no such socket.*; nor is there an agent to ask: http://127"):
        here(tmp_path)


def test_a_kubelet_that_is_stopped_is_said_to_be(root: Path) -> None:
    (root / "cpu_manager_state").write_text('{"policyName": "static", "defaultCpuSet": "0-1"}')
    with pytest.raises(NoPodsError, match="no such socket"):
        here(root)


def test_a_capture_without_a_kubelet_tells_of_no_pods(tmp_path: Path) -> None:
    (tmp_path / "sys").mkdir()
    settings = Settings(kubelet_root=str(tmp_path / "none"))
    with pytest.raises(CaptureError, match="tells of no pods"):
        alignment_of_capture(machine(), host=str(tmp_path), settings=settings)
