"""One object is kept as it is wanted, with no request more than that takes."""

from __future__ import annotations

import logging

import pytest

from agent.kube.credentials import NodeIdentity
from agent.kube.errors import KubeUnreachableError
from agent.publish.keeper import PublishPolicy, is_newer
from agent.publish.owner import owned_by
from tests.agent.publish.keeping import PATH, keeping, nrt
from tests.fakes.clock import FakeClock, settle
from tests.fakes.cluster import FakeCluster

OWNER = {"apiVersion": "v1", "kind": "Node", "name": "numa0", "uid": "u1", "blockOwnerDeletion": False}


@pytest.mark.asyncio
async def test_nothing_is_asked_before_something_is_wanted() -> None:
    async with keeping() as scene:
        await scene.want(None)
        await scene.clock.advance(3600)
        assert not scene.cluster.requests
        assert not scene.keeper.status.known_equal


@pytest.mark.asyncio
async def test_the_first_wish_is_written_at_once_after_a_look() -> None:
    async with keeping() as scene:
        await scene.want(nrt(4))
        assert scene.free == "4"
        assert scene.cluster.requests == {"get": 1, "apply": 1, "watch": 1}
        assert scene.cluster.forced == [False]
        status = scene.keeper.status
        assert (status.known_equal, status.writes, status.error) == (True, 1, None)
        assert status.in_sync_since == scene.clock.monotonic()
        assert status.confirmed_at == scene.clock.wall()


@pytest.mark.asyncio
async def test_each_change_is_written_once_and_an_equal_wish_never() -> None:
    async with keeping() as scene:
        for free in (4, 3, 3, 2, 2):
            await scene.want(nrt(free))
            await scene.clock.advance(1)
        assert len(scene.cluster.bodies) == scene.keeper.status.writes == 3
        assert scene.free == "2"


@pytest.mark.asyncio
async def test_a_restart_with_unchanged_content_writes_nothing() -> None:
    cluster = FakeCluster()
    async with keeping(cluster) as scene:
        await scene.want(nrt(4, ownerReferences=[OWNER]))
    cluster.requests.clear()
    async with keeping(cluster) as scene:
        await scene.want(nrt(4, ownerReferences=[OWNER]))
        assert cluster.requests == {"get": 1, "watch": 1}
        assert scene.keeper.status.known_equal


@pytest.mark.asyncio
async def test_a_restart_takes_away_what_an_earlier_version_published_too() -> None:
    cluster = FakeCluster()
    async with keeping(cluster) as scene:
        await scene.want({**nrt(4), "topologyPolicies": ["None"]})
    async with keeping(cluster) as scene:
        await scene.want(nrt(4))
        assert scene.keeper.status.writes == 1
    found = cluster.found(PATH)
    assert found is not None
    assert "topologyPolicies" not in found


@pytest.mark.asyncio
async def test_ten_idle_minutes_cost_no_request() -> None:
    async with keeping() as scene:
        await scene.want(nrt())
        scene.cluster.requests.clear()
        for _ in range(10):
            await scene.clock.advance(60)
            scene.cluster.bookmark(PATH.rpartition("/")[0])
        assert not scene.cluster.requests
        assert scene.keeper.status.known_equal


@pytest.mark.asyncio
async def test_a_watch_that_the_server_ends_goes_on_from_the_last_bookmark() -> None:
    async with keeping() as scene:
        await scene.want(nrt())
        scene.cluster.bookmark(PATH.rpartition("/")[0])
        scene.cluster.requests.clear()
        await scene.clock.advance(3600)
        scene.cluster.end_watches()
        await settle()
        assert scene.cluster.requests == {"watch": 1}
        assert scene.keeper.status.known_equal
        scene.cluster.remove(PATH)
        await settle()
        assert scene.free == "4"


@pytest.mark.asyncio
async def test_a_watch_that_is_too_old_starts_with_a_look_and_is_no_failure() -> None:
    async with keeping() as scene:
        await scene.want(nrt())
        await scene.clock.advance(3600)
        scene.cluster.requests.clear()
        scene.cluster.bookmark("/other")  # the server is further than our watch knows
        scene.cluster.oldest = 10_000
        scene.cluster.end_watches()
        await settle()
        scene.cluster.oldest = 0
        await scene.clock.advance(0.1)
        assert scene.cluster.requests == {"watch": 2, "get": 1}
        assert scene.keeper.status.known_equal
        assert scene.keeper.status.failures == ()


@pytest.mark.asyncio
async def test_watches_that_end_as_soon_as_they_begin_are_no_hot_loop() -> None:
    async with keeping() as scene:
        await scene.want(nrt())
        for _ in range(200):
            scene.cluster.end_watches()
            await scene.clock.advance(0.05)
        assert scene.cluster.requests["watch"] < 15
        assert dict(scene.keeper.status.failures).keys() == {"unreachable"}


@pytest.mark.asyncio
async def test_what_others_delete_is_made_again_at_once() -> None:
    async with keeping() as scene:
        await scene.want(nrt())
        await scene.clock.advance(60)
        scene.cluster.remove(PATH)
        await settle()
        assert scene.free == "4"
        assert scene.keeper.status.writes == 2


@pytest.mark.asyncio
async def test_what_others_add_beside_our_fields_stays() -> None:
    async with keeping() as scene:
        await scene.want(nrt(4, ownerReferences=[OWNER]))
        other = {"labels": {"team": "a"}, "ownerReferences": [{**OWNER, "uid": "u2"}]}
        scene.cluster.write(PATH, {"metadata": other, "extra": 1}, manager="kubectl", operation="Update")
        await scene.clock.advance(1)
        await scene.want(nrt(3, ownerReferences=[OWNER]))
        found = scene.cluster.found(PATH)
        assert found is not None
        assert (found["extra"], found["metadata"]["labels"]) == (1, {"team": "a"})
        assert [owner["uid"] for owner in found["metadata"]["ownerReferences"]] == ["u1", "u2"]
        assert scene.keeper.status.writes == 2


@pytest.mark.asyncio
async def test_a_wish_that_turns_into_nothing_known_changes_nothing() -> None:
    async with keeping() as scene:
        await scene.want(nrt())
        await scene.want(None)
        scene.cluster.write(PATH, nrt(1), manager="kubectl", operation="Update")
        await scene.clock.advance(600)
        assert scene.free == "1"
        assert scene.keeper.status.writes == 1
        assert not scene.keeper.status.known_equal


@pytest.mark.asyncio
async def test_a_schema_that_drops_a_field_is_not_written_to_again() -> None:
    cluster = FakeCluster()
    cluster.makes = lambda body: {key: value for key, value in body.items() if key != "attributes"}
    async with keeping(cluster) as scene:
        await scene.want(nrt())
        await scene.clock.advance(600)
        assert scene.keeper.status.writes == 1
        assert scene.keeper.status.known_equal


@pytest.mark.asyncio
async def test_the_owner_changes_with_the_wish() -> None:
    async with keeping() as scene:
        await scene.want(nrt(4, ownerReferences=[OWNER]))
        await scene.clock.advance(1)
        await scene.want(nrt(4, ownerReferences=[{**OWNER, "uid": "u2"}]))
        found = scene.cluster.found(PATH)
        assert found is not None
        assert [owner["uid"] for owner in found["metadata"]["ownerReferences"]] == ["u2"]


@pytest.mark.asyncio
async def test_an_owner_that_makes_the_object_disappear_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    async with keeping() as scene:
        await scene.want(nrt(4, ownerReferences=[OWNER]))
        for _ in range(3):
            await scene.clock.advance(1)
            scene.cluster.remove(PATH)
            await settle()
        assert "the Node with uid u1, seems to be gone" in caplog.text
        found = scene.cluster.found(PATH)
        assert found is not None
        assert "ownerReferences" not in found["metadata"]
        await scene.clock.advance(1)
        await scene.want(nrt(4, ownerReferences=[{**OWNER, "uid": "u2"}]))
        assert scene.cluster.bodies[-1]["metadata"]["ownerReferences"][0]["uid"] == "u2"


@pytest.mark.asyncio
async def test_people_who_delete_now_and_then_do_not_cost_the_owner() -> None:
    async with keeping() as scene:
        await scene.want(nrt(4, ownerReferences=[OWNER]))
        for _ in range(5):
            await scene.clock.advance(20)
            scene.cluster.remove(PATH)
            await settle()
        assert all("ownerReferences" in body["metadata"] for body in scene.cluster.bodies)


@pytest.mark.asyncio
async def test_a_storm_is_paced_and_its_last_state_gets_out() -> None:
    async with keeping() as scene:
        for change in range(1000):
            await scene.want(nrt(change))
            await scene.clock.advance(0.06)
        await scene.clock.advance(1)
        assert scene.free == "999"
        assert 60 <= scene.keeper.status.writes <= 120


@pytest.mark.asyncio
async def test_the_last_state_of_a_burst_is_out_soon() -> None:
    async with keeping() as scene:
        for change in range(50):
            await scene.want(nrt(change))
            await scene.clock.advance(0.02)
        await scene.clock.advance(0.25)
        assert scene.free == "49"


@pytest.mark.asyncio
async def test_the_first_write_waits_for_its_share_of_the_spread_and_takes_the_newest_wish() -> None:
    async with keeping(policy=PublishPolicy(write_spread=25.0)) as scene:
        await scene.want(nrt(4))
        await scene.clock.advance(20)
        await scene.want(nrt(3))
        assert not scene.cluster.bodies
        await scene.clock.advance(5)
        assert [body["zones"] for body in scene.cluster.bodies] == [nrt(3)["zones"]]
        await scene.clock.advance(1)
        await scene.want(nrt(2))
        assert scene.free == "2"


@pytest.mark.asyncio
async def test_without_a_difference_at_the_start_no_later_write_is_spread() -> None:
    cluster = FakeCluster()
    cluster.write(PATH, nrt(4), manager="numascope")
    async with keeping(cluster, policy=PublishPolicy(write_spread=25.0)) as scene:
        await scene.want(nrt(4))
        await scene.want(nrt(3))
        assert scene.free == "3"


@pytest.mark.asyncio
async def test_what_is_published_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with keeping(clock=FakeClock()) as scene:
        await scene.want(nrt(4))
        await scene.want(nrt(3))
    assert caplog.messages == ["NodeResourceTopology numa0 is published"]


def test_the_owner_is_the_node_that_the_token_names() -> None:
    owned = owned_by(NodeIdentity(name="numa0", uid="u1"), nrt(4))
    assert owned["metadata"] == {"name": "numa0", "ownerReferences": [OWNER]}


@pytest.mark.parametrize(
    ("version", "known", "newer"),
    [("10", "9", True), ("9", "10", False), ("9", "9", False), ("b", "a", True), ("a", "a", False)],
)
def test_versions_grow_as_numbers_where_they_are_numbers(version: str, known: str, newer: bool) -> None:
    assert is_newer(version, known) is newer


@pytest.mark.asyncio
async def test_a_wish_that_is_taken_back_while_it_waits_its_turn_is_not_written() -> None:
    async with keeping() as scene:
        await scene.want(nrt(4))
        await scene.want(nrt(3))
        await scene.want(nrt(4))
        await scene.clock.advance(60)
        assert scene.keeper.status.writes == 1
        assert scene.keeper.status.known_equal


@pytest.mark.asyncio
async def test_a_watch_that_breaks_while_a_write_waits_its_turn_comes_first() -> None:
    async with keeping() as scene:
        await scene.want(nrt(4))
        await scene.want(nrt(3))
        scene.cluster.end_watches(KubeUnreachableError("watch: cut"))
        await scene.clock.advance(1)
        assert scene.free == "3"
        assert scene.cluster.requests == {"get": 2, "watch": 2, "apply": 2}
