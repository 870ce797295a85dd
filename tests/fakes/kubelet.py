"""A kubelet in this process: a real gRPC server on a unix socket, which answers what a test tells it to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from grpclib.const import Cardinality, Handler, Status
from grpclib.encoding.base import CodecBase
from grpclib.exceptions import GRPCError
from grpclib.server import Server, Stream

LIST = "/v1.PodResourcesLister/List"
GET = "/v1.PodResourcesLister/Get"
ALLOCATABLE = "/v1.PodResourcesLister/GetAllocatableResources"
LIST_PODS = "/v1alpha1.Pods/ListPods"
GET_POD = "/v1alpha1.Pods/GetPod"
WATCH_PODS = "/v1alpha1.Pods/WatchPods"

Answer = bytes | Exception | Callable[[bytes], Awaitable[bytes]]
"""What a call gives: bytes, an error, or what a function makes of the question."""

Messages = Callable[[], AsyncIterator[bytes]]
"""What a stream gives: messages one by one; it ends well with them, or with the GRPCError that is raised."""


_PATIENCE_SECONDS = 0.01


class FakeKubelet:
    """Answers by the path of the call; a call that is not among `answers` is unimplemented, as Go's server says it.

    Attributes:
        questions: path and bytes of each call, as they came.
        streams: what each call that streams gives.
    """

    def __init__(self, answers: dict[str, Answer], streams: dict[str, Messages]) -> None:
        self.answers = answers
        self.streams = streams
        self.questions: list[tuple[str, bytes]] = []
        self._connections: set[asyncio.Transport] = set()

    def hang_up(self) -> None:
        """Breaks every connection, as a kubelet does that ends; a closed server alone leaves them be."""
        for connection in self._connections:
            connection.abort()

    def __mapping__(self) -> dict[str, Handler]:
        calls = (LIST, GET, ALLOCATABLE, LIST_PODS, GET_POD)
        return {
            **{call: Handler(self._handler(call), Cardinality.UNARY_UNARY, bytes, bytes) for call in calls},
            WATCH_PODS: Handler(self._streamer(WATCH_PODS), Cardinality.UNARY_STREAM, bytes, bytes),
        }

    def _streamer(self, path: str) -> Callable[[Stream[bytes, bytes]], Awaitable[None]]:
        async def handle(stream: Stream[bytes, bytes]) -> None:
            self._connections.add(stream._stream._transport)
            self.questions.append((path, await stream.recv_message() or b""))
            if path not in self.streams:
                raise GRPCError(Status.UNIMPLEMENTED, f"unknown method {path}")
            await stream.send_initial_metadata()
            async for message in self.streams[path]():
                await stream.send_message(message)

        return handle

    def _handler(self, path: str) -> Callable[[Stream[bytes, bytes]], Awaitable[None]]:
        async def handle(stream: Stream[bytes, bytes]) -> None:
            self._connections.add(stream._stream._transport)
            question = await stream.recv_message()
            self.questions.append((path, question or b""))
            answer = self.answers.get(path, GRPCError(Status.UNIMPLEMENTED, f"unknown method {path}"))
            if isinstance(answer, Exception):
                raise answer
            await stream.send_message(answer if isinstance(answer, bytes) else await answer(question or b""))

        return handle


@contextlib.asynccontextmanager
async def serve(
    socket_path: Path, answers: dict[str, Answer], streams: dict[str, Messages] | None = None
) -> AsyncIterator[FakeKubelet]:
    """A kubelet on that socket, for as long as the block runs."""
    kubelet = FakeKubelet(answers, streams or {})
    server = Server([kubelet], codec=_Bytes())
    await server.start(path=str(socket_path))
    try:
        yield kubelet
    finally:
        server.close()
        kubelet.hang_up()
        await server.wait_closed()


@contextlib.asynccontextmanager
async def serve_bytes(socket_path: Path, sent: bytes | None) -> AsyncIterator[None]:
    """A program on that socket that sends these bytes to whoever asks and soon hangs up; with None it is silent."""
    done = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            await reader.read(1)
            if sent is None:
                await done.wait()
            else:
                writer.write(sent)
                await writer.drain()
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await reader.read()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    handlers: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.add(asyncio.create_task(handle(reader, writer)))

    server = await asyncio.start_unix_server(connected, socket_path)
    try:
        yield
    finally:
        done.set()
        server.close()
        await asyncio.gather(*handlers)
        await server.wait_closed()


class _Bytes(CodecBase):
    __content_subtype__ = "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:
        return bytes(message)

    def decode(self, data: bytes, message_type: Any) -> Any:
        return data
