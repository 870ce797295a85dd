"""A gRPC connection to one of the kubelet's unix sockets: bytes out, bytes back, every failure a KubeletError.

The only module that knows grpclib. Three of its habits are kept in here:

- where a connection breaks it cancels the task that waits, and never takes the request back, which would confuse
  task groups and timeouts further up: so each call has a task of its own;
- its deadlines do the same: so ours is asyncio's;
- it reads a message of any length: so the length is looked at before the message is read.
"""

from __future__ import annotations

import asyncio
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
    KubeletBusyError,
    KubeletConnectionLostError,
    KubeletError,
    KubeletSilentError,
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
        if self._channel is None:
            raise RuntimeError("the channel is not open: use it with `async with`")
        work = asyncio.create_task(self._call(self._channel, method, request), name=f"kubelet{method}")
        try:
            async with asyncio.timeout(deadline_seconds):
                return await work
        except TimeoutError:
            raise KubeletSilentError(self._socket_path, deadline_seconds) from None

    async def _call(self, channel: Channel, method: str, request: bytes) -> bytes:
        try:
            async with _BoundedStream(channel, method) as stream:
                await stream.send_message(request, end=True)
                answer = await stream.recv_message()
        except GRPCError as error:
            raise _from_status(self._socket_path, error) from error
        except _TooLongError as error:
            raise KubeletAnswerError(self._socket_path, str(error)) from error
        except OSError as error:
            raise KubeletUnreachableError.from_os_error(self._socket_path, error) from error
        except (StreamTerminatedError, H2Error) as error:
            raise KubeletConnectionLostError(self._socket_path, f"the connection broke ({error})") from error
        except (
            AssertionError,
            KeyError,
        ) as error:  # how grpclib says: a message that ends early, no HTTP status
            raise KubeletAnswerError(self._socket_path, "the answer is not a whole gRPC answer") from error
        if answer is None:
            raise KubeletAnswerError(self._socket_path, "the kubelet answered without a message")
        return answer


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
    """A unary call whose answer is refused before it is read where it is too long or compressed."""

    def __init__(self, channel: Channel, method: str) -> None:
        metadata: Any = MultiDict()
        super().__init__(
            channel,
            method,
            metadata,
            Cardinality.UNARY_UNARY,
            bytes,
            bytes,
            codec=_RawCodec(),
            status_details_codec=None,
            dispatch=channel.__dispatch__,
        )

    async def recv_message(self) -> bytes | None:
        await self.recv_initial_metadata()
        with self._wrapper:
            prefix = await self._stream.recv_data(_PREFIX_BYTES)
            if not prefix:
                return None
            if prefix[0]:
                raise _TooLongError("the answer is compressed, which we did not ask for")
            size = int.from_bytes(prefix[1:], "big")
            if size > MAX_MESSAGE_BYTES:
                raise _TooLongError(f"an answer of {size} bytes; more than {MAX_MESSAGE_BYTES} are not read")
            message: bytes = self._codec.decode(await self._stream.recv_data(size), bytes)
            return message


def _from_status(socket_path: str, error: GRPCError) -> KubeletError:
    message = (error.message or "without a word").strip()
    shown = message if len(message) <= 4 * SHOWN_CHARACTERS else f"{message[: 4 * SHOWN_CHARACTERS]}…"
    return _kind_of(error.status, message)(socket_path, error.status.name, shown)


def _kind_of(status: Status, message: str) -> type[KubeletStatusError]:
    if status is Status.UNKNOWN:  # what the kubelet's own handlers say, it says in words alone
        if message.endswith("method disabled"):
            return KubeletUnsupportedError
        return PodNotFoundError if message.endswith(" not found") else KubeletStatusError
    return _KINDS.get(status, KubeletStatusError)


_KINDS = {
    Status.RESOURCE_EXHAUSTED: KubeletBusyError,
    Status.UNIMPLEMENTED: KubeletUnsupportedError,
    Status.NOT_FOUND: PodNotFoundError,
}
