"""The kubelet's part of a capture: whose it is, what is in it, and that a capture goes on without it."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from agent.capture import Capture, take_capture
from collectors.hostfs import DirectoryFS
from collectors.kubelet.captured import CAPTURED_ROOT
from collectors.kubelet.checkpoints import read_checkpoints
from collectors.kubelet.plain import parse_answers
from collectors.kubelet.wire import podresources_pb2 as wire
from collectors.manifest import MANIFEST_PATH
from collectors.model.kubelet import PodAllocation
from collectors.pack import pack
from collectors.reader import FactReader
from collectors.tree import TreeFS
from tests.agent.captures import NOW, made
from tests.fakes.kubelet import LIST, serve, serve_bytes
from tests.hosts.shapes import DESKTOP

PODS = wire.PodList(pods=[wire.Pod(namespace="n", name="p", cpus=[1])]).SerializeToString()


@pytest.fixture
def kubelet_root(tmp_path: Path) -> Path:
    """A kubelet's directory with its notes."""
    root = tmp_path / "kubelet"
    (root / "pod-resources").mkdir(parents=True)
    (root / "device-plugins").mkdir()
    (root / "cpu_manager_state").write_text('{"policyName":"static","defaultCpuSet":"0-1","checksum":1}')
    (root / "memory_manager_state").write_text('{"policyName":"None","machineState":{},"checksum":1}')
    (root / "device-plugins/kubelet_internal_checkpoint").write_text(
        '{"Data":{"PodDeviceEntries":[{"PodUID":"u","ContainerName":"c","ResourceName":"r","DeviceIDs":{"0":["d"]},'
        '"AllocResp":"U0VDUkVU"}],"RegisteredDevices":{"r":["d"]}},"Checksum":1}'
    )
    return root


def captured_here(root: Path, *, full: bool = False) -> Capture:
    """A capture of this machine with a kubelet in that directory."""
    return take_capture(None, full=full, kubelet_root=str(root), now=NOW, kubelet_deadline_seconds=0.3)


@pytest.mark.asyncio
async def test_the_kubelets_answers_and_notes_are_captured(kubelet_root: Path, tmp_path: Path) -> None:
    async with serve(kubelet_root / "pod-resources/kubelet.sock", {LIST: PODS}):
        capture = await asyncio.to_thread(captured_here, kubelet_root)
    assert capture.kubelet.startswith("1 pods; ")
    answers = parse_answers(capture.tree.files["/kubelet/podresources.json"].decode())
    assert answers.pods == (PodAllocation(namespace="n", name="p", cpus=frozenset({1})),)
    checkpoints = read_checkpoints(FactReader(TreeFS(capture.tree)), root=CAPTURED_ROOT)
    assert checkpoints == read_checkpoints(FactReader(DirectoryFS()), root=str(kubelet_root))
    assert checkpoints.devices is not None
    assert not [path for path, data in capture.tree.files.items() if b"AllocResp" in data]


@pytest.mark.asyncio
async def test_a_capture_of_a_capture_has_its_kubelet_and_asks_none_here(
    kubelet_root: Path, tmp_path: Path
) -> None:
    async with serve(kubelet_root / "pod-resources/kubelet.sock", {LIST: PODS}) as kubelet:
        capture = await asyncio.to_thread(captured_here, kubelet_root)
        (tmp_path / "first.tar").write_bytes(pack(capture.tree, first=MANIFEST_PATH, modified_at=NOW))
        asked = len(kubelet.questions)
        again = await asyncio.to_thread(
            lambda: take_capture(
                str(tmp_path / "first.tar"), full=False, kubelet_root=str(kubelet_root), now=NOW
            )
        )
        assert len(kubelet.questions) == asked
    kept = {path: data for path, data in capture.tree.files.items() if path.startswith("/kubelet/")}
    assert kept
    assert {path: data for path, data in again.tree.files.items() if path.startswith("/kubelet/")} == kept
    assert again.kubelet.startswith("as captured; ")


def test_in_full_the_notes_are_as_the_kubelet_wrote_them(kubelet_root: Path) -> None:
    capture = captured_here(kubelet_root, full=True)
    written = (kubelet_root / "device-plugins/kubelet_internal_checkpoint").read_bytes()
    assert capture.tree.files["/kubelet/device-plugins/kubelet_internal_checkpoint"] == written


def test_no_kubelet_is_no_error(tmp_path: Path) -> None:
    capture = captured_here(tmp_path / "nothing")
    assert capture.kubelet == f"none here (no socket {tmp_path}/nothing/pod-resources/kubelet.sock)"
    assert not [path for path in capture.tree.files if path.startswith("/kubelet")]


def test_notes_without_a_socket_are_captured(kubelet_root: Path) -> None:
    capture = captured_here(kubelet_root)
    assert capture.kubelet == (
        f"no socket {kubelet_root}/pod-resources/kubelet.sock; "
        "cpu_manager_state, kubelet_internal_checkpoint, memory_manager_state"
    )


def test_a_kubelet_that_is_down_is_said_to_be(kubelet_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(kubelet_root / "pod-resources")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("kubelet.sock")
    capture = captured_here(kubelet_root)
    assert "nobody listens" in capture.kubelet
    assert "/kubelet/cpu_manager_state" in capture.tree.files


@pytest.mark.asyncio
async def test_a_kubelet_that_hangs_is_not_waited_for_at_length(kubelet_root: Path) -> None:
    async with serve_bytes(kubelet_root / "pod-resources/kubelet.sock", None):
        capture = await asyncio.to_thread(captured_here, kubelet_root)
    assert "no answer within 0.3 s" in capture.kubelet
    assert "/kubelet/cpu_manager_state" in capture.tree.files


def test_notes_that_cannot_be_read_are_named(kubelet_root: Path) -> None:
    (kubelet_root / "cpu_manager_state").unlink()
    (kubelet_root / "cpu_manager_state").mkdir()
    assert f"{kubelet_root}/cpu_manager_state: not a regular file" in captured_here(kubelet_root).kubelet


def test_the_root_of_a_whole_host_has_its_kubelets_notes(kubelet_root: Path, tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    capture = take_capture(str(tmp_path), full=False, kubelet_root="/kubelet", now=NOW)
    assert "/kubelet/cpu_manager_state" in capture.tree.files
    (tmp_path / "var/lib").mkdir(parents=True)
    kubelet_root.rename(tmp_path / "var/lib/kubelet")
    capture = take_capture(str(tmp_path), full=False, kubelet_root="/var/lib/kubelet", now=NOW)
    assert "/kubelet/cpu_manager_state" in capture.tree.files


def test_a_capture_without_a_kubelet_says_so(tmp_path: Path) -> None:
    capture = take_capture(str(made(DESKTOP, tmp_path)), full=False, kubelet_root="/k", now=NOW)
    assert capture.kubelet == "none in this capture"
