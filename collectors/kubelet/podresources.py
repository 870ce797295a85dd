"""The kubelet's PodResources API, version 1: which pod holds which CPUs, memory and devices, and what there is to give.

Socket: pod-resources/kubelet.sock below the kubelet's root. Kubernetes documents it under "Monitoring device plugin
resources". The kubelet answers 100 calls a second, 10 at once, from all its clients together.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from collectors.kubelet.answers import AnswerDecoder
from collectors.kubelet.channel import KubeletChannel
from collectors.kubelet.errors import KubeletAnswerError, KubeletSilentError, KubeletUnsupportedError
from collectors.kubelet.wire import podresources_pb2 as wire
from collectors.model.kubelet import Allocatable, KubeletAnswers, PodAllocation
from collectors.parse import ParseError

SOCKET_PATH = "/var/lib/kubelet/pod-resources/kubelet.sock"
"""Where the kubelet listens, unless it was given another root."""

DEADLINE_SECONDS = 10.0
"""How long one call may take. The kubelet answers within milliseconds; while it starts it may not answer at all."""

_SERVICE = "/v1.PodResourcesLister"
_NOTHING = wire.Nothing().SerializeToString()

T = TypeVar("T")


class PodResourcesClient:
    """Asks one kubelet; use it as an async context manager. A kubelet that restarts is found again by the next call.

    Every call raises KubeletError.
    """

    def __init__(self, socket_path: str = SOCKET_PATH, *, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._socket_path = socket_path
        self._deadline_seconds = deadline_seconds
        self._channel = KubeletChannel(socket_path)
        self._decoder = AnswerDecoder()

    async def __aenter__(self) -> Self:
        await self._channel.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.__aexit__(kind, error, trace)

    async def list(self) -> tuple[PodAllocation, ...]:
        """Every pod on the node that is neither refused nor completed, by namespace and name.

        For about a second after its start a kubelet knows no pods yet, and says so: an empty list, then a partial one.
        """
        return await self._ask("List", _NOTHING, self._decoder.pods)

    async def allocatable(self) -> Allocatable:
        """The pool that the kubelet can give from; raises KubeletUnsupportedError where it does not tell."""
        return await self._ask("GetAllocatableResources", _NOTHING, self._decoder.allocatable)

    async def get(self, namespace: str, name: str) -> PodAllocation:
        """One pod; raises PodNotFoundError, and KubeletUnsupportedError where the kubelet has no such call (before
        1.34 it is off by default)."""
        question = wire.PodName(name=name, namespace=namespace)
        return await self._ask("Get", question.SerializeToString(), self._decoder.pod)

    async def _ask(self, call: str, question: bytes, decode: Callable[[bytes], T]) -> T:
        data = await self._channel.call(
            f"{_SERVICE}/{call}", question, deadline_seconds=self._deadline_seconds
        )
        try:
            return decode(data)
        except ParseError as error:
            raise KubeletAnswerError(self._socket_path, f"{call}: {error}") from error


async def fetch_podresources(socket_path: str, *, deadline_seconds: float) -> KubeletAnswers:
    """Both answers of one kubelet: its pods, and what it can give.

    Args:
        socket_path: the kubelet's socket.
        deadline_seconds: for everything together.

    Raises KubeletError.
    """
    try:
        async with (
            asyncio.timeout(deadline_seconds),
            PodResourcesClient(socket_path, deadline_seconds=deadline_seconds) as client,
        ):
            pods = await client.list()
            allocatable: Allocatable | None
            try:
                allocatable = await client.allocatable()
            except KubeletUnsupportedError:
                allocatable = None
            return KubeletAnswers(pods=pods, allocatable=allocatable, read_at=time.time())
    except TimeoutError:
        raise KubeletSilentError(socket_path, deadline_seconds) from None
