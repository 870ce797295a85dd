"""The PodResources client against a kubelet in this process."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from collectors.errors import NumascopeError
from collectors.kubelet.errors import (
    KubeletAnswerError,
    KubeletBusyError,
    KubeletDownError,
    KubeletSilentError,
    KubeletSocketMissingError,
    KubeletStatusError,
    KubeletUnsupportedError,
    PodNotFoundError,
)
from collectors.kubelet.podresources import PodResourcesClient, fetch_podresources
from collectors.kubelet.wire import podresources_pb2 as wire
from collectors.model.kubelet import Allocatable, KubeletAnswers, PodAllocation
from tests.fakes.kubelet import ALLOCATABLE, GET, LIST, Answer, serve

POD = wire.Pod(namespace="n", name="p", cpus=[1])
PODS = wire.PodList(pods=[POD]).SerializeToString()
POOL = wire.Allocatable(cpus=[0, 1]).SerializeToString()


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    return tmp_path / "kubelet.sock"


async def error_of(socket: Path, answer: Answer) -> NumascopeError:
    """What a client makes of that answer to Get."""
    async with serve(socket, {GET: answer}), PodResourcesClient(str(socket)) as client:
        with pytest.raises(NumascopeError) as caught:
            await client.get("n", "p")
    return caught.value


@pytest.mark.asyncio
async def test_pods_and_what_is_allocatable_are_fetched_together(socket: Path) -> None:
    before = time.time()
    async with serve(socket, {LIST: PODS, ALLOCATABLE: POOL}):
        answers = await fetch_podresources(str(socket), deadline_seconds=5)
    assert answers == KubeletAnswers(
        pods=(PodAllocation(namespace="n", name="p", cpus=frozenset({1})),),
        allocatable=Allocatable(cpus=frozenset({0, 1})),
        read_at=0,
    )
    assert before <= answers.read_at <= time.time()


@pytest.mark.asyncio
async def test_a_kubelet_that_does_not_tell_what_is_allocatable_still_tells_its_pods(socket: Path) -> None:
    async with serve(socket, {LIST: PODS}):
        answers = await fetch_podresources(str(socket), deadline_seconds=5)
    assert answers.allocatable is None
    assert [pod.name for pod in answers.pods] == ["p"]


@pytest.mark.asyncio
async def test_get_asks_for_one_pod_by_name(socket: Path) -> None:
    answer = wire.OnePod(pod=POD).SerializeToString()
    async with serve(socket, {GET: answer}) as kubelet, PodResourcesClient(str(socket)) as client:
        pod = await client.get("n", "p")
    assert pod == PodAllocation(namespace="n", name="p", cpus=frozenset({1}))
    assert kubelet.questions == [(GET, b"\x0a\x01p\x12\x01n")]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (Status.UNKNOWN, "pod p in namespace n not found", PodNotFoundError),
        (Status.NOT_FOUND, "no pod", PodNotFoundError),
        (Status.RESOURCE_EXHAUSTED, "rejected by rate limit", KubeletBusyError),
        (Status.UNKNOWN, "PodResources API Get method disabled", KubeletUnsupportedError),
        (Status.UNIMPLEMENTED, "unknown method Get", KubeletUnsupportedError),
        (Status.INTERNAL, "device manager not found", KubeletStatusError),
        (Status.UNKNOWN, None, KubeletStatusError),
    ],
)
async def test_an_error_that_the_kubelet_answers_has_its_own_type(
    socket: Path, status: Status, message: str | None, kind: type[KubeletStatusError]
) -> None:
    error = await error_of(socket, GRPCError(status, message))
    assert type(error) is kind
    assert f"the kubelet answered {status.name}: {message or 'without a word'}" in str(error)


@pytest.mark.asyncio
async def test_a_call_that_the_kubelet_does_not_know_is_unsupported(socket: Path) -> None:
    async with serve(socket, {LIST: PODS}), PodResourcesClient(str(socket)) as client:
        with pytest.raises(KubeletUnsupportedError):
            await client.allocatable()


@pytest.mark.asyncio
async def test_long_words_of_the_kubelet_are_shortened(socket: Path) -> None:
    error = await error_of(socket, GRPCError(Status.INTERNAL, "a" * 5000))
    assert len(str(error)) < 500


@pytest.mark.asyncio
async def test_an_answer_that_is_no_protobuf_names_the_call(socket: Path) -> None:
    error = await error_of(socket, b"\xff\xff")
    assert isinstance(error, KubeletAnswerError)
    assert "Get: expected the kubelet's word on a pod" in str(error)


@pytest.mark.asyncio
async def test_an_answer_of_16_mib_is_read(socket: Path) -> None:
    long_name = "n" * ((16 << 20) - 100)
    answer = wire.PodList(pods=[wire.Pod(name=long_name)]).SerializeToString()
    async with serve(socket, {LIST: answer}), PodResourcesClient(str(socket)) as client:
        assert [len(pod.name) for pod in await client.list()] == [len(long_name)]


@pytest.mark.asyncio
async def test_a_kubelet_that_hangs_is_given_up_at_the_deadline_and_asked_again(socket: Path) -> None:
    async def hang(_: bytes) -> bytes:
        await asyncio.sleep(3600)
        return b""

    async with (
        serve(socket, {LIST: hang}) as kubelet,
        PodResourcesClient(str(socket), deadline_seconds=0.05) as client,
    ):
        with pytest.raises(KubeletSilentError, match=r"no answer within 0\.05 s"):
            await client.list()
        kubelet.answers[LIST] = PODS
        assert len(await client.list()) == 1


@pytest.mark.asyncio
async def test_the_deadline_of_a_fetch_is_for_all_of_it(socket: Path) -> None:
    async def slow(_: bytes) -> bytes:
        await asyncio.sleep(0.15)
        return b""

    async with serve(socket, {LIST: slow, ALLOCATABLE: slow}):
        with pytest.raises(KubeletSilentError, match=r"no answer within 0\.2 s"):
            await fetch_podresources(str(socket), deadline_seconds=0.2)


@pytest.mark.asyncio
async def test_a_kubelet_that_restarts_is_found_again_by_the_same_client(socket: Path) -> None:
    async with PodResourcesClient(str(socket)) as client:
        with pytest.raises(KubeletSocketMissingError):
            await client.list()
        for _ in range(2):
            async with serve(socket, {LIST: PODS}):
                assert len(await client.list()) == 1
            with pytest.raises((KubeletDownError, KubeletSocketMissingError)):
                await client.list()


@pytest.mark.asyncio
async def test_calls_side_by_side_each_get_their_answer(socket: Path) -> None:
    async with serve(socket, {LIST: PODS, ALLOCATABLE: POOL}), PodResourcesClient(str(socket)) as client:
        pods, pool = await asyncio.gather(client.list(), client.allocatable())
    assert (len(pods), len(pool.cpus)) == (1, 2)
