from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.kube.client import KubeClient, WatchEvent, encode
from agent.kube.errors import (
    ConflictError,
    ForbiddenError,
    GoneError,
    KubeStatusError,
    KubeUnreachableError,
    NotFoundError,
    ServerError,
    TooManyRequestsError,
    UnauthorizedError,
)
from tests.fakes.apiserver import Answer, ScriptedApiServer, serve

PATH = "/apis/topology.node.k8s.io/v1alpha2/noderesourcetopologies/numa0"


class Token:
    """Credentials for plain HTTP with a token that can change."""

    def __init__(self, server: str, token: str | None = "first") -> None:
        self.server = server
        self.value = token

    def tls(self) -> ssl.SSLContext | None:
        return None

    def token(self) -> str | None:
        return self.value


@asynccontextmanager
async def client_of(*answers: Answer) -> AsyncIterator[tuple[KubeClient, ScriptedApiServer, Token]]:
    async with serve(*answers) as server:
        credentials = Token(server.url)
        async with KubeClient(credentials, user_agent="numascope/test") as client:
            yield client, server, credentials


@pytest.mark.asyncio
async def test_get_returns_the_object_and_sends_token_and_name() -> None:
    async with client_of(Answer(body={"kind": "Node"})) as (client, server, _):
        assert await client.get(PATH) == {"kind": "Node"}
    request = server.requests[0]
    assert (request.method, request.path) == ("GET", PATH)
    assert request.headers["Authorization"] == "Bearer first"
    assert request.headers["User-Agent"] == "numascope/test"


@pytest.mark.asyncio
async def test_a_token_that_was_renewed_goes_along_with_the_next_request() -> None:
    async with client_of(Answer(body={}), Answer(body={})) as (client, server, credentials):
        await client.get(PATH)
        credentials.value = "second"
        await client.get(PATH)
    assert [request.headers["Authorization"] for request in server.requests] == [
        "Bearer first",
        "Bearer second",
    ]


@pytest.mark.asyncio
async def test_apply_is_server_side_under_our_field_manager() -> None:
    async with client_of(Answer(body={"ok": 1})) as (client, server, _):
        await client.apply(PATH, {"zones": []}, force=False)
    request = server.requests[0]
    assert request.method == "PATCH"
    assert request.query == {"fieldManager": "numascope", "force": "false"}
    assert request.headers["Content-Type"] == "application/apply-patch+yaml"
    assert request.body == {"zones": []}


@pytest.mark.asyncio
async def test_create_and_delete_use_their_methods_and_are_counted() -> None:
    async with client_of(Answer(body={}), Answer(body={})) as (client, server, _):
        await client.create("/api/v1/events", {"kind": "Event"})
        await client.delete(PATH)
        assert dict(client.requests) == {"create": 1, "delete": 1}
    assert [request.method for request in server.requests] == ["POST", "DELETE"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, KubeStatusError),
        (401, UnauthorizedError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (409, ConflictError),
        (410, GoneError),
        (429, TooManyRequestsError),
        (500, ServerError),
        (503, ServerError),
    ],
)
async def test_each_status_has_its_error(status: int, kind: type[KubeStatusError]) -> None:
    body = {"kind": "Status", "reason": "Because", "message": "of this"}
    async with client_of(Answer(status=status, body=body)) as (client, _, _):
        with pytest.raises(kind, match=rf"get {PATH}: {status} Because: of this") as caught:
            await client.get(PATH)
    assert type(caught.value) is kind


@pytest.mark.asyncio
async def test_retry_after_is_kept_and_nonsense_in_it_is_not() -> None:
    slow = Answer(status=429, body={}, headers={"Retry-After": "7"})
    odd = Answer(status=503, lines=(b"busy",), headers={"Retry-After": "soon"})
    async with client_of(slow, odd) as (client, _, _):
        with pytest.raises(TooManyRequestsError) as first:
            await client.get(PATH)
        with pytest.raises(ServerError) as second:
            await client.get(PATH)
    assert (first.value.retry_after, second.value.retry_after) == (7.0, None)


@pytest.mark.asyncio
async def test_a_conflict_names_the_other_managers() -> None:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "kubectl-edit" using v1alpha2',
            "field": ".zones",
        },
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "rte" using v1alpha2',
            "field": ".attributes",
        },
        {"reason": "Other", "message": 'conflict with "nobody"'},
    ]
    async with client_of(Answer(status=409, body={"details": {"causes": causes}})) as (client, _, _):
        with pytest.raises(ConflictError) as caught:
            await client.apply(PATH, {}, force=False)
    assert caught.value.managers == ("kubectl-edit", "rte")


@pytest.mark.asyncio
@pytest.mark.parametrize("lines", [(b"<html>",), (b"[1]",), (b"",)])
async def test_an_answer_that_is_no_object_counts_as_no_answer(lines: tuple[bytes, ...]) -> None:
    async with client_of(Answer(lines=lines)) as (client, _, _):
        with pytest.raises(KubeUnreachableError, match="the answer is no"):
            await client.get(PATH)


@pytest.mark.asyncio
async def test_a_server_that_is_not_there_is_unreachable() -> None:
    async with serve() as server:
        credentials = Token(server.url)
    async with KubeClient(credentials, user_agent="test") as client:
        with pytest.raises(KubeUnreachableError, match=f"get {PATH}"):
            await client.get(PATH)
        with pytest.raises(KubeUnreachableError, match="watch /x"):
            await anext(client.watch("/x", query={}, resource_version=None, idle_seconds=10))


@pytest.mark.asyncio
async def test_watch_yields_events_however_the_bytes_are_cut() -> None:
    text = b"".join(
        json.dumps({"type": kind, "object": {"n": number}}).encode() + b"\n"
        for number, kind in enumerate(["ADDED", "MODIFIED", "BOOKMARK"])
    )
    pieces = tuple(text[start : start + 7] for start in range(0, len(text), 7))
    async with client_of(Answer(lines=pieces)) as (client, server, _):
        events = [
            event
            async for event in client.watch(
                "/pods", query={"fieldSelector": "spec.nodeName=a"}, resource_version="5", idle_seconds=60
            )
        ]
    assert events[1] == WatchEvent(type="MODIFIED", object={"n": 1})
    assert [event.type for event in events] == ["ADDED", "MODIFIED", "BOOKMARK"]
    assert server.requests[0].query == {
        "fieldSelector": "spec.nodeName=a",
        "watch": "true",
        "allowWatchBookmarks": "true",
        "timeoutSeconds": "30",
        "resourceVersion": "5",
    }


@pytest.mark.asyncio
async def test_an_error_event_of_a_watch_is_raised_as_what_it_says() -> None:
    line = json.dumps({"type": "ERROR", "object": {"code": 410, "reason": "Expired"}}).encode() + b"\n"
    odd = json.dumps({"type": "ERROR", "object": {}}).encode() + b"\n"
    async with client_of(Answer(lines=(line,)), Answer(lines=(odd,))) as (client, _, _):
        with pytest.raises(GoneError):
            await anext(client.watch("/pods", query={}, resource_version=None, idle_seconds=60))
        with pytest.raises(ServerError):
            await anext(client.watch("/pods", query={}, resource_version=None, idle_seconds=60))


@pytest.mark.asyncio
async def test_a_watch_that_is_refused_or_talks_nonsense_is_an_error() -> None:
    refused = Answer(status=403, body={"reason": "Forbidden"})
    nonsense = Answer(lines=(b'{"type": 1}\n',))
    async with client_of(refused, nonsense) as (client, _, _):
        with pytest.raises(ForbiddenError):
            await anext(client.watch("/pods", query={}, resource_version=None, idle_seconds=60))
        with pytest.raises(KubeUnreachableError, match="a line that is no event"):
            await anext(client.watch("/pods", query={}, resource_version=None, idle_seconds=60))


@pytest.mark.asyncio
async def test_without_a_token_no_authorization_is_sent() -> None:
    async with (
        serve(Answer(body={})) as server,
        KubeClient(Token(server.url, None), user_agent="test") as client,
    ):
        await client.get(PATH)
    assert "Authorization" not in server.requests[0].headers


@pytest.mark.asyncio
async def test_a_client_that_is_not_open_says_so() -> None:
    with pytest.raises(RuntimeError, match="context manager"):
        await KubeClient(Token("http://127.0.0.1:1"), user_agent="test").get(PATH)


def test_equal_objects_have_equal_bytes() -> None:
    assert encode({"b": 1, "a": [1, 2]}) == encode({"a": [1, 2], "b": 1}) == b'{"a":[1,2],"b":1}'


def test_a_long_message_is_shortened() -> None:
    assert len(str(KubeStatusError("get /x", 422, "Invalid", "m" * 5000))) < 400


@pytest.mark.asyncio
async def test_peek_reads_by_a_patch_of_nothing_that_is_a_dry_run() -> None:
    async with client_of(Answer(body={"kind": "Node"})) as (client, server, _):
        assert await client.peek("/api/v1/nodes/numa0") == {"kind": "Node"}
    request = server.requests[0]
    assert (request.method, request.query, request.body) == ("PATCH", {"dryRun": "All"}, {})
    assert request.headers["Content-Type"] == "application/merge-patch+json"


@pytest.mark.parametrize(
    ("message", "right"),
    [
        (
            (
                'x "numa0" is forbidden: User "system:serviceaccount:a:b" cannot patch resource '
                '"noderesourcetopologies" in API group "topology.node.k8s.io" at the cluster scope'
            ),
            "patch noderesourcetopologies.topology.node.k8s.io",
        ),
        (
            'nodes "a" is forbidden: User "b" cannot patch resource "nodes" in API group "" at the cluster scope',
            "patch nodes",
        ),
        ("ValidatingAdmissionPolicy 'own-node' denied request: not your node", None),
    ],
)
def test_a_refusal_names_the_right_that_is_missing(message: str, right: str | None) -> None:
    assert ForbiddenError("apply /x", 403, "Forbidden", message).right == right
