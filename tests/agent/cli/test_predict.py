"""`numascope predict` and `numascope headroom` at the command line: which node, which settings, which form."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.__main__ import main
from agent.views.plain import plain_snapshot
from collectors.kubelet.plain import format_answers
from collectors.model.kubelet import KubeletAnswers
from tests.agent.refusals.building import GPU, holds, node
from tests.agent.views.kubelets import POOL
from tests.agent.views.kubelets import holds as holds_there
from tests.fakes.apiserver import Answer, serve
from tests.hosts.machine import write_machine
from tests.hosts.shapes import TWO_SOCKETS

STATIC = ("--policy", "single-numa-node", "--cpu-manager", "static")


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A captured machine of two NUMA nodes, without a kubelet."""
    host = tmp_path_factory.mktemp("host")
    write_machine(TWO_SOCKETS, host)
    return str(host)


@pytest.fixture
def manifest(tmp_path: Path) -> str:
    """A Deployment of three pods with two CPUs and a sidecar each, and a Service."""
    side = {
        "name": "side",
        "restartPolicy": "Always",
        "resources": {"limits": {"cpu": "100m", "memory": "1Mi"}},
    }
    app = {"name": "app", "resources": {"limits": {"cpu": 2, "memory": "64Mi"}}}
    spec = {"replicas": 3, "template": {"spec": {"containers": [app], "initContainers": [side]}}}
    documents = [
        {"kind": "Deployment", "metadata": {"name": "web"}, "spec": spec},
        {"kind": "Service", "metadata": {"name": "web"}},
    ]
    path = tmp_path / "web.yaml"
    path.write_text("---\n".join(map(json.dumps, documents)).replace("---", "\n---"))
    return str(path)


def test_pods_that_fit_end_with_0(captured: str, manifest: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "-f", manifest, "--host", captured, *STATIC]) == 0
    out = capsys.readouterr().out
    assert "Deployment default/web: 3 of 3 pods fit; QoS Guaranteed" in out
    assert "sidecar side: nothing of its own" in out
    assert "assumed: nothing is reserved" in out
    assert "passed over: Service web" in out


def test_pods_that_do_not_end_with_1_and_say_why(
    captured: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = {"name": "app", "resources": {"limits": {"cpu": 3, "memory": "64Mi"}}}
    path = tmp_path / "pod.json"
    path.write_text(json.dumps({"kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [app]}}))
    assert main(["predict", "-f", str(path), "--host", captured, *STATIC, "--replicas", "90"]) == 1
    out = capsys.readouterr().out
    assert "more like it: refused TopologyAffinityError" in out
    assert "the kubelet would say: Resources cannot be allocated with Topology locality" in out
    assert "stopped at: container app" in out
    assert "would get further without: 3 CPUs" in out
    assert "free, NUMA node 0: " in out


def test_programs_get_every_pod(captured: str, manifest: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["predict", "-f", manifest, "--host", captured, *STATIC, "-n", "prod", "-o", "json"])
    plain = json.loads(capsys.readouterr().out)
    (workload,) = plain["workloads"]
    assert (plain["kind"], plain["fits"], workload["fit"], workload["namespace"]) == (
        "Prediction",
        True,
        3,
        "prod",
    )
    app = workload["pods"][0]["containers"][-1]
    assert (app["name"], app["numa_nodes"], len(app["cpus"].split(",")) > 0) == ("app", "0", True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--replicas", "0"], "--replicas 0: expected 1 or more"),
        (["--policy", "none", "--options", "full"], "no option of the CPU"),
        (["--policy", "none", "--kubernetes-version", "1.20"], "--kubernetes-version"),
        ([], "with --policy"),
        (["--agent", "http://127.0.0.1:9"], "a captured machine has no agent"),
    ],
)
def test_what_can_be_put_right_ends_with_2(
    captured: str, manifest: str, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "-f", manifest, "--host", captured, *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_manifest_that_is_none_ends_with_2(captured: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "-f", f"{captured}/sys/nothing", "--host", captured]) == 2
    assert "No such file" in capsys.readouterr().err


@pytest.mark.asyncio
async def test_an_agent_that_is_named_is_asked(manifest: str, capsys: pytest.CaptureFixture[str]) -> None:
    async with serve(Answer(body=plain_snapshot(node(holds("p", "1-7"))))) as agent:
        arguments = ["predict", "-f", manifest, "--agent", agent.url, "-o", "yaml"]
        assert await asyncio.to_thread(main, arguments) == 0
    plain = yaml.safe_load(capsys.readouterr().out)
    assert plain["source"] == f"the agent at {agent.url}"
    assert [pod["containers"][-1]["numa_nodes"] for pod in plain["workloads"][0]["pods"]] == ["1", "1", "1"]


@pytest.mark.asyncio
async def test_an_agent_that_answers_otherwise_is_named(
    manifest: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serve(Answer(body={"kind": "Snapshot"})) as agent:
        assert await asyncio.to_thread(main, ["predict", "-f", manifest, "--agent", agent.url]) == 2
    assert f"{agent.url}/api/v1/snapshot: expected" in capsys.readouterr().err


def headroom(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["headroom", *arguments, "-o", "json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_headroom_of_a_captured_machine(captured: str, capsys: pytest.CaptureFixture[str]) -> None:
    plain = headroom(capsys, "--host", captured, *STATIC, "--options", "full-pcpus-only")
    assert (plain["kind"], plain["options"]) == ("Headroom", ["full-pcpus-only"])
    assert [each["id"] for each in plain["numa_nodes"]] == [0, 1]


def test_a_captured_kubelets_answers_are_used(
    captured: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_machine(TWO_SOCKETS, tmp_path)
    (tmp_path / "kubelet").mkdir()
    answers = KubeletAnswers(pods=(holds_there("trainer", cpus=(2, 3)),), allocatable=POOL, read_at=0.0)
    (tmp_path / "kubelet/podresources.json").write_text(format_answers(answers))
    plain = headroom(capsys, "--host", str(tmp_path), *STATIC)
    assert "what pods ask for" in plain["unknown"]
    free = {each["id"]: each["free"]["cpu"] for each in plain["numa_nodes"]}
    empty = {
        each["id"]: each["free"]["cpu"]
        for each in headroom(capsys, "--host", captured, *STATIC)["numa_nodes"]
    }
    assert sum(empty.values()) - sum(free.values()) == 2


def test_an_empty_list_of_options_is_none_of_them(captured: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert headroom(capsys, "--host", captured, *STATIC, "--options", "none")["options"] == []


@pytest.mark.asyncio
async def test_people_see_a_table_what_is_stranded_and_what_is_in_one_piece(
    capsys: pytest.CaptureFixture[str],
) -> None:
    full = node(holds("p", "8-15", gib={(1,): 1}), holds("q", "1-2"))
    async with serve(Answer(body=plain_snapshot(full))) as agent:
        assert await asyncio.to_thread(main, ["headroom", "--agent", agent.url]) == 0
    out = capsys.readouterr().out
    assert "CPUs beside one example.com/gpu" in out
    assert f"NUMA node 1: 2 {GPU}: no CPUs are free here" in out
    assert "cpu: 100 % (5 CPUs of 5 CPUs)" in out
