"""The server on real sockets: what goes over the wire, and what no client may do."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest

from agent.settings import Address
from agent.surveyor import SurveyState
from agent.web.endpoints import Answer, Endpoints, Query
from agent.web.server import Limits, ListenError, WebServer, bind, is_local, url_of
from tests.fakes.clock import FakeClock
from tests.hosts.machine import expected_snapshot
from tests.hosts.shapes import HGX

LOOPBACK = Address("127.0.0.1", 0)
LARGE = 32 << 20
"""Bytes of an answer that no pair of socket buffers holds"""


class OddEndpoints(Endpoints):
    """Endpoints with more paths: an answer without end, one that fails, one that tells whether it was asked from here."""

    def answer(self, query: Query) -> Answer:
        if query.path == "/large":
            return Answer(body=b"x" * LARGE, content_type="text/plain")
        if query.path == "/local":
            return Answer(body=str(query.local).encode(), content_type="text/plain")
        if query.path == "/defect":
            raise ZeroDivisionError("ours")
        return super().answer(query)


@asynccontextmanager
async def running(address: Address = LOOPBACK, **limits: float) -> AsyncIterator[tuple[WebServer, int]]:
    """A server with these limits, and its port."""
    state = SurveyState(ticked_at=1000.0, completed_at=1000.0, snapshot=expected_snapshot(HGX, now=0.0))
    endpoints = OddEndpoints(lambda: state, clock=FakeClock(), node_name="n", period=60.0, deadline=20.0)
    bound = bind(address)
    server = WebServer(endpoints, bound, Limits(**limits))  # type: ignore[arg-type]
    await server.start()
    try:
        yield server, bound.getsockname()[1]
    finally:
        await server.stop(0.2)


@asynccontextmanager
async def serving(**limits: float) -> AsyncIterator[int]:
    """The port of a server with these limits."""
    async with running(LOOPBACK, **limits) as (_, port):
        yield port


async def exchange(port: int, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one answer; the server closes the connection after it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body


def get(target: str, *headers: str, method: str = "GET") -> bytes:
    lines = (f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", "")
    return "\r\n".join(lines).encode()


@pytest.mark.asyncio
async def test_an_answer_carries_its_type_and_no_versions_of_libraries() -> None:
    async with serving() as port:
        status, headers, body = await exchange(port, get("/healthz"))
    assert (status, body) == (200, b"ok\n")
    assert headers["Server"] == "numascope"
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.asyncio
async def test_head_has_the_headers_of_get_and_no_body() -> None:
    async with serving() as port:
        status, headers, body = await exchange(port, get("/api/v1/snapshot", method="HEAD"))
        _, _, whole = await exchange(port, get("/api/v1/snapshot"))
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) == len(whole) > 0


@pytest.mark.asyncio
async def test_parameters_and_headers_reach_the_endpoint_in_any_case() -> None:
    async with serving() as port:
        _, yaml, _ = await exchange(port, get("/api/v1/nrt?format=yaml"))
        _, headers, _ = await exchange(port, get("/api/v1/snapshot", "accept-encoding: gzip"))
        status, _, _ = await exchange(port, get("/api/v1/snapshot", f"if-none-match: {headers['ETag']}"))
    assert yaml["Content-Type"] == "application/yaml"
    assert headers["Content-Encoding"] == "gzip"
    assert status == HTTPStatus.NOT_MODIFIED


@pytest.mark.asyncio
async def test_a_connection_may_be_kept_for_more_requests() -> None:
    async with serving() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            assert b"200 OK" in await reader.readuntil(b"ok\n")
        writer.close()
        await writer.wait_closed()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "head", ["Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]
)
async def test_a_body_is_refused_and_the_connection_closed(head: str) -> None:
    async with serving() as port:
        status, headers, _ = await exchange(port, f"GET /metrics HTTP/1.1\r\nHost: a\r\n{head}".encode())
    assert status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert headers["Connection"] == "close"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 10_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: a\r\n" % number for number in range(100)) + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_what_is_no_request_or_too_long_is_refused_in_few_words_and_not_logged(
    request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as port:
        status, headers, body = await exchange(port, request_bytes)
    assert status == HTTPStatus.BAD_REQUEST
    assert (headers["Server"], body) == ("numascope", b"Bad Request\n")
    assert [record for record in caplog.records if record.levelno >= logging.INFO] == []


@pytest.mark.asyncio
async def test_a_defect_is_an_answer_without_details_and_a_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving() as port:
        status, headers, body = await exchange(port, get("/defect"))
    assert (status, body) == (500, b"Internal Server Error\n")
    assert headers["Server"] == "numascope"
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == [
        "an answer failed; this is a defect, please report it"
    ]


@pytest.mark.asyncio
async def test_a_client_that_does_not_finish_its_request_is_cut_off() -> None:
    async with serving(keepalive_seconds=0.05) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost:")
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
        await writer.wait_closed()


@pytest.mark.asyncio
async def test_a_client_that_does_not_take_its_answer_is_cut_off() -> None:
    loop = asyncio.get_running_loop()
    async with running(response_seconds=0.1) as (server, port):
        with socket.socket() as silent:
            silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            silent.setblocking(False)
            await loop.sock_connect(silent, ("127.0.0.1", port))
            await loop.sock_sendall(silent, get("/large"))
            async with asyncio.timeout(10):
                await loop.sock_recv(silent, 1)  # the answer has begun
                while server.connections:  # noqa: ASYNC110 - nothing tells when a connection is gone
                    await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_no_more_connections_are_kept_than_allowed() -> None:
    async with serving(connections=2) as port:
        first, second = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        for reader, writer in (first, second):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            await reader.readuntil(b"ok\n")
        with pytest.raises((ConnectionError, IndexError)):
            await exchange(port, get("/healthz"))
        first[1].close()
        await first[1].wait_closed()
        assert (await answered(lambda: exchange(port, get("/healthz"))))[0] == HTTPStatus.OK
        second[1].close()
        await second[1].wait_closed()


async def answered(
    ask: Callable[[], Awaitable[tuple[int, dict[str, str], bytes]]],
) -> tuple[int, dict[str, str], bytes]:
    """The first answer: the server notices a closed connection a moment later."""
    async with asyncio.timeout(5):
        while True:
            try:
                return await ask()
            except (ConnectionError, IndexError):
                await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_stopping_closes_idle_connections_at_once() -> None:
    async with serving() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        await reader.readuntil(b"ok\n")
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    await writer.wait_closed()
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", port)


@pytest.mark.asyncio
async def test_a_server_that_never_started_lets_its_socket_go() -> None:
    bound = bind(LOOPBACK)
    endpoints = Endpoints(
        lambda: SurveyState(ticked_at=0.0), clock=FakeClock(), node_name="n", period=60.0, deadline=20.0
    )
    await WebServer(endpoints, bound).stop(0.1)
    assert bound.fileno() == -1


def test_a_port_in_use_is_named_with_what_to_do() -> None:
    with bind(LOOPBACK) as first:
        first.listen()
        taken = Address("127.0.0.1", first.getsockname()[1])
        with pytest.raises(ListenError, match=rf"cannot listen on {taken}: the port is in use.*--listen"):
            bind(taken)


@pytest.mark.parametrize(
    ("host", "reason"),
    [("192.0.2.1", "this machine has no such address"), ("no-such-host.invalid", "cannot listen on")],
)
def test_an_address_that_is_not_ours_is_named(host: str, reason: str) -> None:
    with pytest.raises(ListenError, match=reason):
        bind(Address(host, 0))


def test_a_name_stands_for_its_first_address() -> None:
    with bind(Address("localhost", 0)) as bound:
        assert bound.getsockname()[0] in ("127.0.0.1", "::1")


def test_every_address_is_reached_over_ipv4() -> None:
    with bind(Address("", 0)) as bound:
        bound.listen()
        assert url_of(bound).startswith("http://127.0.0.1:")
        with socket.create_connection(("127.0.0.1", bound.getsockname()[1]), timeout=5):
            pass


def test_an_ipv6_address_is_served_alone_and_written_in_brackets() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with bind(Address("::1", 0)) as bound:
        assert url_of(bound) == f"http://[::1]:{bound.getsockname()[1]}"


@pytest.mark.asyncio
@pytest.mark.parametrize("address", [LOOPBACK, Address("", 0)], ids=str)
async def test_who_asks_over_loopback_is_known(address: Address) -> None:
    async with running(address) as (_, port):
        _, _, body = await exchange(port, b"GET /local HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert body == b"True"


@pytest.mark.parametrize(
    ("peer", "local"),
    [
        (("127.3.2.1", 1), True),
        (("::1", 1, 0, 0), True),
        (("::ffff:127.0.0.1", 1, 0, 0), True),
        (("192.0.2.7", 1), False),
        (("::ffff:192.0.2.7", 1, 0, 0), False),
        (("fe80::1%eth0", 1, 0, 2), False),
        (None, False),
    ],
)
def test_only_loopback_addresses_are_local(peer: tuple[object, ...] | None, *, local: bool) -> None:
    class Connected(asyncio.Transport):
        def get_extra_info(self, name: str, default: object = None) -> object:
            return peer if name == "peername" else default

    assert is_local(Connected()) is local


def test_a_connection_that_is_gone_is_not_local() -> None:
    assert not is_local(None)
