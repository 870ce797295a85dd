"""Another field manager on our fields: taken back three times in ten minutes, then left to it, and said so."""

from __future__ import annotations

from collections import deque

import pytest

from agent.kube.errors import error_from_status
from agent.publish.keeper import PublishPolicy
from tests.agent.publish.keeping import PATH, Scene, keeping, nrt
from tests.fakes.clock import settle
from tests.fakes.cluster import FakeCluster


async def edit(scene: Scene, free: int, *, after: float = 1.0) -> None:
    """Another manager sets our fields."""
    scene.cluster.write(PATH, nrt(free), manager="rte", operation="Update")
    await settle()
    await scene.clock.advance(after)


@pytest.mark.asyncio
async def test_an_edit_by_others_is_repaired_with_one_write() -> None:
    async with keeping() as scene:
        await scene.want(nrt(4))
        await edit(scene, 1)
        assert scene.free == "4"
        assert scene.cluster.forced == [False, True]
        status = scene.keeper.status
        assert (status.known_equal, status.repairs, status.writes, status.yielded_to) == (True, 1, 2, ())


@pytest.mark.asyncio
async def test_after_three_repairs_it_is_left_to_the_other_with_its_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with keeping() as scene:
        await scene.want(nrt(4))
        for free in (1, 2, 3, 5):
            await edit(scene, free, after=60)
        assert scene.free == "5"
        status = scene.keeper.status
        assert (status.known_equal, status.repairs, status.yielded_to) == (False, 3, ("rte",))
        assert "rte sets fields of NodeResourceTopology numa0" in caplog.text
        (event,) = scene.cluster.events
        assert event["regarding"]["name"] == "numa0"
        assert (event["type"], event["reason"]) == ("Warning", "YieldedToOtherManager")
        assert "rte" in event["note"]


@pytest.mark.asyncio
async def test_having_yielded_nothing_is_written_and_nothing_repeated() -> None:
    async with keeping() as scene:
        await scene.want(nrt(4))
        for free in (1, 2, 3, 5):
            await edit(scene, free)
        written = len(scene.cluster.bodies)
        for free in (6, 7, 8):
            await scene.want(nrt(free))
            await edit(scene, free + 10, after=1200)
        assert len(scene.cluster.bodies) == written
        assert len(scene.cluster.events) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("end", ["delete", "agree"])
async def test_it_is_ours_again_once_it_is_deleted_or_agrees(end: str) -> None:
    async with keeping() as scene:
        await scene.want(nrt(4))
        for free in (1, 2, 3, 5):
            await edit(scene, free)
        if end == "delete":
            scene.cluster.remove(PATH)
            await settle()
        else:
            await edit(scene, 4)
        await scene.clock.advance(600)
        assert scene.keeper.status.yielded_to == ()
        await scene.want(nrt(7))
        assert scene.free == "7"


@pytest.mark.asyncio
async def test_one_edit_in_ten_minutes_is_repaired_for_ever() -> None:
    async with keeping() as scene:
        await scene.want(nrt(4))
        for free in range(5, 25):
            await edit(scene, free, after=250)
            assert scene.free == "4"
        assert scene.keeper.status.repairs == 20


@pytest.mark.asyncio
async def test_by_force_nothing_is_left_to_others_but_the_pace_holds() -> None:
    async with keeping(policy=PublishPolicy(on_conflict="force")) as scene:
        await scene.want(nrt(4))
        for _ in range(600):
            await edit(scene, 1, after=0.1)
        await scene.clock.advance(1)
        assert scene.free == "4"
        assert scene.keeper.status.writes <= 121
        assert scene.cluster.events == []


@pytest.mark.asyncio
async def test_an_object_of_another_that_was_there_first_is_taken_over_once() -> None:
    cluster = FakeCluster()
    cluster.write(PATH, nrt(1), manager="nfd", operation="Update")
    async with keeping(cluster) as scene:
        await scene.want(nrt(4))
        assert scene.free == "4"
        assert scene.cluster.forced == [False, True]
        assert (scene.keeper.status.repairs, scene.keeper.status.writes) == (1, 1)


@pytest.mark.asyncio
async def test_who_keeps_taking_a_field_away_is_a_rival_too() -> None:
    async with keeping() as scene:
        await scene.want(nrt(4))
        for _ in range(4):
            scene.cluster.remove_field(PATH, "attributes", manager="pruner")
            await scene.clock.advance(1)
        assert scene.keeper.status.yielded_to == ("pruner",)


@pytest.mark.asyncio
async def test_conflicts_while_the_wish_changes_count_too() -> None:
    async with keeping() as scene:
        await scene.want(nrt(4))
        for free in (1, 2, 3, 5):
            scene.cluster.write(PATH, nrt(40 + free), manager="rte")
            scene.keeper.want(nrt(free))
            await scene.clock.advance(1)
        assert scene.keeper.status.yielded_to == ("rte",)


@pytest.mark.asyncio
async def test_without_the_right_to_create_events_the_log_and_the_status_say_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    async with keeping() as scene:
        refusals = [error_from_status("create /x", 403, {}), error_from_status("create /x", 503, {})]
        scene.cluster.refusals["create"] = deque(refusals)
        await scene.want(nrt(4))
        for _ in range(2):
            for free in (1, 2, 3, 5):
                await edit(scene, free)
            assert scene.keeper.status.yielded_to == ("rte",)
            scene.cluster.remove(PATH)
            await scene.clock.advance(600)
    assert "the right to create events.events.k8s.io is optional" in caplog.text
    assert "no Event was created: create /x: 503" in caplog.text
