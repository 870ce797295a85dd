"""Labels stay where nothing is known, and go where something is known to be gone."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.kube.errors import error_from_status
from agent.publish.events import Announcer
from agent.publish.keeper import ObjectKeeper, PublishPolicy
from agent.publish.labels import (
    FeatureFileKeeper,
    Labels,
    node_with_labels,
    remove_feature_file,
    write_feature_file,
)
from agent.publish.places import NodeLabelsPlace
from tests.agent.publish.keeping import Latest
from tests.fakes.clock import FakeClock, settle
from tests.fakes.cluster import FakeCluster

NODE = "/api/v1/nodes/numa0"


@pytest.fixture
def cluster() -> FakeCluster:
    """One Node, with a label of its kubelet's."""
    cluster = FakeCluster()
    cluster.write(NODE, {"metadata": {"labels": {"kubernetes.io/arch": "amd64"}}}, manager="kubelet")
    return cluster


@asynccontextmanager
async def labelling(cluster: FakeCluster) -> AsyncIterator[tuple[ObjectKeeper, FakeClock]]:
    clock = FakeClock()
    keeper = ObjectKeeper(
        NodeLabelsPlace(cluster, "numa0"),
        clock=clock,
        chance=Latest(),
        announcer=Announcer(cluster, node_name="numa0", clock=clock),
        policy=PublishPolicy(),
    )
    async with asyncio.TaskGroup() as group:
        running = group.create_task(keeper.run())
        yield keeper, clock
        running.cancel()


async def publish(cluster: FakeCluster, *wishes: Labels) -> ObjectKeeper:
    """One run of the agent that wants these labels one after the other."""
    async with labelling(cluster) as (keeper, clock):
        for labels in wishes:
            keeper.want(node_with_labels("numa0", labels))
            await settle()
            await clock.advance(1)
    return keeper


def labels_of(cluster: FakeCluster) -> dict[str, str]:
    found = cluster.found(NODE)
    assert found is not None
    return {key: value for key, value in found["metadata"]["labels"].items() if key.startswith("x/")}


@pytest.mark.asyncio
async def test_labels_are_applied_and_nothing_else_is_touched(cluster: FakeCluster) -> None:
    keeper = await publish(cluster, {"x/nodes": "2", "x/gone": None})
    assert labels_of(cluster) == {"x/nodes": "2"}
    assert cluster.requests == {"peek": 1, "apply": 1}
    assert keeper.status.known_equal
    assert (cluster.found(NODE) or {})["metadata"]["labels"]["kubernetes.io/arch"] == "amd64"


@pytest.mark.asyncio
async def test_a_restart_with_the_same_labels_writes_nothing(cluster: FakeCluster) -> None:
    await publish(cluster, {"x/nodes": "2"})
    cluster.requests.clear()
    await publish(cluster, {"x/nodes": "2"})
    assert cluster.requests == {"peek": 1}


@pytest.mark.asyncio
async def test_a_label_that_became_unknown_stays_also_over_a_restart(cluster: FakeCluster) -> None:
    await publish(cluster, {"x/nodes": "2", "x/gpus": "8"}, {"x/nodes": "4"})
    assert labels_of(cluster) == {"x/nodes": "4", "x/gpus": "8"}
    await publish(cluster, {"x/nodes": "8"})
    assert labels_of(cluster) == {"x/nodes": "8", "x/gpus": "8"}


@pytest.mark.asyncio
async def test_a_label_goes_when_its_fact_is_known_to_be_gone(cluster: FakeCluster) -> None:
    await publish(cluster, {"x/nodes": "2", "x/gpus": "8"})
    await publish(cluster, {"x/nodes": "2", "x/gpus": None})
    assert labels_of(cluster) == {"x/nodes": "2"}
    await publish(cluster, {"x/nodes": None})
    assert labels_of(cluster) == {}


@pytest.mark.asyncio
async def test_nothing_known_at_all_asks_and_writes_nothing_new(cluster: FakeCluster) -> None:
    await publish(cluster, {})
    assert cluster.requests == {"peek": 1}


@pytest.mark.asyncio
async def test_a_label_of_others_is_never_taken_away(cluster: FakeCluster) -> None:
    cluster.write(NODE, {"metadata": {"labels": {"x/theirs": "1"}}}, manager="kubectl", operation="Update")
    await publish(cluster, {"x/nodes": "2", "x/theirs": None})
    assert labels_of(cluster) == {"x/nodes": "2", "x/theirs": "1"}


@pytest.mark.asyncio
async def test_a_node_that_is_not_there_is_not_made(cluster: FakeCluster) -> None:
    cluster.remove(NODE)
    keeper = await publish(cluster, {"x/nodes": "2"})
    assert cluster.found(NODE) is None
    assert "--node-name" in str(keeper.status.error)
    assert cluster.requests.keys() == {"peek"}


@pytest.mark.asyncio
async def test_without_the_right_to_patch_nodes_the_right_is_named(cluster: FakeCluster) -> None:
    refusal = error_from_status("peek", 403, {"message": 'cannot patch resource "nodes" in API group ""'})
    cluster.refusals["peek"] = deque([refusal] * 9)
    keeper = await publish(cluster, {"x/nodes": "2"})
    assert (
        keeper.status.error == "the right to patch nodes is missing; deploy/components/labels-apply gives it"
    )


def test_a_feature_file_has_sorted_lines_and_is_written_only_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "numascope"
    assert write_feature_file(path, {"x/b": "2", "x/a": "1", "x/c": None})
    assert path.read_text() == "x/a=1\nx/b=2\n"
    assert path.stat().st_mode & 0o777 == 0o644
    assert not write_feature_file(path, {"x/b": "2", "x/a": "1"})
    assert [entry.name for entry in tmp_path.iterdir()] == ["numascope"]


def test_a_feature_file_keeps_what_is_unknown_and_drops_what_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "numascope"
    path.write_text("# a comment\nx/a=1\nx/b=2\nnonsense\n")
    assert write_feature_file(path, {"x/b": None})
    assert path.read_text() == "x/a=1\n"
    assert not write_feature_file(tmp_path / "other", {})
    assert not (tmp_path / "other").exists()


def test_a_feature_file_that_cannot_be_put_in_place_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "numascope"
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        write_feature_file(path, {"x/a": "1"})
    assert [entry.name for entry in tmp_path.iterdir()] == ["numascope"]
    taken = tmp_path / "other"
    (tmp_path / ".other.unfinished").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_feature_file(taken, {"x/a": "1"})


def test_removing_a_feature_file_says_whether_there_was_one(tmp_path: Path) -> None:
    path = tmp_path / "numascope"
    assert not remove_feature_file(path, dry_run=False)
    path.write_text("x/a=1\n")
    assert remove_feature_file(path, dry_run=True)
    assert path.exists()
    assert remove_feature_file(path, dry_run=False)
    assert not path.exists()


@pytest.mark.asyncio
async def test_a_feature_file_follows_the_labels_and_gets_over_a_missing_folder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    path, clock = tmp_path / "features.d" / "numascope", FakeClock()
    keeper = FeatureFileKeeper(path, clock=clock)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(keeper.run())
        keeper.want({"x/a": "1"})
        await clock.advance(61)
        keeper.want(None)
        path.parent.mkdir()
        await clock.advance(30)
        keeper.want({"x/a": "1"})
        keeper.want({"x/a": "1"})
        await clock.advance(30)
        running.cancel()
    assert path.read_text() == "x/a=1\n"
    assert (keeper.status.known_equal, keeper.status.writes, keeper.status.error) == (True, 1, None)
    assert keeper.status.failures == (("file", 3),)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


@pytest.mark.asyncio
async def test_a_feature_file_that_is_up_to_date_is_in_sync_without_a_write(tmp_path: Path) -> None:
    path, clock = tmp_path / "numascope", FakeClock()
    path.write_text("x/a=1\n")
    keeper = FeatureFileKeeper(path, clock=clock)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(keeper.run())
        keeper.want({"x/a": "1"})
        await settle()
        running.cancel()
    assert (keeper.status.known_equal, keeper.status.writes) == (True, 0)
