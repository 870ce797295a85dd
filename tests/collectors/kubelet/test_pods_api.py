"""The client of the Pods API, and streams of the kubelet's channel, against a kubelet in this process."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from collectors.kubelet.errors import (
    KubeletAnswerError,
    KubeletBehindError,
    KubeletBusyError,
    KubeletConnectionLostError,
    KubeletError,
    KubeletSilentError,
    KubeletSocketMissingError,
    KubeletStartingError,
    KubeletUnsupportedError,
    PodNotFoundError,
)
from collectors.kubelet.pod_answers import PodEvent, PodEventType
from collectors.kubelet.pods_api import MAX_EVENT_BYTES, PodsApiClient
from collectors.model.pod import Pod
from tests.fakes.kubelet import GET_POD, LIST_PODS, WATCH_PODS, Messages, serve, serve_bytes
from tests.pods.as_wire import event, field, name_bytes, one_pod, pod_bytes, pod_list
from tests.pods.secrets import who_holds_secrets

POD = Pod(namespace="n", name="p", uid="u", phase="Running")
ADDED = event(1, pod_bytes(POD))
SYNCED = event(4)
IS_ADDED = PodEvent(type=PodEventType.ADDED, pod=POD)
IS_SYNCED = PodEvent(type=PodEventType.INITIAL_SYNC_COMPLETE)


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    return tmp_path / "pods-api.sock"


def sends(*messages: bytes, then: Exception | None = None, for_ever: bool = False) -> Messages:
    """A stream of these messages, and how it goes on."""

    async def stream() -> AsyncIterator[bytes]:
        for message in messages:
            yield message
        if then is not None:
            raise then
        if for_ever:
            await asyncio.Event().wait()

    return stream


async def heard(
    socket: Path, stream: Messages, deadline_seconds: float = 5
) -> tuple[list[PodEvent], KubeletError]:
    """What a client hears of a stream, and the error that ends it."""
    events = []
    async with (
        serve(socket, {}, {WATCH_PODS: stream}),
        PodsApiClient(str(socket), deadline_seconds=deadline_seconds) as client,
        client.watch() as watch,
    ):
        while True:
            try:
                events.append(await anext(watch))
            except KubeletError as error:
                return events, error


@pytest.mark.asyncio
async def test_pods_are_listed_and_one_is_asked_for_by_uid(socket: Path) -> None:
    answers = {LIST_PODS: pod_list([pod_bytes(POD)]), GET_POD: one_pod(pod_bytes(POD))}
    async with serve(socket, dict(answers)) as kubelet, PodsApiClient(str(socket)) as client:
        assert await client.list() == (POD,)
        assert await client.get("u") == POD
    assert kubelet.questions == [(LIST_PODS, b""), (GET_POD, b"\x0a\x01u")]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (Status.NOT_FOUND, PodNotFoundError),
        (Status.FAILED_PRECONDITION, KubeletStartingError),
        (Status.RESOURCE_EXHAUSTED, KubeletBusyError),
        (Status.UNIMPLEMENTED, KubeletUnsupportedError),
    ],
)
async def test_what_a_call_is_refused_with_has_its_type(
    socket: Path, status: Status, kind: type[KubeletError]
) -> None:
    async with serve(socket, {GET_POD: GRPCError(status, "no")}), PodsApiClient(str(socket)) as client:
        with pytest.raises(kind):
            await client.get("u")


@pytest.mark.asyncio
async def test_events_come_as_they_are_sent_and_unknown_ones_are_passed_over(socket: Path) -> None:
    gone = event(3, name_bytes(POD))
    events, error = await heard(socket, sends(ADDED, event(17), SYNCED, gone))
    assert events[:2] == [IS_ADDED, IS_SYNCED]
    assert [told.type for told in events[2:]] == [PodEventType.DELETED]
    assert isinstance(error, KubeletConnectionLostError)
    assert "the kubelet ended the stream" in str(error)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (Status.FAILED_PRECONDITION, KubeletStartingError),
        (Status.RESOURCE_EXHAUSTED, KubeletBehindError),
        (Status.UNIMPLEMENTED, KubeletUnsupportedError),
    ],
)
@pytest.mark.parametrize("before", [(), (ADDED, SYNCED)])
async def test_what_a_stream_is_ended_with_has_its_type(
    socket: Path, status: Status, kind: type[KubeletError], before: tuple[bytes, ...]
) -> None:
    events, error = await heard(socket, sends(*before, then=GRPCError(status, "so it is")))
    assert len(events) == len(before)
    assert type(error) is kind


@pytest.mark.asyncio
async def test_a_stream_that_is_not_there_is_unsupported(socket: Path) -> None:
    async with serve(socket, {}), PodsApiClient(str(socket)) as client, client.watch() as watch:
        with pytest.raises(KubeletUnsupportedError):
            await anext(watch)


@pytest.mark.asyncio
async def test_a_kubelet_that_is_not_there_is_said_so_when_the_stream_is_read(socket: Path) -> None:
    async with PodsApiClient(str(socket)) as client, client.watch() as watch:
        with pytest.raises(KubeletSocketMissingError):
            await anext(watch)


@pytest.mark.asyncio
@pytest.mark.parametrize("messages", [(), (ADDED,)])
async def test_a_pause_before_the_initial_sync_is_complete_has_a_deadline(
    socket: Path, messages: tuple[bytes, ...]
) -> None:
    events, error = await heard(socket, sends(*messages, for_ever=True), deadline_seconds=0.05)
    assert len(events) == len(messages)
    assert isinstance(error, KubeletSilentError)


@pytest.mark.asyncio
async def test_silence_after_the_initial_sync_has_none(socket: Path) -> None:
    late = asyncio.Event()

    async def stream() -> AsyncIterator[bytes]:
        yield SYNCED
        await late.wait()
        yield ADDED

    async with (
        serve(socket, {}, {WATCH_PODS: stream}),
        PodsApiClient(str(socket), deadline_seconds=0.02) as client,
        client.watch() as watch,
    ):
        assert await anext(watch) == IS_SYNCED
        asyncio.get_running_loop().call_later(0.1, late.set)
        assert await anext(watch) == IS_ADDED


@pytest.mark.asyncio
async def test_calls_go_on_beside_a_stream(socket: Path) -> None:
    stream = sends(SYNCED, for_ever=True)
    async with (
        serve(socket, {LIST_PODS: pod_list([])}, {WATCH_PODS: stream}),
        PodsApiClient(str(socket)) as client,
        client.watch() as watch,
    ):
        await anext(watch)
        assert await client.list() == ()


@pytest.mark.asyncio
async def test_whoever_leaves_a_stream_tells_the_kubelet(socket: Path) -> None:
    ended = asyncio.Event()

    async def stream() -> AsyncIterator[bytes]:
        try:
            yield SYNCED
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with serve(socket, {}, {WATCH_PODS: stream}), PodsApiClient(str(socket)) as client:
        async with client.watch() as watch:
            await anext(watch)
        await asyncio.wait_for(ended.wait(), 5)


@pytest.mark.asyncio
async def test_cancelling_whoever_waits_for_an_event_ends_the_wait(socket: Path) -> None:
    async def follow(client: PodsApiClient) -> None:
        async with client.watch() as watch:
            async for _ in watch:
                waiting.set()

    waiting = asyncio.Event()
    async with (
        serve(socket, {}, {WATCH_PODS: sends(SYNCED, for_ever=True)}),
        PodsApiClient(str(socket)) as client,
    ):
        task = asyncio.create_task(follow(client))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.asyncio
async def test_a_connection_that_breaks_ends_the_stream_and_cancels_nobody(socket: Path) -> None:
    async with (
        serve(socket, {}, {WATCH_PODS: sends(SYNCED, for_ever=True)}) as kubelet,
        PodsApiClient(str(socket)) as client,
        client.watch() as watch,
    ):
        await anext(watch)
        kubelet.hang_up()
        with pytest.raises(KubeletConnectionLostError):
            await anext(watch)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0


@pytest.mark.asyncio
async def test_a_stream_begins_anew_after_one_that_broke(socket: Path) -> None:
    async with (
        serve(socket, {}, {WATCH_PODS: sends(ADDED, SYNCED, for_ever=True)}) as kubelet,
        PodsApiClient(str(socket)) as client,
    ):
        for _ in range(2):
            async with client.watch() as watch:
                assert [await anext(watch), await anext(watch)] == [IS_ADDED, IS_SYNCED]
                kubelet.hang_up()
                with pytest.raises(KubeletConnectionLostError):
                    await anext(watch)


@pytest.mark.asyncio
async def test_an_event_longer_than_any_pod_is_not_read(socket: Path) -> None:
    long = event(1, pod_bytes(POD) + field(9, b"x" * MAX_EVENT_BYTES))
    events, error = await heard(socket, sends(long, SYNCED))
    assert events == []
    assert isinstance(error, KubeletAnswerError)
    assert "are not read" in str(error)


@pytest.mark.asyncio
async def test_a_program_that_speaks_no_grpc_is_a_lost_connection(socket: Path) -> None:
    async with (
        serve_bytes(socket, b"nonsense" * 10),
        PodsApiClient(str(socket)) as client,
        client.watch() as watch,
    ):
        with pytest.raises(KubeletConnectionLostError):
            await anext(watch)


@pytest.mark.asyncio
async def test_a_malformed_answer_is_said_without_what_it_holds(socket: Path) -> None:
    nameless = pod_bytes(POD) + field(1, field(1, ""))
    _, error = await heard(socket, sends(event(1, nameless)))
    assert isinstance(error, KubeletAnswerError)
    assert "WatchPods: expected a pod with namespace, name and uid" in str(error)
    assert who_holds_secrets(error.args, error.__context__, error.__cause__) == []
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)][1:]
    error.__traceback__ = None  # by which this test's own bytes would be found
    assert who_holds_secrets(*(list(frame.f_locals.values()) for frame in frames)) == []


@pytest.mark.asyncio
async def test_a_client_holds_on_to_nothing_that_it_read(socket: Path) -> None:
    answers = {LIST_PODS: pod_list([pod_bytes(POD)] * 3)}
    stream = sends(ADDED, SYNCED, for_ever=True)
    async with (
        serve(socket, dict(answers), {WATCH_PODS: stream}),
        PodsApiClient(str(socket)) as client,
        client.watch() as watch,
    ):
        kept = [await anext(watch), await anext(watch), await client.list()]
        assert who_holds_secrets(kept, client) == []
