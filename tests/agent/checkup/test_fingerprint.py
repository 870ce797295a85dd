"""Where a comparison of fingerprints gets its facts from, and what it says where it may not have them."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from agent.checkup.fingerprint import Place, check_fingerprint
from agent.kube.client import KubeClient
from agent.kube.errors import KubeUnreachableError
from agent.settings import Settings
from agent.views.doctor_model import Finding, Severity
from agent.views.fingerprint import pod_fingerprint
from collectors.kubelet.wire import podresources_pb2 as wire
from collectors.model.pod import Pod
from tests.fakes import apiserver
from tests.fakes.apiserver import Answer, ScriptedApiServer
from tests.fakes.kubelet import LIST, LIST_PODS, serve
from tests.pods import as_wire
from tests.pods.as_json import pod_list

NOWHERE = "http://127.0.0.1:9"
RUNS = Pod(namespace="n", name="runs", uid="u", phase="Running")
WAITS = Pod(namespace="n", name="waits", uid="v", phase="Pending")

FORBIDDEN = Answer(
    status=403,
    body={
        "reason": "Forbidden",
        "message": 'pods is forbidden: User "agent" cannot list resource "pods" in API group "" at the cluster scope',
    },
)


class _Nobody:
    def __init__(self, server: str) -> None:
        self.server = server

    def tls(self) -> ssl.SSLContext | None:
        return None

    def token(self) -> str | None:
        return None


class _Hurried:
    """A clock on which no pause takes time."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return 0.0

    def wall(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def published(*pods: Pod) -> Answer:
    """The node's object, made of these pods."""
    fingerprint = pod_fingerprint((pod.namespace, pod.name) for pod in pods)
    nrt: dict[str, Any] = {"attributes": [{"name": "nodeTopologyPodsFingerprint", "value": fingerprint}]}
    return Answer(body={"metadata": {"resourceVersion": "1"}, "items": [nrt]})


def at_server(*pods: Pod) -> Answer:
    return Answer(body=pod_list(*pods))


def agent_lists(*pods: Pod) -> Answer:
    facts = [{"namespace": pod.namespace, "name": pod.name} for pod in pods]
    return Answer(body={"kubelet": {"allocations": {"facts": facts}}})


async def check(
    server: ScriptedApiServer, root: Path, *, agent: str = NOWHERE, clock: _Hurried | None = None
) -> dict[str, Finding]:
    """The findings by their check, for a kubelet in that directory."""
    place = Place(node_name="numa0", settings=Settings(kubelet_root=str(root)), agent_url=agent)
    async with KubeClient(_Nobody(server.url), user_agent="test") as client:
        return {
            each.check: each for each in await check_fingerprint(client, place, clock=clock or _Hurried())
        }


@pytest.mark.asyncio
async def test_one_look_is_enough_where_both_are_equal(tmp_path: Path) -> None:
    clock = _Hurried()
    async with apiserver.serve(published(RUNS), at_server(RUNS)) as server:
        findings = await check(server, tmp_path, clock=clock)
    assert findings["fingerprint-shared"].severity is Severity.NOTE
    assert [request.query.get("fieldSelector") for request in server.requests] == [
        "metadata.name=numa0",
        "spec.nodeName=numa0",
    ]
    assert clock.slept == []


@pytest.mark.asyncio
async def test_a_difference_that_passes_is_none(tmp_path: Path) -> None:
    clock = _Hurried()
    both = at_server(RUNS, WAITS)
    async with apiserver.serve(published(RUNS, WAITS), both, published(RUNS), both) as server:
        findings = await check(server, tmp_path, clock=clock)
    assert findings["fingerprint-shared"].severity is Severity.NOTE
    assert clock.slept == [1.0]


@pytest.mark.asyncio
async def test_the_kubelets_own_list_names_a_pod_that_waits(tmp_path: Path) -> None:
    listed = wire.PodList(pods=[wire.Pod(namespace="n", name=name) for name in ("runs", "waits")])
    (tmp_path / "pod-resources").mkdir()
    answers = [published(RUNS, WAITS), at_server(RUNS, WAITS)] * 3
    async with (
        serve(tmp_path / "pod-resources/kubelet.sock", {LIST: listed.SerializeToString()}),
        apiserver.serve(*answers) as server,
    ):
        findings = await check(server, tmp_path)
    assert (
        "n/waits: Pending at the API server, listed by the kubelet; not counted by the scheduler"
        in findings["fingerprint-shared"].evidence
    )


@pytest.mark.asyncio
async def test_an_agent_is_asked_for_the_list_where_there_is_no_socket(tmp_path: Path) -> None:
    answers = [published(RUNS, WAITS), at_server(RUNS)] * 3
    async with (
        apiserver.serve(*[agent_lists(RUNS, WAITS)] * 3) as agent,
        apiserver.serve(*answers) as server,
    ):
        findings = await check(server, tmp_path, agent=agent.url)
    assert {request.path for request in agent.requests} == {"/api/v1/snapshot"}
    assert "these pods make the difference: n/waits" in findings["fingerprint-shared"].evidence


@pytest.mark.asyncio
async def test_without_a_list_it_is_said_why(tmp_path: Path) -> None:
    answers = [published(RUNS, WAITS), at_server(RUNS, WAITS)] * 3
    async with apiserver.serve(*answers) as server:
        findings = await check(server, tmp_path)
    (line,) = (line for line in findings["fingerprint-shared"].evidence if "is not known" in line)
    assert "no such socket" in line
    assert NOWHERE in line


@pytest.mark.asyncio
async def test_a_right_that_is_missing_is_named_and_the_kubelet_is_asked_instead(tmp_path: Path) -> None:
    (tmp_path / "pods-api").mkdir()
    pods = as_wire.pod_list([as_wire.pod_bytes(RUNS)])
    async with (
        serve(tmp_path / "pods-api/pods-api.sock", {LIST_PODS: pods}),
        apiserver.serve(published(RUNS), FORBIDDEN) as server,
    ):
        findings = await check(server, tmp_path)
    assert findings["fingerprint-rights"].severity is Severity.WARNING
    assert "the right to list pods is missing" in findings["fingerprint-rights"].what
    assert findings["fingerprint-shared"].severity is Severity.NOTE


@pytest.mark.asyncio
async def test_without_the_right_and_without_a_kubelet_there_is_nothing_to_compare(tmp_path: Path) -> None:
    async with apiserver.serve(*[published(RUNS), FORBIDDEN] * 3) as server:
        findings = await check(server, tmp_path)
    assert [(name, each.severity) for name, each in findings.items()] == [
        ("fingerprint-rights", Severity.ERROR)
    ]


@pytest.mark.asyncio
async def test_a_kind_that_the_server_does_not_know_is_a_finding_with_the_way_out(tmp_path: Path) -> None:
    async with apiserver.serve() as server:
        findings = await check(server, tmp_path)
    assert "`kubectl apply -k deploy/crds` installs them" in findings["fingerprint-absent"].what


@pytest.mark.asyncio
async def test_a_server_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    server = ScriptedApiServer()
    server.url = NOWHERE
    with pytest.raises(KubeUnreachableError):
        await check(server, tmp_path)
