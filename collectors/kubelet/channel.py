"""A gRPC connection to one of the kubelet's unix sockets: bytes out, bytes or a stream of them back, every failure a
KubeletError.

The only module that knows grpclib. Three of its habits are kept in here:

- where a connection breaks it cancels the task that waits, and never takes the request back, which would confuse
  task groups and timeouts further up: so each call, and each wait for a message of a stream, has a task of its own;
- its deadlines do the same: so ours is asyncio's;
- it reads a message of any length: so the length is looked at before the message is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from types import TracebackType
from typing import Any, Self

from grpclib.client import Channel, Stream
from grpclib.const import Cardinality, Status
from grpclib.encoding.base import CodecBase
from grpclib.exceptions import GRPCError, StreamTerminatedError
from h2.exceptions import H2Error
from multidict import MultiDict

from collectors.errors import SHOWN_CHARACTERS
from collectors.kubelet.errors import (
    KubeletAnswerError,
    KubeletBehindError,
    KubeletBusyError,
    KubeletConnectionLostError,
    KubeletError,
    KubeletSilentError,
    KubeletStartingError,
    KubeletStatusError,
    KubeletUnreachableError,
    KubeletUnsupportedError,
    PodNotFoundError,
)

MAX_MESSAGE_BYTES = 16 << 20
"""The longest answer that is read, and what the kubelet's own client allows. 500 pods with 16 devices each are 0.5 MiB."""

_PREFIX_BYTES = 5
"""Before each message: one byte "compressed", four bytes length, highest first."""


class KubeletChannel:
    """One connection, opened when the first call needs it and opened anew after it broke.

    Use it as an async context manager; calls may run side by side.
    """

    def __init__(self, socket_path: str) -> None:
        self._socket_path = socket_path
        self._channel: Channel | None = None

    async def __aenter__(self) -> Self:
        self._channel = Channel(path=self._socket_path, codec=_RawCodec())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._channel is not None:
            self._channel.close()
        self._channel = None
        await asyncio.sleep(0)  # the socket itself is closed in the loop's next round

    async def call(self, method: str, request: bytes, *, deadline_seconds: float) -> bytes:
        """The answer to one unary call; connecting counts against the deadline.

        Args:
            method: the path of the call, such as `/v1.PodResourcesLister/List`.
            request: the question, as protobuf bytes.

        Raises KubeletError.
        """
        work = asyncio.create_task(self._call(self._opened(), method, request), name=f"kubelet{method}")
        return await _by_the_deadline(work, self._socket_path, deadline_seconds)

    @asynccontextmanager
    async def stream(
        self, method: str, request: bytes, *, max_bytes: int = MAX_MESSAGE_BYTES
    ) -> AsyncIterator[KubeletStream]:
        """The messages that the kubelet sends in answer to one question, for as long as the block runs.

        The question is sent with the first `receive`. On the way out the kubelet is told to stop.

        Args:
            method: the path of the call.
            request: the question, as protobuf bytes.
            max_bytes: a longer message is not read.
        """
        stream = _BoundedStream(self._opened(), method, Cardinality.UNARY_STREAM, max_bytes)
        await stream.__aenter__()
        try:
            yield KubeletStream(self._socket_path, stream, request)
        finally:
            # Told that we leave, grpclib waits for nothing; told that all is well, it would wait for the stream's end.
            with suppress(
                H2Error, OSError
            ):  # what happened before matters more than a goodbye that cannot be said
                await stream.__aexit__(asyncio.CancelledError, asyncio.CancelledError(), None)

    def _opened(self) -> Channel:
        if self._channel is None:
            raise RuntimeError("the channel is not open: use it with `async with`")
        return self._channel

    async def _call(self, channel: Channel, method: str, request: bytes) -> bytes:
        with _as_kubelet_errors(self._socket_path):
            async with _BoundedStream(channel, method, Cardinality.UNARY_UNARY, MAX_MESSAGE_BYTES) as stream:
                await stream.send_message(request, end=True)
                answer = await stream.recv_message()
        if answer is None:
            raise KubeletAnswerError(self._socket_path, "the kubelet answered without a message")
        return answer


class KubeletStream:
    """The messages of one call. Made by `KubeletChannel.stream`; after an error it gives nothing more."""

    def __init__(self, socket_path: str, stream: _BoundedStream, request: bytes) -> None:
        self._socket_path = socket_path
        self._stream = stream
        self._request = request
        self._asked = False

    async def receive(self, deadline_seconds: float | None) -> bytes:
        """The next message.

        Args:
            deadline_seconds: how long to wait for it, connecting included; None waits for ever.

        Raises KubeletError; KubeletConnectionLostError where the kubelet ended the stream, for what reason ever it
        did not say.
        """
        work = asyncio.create_task(self._receive(), name="kubelet stream")
        return await _by_the_deadline(work, self._socket_path, deadline_seconds)

    async def _receive(self) -> bytes:
        with _as_kubelet_errors(self._socket_path, streaming=True):
            if not self._asked:
                self._asked = True
                await self._stream.send_message(self._request, end=True)
            message = await self._stream.next_message()
        if message is None:
            raise KubeletConnectionLostError(self._socket_path, "the kubelet ended the stream")
        return message


async def _by_the_deadline(work: asyncio.Task[bytes], socket_path: str, seconds: float | None) -> bytes:
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise KubeletSilentError(socket_path, seconds or 0.0) from None


@contextmanager
def _as_kubelet_errors(socket_path: str, *, streaming: bool = False) -> Iterator[None]:
    """Turns whatever grpclib, h2 and the socket raise into a KubeletError."""
    try:
        yield
    except GRPCError as error:
        raise _from_status(socket_path, error, streaming=streaming) from error
    except _TooLongError as error:
        raise KubeletAnswerError(socket_path, str(error)) from error
    except OSError as error:
        raise KubeletUnreachableError.from_os_error(socket_path, error) from error
    except (StreamTerminatedError, H2Error) as error:
        raise KubeletConnectionLostError(socket_path, f"the connection broke ({error})") from error
    except (AssertionError, KeyError) as error:  # how grpclib says: a message that ends early, no HTTP status
        raise KubeletAnswerError(socket_path, "the answer is not a whole gRPC answer") from error


class _RawCodec(CodecBase):
    """Messages pass as bytes: what they mean is not this module's business."""

    __content_subtype__ = "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:
        return bytes(message)

    def decode(self, data: bytes, message_type: Any) -> Any:
        return data


class _TooLongError(Exception):
    """A message was announced that we do not want."""


class _BoundedStream(Stream[bytes, bytes]):
    """A call whose messages are refused before they are read where they are too long or compressed."""

    def __init__(self, channel: Channel, method: str, cardinality: Cardinality, max_bytes: int) -> None:
        metadata: Any = MultiDict()
        self._max_bytes = max_bytes
        super().__init__(
            channel,
            method,
            metadata,
            cardinality,
            bytes,
            bytes,
            codec=_RawCodec(),
            status_details_codec=None,
            dispatch=channel.__dispatch__,
        )

    async def next_message(self) -> bytes | None:
        """The next message of a stream; None where it ended with a good status, else raises GRPCError."""
        try:
            message = await self.recv_message()
            if message is None:
                await self.recv_trailing_metadata()
        except StreamTerminatedError:
            self._maybe_raise()  # the kubelet may have said why before it broke off
            raise
        return message

    async def recv_message(self) -> bytes | None:
        if not self._recv_initial_metadata_done:
            await self.recv_initial_metadata()
        with self._wrapper:
            prefix = await self._stream.recv_data(_PREFIX_BYTES)
            if not prefix:
                return None
            if prefix[0]:
                raise _TooLongError("the answer is compressed, which we did not ask for")
            size = int.from_bytes(prefix[1:], "big")
            if size > self._max_bytes:
                raise _TooLongError(f"an answer of {size} bytes; more than {self._max_bytes} are not read")
            message: bytes = self._codec.decode(await self._stream.recv_data(size), bytes)
            return message


def _from_status(socket_path: str, error: GRPCError, *, streaming: bool) -> KubeletError:
    message = (error.message or "without a word").strip()
    shown = message if len(message) <= 4 * SHOWN_CHARACTERS else f"{message[: 4 * SHOWN_CHARACTERS]}…"
    kind = _kind_of(error.status, message)
    if streaming and kind is KubeletBusyError:  # calls are limited in number, streams in what waits for us
        kind = KubeletBehindError
    return kind(socket_path, error.status.name, shown)


def _kind_of(status: Status, message: str) -> type[KubeletStatusError]:
    if status is Status.UNKNOWN:  # what the kubelet's own handlers say, it says in words alone
        if message.endswith("method disabled"):
            return KubeletUnsupportedError
        return PodNotFoundError if message.endswith(" not found") else KubeletStatusError
    return _KINDS.get(status, KubeletStatusError)


_KINDS = {
    Status.RESOURCE_EXHAUSTED: KubeletBusyError,
    Status.UNIMPLEMENTED: KubeletUnsupportedError,
    Status.FAILED_PRECONDITION: KubeletStartingError,
    Status.NOT_FOUND: PodNotFoundError,
}
