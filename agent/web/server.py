"""The HTTP server: a socket, its limits, and the endpoints behind it.

aiohttp's low-level server is used without its application, router and middlewares: six paths need none of them, and
each costs memory on every node.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest
from aiohttp.web_response import Response, StreamResponse
from aiohttp.web_server import Server

from agent.settings import Address
from agent.web.endpoints import Endpoints, Query
from collectors.errors import NumascopeError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What clients may take of the agent."""

    connections: int = 64
    """Open at once. Scrapers and probes need a handful; each costs some kilobytes."""
    keepalive_seconds: float = 75.0
    """Until a connection without a complete request is closed. Scrapers come once a minute and may keep theirs."""
    response_seconds: float = 10.0
    """Until a client that does not take its answer is cut off"""
    header_bytes: int = 8 << 10
    """Of the request line, and of each header"""
    headers: int = 64
    backlog: int = 32
    """Connections that the kernel holds until we take them"""


BANNER = "numascope"
"""The Server header; versions are nobody's business who only sees the port"""


class ListenError(NumascopeError):
    """The address cannot be listened on."""


def bind(address: Address) -> socket.socket:
    """A socket bound to the address, not listening yet; a host name stands for its first address.

    Raises ListenError with what a person can do about it.
    """
    try:
        family, kind, protocol, _, target = _resolve(address)
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                # Every address means IPv4 too; a single one is what it says.
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(bool(address.host)))
            bound.bind(target)
            bound.setblocking(False)
        except OSError:
            bound.close()
            raise
    except socket.gaierror as error:
        raise ListenError(f"cannot listen on {address}: {error.strerror}") from error
    except OSError as error:
        hint = _HINTS.get(error.errno or 0, os.strerror(error.errno or 0))
        raise ListenError(f"cannot listen on {address}: {hint}") from error
    return bound


_HINTS = {
    errno.EADDRINUSE: "the port is in use, perhaps by another agent; choose one with --listen",
    errno.EACCES: "no permission for this port; choose one above 1023 with --listen",
    errno.EADDRNOTAVAIL: "this machine has no such address",
}


def _resolve(address: Address) -> tuple[int, int, int, str, tuple[Any, ...]]:
    if not address.host and socket.has_dualstack_ipv6():
        return socket.AF_INET6, socket.SOCK_STREAM, 0, "", ("::", address.port)
    family = socket.AF_UNSPEC if address.host else socket.AF_INET
    found = socket.getaddrinfo(
        address.host or None, address.port, family, socket.SOCK_STREAM, 0, socket.AI_PASSIVE
    )
    return found[0]


def url_of(bound: socket.socket) -> str:
    """`http://127.0.0.1:9787` of a bound socket; for every address the one of this machine itself."""
    host, port = bound.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class WebServer:
    """Serves the endpoints on a socket."""

    def __init__(self, endpoints: Endpoints, bound: socket.socket, limits: Limits | None = None) -> None:
        self._endpoints = endpoints
        self._socket = bound
        self._limits = limits or Limits()
        self._server: asyncio.Server | None = None
        self._http: _HttpServer | None = None

    @property
    def connections(self) -> int:
        """How many are open."""
        return 0 if self._http is None else len(self._http.connections)

    async def start(self) -> None:
        """Starts to listen."""
        limits = self._limits
        self._http = _HttpServer(
            self._respond,
            limits.connections,
            access_log=None,
            keepalive_timeout=limits.keepalive_seconds,
            lingering_time=0,
            max_line_size=limits.header_bytes,
            max_field_size=limits.header_bytes,
            max_headers=limits.headers,
        )
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._http, sock=self._socket, backlog=limits.backlog)

    async def stop(self, grace_seconds: float) -> None:
        """Stops to listen, lets answers under way be sent for that long, and closes every connection."""
        if self._server is None or self._http is None:
            self._socket.close()
            return
        self._server.close()
        self._http.pre_shutdown()
        await self._http.shutdown(grace_seconds)

    async def _respond(self, request: BaseRequest) -> StreamResponse:
        query = Query(
            method=request.method,
            path=request.path,
            parameters=request.query,
            headers=request.headers,
            has_body=request.body_exists,
            local=is_local(request.transport),
        )
        await self._endpoints.prepare(query)
        answer = self._endpoints.answer(query)
        response = Response(status=answer.status.value, body=answer.body)
        response.headers["Server"] = BANNER
        response.headers["Content-Type"] = answer.content_type
        response.headers["X-Content-Type-Options"] = "nosniff"
        for name, value in answer.headers:
            response.headers.add(name, value)
        if query.has_body:
            response.force_close()
        try:
            async with asyncio.timeout(self._limits.response_seconds):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
        return response


def is_local(transport: asyncio.Transport | None) -> bool:
    """Whether the other end of a connection is on this machine's loopback."""
    peer = None if transport is None else transport.get_extra_info("peername")
    if not peer:
        return False
    address = ipaddress.ip_address(peer[0].partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped  # what a socket for every address shows of IPv4
    return address.is_loopback


class _Connection(RequestHandler):
    """aiohttp's protocol within our limits."""

    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(self._manager, _HttpServer) and self._manager.is_full:
            cast(asyncio.Transport, transport).abort()
            return
        # An answer counts as sent when the kernel has all of it, so that the time limit sees a slow reader.
        cast(asyncio.Transport, transport).set_write_buffer_limits(high=0)
        super().connection_made(transport)

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> StreamResponse:
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("an answer failed; this is a defect, please report it", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer is under way, an error cannot be told any more")
        response = Response(status=status, text=f"{HTTPStatus(status).phrase}\n", headers={"Server": BANNER})
        response.force_close()
        return response


class _HttpServer(Server):
    """Makes our connections instead of aiohttp's, and knows how many there may be."""

    def __init__(
        self, handler: Callable[[BaseRequest], Awaitable[StreamResponse]], most: int, **options: Any
    ) -> None:
        super().__init__(handler, **options)
        self._most = most

    @property
    def is_full(self) -> bool:
        """Whether no more connections may be opened."""
        return len(self.connections) >= self._most

    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)
