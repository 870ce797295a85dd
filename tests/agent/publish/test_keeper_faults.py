"""Whatever happens to requests passes; it is said once, nothing is lost, and no loop is hot."""

from __future__ import annotations

from collections import deque

import pytest

from agent.kube.errors import (
    CredentialsError,
    KubeError,
    KubeUnreachableError,
    TooManyRequestsError,
    error_from_status,
)
from agent.publish.keeper import PublishPolicy
from tests.agent.publish.keeping import PATH, Scene, keeping, nrt
from tests.fakes.clock import settle
from tests.fakes.cluster import FakeCluster

MISSING_KIND = error_from_status("get /x", 404, {})
FORBIDDEN = error_from_status(
    "apply /x",
    403,
    {"message": 'cannot patch resource "noderesourcetopologies" in API group "topology.node.k8s.io"'},
)
FAULTS: dict[str, KubeError] = {
    "unreachable": KubeUnreachableError("get /x: refused"),
    "credentials": CredentialsError("token: empty"),
    "unauthorized": error_from_status("get /x", 401, {}),
    "forbidden": FORBIDDEN,
    "missing": MISSING_KIND,
    "conflict": error_from_status("apply /x", 409, {"message": "modified"}),
    "throttled": error_from_status("get /x", 429, {}),
    "server": error_from_status("get /x", 503, {}),
    "refused": error_from_status("apply /x", 422, {"message": "zones: Required"}),
}


async def until_equal(scene: Scene) -> float:
    """Seconds until what is there is known to be what is wanted."""
    started_at = scene.clock.monotonic()
    while not scene.keeper.status.known_equal:
        await scene.clock.advance(0.05)
        assert scene.clock.monotonic() - started_at < 60
    return scene.clock.monotonic() - started_at


@pytest.mark.asyncio
@pytest.mark.parametrize("reason", FAULTS)
async def test_a_minute_of_any_fault_is_over_two_seconds_after_its_end(
    reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with keeping() as scene:
        await scene.want(nrt(4))
        scene.cluster.go_down(FAULTS[reason])
        await settle()
        await scene.want(nrt(3))
        await scene.clock.advance(60)
        assert scene.keeper.status.in_sync_since is None
        assert sum(scene.cluster.requests.values()) < 60
        scene.cluster.come_back()
        assert await until_equal(scene) <= 2.05
        assert scene.free == "3"
        assert (scene.keeper.status.error, scene.keeper.status.writes) == (None, 2)
        assert dict(scene.keeper.status.failures).keys() == {reason}
    assert [record.levelname for record in caplog.records if "cannot be kept up" in record.message] == [
        "WARNING"
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize("reason", FAULTS)
async def test_a_write_that_fails_once_is_repeated_without_a_new_look(reason: str) -> None:
    async with keeping() as scene:
        scene.cluster.refusals["apply"] = deque([FAULTS[reason]])
        await scene.want(nrt())
        await scene.clock.advance(1)
        assert scene.cluster.requests == {"get": 1, "watch": 1, "apply": 2}
        assert (scene.free, scene.keeper.status.writes) == ("4", 1)


@pytest.mark.asyncio
async def test_a_write_whose_answer_was_lost_is_not_repeated() -> None:
    async with keeping() as scene:
        await scene.want(nrt(4))
        await scene.clock.advance(1)
        scene.cluster.refusals["apply"] = deque([KubeUnreachableError("apply /x: no answer")])
        await scene.want(nrt(3))
        scene.cluster.write(PATH, nrt(3), manager="numascope")  # it had arrived all the same
        await scene.clock.advance(1)
        assert scene.cluster.requests["apply"] == 2
        assert scene.keeper.status.known_equal


@pytest.mark.asyncio
async def test_an_hour_without_a_server_is_said_once_and_costs_little(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    async with keeping() as scene:
        await scene.want(nrt(4))
        scene.cluster.requests.clear()
        scene.cluster.go_down(FAULTS["unreachable"])
        for hour_part in range(60):
            await scene.want(nrt(hour_part))
            await scene.clock.advance(60)
        assert sum(scene.cluster.requests.values()) <= 3600 / 1.6 + 5
        scene.cluster.come_back()
        await until_equal(scene)
        assert scene.free == "59"
    assert caplog.messages[1:] == [
        "NodeResourceTopology numa0 cannot be kept up: get /x: refused; trying on",
        "NodeResourceTopology numa0 is as it should be again",
    ]


@pytest.mark.asyncio
async def test_a_missing_kind_says_how_to_install_it_and_is_tried_ever_more_slowly() -> None:
    async with keeping() as scene:
        scene.cluster.go_down(MISSING_KIND)
        await scene.want(nrt())
        assert "kubectl apply -k deploy/crds" in str(scene.keeper.status.error)
        await scene.clock.advance(600)
        scene.cluster.requests.clear()
        await scene.clock.advance(600)
        assert scene.cluster.requests["get"] == 20
        scene.cluster.come_back()
        assert await until_equal(scene) <= 30


@pytest.mark.asyncio
async def test_a_missing_right_is_named() -> None:
    async with keeping() as scene:
        scene.cluster.refusals["apply"] = deque([FORBIDDEN])
        await scene.want(nrt())
        error = scene.keeper.status.error
        assert error == (
            "the right to patch noderesourcetopologies.topology.node.k8s.io is missing; deploy/base/rbac.yaml gives it"
        )


@pytest.mark.asyncio
async def test_without_the_right_to_watch_it_is_still_written() -> None:
    async with keeping() as scene:
        scene.cluster.refusals["watch"] = deque([FORBIDDEN] * 1000)
        await scene.want(nrt(4))
        await scene.clock.advance(30)
        assert scene.free == "4"
        await scene.want(nrt(3))
        await scene.clock.advance(2)
        assert scene.free == "3"
        assert scene.keeper.status.error


@pytest.mark.asyncio
async def test_a_server_that_asks_to_wait_is_left_alone_so_long() -> None:
    slow = error_from_status("apply /x", 429, {}, retry_after=7.0)
    assert isinstance(slow, TooManyRequestsError)
    async with keeping() as scene:
        scene.cluster.refusals["apply"] = deque([slow])
        await scene.want(nrt())
        await scene.clock.advance(7.0)
        assert scene.cluster.requests["apply"] == 1
        await scene.clock.advance(0.2)
        assert scene.free == "4"


@pytest.mark.asyncio
async def test_a_proxy_that_asks_to_wait_for_a_day_is_believed_five_minutes() -> None:
    async with keeping() as scene:
        scene.cluster.refusals["get"] = deque([error_from_status("get /x", 503, {}, retry_after=86_400.0)])
        await scene.want(nrt())
        await scene.clock.advance(301)
        assert scene.free == "4"


@pytest.mark.asyncio
async def test_a_server_that_is_just_starting_is_not_waited_for_longer_than_it_takes() -> None:
    async with keeping() as scene:
        starting = error_from_status("get /x", 503, {}, retry_after=5.0)
        scene.cluster.refusals["get"] = deque([starting] * 3)
        await scene.want(nrt())
        await scene.clock.advance(1)
        assert scene.free == "4"


@pytest.mark.asyncio
async def test_a_fleet_spreads_its_reconnects() -> None:
    async with keeping(FakeCluster(), policy=PublishPolicy(write_spread=25.0)) as scene:
        scene.cluster.go_down(FAULTS["unreachable"])
        await scene.want(nrt())
        await scene.clock.advance(3600)
        assert scene.cluster.requests["get"] <= 3600 / 25 + 5


@pytest.mark.asyncio
async def test_what_was_deleted_while_the_server_was_gone_is_made_again() -> None:
    async with keeping() as scene:
        await scene.want(nrt())
        scene.cluster.go_down(FAULTS["unreachable"])
        scene.cluster.remove(PATH)
        await scene.clock.advance(60)
        scene.cluster.come_back()
        await until_equal(scene)
        assert scene.free == "4"


@pytest.mark.asyncio
async def test_a_fault_after_a_calm_time_starts_with_a_short_wait_again() -> None:
    async with keeping() as scene:
        await scene.want(nrt())
        scene.cluster.go_down(FAULTS["unreachable"])
        await scene.clock.advance(60)
        scene.cluster.come_back()
        await scene.clock.advance(60)
        scene.cluster.go_down(FAULTS["unreachable"])
        await settle()
        scene.cluster.come_back()
        assert await until_equal(scene) <= 0.15
