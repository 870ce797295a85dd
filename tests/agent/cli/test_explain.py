"""`numascope explain` at the command line: whom it asks, what it says, and the exit status."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.__main__ import main
from agent.checkup.machine import PODS_API_SOCKET
from agent.refusals.plain import plain_pod, plain_refusals
from collectors.kubelet.plain import format_answers
from collectors.model.kubelet import KubeletAnswers
from collectors.model.pod import REFUSED
from collectors.model.refusals import RefusalCounts
from tests.agent.placement.building import app
from tests.agent.refusals.building import GIB, refused
from tests.agent.views.kubelets import POOL, holds
from tests.agent.views.test_refusal_page import answer
from tests.fakes.apiserver import Answer, serve
from tests.fakes.kubelet import LIST_PODS
from tests.fakes.kubelet import serve as serve_kubelet
from tests.hosts.machine import write_machine
from tests.hosts.shapes import DESKTOP
from tests.pods.as_wire import pod_bytes, pod_list

NOWHERE = "http://127.0.0.1:9"
POD = refused("web-9", app(cpu=40, memory=GIB))
BODY: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web-9", "namespace": "default", "uid": "9"},
    "spec": {
        "containers": [
            {
                "name": "app",
                "resources": {kind: {"cpu": "40", "memory": "1Gi"} for kind in ("requests", "limits")},
            }
        ]
    },
    "status": {
        "phase": "Failed",
        "reason": "TopologyAffinityError",
        "message": f"{REFUSED}Resources cannot be allocated with Topology locality",
        "qosClass": "Guaranteed",
    },
}
CONFIG = {
    "kind": "KubeletConfiguration",
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "topologyManagerPolicy": "single-numa-node",
    "cpuManagerPolicy": "static",
    "reservedSystemCPUs": "0",
}


@contextmanager
def meanwhile(context: Any) -> Iterator[Any]:
    """What a server in a loop of its own serves while a command runs its own loop."""
    entered, leave = threading.Event(), threading.Event()
    served: list[Any] = []

    async def run() -> None:
        async with context as server:
            served.append(server)
            entered.set()
            await asyncio.to_thread(leave.wait)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert entered.wait(10)
    try:
        yield served[0]
    finally:
        leave.set()
        thread.join(10)


@pytest.fixture
def captured(tmp_path: Path) -> str:
    """A captured machine with the answers of its kubelet."""
    host = tmp_path / "host"
    host.mkdir()
    write_machine(DESKTOP, host)
    (host / "kubelet").mkdir()
    answers = KubeletAnswers(pods=(holds("trainer", cpus=(2, 3)),), allocatable=POOL, read_at=0.0)
    (host / "kubelet/podresources.json").write_text(format_answers(answers))
    return str(host)


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(CONFIG))
    return str(file)


def pod_file(folder: Path, **status: str) -> str:
    file = folder / "pod.yaml"
    file.write_text(yaml.safe_dump({**BODY, "status": {**BODY["status"], **status}}))
    return str(file)


def test_the_agent_of_the_node_is_asked_first(capsys: pytest.CaptureFixture[str]) -> None:
    with meanwhile(serve(Answer(body=answer(POD)))) as server:
        assert main(["explain", "web-9", "--agent", server.url]) == 0
    assert "container app wants 40 CPUs on one NUMA node" in capsys.readouterr().out
    assert server.requests[0].query == {"namespace": "default", "pod": "web-9"}


@pytest.mark.parametrize("arguments", [["ml/web-9"], ["web-9", "-n", "ml"], ["ml/web-9", "-n", "ml"]])
def test_the_namespace_is_before_the_name_or_behind_an_option(arguments: list[str]) -> None:
    with meanwhile(serve(Answer(body=answer(POD)))) as server:
        assert main(["explain", *arguments, "--agent", server.url]) == 0
    assert server.requests[0].query == {"namespace": "ml", "pod": "web-9"}


@pytest.mark.parametrize(("form", "parse"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_programs_get_all_that_the_agent_has(
    form: str, parse: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with meanwhile(serve(Answer(body=answer(POD)))) as server:
        assert main(["explain", "web-9", "--agent", server.url, "-o", form]) == 0
    assert parse(capsys.readouterr().out) == answer(POD)


def test_a_pod_that_was_not_refused_is_said_and_gives_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    running = plain_refusals(
        RefusalCounts(),
        (),
        pod={**plain_pod("default", "web", None), "found": True, "refused": False, "phase": "Running"},
    )
    with meanwhile(serve(Answer(body=running), Answer(body=running))) as server:
        assert main(["explain", "web", "--agent", server.url]) == 1
        assert main(["explain", "web", "--agent", server.url, "-o", "json"]) == 1
    out, err = capsys.readouterr()
    assert "pod default/web was not refused: it is Running" in err
    assert json.loads(out) == running


def test_a_pod_that_nobody_knows_gives_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    nobody = plain_refusals(RefusalCounts(), (), pod=plain_pod("default", "web", None))
    with meanwhile(serve(Answer(body=nobody))) as server:
        assert main(["explain", "web", "--agent", server.url]) == 1
    assert "there is no pod default/web on this node" in capsys.readouterr().err


def test_where_no_agent_answers_the_kubelet_is_asked(
    tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pods-api").mkdir()
    socket = tmp_path / PODS_API_SOCKET
    with meanwhile(serve_kubelet(socket, {LIST_PODS: pod_list([pod_bytes(POD)])})):
        (tmp_path / "cpu_manager_state").write_text(
            '{"policyName":"static","defaultCpuSet":"0-1","entries":{},"checksum":1}'
        )
        status = main(
            [
                *("explain", "web-9", "--agent", NOWHERE),
                *("--kubelet-root", str(tmp_path), "--kubelet-config", config),
            ]
        )
    out = capsys.readouterr().out
    assert status == 0
    assert "default/web-9 was refused: TopologyAffinityError" in out
    assert "by the node as it is now" in out


def test_where_nobody_answers_both_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "web", "--agent", NOWHERE, "--kubelet-root", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert NOWHERE in err
    assert "the kubelet cannot be asked either" in err


def test_a_pod_from_a_file_is_explained_on_a_captured_machine(
    captured: str, config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = pod_file(tmp_path)
    assert main(["explain", "--host", captured, "--kubelet-config", config, "-f", file, "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    said = found["stories"][0]["explanation"]
    assert (said["hindsight"], said["resources"]) == (True, ["cpu"])
    assert said["summary"].startswith("container app wants 40 CPUs on one NUMA node")


def test_a_pod_in_a_file_that_was_not_refused_gives_status_1(
    captured: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = pod_file(tmp_path, phase="Running", message="")
    assert main(["explain", "--host", captured, "-f", file]) == 1
    assert "was not refused: it is Running" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "which pod?"),
        (["a/web", "-n", "b"], "the pod is in a by its name, and in b by -n"),
        (["-f", "/nonexistent"], "No such file"),
    ],
)
def test_what_can_be_put_right_gives_status_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_capture_without_pods_asks_for_the_file(captured: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "web", "--host", captured]) == 2
    assert "give the pod with --file" in capsys.readouterr().err
