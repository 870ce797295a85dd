"""The agent beside a kubelet: a real one's protocol on real sockets, in this process."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from agent import cluster
from agent.app import Agent, Machine
from agent.clock import SystemClock
from agent.cluster import Cluster, find_credentials
from agent.kube import credentials as kube_credentials
from agent.kube.credentials import Credentials, NodeIdentity, ServiceAccount
from agent.kube.errors import CredentialsError
from agent.settings import Address, Settings
from agent.web.endpoints import Answer, Query
from agent.web.server import bind
from collectors.kubelet.wire import podresources_pb2 as wire
from collectors.model.pod import REFUSED, ContainerRole, ContainerState, Owner, Pod, PodContainer
from tests.fakes.kubelet import ALLOCATABLE, GET, GET_POD, LIST, WATCH_PODS, FakeKubelet, serve
from tests.fakes.memoryfs import MemoryFS
from tests.hosts.machine import build_tree
from tests.hosts.shapes import TWO_SOCKETS
from tests.pods.as_wire import event, one_pod, pod_bytes

LIMIT_SECONDS = 20.0
NONE = wire.PodList().SerializeToString()
ENVIRONMENT = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "6443"}


def node_memory(node: int) -> wire.Memory:
    topology = wire.Topology(nodes=[wire.Node(id=node)]).SerializeToString()
    return wire.Memory(type="memory", size_bytes=60 << 30, topology=topology)


POOL = wire.Allocatable(
    cpus=range(2, 64), memory=[node_memory(node).SerializeToString() for node in (0, 1)]
).SerializeToString()


def listed(*cpus: int) -> wire.Pod:
    container = wire.Container(name="app", cpus=cpus)
    return wire.Pod(namespace="default", name="web", containers=[container])


def told(phase: str = "Running") -> bytes:
    container = PodContainer(
        name="app", role=ContainerRole.APP, requests=(("cpu", 2000),), state=ContainerState.RUNNING
    )
    pod = Pod(
        namespace="default", name="web", uid="1", phase=phase, qos_class="Guaranteed", containers=(container,)
    )
    return pod_bytes(pod)


def told_refused(name: str, *, cpus: int = 40) -> bytes:
    amounts = (("cpu", cpus * 1000), ("memory", 1 << 30))
    container = PodContainer(name="app", role=ContainerRole.APP, requests=amounts, limits=amounts)
    pod = Pod(
        namespace="default",
        name=name,
        uid=f"uid-{name}",
        phase="Failed",
        reason="TopologyAffinityError",
        message=f"{REFUSED}Resources cannot be allocated with Topology locality",
        qos_class="Guaranteed",
        owner=Owner(kind="ReplicaSet", name="web"),
        containers=(container,),
    )
    return pod_bytes(pod)


class Kubelet:
    """Both of its APIs; the pods come as the test says."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.events: asyncio.Queue[bytes] = asyncio.Queue()
        self.answers = {LIST: NONE, ALLOCATABLE: POOL}
        for folder in ("pod-resources", "pods-api"):
            (root / folder).mkdir()

    async def stream(self) -> AsyncIterator[bytes]:
        yield event(4)
        while True:
            yield await self.events.get()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FakeKubelet]:
        async with AsyncExitStack() as stack:
            pods = serve(
                self.root / cluster.PODS_API_SOCKET, {GET_POD: one_pod(told())}, {WATCH_PODS: self.stream}
            )
            await stack.enter_async_context(pods)
            yield await stack.enter_async_context(
                serve(self.root / cluster.PODRESOURCES_SOCKET, dict(self.answers))
            )


class ApiServer:
    """Keeps one object: as much of an API server as publishing needs.

    Attributes:
        applied: every body that was applied.
        events: every Event that was created.
    """

    def __init__(self) -> None:
        self.applied: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self._over = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Its URL, while the block runs."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        try:
            yield f"http://{host}:{port}"
        finally:
            self._over.set()
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            self.events.append(json.loads(await request.text()))
            return web.json_response(self.events[-1], status=201)
        if request.method == "PATCH":
            self.applied.append(json.loads(await request.text()))
        if request.query.get("watch"):
            response = web.StreamResponse()
            await response.prepare(request)
            await self._over.wait()
            return response
        metadata = {"resourceVersion": str(len(self.applied))}
        if request.method == "PATCH":
            body = self.applied[-1]
            return web.json_response({**body, "metadata": {**body["metadata"], **metadata}})
        return web.json_response({"metadata": metadata, "items": []})


def kubeconfig(folder: Path, server: str) -> Credentials | None:
    """Credentials for that server."""
    config = folder / "config"
    config.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
        f"clusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n"
        "contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {token: t}}]\n"
    )
    return find_credentials(Settings(kubeconfig=str(config)), {})


class Running:
    """An agent under way beside a kubelet, and where there are credentials in a cluster."""

    def __init__(
        self,
        root: Path,
        credentials: Credentials | None,
        publish: tuple[str, ...],
        explain_events: str = "off",
    ) -> None:
        self.said: list[str] = []
        self.spoke = asyncio.Event()
        settings = Settings(
            listen=Address("127.0.0.1", 0),
            node_name="worker-1",
            kubelet_root=str(root),
            topology_manager_policy="single-numa-node",
            cpu_manager_policy="static",
            memory_manager_policy="None",
            publish=publish,
            explain_events=explain_events,
        )
        self.agent = Agent(
            settings,
            Machine(open_host=lambda: MemoryFS.of(build_tree(TWO_SOCKETS)), open_events=None),
            bind(settings.listen),
            say=self._say,
            clock=SystemClock(),
            join=lambda clock, machine: Cluster(settings, credentials, clock=clock, machine=machine),
        )

    def _say(self, lines: Sequence[str]) -> None:
        self.said += lines
        self.spoke.set()

    def get(self, path: str, **parameters: str) -> tuple[int, dict[str, Any]]:
        answer = self.answer(path, parameters)
        return answer.status.value, json.loads(answer.body)

    def answer(self, path: str, parameters: dict[str, str] | None = None) -> Answer:
        query = Query(method="GET", path=path, parameters=parameters or {})
        return self.agent._web._endpoints.answer(query)

    def status(self, path: str) -> int:
        return self.answer(path).status.value

    def free_cpus(self) -> list[int]:
        zones = self.get("/api/v1/nrt")[1].get("zones", [])
        return [
            int(each["available"]) for zone in zones for each in zone["resources"] if each["name"] == "cpu"
        ]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        while not condition():  # noqa: ASYNC110 - what it waits for comes through sockets
            await asyncio.sleep(0.001)


@asynccontextmanager
async def running(
    root: Path,
    credentials: Credentials | None = None,
    publish: tuple[str, ...] = ("nrt",),
    explain_events: str = "off",
) -> AsyncIterator[Running]:
    run = Running(root, credentials, publish, explain_events)
    async with asyncio.timeout(LIMIT_SECONDS), asyncio.TaskGroup() as group:
        serving = group.create_task(run.agent.serve())
        yield run
        run.agent.stop()
        await serving


@pytest.mark.asyncio
async def test_a_pod_that_comes_and_goes_is_in_what_is_served(tmp_path: Path) -> None:
    kubelet = Kubelet(tmp_path)
    async with kubelet.running() as answering, running(tmp_path) as run:
        await run.spoke.wait()
        all_free = run.free_cpus()
        assert sum(all_free) == 62
        answering.answers[GET] = wire.OnePod(pod=listed(2, 3)).SerializeToString()
        kubelet.events.put_nowait(event(1, told()))
        await until(lambda: sum(run.free_cpus()) == 60)
        _, snapshot = run.get("/api/v1/snapshot")
        assert [pod["containers"][0]["cpus"] for pod in snapshot["kubelet"]["allocations"]["facts"]] == [
            "2-3"
        ]
        kubelet.events.put_nowait(event(2, told("Succeeded")))
        await until(lambda: run.free_cpus() == all_free)


@pytest.mark.asyncio
async def test_refused_pods_are_counted_explained_and_served(tmp_path: Path) -> None:
    kubelet = Kubelet(tmp_path)
    async with kubelet.running(), running(tmp_path) as run:
        await run.spoke.wait()
        _, before = run.get("/api/v1/snapshot")
        assert before["kubelet"]["refusals"]["refused"] == before["kubelet"]["refusals"]["present"] == 0
        for number in range(30):
            kubelet.events.put_nowait(event(1, told_refused(f"web-{number}")))
        await until(lambda: run.get("/api/v1/refusals")[1]["counts"]["refused"] == 30)
        await until(lambda: run.get("/api/v1/refusals")[1]["stories"][0]["explanation"] is not None)
        _, found = run.get("/api/v1/refusals")
        (story,) = found["stories"]
        assert (story["owner"], story["refused"]) == ({"kind": "ReplicaSet", "name": "web"}, 30)
        assert story["explanation"]["summary"] == (
            "container app wants 40 CPUs on one NUMA node, and no node of this machine gives more than 32 CPUs"
        )
        assert story["explanation"]["replayed"] is True
        await until(lambda: run.get("/api/v1/snapshot")[1]["kubelet"]["refusals"]["present"] == 30)


@pytest.mark.asyncio
async def test_one_pod_that_is_asked_for_is_answered_with_the_story_that_it_is_in(tmp_path: Path) -> None:
    kubelet = Kubelet(tmp_path)
    async with kubelet.running(), running(tmp_path) as run:
        await run.spoke.wait()
        for number in range(9):
            kubelet.events.put_nowait(event(1, told_refused(f"web-{number}")))
        kubelet.events.put_nowait(event(1, told()))
        await until(lambda: run.get("/api/v1/refusals", pod="web")[1]["pod"]["found"])
        _, first = run.get("/api/v1/refusals", namespace="default", pod="web-0")
        assert (first["pod"]["refused"], first["stories"][0]["refused"]) == (True, 9)
        _, running_one = run.get("/api/v1/refusals", pod="web")
        assert (running_one["pod"]["phase"], running_one["stories"]) == ("Running", [])
        _, nobody = run.get("/api/v1/refusals", pod="nobody")
        assert (nobody["pod"]["found"], nobody["pod"]["refused"], nobody["stories"]) == (False, None, [])


@pytest.mark.asyncio
async def test_a_refused_pod_gets_one_event_for_its_workload_where_that_is_wanted(tmp_path: Path) -> None:
    kubelet, server = Kubelet(tmp_path), ApiServer()
    async with (
        server.running() as url,
        kubelet.running(),
        running(tmp_path, kubeconfig(tmp_path, url), explain_events="on") as run,
    ):
        await run.spoke.wait()
        for number in range(20):
            kubelet.events.put_nowait(event(1, told_refused(f"web-{number}")))
        await until(lambda: bool(server.events))
        await until(lambda: run.get("/api/v1/refusals")[1]["counts"]["refused"] == 20)
    (created,) = server.events
    assert created["regarding"]["name"] == "web-0"
    assert created["note"].startswith("container app wants 40 CPUs on one NUMA node")


@pytest.mark.asyncio
async def test_the_first_words_say_where_pods_come_from_and_that_nothing_is_published(tmp_path: Path) -> None:
    kubelet = Kubelet(tmp_path)
    async with kubelet.running(), running(tmp_path) as run:
        await run.spoke.wait()
    text = "\n".join(run.said)
    assert "  kubelet  0 pods listed by the kubelet\n" in text
    assert "pods come from the kubelet's Pods API" in text
    assert "the kubelet's configuration is from our own settings" in text
    assert "no cluster: nothing is published" in text


@pytest.mark.asyncio
async def test_a_kubelet_that_is_away_is_said_and_nothing_is_made_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.app.SETTLE_SECONDS", 0.2)
    kubelet = Kubelet(tmp_path)
    async with running(tmp_path) as run:
        await run.spoke.wait()
        assert any("no answer from the kubelet" in line for line in run.said)
        status, answer = run.get("/api/v1/nrt")
        assert (status, answer) == (503, {"error": "the kubelet has not answered yet"})
        async with kubelet.running():
            await until(lambda: sum(run.free_cpus()) == 62)


def write_account(folder: Path, node: str, *, uid: str = "1") -> None:
    claims = {"kubernetes.io": {"node": {"name": node, "uid": uid}}}
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode()
    (folder / "token").write_text(f"e30.{payload}.c2ln")


def test_the_token_names_the_node(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_account(tmp_path, "worker-7")
    account = ServiceAccount(tmp_path, environment=ENVIRONMENT)
    settings = Settings(node_name="worker-1", kubelet_root=str(tmp_path))
    joined = Cluster(settings, account, clock=SystemClock(), machine=lambda: None)
    assert joined.node_name == "worker-7"
    assert "our token is bound to node worker-7" in caplog.text


def test_a_token_that_goes_leaves_the_node_that_it_named(tmp_path: Path) -> None:
    write_account(tmp_path, "worker-1")
    account = ServiceAccount(tmp_path, environment=ENVIRONMENT)
    settings = Settings(node_name="worker-1", kubelet_root=str(tmp_path))
    joined = Cluster(settings, account, clock=SystemClock(), machine=lambda: None)
    (tmp_path / "token").unlink()
    assert joined._identity() == joined._node
    assert joined._node is not None


def test_a_token_that_cannot_be_read_at_the_start_is_said(tmp_path: Path) -> None:
    account = ServiceAccount(tmp_path, environment=ENVIRONMENT)
    with pytest.raises(CredentialsError, match="token"):
        Cluster(Settings(kubelet_root=str(tmp_path)), account, clock=SystemClock(), machine=lambda: None)


def test_in_a_pod_we_are_its_service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_account(tmp_path, "worker-1")
    monkeypatch.setattr("agent.surroundings.TOKEN", str(tmp_path / "token"))
    monkeypatch.setattr(kube_credentials, "SERVICE_ACCOUNT_FOLDER", tmp_path)
    assert isinstance(find_credentials(Settings(), ENVIRONMENT), ServiceAccount)
    assert find_credentials(Settings(), {}) is None


def test_outside_of_one_a_kubeconfig_says_who_we_are(tmp_path: Path) -> None:
    found = kubeconfig(tmp_path, "http://127.0.0.1:8080")
    assert found is not None
    assert found.server == "http://127.0.0.1:8080"
    settings = Settings(node_name="worker-1", kubelet_root=str(tmp_path))
    joined = Cluster(settings, found, clock=SystemClock(), machine=lambda: None)
    assert (joined.node_name, joined._identity()) == ("worker-1", None)


@pytest.mark.asyncio
async def test_in_a_cluster_it_publishes_and_is_ready_once_that_is_done(tmp_path: Path) -> None:
    kubelet, server = Kubelet(tmp_path), ApiServer()
    async with server.running() as url, kubelet.running():
        async with running(tmp_path, kubeconfig(tmp_path, url)) as run:
            await run.spoke.wait()
            await until(lambda: run.status("/readyz") == 200)
            assert [body["metadata"]["name"] for body in server.applied] == ["worker-1"]
            assert run.get("/api/v1/nrt") == (200, server.applied[0])
            assert b"numascope_publish_" in run.answer("/metrics").body
        assert "  keeps    NodeResourceTopology worker-1" in run.said


@pytest.mark.asyncio
async def test_what_is_not_to_be_published_is_said(tmp_path: Path) -> None:
    kubelet, server = Kubelet(tmp_path), ApiServer()
    async with server.running() as url, kubelet.running():
        async with running(tmp_path, kubeconfig(tmp_path, url), publish=()) as run:
            await run.spoke.wait()
        assert any("nothing is published, as asked" in line for line in run.said)
    assert server.applied == []


def test_a_new_token_for_another_node_is_published_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_account(tmp_path, "worker-1")
    account = ServiceAccount(tmp_path, environment=ENVIRONMENT)
    settings = Settings(node_name="worker-1", kubelet_root=str(tmp_path))
    joined = Cluster(settings, account, clock=SystemClock(), machine=lambda: None)
    changes: list[NodeIdentity | None] = []
    monkeypatch.setattr(joined, "picture_changed", lambda: changes.append(joined._node))
    joined.second_passed()
    (tmp_path / "token").unlink()
    write_account(tmp_path, "worker-1", uid="another")
    joined.second_passed()
    joined.second_passed()
    assert changes == [NodeIdentity(name="worker-1", uid="another")]
