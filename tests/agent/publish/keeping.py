"""A keeper that runs beside a test, on an API server in memory and a clock that the test moves."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from agent.kube.client import Object
from agent.publish.events import Announcer
from agent.publish.keeper import ObjectKeeper, PublishPolicy
from agent.publish.places import NODE_RESOURCE_TOPOLOGY, ListedPlace
from tests.fakes.clock import FakeClock, settle
from tests.fakes.cluster import FakeCluster

PATH = f"{NODE_RESOURCE_TOPOLOGY.path}/numa0"


class Latest(random.Random):
    """Chance that always takes the longest."""

    def random(self) -> float:
        return 1.0


def nrt(free: int = 4, **metadata: Any) -> Object:
    """A small object in the shape of what is published."""
    resources = [{"name": "cpu", "capacity": "8", "allocatable": "8", "available": str(free)}]
    return {
        "apiVersion": NODE_RESOURCE_TOPOLOGY.api_version,
        "kind": NODE_RESOURCE_TOPOLOGY.name,
        "metadata": {"name": "numa0", **metadata},
        "attributes": [{"name": "source", "value": "machine"}],
        "zones": [{"name": "node-0", "type": "Node", "resources": resources}],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a test holds in its hands."""

    cluster: FakeCluster
    clock: FakeClock
    keeper: ObjectKeeper

    async def want(self, wanted: Object | None) -> None:
        """Says a wish, and lets everything happen that takes no time."""
        self.keeper.want(wanted)
        await settle()

    @property
    def free(self) -> str | None:
        """What the server's object says is available."""
        found = self.cluster.found(PATH)
        return None if found is None else str(found["zones"][0]["resources"][0]["available"])


@asynccontextmanager
async def keeping(
    cluster: FakeCluster | None = None,
    *,
    policy: PublishPolicy | None = None,
    clock: FakeClock | None = None,
) -> AsyncIterator[Scene]:
    """A keeper of `PATH` that runs for as long as the block does."""
    cluster, clock = cluster or FakeCluster(), clock or FakeClock()
    keeper = ObjectKeeper(
        ListedPlace(cluster, NODE_RESOURCE_TOPOLOGY, "numa0"),
        clock=clock,
        chance=Latest(),
        announcer=Announcer(cluster, node_name="numa0", clock=clock),
        policy=policy or PublishPolicy(),
    )
    async with asyncio.TaskGroup() as group:
        running = group.create_task(keeper.run())
        await settle()
        yield Scene(cluster=cluster, clock=clock, keeper=keeper)
        running.cancel()
