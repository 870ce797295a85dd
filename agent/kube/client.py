"""An asynchronous client of the API server, no larger than we need: get, list, apply, delete, watch.

It tries nothing twice: waiting and trying again is for its users, who know what is worth it.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from agent.kube.credentials import Credentials
from agent.kube.errors import KubeUnreachableError, error_from_status

Object = dict[str, Any]

FIELD_MANAGER: Final = "numascope"
ANSWER_LIMIT = 32 * 1024 * 1024
"""Bytes of one answer or one watch event; the API server's own limit for a request body is 3 MiB."""

REQUEST_SECONDS = 10.0
IDLE_CONNECTION_SECONDS = 75.0
"""Kept open without a request; the API server closes at 90. A write then needs no handshake."""

SILENT_PEER_SECONDS = 30
"""Until the kernel gives a connection up whose peer is gone without a word, also while a watch has nothing to say"""

CONNECTIONS = 8
"""At most; each watch has one of its own."""

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchEvent:
    """One line of a watch: type is ADDED, MODIFIED, DELETED or BOOKMARK."""

    type: str
    object: Object


class KubeClient:
    """One API server, one identity, a few connections that stay open. Use it as an asynchronous context manager.

    Attributes:
        requests: how many requests were sent, by verb; their sum is what we cost the API server.
    """

    def __init__(self, credentials: Credentials, *, user_agent: str) -> None:
        self._credentials = credentials
        self._user_agent = user_agent
        self._session: aiohttp.ClientSession | None = None
        self.requests: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        tls = self._credentials.tls()
        self._session = aiohttp.ClientSession(
            base_url=f"{self._credentials.server}/",
            connector=aiohttp.TCPConnector(
                ssl=tls if tls is not None else True,
                limit=CONNECTIONS,
                keepalive_timeout=IDLE_CONNECTION_SECONDS,
                socket_factory=_probed_socket,
            ),
            headers={"User-Agent": self._user_agent, "Accept": "application/json"},
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str, *, query: Mapping[str, str] | None = None) -> Object:
        """One object, or one page of a list."""
        return await self._call("get", "GET", path, query)

    async def apply(self, path: str, body: Object, *, force: bool) -> Object:
        """Server-side apply under our field manager; without `force` a field of another manager is a ConflictError."""
        query = {"fieldManager": FIELD_MANAGER, "force": "true" if force else "false"}
        return await self._call("apply", "PATCH", path, query, body, content_type=APPLY)

    async def peek(self, path: str) -> Object:
        """One object, for who has the right to patch it and not to get it: the answer to a patch of nothing.

        A dry run besides, so that nothing can come of it.
        """
        return await self._call("peek", "PATCH", path, {"dryRun": "All"}, {}, content_type=MERGE)

    async def create(self, path: str, body: Object) -> Object:
        """A new object in the collection at `path`."""
        return await self._call("create", "POST", path, {"fieldManager": FIELD_MANAGER}, body)

    async def delete(self, path: str) -> Object:
        """Deletes one object."""
        return await self._call("delete", "DELETE", path, None)

    async def watch(
        self,
        path: str,
        *,
        query: Mapping[str, str],
        resource_version: str | None,
        idle_seconds: float,
        on_open: Callable[[], None] | None = None,
    ) -> AsyncGenerator[WatchEvent, None]:
        """Events of a collection, until the server ends the watch.

        Args:
            path: the collection.
            query: field and label selectors.
            resource_version: where to go on; None starts with what is there.
            idle_seconds: without a byte for so long the connection counts as dead. The server is asked to end the
                watch earlier, so that only a dead one runs into it.
            on_open: called once the server has taken the request, be there events or not.

        Raises GoneError where the version is too old, KubeUnreachableError where the connection breaks.
        """
        sent = {
            **query,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(int(idle_seconds / 2)),
        }
        if resource_version is not None:
            sent["resourceVersion"] = resource_version
        limits = aiohttp.ClientTimeout(total=None, connect=REQUEST_SECONDS, sock_read=idle_seconds)
        self.requests["watch"] += 1
        async with aclosing(self._lines(path, sent, limits, on_open)) as lines:
            async for line in lines:
                yield _event(path, line)
                del line  # what the last event held is not ours to keep until the next one comes

    async def _lines(
        self,
        path: str,
        query: Mapping[str, str],
        limits: aiohttp.ClientTimeout,
        on_open: Callable[[], None] | None,
    ) -> AsyncGenerator[bytes, None]:
        request = f"watch {path}"
        try:
            async with self._open().get(
                path.removeprefix("/"), params=query, headers=self._authorization(), timeout=limits
            ) as response:
                if response.status >= 400:
                    raise await self._refusal(request, response)
                if on_open is not None:
                    on_open()
                connection = response.connection
                try:
                    async with aclosing(_cut(request, response)) as lines:
                        async for line in lines:
                            yield line
                            del line
                finally:
                    _drop(connection)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unreachable(request, error) from error

    async def _call(
        self,
        verb: str,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Object | None = None,
        *,
        content_type: str = "application/json",
    ) -> Object:
        request = f"{verb} {path}"
        headers = self._authorization()
        data = None
        if body is not None:
            data = encode(body)
            headers["Content-Type"] = content_type
        self.requests[verb] += 1
        try:
            async with (
                asyncio.timeout(REQUEST_SECONDS),
                self._open().request(
                    method, path.removeprefix("/"), params=query, data=data, headers=headers
                ) as response,
            ):
                if response.status >= 400:
                    raise await self._refusal(request, response)
                return _object(request, await _bounded(request, response))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unreachable(request, error) from error

    def _authorization(self) -> dict[str, str]:
        token = self._credentials.token()
        return {} if token is None else {"Authorization": f"Bearer {token}"}

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("use KubeClient as an asynchronous context manager")
        return self._session

    @staticmethod
    async def _refusal(request: str, response: aiohttp.ClientResponse) -> Exception:
        data = await _bounded(request, response)
        try:
            body = json.loads(data)
        except ValueError:
            body = {}
        wait = response.headers.get("Retry-After", "")
        return error_from_status(
            request,
            response.status,
            body if isinstance(body, dict) else {},
            retry_after=float(wait) if wait.isdecimal() and len(wait) < 6 else None,
        )


def encode(body: Object) -> bytes:
    """The bytes that go over the wire: the same for equal objects. JSON is YAML, so apply takes it."""
    return json.dumps(body, separators=(",", ":"), sort_keys=True).encode()


def _probed_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """A socket on which the kernel notices a peer that is gone: no byte of ours has to be on its way for that."""
    family, kind, protocol, _, _ = address
    opened = socket.socket(family=family, type=kind, proto=protocol)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, SILENT_PEER_SECONDS // 2)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, SILENT_PEER_SECONDS // 6)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENT_PEER_SECONDS * 1000)
    return opened


async def _cut(request: str, response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    """The lines of an answer, however its bytes are cut."""
    pending = bytearray()
    async for chunk in response.content.iter_any():
        pending += chunk
        del chunk
        while (end := pending.find(b"\n")) >= 0:
            line = bytes(pending[:end])
            del pending[: end + 1]
            yield line
            del line
        if len(pending) > ANSWER_LIMIT:
            raise KubeUnreachableError(f"{request}: an event of more than {ANSWER_LIMIT} bytes")


def _drop(connection: aiohttp.connector.Connection | None) -> None:
    """Ends the connection of a watch to which nobody listens any more, without waiting for the server's goodbye."""
    if connection is not None and connection.transport is not None:
        connection.transport.abort()


async def _bounded(request: str, response: aiohttp.ClientResponse) -> bytes:
    data = bytearray()
    async for chunk in response.content.iter_any():
        data += chunk
        if len(data) > ANSWER_LIMIT:
            raise KubeUnreachableError(f"{request}: an answer of more than {ANSWER_LIMIT} bytes")
    return bytes(data)


def _object(request: str, data: bytes) -> Object:
    try:
        body = json.loads(data)
    except ValueError as error:
        raise KubeUnreachableError(f"{request}: the answer is no JSON") from error
    if not isinstance(body, dict):
        raise KubeUnreachableError(f"{request}: the answer is no object")
    return body


def _event(path: str, line: bytes) -> WatchEvent:
    """An event of a watch; an ERROR event is raised as what its Status says."""
    body = _object(f"watch {path}", line)
    kind, content = body.get("type"), body.get("object")
    if not isinstance(kind, str) or not isinstance(content, dict):
        raise KubeUnreachableError(f"watch {path}: a line that is no event")
    if kind == "ERROR":
        status = content.get("code")
        raise error_from_status(f"watch {path}", status if isinstance(status, int) else 500, content)
    return WatchEvent(type=kind, object=content)


def _unreachable(request: str, error: Exception) -> KubeUnreachableError:
    reason = f"no answer within {REQUEST_SECONDS:g} s" if isinstance(error, TimeoutError) else str(error)
    return KubeUnreachableError(f"{request}: {reason or type(error).__name__}")
