"""A machine and its kubelet looked at once: this one's, a captured one's, or none."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from agent.capture import take_capture
from agent.checkup.machine import examine
from agent.settings import Settings
from agent.survey import NOTHING_SEEN
from agent.views.doctor_model import Examined
from collectors.kubelet.wire import podresources_pb2 as wire
from collectors.manifest import MANIFEST_PATH
from collectors.model.kubelet import PodAllocation
from collectors.model.kubelet_config import ConfigSource
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import Pod
from collectors.pack import pack
from tests.agent.captures import NOW, made
from tests.fakes.kubelet import ALLOCATABLE, LIST, LIST_PODS, serve
from tests.hosts.shapes import DESKTOP
from tests.pods.as_wire import pod_bytes, pod_list

PODS = wire.PodList(pods=[wire.Pod(namespace="n", name="p", cpus=[1])]).SerializeToString()
POOL = wire.Allocatable(cpus=[1, 2]).SerializeToString()
SPEC = Pod(namespace="n", name="p", uid="u", phase="Running")
HELD = PodAllocation(namespace="n", name="p", cpus=frozenset({1}))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A kubelet's directory."""
    root = tmp_path / "kubelet"
    for name in ("pod-resources", "pods-api"):
        (root / name).mkdir(parents=True)
    return root


def write_state(root: Path, text: str | None = None) -> None:
    """The CPU manager's book, or what stands in its place."""
    plain = json.dumps({"policyName": "static", "defaultCpuSet": "0-1"})
    (root / "cpu_manager_state").write_text(plain if text is None else text)


def examined(root: Path, host: str | None = None) -> Examined:
    return examine(NOTHING_SEEN, host=host, settings=Settings(kubelet_root=str(root)), credentials=None)


def kubelet_of(found: Examined) -> KubeletPicture:
    assert found.snapshot.kubelet is not None
    assert found.no_kubelet is None
    return found.snapshot.kubelet


@pytest.mark.asyncio
async def test_a_kubelet_is_asked_over_both_sockets_and_its_state_files_are_read(root: Path) -> None:
    write_state(root)
    async with (
        serve(root / "pod-resources/kubelet.sock", {LIST: PODS, ALLOCATABLE: POOL}),
        serve(root / "pods-api/pods-api.sock", {LIST_PODS: pod_list([pod_bytes(SPEC)])}),
    ):
        kubelet = kubelet_of(await asyncio.to_thread(examined, root))
    assert kubelet.allocations.facts == (HELD,)
    assert kubelet.allocatable.facts is not None
    assert [pod.name for pod in kubelet.pods.facts or ()] == ["p"]
    assert kubelet.config.facts is not None
    assert kubelet.config.facts.source is ConfigSource.CHECKPOINTS


@pytest.mark.asyncio
async def test_an_older_kubelet_does_not_tell_its_pool(root: Path) -> None:
    async with serve(root / "pod-resources/kubelet.sock", {LIST: PODS}):
        kubelet = kubelet_of(await asyncio.to_thread(examined, root))
    assert kubelet.allocatable.error == "the kubelet does not tell what it can give"
    assert (kubelet.pods.facts, kubelet.checkpoints) == (None, None)


def test_where_no_kubelet_has_run_there_is_none(tmp_path: Path) -> None:
    found = examined(tmp_path)
    assert found.snapshot.kubelet is None
    assert "no such socket" in (found.no_kubelet or "")


def test_a_kubelet_that_is_stopped_still_has_its_state_files(root: Path) -> None:
    write_state(root)
    kubelet = kubelet_of(examined(root))
    assert "no such socket" in (kubelet.allocations.error or "")
    assert kubelet.checkpoints is not None


def test_a_malformed_state_file_is_named_with_what_was_expected(root: Path) -> None:
    write_state(root, '{"policyName": 3}')
    (problem,) = examined(root).state_problems
    assert problem.path == f"{root}/cpu_manager_state"
    assert problem.reason.startswith("expected a string at a checkpoint of the CPU manager.policyName")


@pytest.mark.asyncio
async def test_a_captured_kubelet_is_read_from_the_capture(root: Path, tmp_path: Path) -> None:
    write_state(root)
    async with serve(root / "pod-resources/kubelet.sock", {LIST: PODS, ALLOCATABLE: POOL}):
        capture = await asyncio.to_thread(
            lambda: take_capture(None, full=False, kubelet_root=str(root), now=NOW)
        )
    archive = tmp_path / "machine.tar"
    archive.write_bytes(pack(capture.tree, first=MANIFEST_PATH, modified_at=NOW))
    kubelet = kubelet_of(await asyncio.to_thread(examined, tmp_path / "elsewhere", str(archive)))
    assert kubelet.allocations.facts == (HELD,)
    assert kubelet.checkpoints is not None
    assert kubelet.config.problems[0].reason == "not asked: this is a captured machine"


def test_the_root_of_a_whole_host_has_its_kubelets_state_files(root: Path, tmp_path: Path) -> None:
    write_state(root)
    (tmp_path / "proc").mkdir()
    (tmp_path / "var/lib").mkdir(parents=True)
    root.rename(tmp_path / "var/lib/kubelet")
    found = examined(Path("/var/lib/kubelet"), str(tmp_path))
    assert kubelet_of(found).allocations.error == "its answers are not in this capture"


def test_captured_answers_that_are_malformed_are_named(root: Path, tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (root / "podresources.json").write_text("{}")
    found = examined(Path("/nowhere"), str(tmp_path))
    assert [problem.path for problem in found.state_problems] == ["/kubelet/podresources.json"]


def test_a_capture_without_a_kubelet_says_so(tmp_path: Path) -> None:
    found = examined(Path("/nowhere"), str(made(DESKTOP, tmp_path)))
    assert found.no_kubelet == "there is nothing of one in this capture"
