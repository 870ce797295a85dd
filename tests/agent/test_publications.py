"""What is wanted of each snapshot, at an API server in memory."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent import publications
from agent.kube.credentials import NodeIdentity
from agent.kube.errors import KubeUnreachableError
from agent.publications import Publications
from agent.publish.places import NODE, NODE_RESOURCE_TOPOLOGY, NUMATOPOLOGY
from agent.settings import Settings
from collectors.model import Snapshot
from collectors.model.kubelet_picture import KubeletPicture
from tests.agent.views.kubelets import holds, on_two_nodes, picture
from tests.fakes.clock import FakeClock
from tests.fakes.cluster import FakeCluster
from tests.hosts.machine import expected_snapshot
from tests.hosts.shapes import TWO_SOCKETS

NRT = f"{NODE_RESOURCE_TOPOLOGY.path}/worker-1"
NODE_1 = f"{NODE.path}/worker-1"
IDENTITY = NodeIdentity(name="worker-1", uid="uid-of-the-node")
UNKNOWN = on_two_nodes(KubeletPicture())


def with_cpus(*cpus: int) -> Snapshot:
    """A pod has these CPUs."""
    return on_two_nodes(picture(holds("web", cpus=cpus)))


class Scene:
    """Publications that are kept, and the clock by which that happens."""

    def __init__(
        self, cluster: FakeCluster | None, identity: NodeIdentity | None, settings: dict[str, Any]
    ) -> None:
        self.clock = FakeClock()
        self.published = Publications(
            Settings(node_name="worker-1", **settings),
            cluster,
            node_name="worker-1",
            identity=lambda: identity,
            clock=self.clock,
            chance=random.Random(1),
        )

    @property
    def nrt(self) -> dict[str, Any]:
        """The object that is wanted, empty where there is none."""
        return self.published.nrt or {}

    @property
    def problem(self) -> str | None:
        return self.published.problem

    async def know(self, snapshot: Snapshot) -> None:
        """Says what is known, and lets a second pass."""
        self.published.update(snapshot)
        await self.clock.advance(1.0)


@asynccontextmanager
async def publishing(
    cluster: FakeCluster | None, *, identity: NodeIdentity | None = IDENTITY, **settings: Any
) -> AsyncIterator[Scene]:
    """Publications that are kept for as long as the block runs."""
    scene = Scene(cluster, identity, settings)
    running = asyncio.create_task(scene.published.run())
    try:
        yield scene
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def free_cpus(nrt: dict[str, Any] | None) -> list[str]:
    """By zone."""
    zones = (nrt or {}).get("zones", ())
    return [each["available"] for zone in zones for each in zone["resources"] if each["name"] == "cpu"]


@pytest.mark.asyncio
async def test_what_the_kubelet_gave_is_at_the_server_owned_by_the_node() -> None:
    cluster = FakeCluster()
    async with publishing(cluster) as scene:
        await scene.know(with_cpus(1, 2))
        found = cluster.found(NRT)
        assert found is not None
        assert free_cpus(found) == free_cpus(scene.nrt) == ["1", "4"]
        assert [owner["uid"] for owner in found["metadata"]["ownerReferences"]] == ["uid-of-the-node"]
        assert scene.problem is None
        await scene.know(with_cpus(1, 2))
        await scene.know(with_cpus(1))
        assert len(cluster.bodies) == 2


@pytest.mark.asyncio
async def test_before_the_kubelet_has_answered_there_is_nothing_to_publish() -> None:
    async with publishing(FakeCluster()) as scene:
        assert scene.problem == (
            "there is no NodeResourceTopology to publish: the kubelet has not answered yet"
        )


@pytest.mark.asyncio
async def test_while_nothing_is_known_nothing_is_written_and_what_is_there_stays() -> None:
    cluster = FakeCluster()
    async with publishing(cluster) as scene:
        await scene.know(UNKNOWN)
        assert cluster.found(NRT) is None
        assert "not known yet" in (scene.problem or "")
        await scene.know(with_cpus(1))
        await scene.know(UNKNOWN)
        assert free_cpus(cluster.found(NRT)) == ["2", "4"]
        assert "not known yet" in (scene.problem or "")


@pytest.mark.asyncio
async def test_what_cannot_be_written_is_a_problem_in_words() -> None:
    cluster = FakeCluster()
    cluster.go_down(KubeUnreachableError("get: connection refused"))
    async with publishing(cluster) as scene:
        await scene.know(with_cpus(1))
        assert scene.problem == (
            "NodeResourceTopology worker-1 is not known to be as wanted: get: connection refused"
        )


@pytest.mark.asyncio
async def test_without_a_server_the_object_is_made_to_be_shown() -> None:
    async with publishing(None, identity=None) as scene:
        await scene.know(with_cpus(1))
        assert free_cpus(scene.nrt) == ["2", "4"]
        assert "ownerReferences" not in scene.nrt["metadata"]
        assert (scene.published.statuses, scene.problem) == ((), None)


@pytest.mark.asyncio
async def test_nothing_is_published_where_that_is_asked_for() -> None:
    cluster = FakeCluster()
    async with publishing(cluster, publish=()) as scene:
        await scene.know(with_cpus(1))
        assert (cluster.requests.total(), scene.published.statuses) == (0, ())


@pytest.mark.asyncio
async def test_the_settings_decide_what_is_in_the_object() -> None:
    async with publishing(FakeCluster(), fingerprint="off", exclude_resources=("cpu",)) as scene:
        await scene.know(with_cpus(1))
        assert free_cpus(scene.nrt) == []
        assert "Fingerprint" not in str(scene.nrt["attributes"])


@pytest.mark.asyncio
async def test_a_numatopology_is_kept_beside_it() -> None:
    cluster = FakeCluster()
    machine = expected_snapshot(TWO_SOCKETS, now=0.0)
    async with publishing(cluster, publish=("nrt", "numatopology")) as scene:
        await scene.know(replace(machine, kubelet=with_cpus(1).kubelet))
        assert [status.kind for status in scene.published.statuses] == [
            "NodeResourceTopology",
            "Numatopology",
        ]
        assert cluster.found(NRT) is not None
        assert cluster.found(f"{NUMATOPOLOGY.path}/worker-1") is not None


@pytest.mark.asyncio
async def test_labels_are_applied_to_the_node_and_to_nothing_else() -> None:
    cluster = FakeCluster()
    cluster.write(
        NODE_1,
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "worker-1", "labels": {"zone": "a"}}},
        manager="kubelet",
    )
    async with publishing(cluster, publish=(), labels="apply", label_prefix="example.com/") as scene:
        await scene.know(with_cpus(1))
        labels = (cluster.found(NODE_1) or {})["metadata"]["labels"]
        assert labels["zone"] == "a"
        assert labels["example.com/cpu-manager-policy"] == "static"
        assert scene.problem is None


@pytest.mark.asyncio
async def test_labels_may_go_into_a_feature_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "numascope"
    monkeypatch.setattr(publications, "FEATURE_FILE", path)
    async with publishing(None, labels="nfd-file") as scene:
        await scene.know(with_cpus(1))
        assert "numascope.dev/cpu-manager-policy=static\n" in path.read_text()


@pytest.mark.asyncio
async def test_an_object_that_is_left_to_another_manager_is_a_problem_with_its_name() -> None:
    cluster = FakeCluster()
    async with publishing(cluster) as scene:
        await scene.know(with_cpus(1))
        for number in range(4):
            cluster.write(NRT, {**scene.nrt, "zones": [{"name": f"of the rival, {number}"}]}, manager="rival")
            await scene.clock.advance(10.0)
        assert scene.problem == "NodeResourceTopology worker-1 is left to rival"
