"""Places speak to a server in its own words."""

from __future__ import annotations

import json
import ssl

import pytest

from agent.kube.client import KubeClient
from agent.kube.errors import KubeUnreachableError, NotFoundError
from agent.publish.places import (
    NODE,
    NODE_RESOURCE_TOPOLOGY,
    NUMATOPOLOGY,
    ListedPlace,
    NodeLabelsPlace,
    Seen,
)
from tests.fakes.apiserver import Answer, serve


class Anybody:
    """Credentials for plain HTTP."""

    def __init__(self, server: str) -> None:
        self.server = server

    def tls(self) -> ssl.SSLContext | None:
        return None

    def token(self) -> str | None:
        return None


def event(kind: str, version: str) -> bytes:
    body = {"type": kind, "object": {"metadata": {"resourceVersion": version}}}
    return json.dumps(body).encode() + b"\n"


def test_kinds_have_their_paths() -> None:
    assert NODE_RESOURCE_TOPOLOGY.path == "/apis/topology.node.k8s.io/v1alpha2/noderesourcetopologies"
    assert NUMATOPOLOGY.path == "/apis/nodeinfo.volcano.sh/v1alpha1/numatopologies"
    assert NODE.path == "/api/v1/nodes"


@pytest.mark.asyncio
async def test_an_object_is_looked_at_by_a_list_of_its_name() -> None:
    there = {"metadata": {"name": "numa0", "resourceVersion": "3"}}
    answers = (
        Answer(body={"metadata": {"resourceVersion": "9"}, "items": [there]}),
        Answer(body={"metadata": {"resourceVersion": "9"}, "items": []}),
        Answer(body={"metadata": []}),
    )
    async with serve(*answers) as server, KubeClient(Anybody(server.url), user_agent="test") as client:
        place = ListedPlace(client, NODE_RESOURCE_TOPOLOGY, "numa0")
        assert await place.look() == Seen(version="9", object=there)
        assert await place.look() == Seen(version="9")
        assert await place.look() == Seen(version="")
    assert server.requests[0].path == NODE_RESOURCE_TOPOLOGY.path
    assert server.requests[0].query == {"fieldSelector": "metadata.name=numa0"}


@pytest.mark.asyncio
async def test_a_watch_tells_changes_deletions_and_how_far_it_is() -> None:
    lines = (event("ADDED", "4"), event("DELETED", "5"), event("BOOKMARK", "8"))
    async with (
        serve(Answer(lines=lines)) as server,
        KubeClient(Anybody(server.url), user_agent="test") as client,
    ):
        seen = [each async for each in ListedPlace(client, NODE_RESOURCE_TOPOLOGY, "numa0").watch("3")]
    assert [(each.version, each.object is None, each.bookmark) for each in seen] == [
        ("4", False, False),
        ("5", True, False),
        ("8", False, True),
    ]
    query = server.requests[0].query
    assert (query["resourceVersion"], query["timeoutSeconds"]) == ("3", "3600")
    assert query["fieldSelector"] == "metadata.name=numa0"


@pytest.mark.asyncio
async def test_a_node_is_looked_at_by_a_patch_of_nothing_and_only_its_labels_are_kept() -> None:
    metadata = {"name": "numa0", "resourceVersion": "3", "labels": {"a": "1"}, "annotations": {"long": "x"}}
    async with (
        serve(Answer(body={"metadata": metadata, "status": {"images": []}})) as server,
        KubeClient(Anybody(server.url), user_agent="test") as client,
    ):
        seen = await NodeLabelsPlace(client, "numa0").look()
        with pytest.raises(NotFoundError):
            await NodeLabelsPlace(client, "numa1").look()
    assert seen == Seen(version="3", object={"metadata": {"name": "numa0", "labels": {"a": "1"}}})


def test_node_labels_are_not_watched() -> None:
    with pytest.raises(KubeUnreachableError, match="nobody gave us the right"):
        NodeLabelsPlace(NotImplemented, "numa0").watch("1")
