"""What may happen on the kubelet's socket below gRPC's own errors."""

from __future__ import annotations

import asyncio
import errno
import logging
import random
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hpack import Encoder
from hyperframe.frame import HeadersFrame, SettingsFrame

from collectors.kubelet.channel import KubeletChannel
from collectors.kubelet.errors import (
    KubeletAnswerError,
    KubeletConnectionLostError,
    KubeletDownError,
    KubeletError,
    KubeletForbiddenError,
    KubeletSilentError,
    KubeletSocketMissingError,
    KubeletUnreachableError,
)
from tests.fakes.kubelet import LIST, serve, serve_bytes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kubelet.sock"


async def ask(path: Path | str, deadline_seconds: float = 5) -> bytes:
    async with KubeletChannel(str(path)) as channel:
        return await channel.call(LIST, b"", deadline_seconds=deadline_seconds)


@pytest.mark.asyncio
async def test_a_missing_socket_is_told_apart(path: Path) -> None:
    with pytest.raises(KubeletSocketMissingError, match="is not mounted"):
        await ask(path)


@pytest.mark.asyncio
async def test_a_socket_below_what_is_no_directory_is_missing(path: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KubeletSocketMissingError):
        await ask(tmp_path / "file" / "kubelet.sock")


@pytest.mark.asyncio
async def test_a_socket_that_nobody_listens_on_is_a_kubelet_that_is_down(path: Path) -> None:
    with sockets.socket(sockets.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    with pytest.raises(KubeletDownError, match="nobody listens"):
        await ask(path)


@pytest.mark.asyncio
async def test_a_path_too_long_for_a_socket_is_unreachable() -> None:
    with pytest.raises(KubeletUnreachableError, match="too long"):
        await ask("/" + "a" * 200)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_a_socket_that_we_may_not_open_comes_with_advice(number: int) -> None:
    error = KubeletUnreachableError.from_os_error("/k.sock", OSError(number, ""))
    assert isinstance(error, KubeletForbiddenError)
    assert "SELinux" in str(error)
    assert "hostPath" in str(error)


def test_another_error_of_connecting_keeps_the_kernels_words() -> None:
    error = KubeletUnreachableError.from_os_error("/k.sock", OSError(errno.EMFILE, ""))
    assert str(error) == "/k.sock: Too many open files"


@pytest.mark.asyncio
async def test_a_program_that_never_speaks_is_given_up_at_the_deadline(path: Path) -> None:
    async with serve_bytes(path, None):
        with pytest.raises(KubeletSilentError):
            await ask(path, deadline_seconds=0.05)


@pytest.mark.asyncio
@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(range(256))])
async def test_a_program_that_speaks_no_grpc_is_a_lost_connection(path: Path, sent: bytes) -> None:
    async with serve_bytes(path, sent):
        with pytest.raises(KubeletConnectionLostError):
            await ask(path)


@pytest.mark.asyncio
async def test_a_lost_connection_leaves_no_cancellation_behind(path: Path) -> None:
    async with serve_bytes(path, b"nonsense" * 10):
        with pytest.raises(KubeletConnectionLostError):
            await ask(path)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


@pytest.mark.asyncio
async def test_cancelling_the_caller_ends_the_call(path: Path) -> None:
    async with serve_bytes(path, None):
        call = asyncio.create_task(ask(path))
        await asyncio.sleep(0.02)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call


@pytest.mark.asyncio
async def test_a_channel_that_is_not_open_is_a_mistake_of_ours(path: Path) -> None:
    with pytest.raises(RuntimeError, match="not open"):
        await KubeletChannel(str(path)).call(LIST, b"", deadline_seconds=1)


@pytest.mark.asyncio
async def test_closing_twice_is_no_mistake(path: Path) -> None:
    channel = KubeletChannel(str(path))
    async with channel:
        await channel.__aexit__(None, None, None)


@pytest.mark.asyncio
async def test_a_good_status_without_a_message_is_no_answer(path: Path) -> None:
    encoder = Encoder()
    head = HeadersFrame(1, encoder.encode([(":status", "200"), ("content-type", "application/grpc")]))
    head.flags.add("END_HEADERS")
    tail = HeadersFrame(1, encoder.encode([("grpc-status", "0")]))
    tail.flags.add("END_HEADERS")
    tail.flags.add("END_STREAM")
    sent = b"".join(frame.serialize() for frame in (SettingsFrame(), head, tail))
    async with serve_bytes(path, sent):
        with pytest.raises(KubeletAnswerError, match="without a message"):
            await ask(path)


@asynccontextmanager
async def eavesdropped(path: Path, heard: bytearray) -> AsyncIterator[Path]:
    """A socket that passes everything on to another and keeps what comes back."""
    ear = path.with_name("ear.sock")
    done = asyncio.Event()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, keep: bytearray) -> None:
        while data := await reader.read(1 << 16):
            keep.extend(data)
            writer.write(data)
        writer.close()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, before = await asyncio.open_unix_connection(path)
        await asyncio.gather(pass_on(reader, before, bytearray()), pass_on(behind, writer, heard))
        await asyncio.gather(before.wait_closed(), writer.wait_closed())
        done.set()

    server = await asyncio.start_unix_server(handle, ear)
    yield ear
    await done.wait()
    server.close()
    await server.wait_closed()


def damaged(data: bytes, source: random.Random) -> bytes:
    """The same bytes with some changed, cut off, or put in; or others altogether."""
    place = source.randrange(len(data))
    kind = source.random()
    if kind < 0.6:
        changed = bytearray(data)
        for _ in range(source.randint(1, 4)):
            changed[source.randrange(len(data))] = source.randrange(256)
        return bytes(changed)
    if kind < 0.75:
        return data[:place]
    if kind < 0.9:
        return data[:place] + source.randbytes(source.randint(1, 30)) + data[place:]
    return source.randbytes(source.randint(1, 400))


@pytest.mark.asyncio
async def test_a_damaged_conversation_gives_the_answer_or_a_kubelet_error(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, logger="asyncio")  # asyncio reports what grpclib cannot parse
    heard = bytearray()
    async with serve(path, {LIST: b"x" * 300}), eavesdropped(path, heard) as ear:
        assert await ask(ear) == b"x" * 300
    source = random.Random(1)
    outcomes: set[str] = set()
    for _ in range(300):
        async with serve_bytes(path, damaged(bytes(heard), source)):
            try:
                outcomes.add(type(await ask(path, deadline_seconds=1)).__name__)
            except KubeletError as error:
                outcomes.add(type(error).__name__)
    assert {"bytes", "KubeletConnectionLostError", "KubeletAnswerError", "KubeletStatusError"} <= outcomes


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        (b"\0" + (301).to_bytes(4, "big"), "not a whole gRPC answer"),
        (b"\0" + ((16 << 20) + 1).to_bytes(4, "big"), "an answer of 16777217 bytes"),
        (b"\1" + (300).to_bytes(4, "big"), "compressed"),
    ],
)
async def test_an_answer_whose_announcement_is_wrong_is_refused(
    path: Path, prefix: bytes, words: str
) -> None:
    heard = bytearray()
    async with serve(path, {LIST: b"x" * 300}), eavesdropped(path, heard) as ear:
        await ask(ear)
    right = b"\0" + (300).to_bytes(4, "big")
    assert bytes(heard).count(right) == 1
    async with serve_bytes(path, bytes(heard).replace(right, prefix)):
        with pytest.raises(KubeletAnswerError, match=words):
            await ask(path)
