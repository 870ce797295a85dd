"""Cleaning up takes what is ours, all of it, and nothing else."""

from __future__ import annotations

from collections import deque

import pytest

from agent.kube.errors import error_from_status
from agent.publish.cleanup import Finding, Outcome, clean_up
from agent.publish.places import NUMATOPOLOGY
from tests.agent.publish.keeping import PATH, nrt
from tests.fakes.cluster import FakeCluster

NODE = "/api/v1/nodes/numa0"
VOLCANO = f"{NUMATOPOLOGY.path}/numa0"


@pytest.fixture
def cluster() -> FakeCluster:
    """A node of which everything is published."""
    cluster = FakeCluster()
    cluster.write(NODE, {"metadata": {"labels": {"arch": "amd64", "x/theirs": "1"}}}, manager="kubelet")
    cluster.write(NODE, {"metadata": {"labels": {"x/nodes": "2"}}}, manager="numascope")
    cluster.write(PATH, nrt(4), manager="numascope")
    cluster.write(VOLCANO, {"spec": {"policies": {}}, "metadata": {}, "a": 1}, manager="numascope")
    return cluster


async def found(cluster: FakeCluster, *, dry_run: bool = False) -> list[Finding]:
    return [finding async for finding in clean_up(cluster, "numa0", dry_run=dry_run)]


@pytest.mark.asyncio
async def test_everything_of_ours_goes_and_is_told(cluster: FakeCluster) -> None:
    findings = await found(cluster)
    assert [(finding.what, finding.outcome) for finding in findings] == [
        ("NodeResourceTopology numa0", Outcome.REMOVED),
        ("Numatopology numa0", Outcome.REMOVED),
        ("label x/nodes=2 of node numa0", Outcome.REMOVED),
    ]
    assert (cluster.found(PATH), cluster.found(VOLCANO)) == (None, None)
    assert (cluster.found(NODE) or {})["metadata"]["labels"] == {"arch": "amd64", "x/theirs": "1"}
    assert await found(cluster) == []


@pytest.mark.asyncio
async def test_a_dry_run_tells_the_same_and_changes_nothing(cluster: FakeCluster) -> None:
    told = await found(cluster, dry_run=True)
    assert cluster.requests.keys() == {"get", "peek"}
    assert await found(cluster) == told


@pytest.mark.asyncio
async def test_an_object_of_another_is_left_and_its_writer_named() -> None:
    cluster = FakeCluster()
    cluster.write(PATH, nrt(4), manager="nfd", operation="Update")
    assert await found(cluster) == [
        Finding(what="NodeResourceTopology numa0", outcome=Outcome.LEFT, reason="not ours: written by nfd")
    ]
    assert cluster.found(PATH) is not None


@pytest.mark.asyncio
async def test_kinds_and_nodes_that_are_not_there_are_no_matter() -> None:
    cluster = FakeCluster()
    cluster.refusals["get"] = deque([error_from_status("get /x", 404, {})] * 2)
    assert await found(cluster) == []


@pytest.mark.asyncio
async def test_one_failure_keeps_nothing_else_from_being_removed(cluster: FakeCluster) -> None:
    refused = 'cannot delete resource "noderesourcetopologies" in API group "topology.node.k8s.io"'
    cluster.refusals["delete"] = deque([error_from_status("delete /x", 403, {"message": refused})])
    cluster.refusals["apply"] = deque([error_from_status("apply /x", 500, {"message": "etcd"})])
    findings = await found(cluster)
    assert [(finding.outcome, finding.reason) for finding in findings] == [
        (Outcome.FAILED, "the right to delete noderesourcetopologies.topology.node.k8s.io is missing"),
        (Outcome.REMOVED, ""),
        (Outcome.FAILED, "apply /x: 500 without a reason: etcd"),
    ]
    assert cluster.found(VOLCANO) is None
