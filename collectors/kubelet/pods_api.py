"""The kubelet's Pods API, version 1alpha1: the pods of its node, and a stream of what happens to them.

Socket: pods-api/pods-api.sock below the kubelet's root. On by default from Kubernetes 1.37, in 1.36 behind the feature
gate PodsAPI. The kubelet answers 100 calls a second, 10 at once, from all its clients together; streams do not count.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from types import TracebackType
from typing import Self, TypeVar

from collectors.kubelet.channel import KubeletChannel, KubeletStream
from collectors.kubelet.errors import KubeletAnswerError
from collectors.kubelet.pod_answers import PodEvent, PodEventType, decode_event, decode_pod, decode_pods
from collectors.kubelet.wire import pods_pb2 as wire
from collectors.model.pod import Pod
from collectors.parse import ParseError

SOCKET_PATH = "/var/lib/kubelet/pods-api/pods-api.sock"
"""Where the kubelet listens, unless it was given another root."""

DEADLINE_SECONDS = 5.0
"""How long a call may take, and each pause in the stream before the initial sync is complete: it all comes at once."""

MAX_EVENT_BYTES = 4 << 20
"""The longest event that is read: one pod, of which the API server takes 1.5 MiB at most."""

_SERVICE = "/v1alpha1.Pods"
_NOTHING = wire.Nothing().SerializeToString()

T = TypeVar("T")


class PodsApiClient:
    """Asks one kubelet; use it as an async context manager. A kubelet that restarts is found again by the next call.

    Every call raises KubeletError: KubeletStartingError while the kubelet does not know its pods yet.
    """

    def __init__(self, socket_path: str = SOCKET_PATH, *, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._socket_path = socket_path
        self._deadline_seconds = deadline_seconds
        self._channel = KubeletChannel(socket_path)

    async def __aenter__(self) -> Self:
        await self._channel.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.__aexit__(kind, error, trace)

    async def list(self) -> tuple[Pod, ...]:
        """Every pod that the kubelet knows, refused and completed ones too."""
        return self._facts("ListPods", decode_pods, await self._call("ListPods", _NOTHING))

    async def get(self, uid: str) -> Pod:
        """One pod; raises PodNotFoundError."""
        question = wire.PodUid(uid=uid).SerializeToString()
        return self._facts("GetPod", decode_pod, await self._call("GetPod", question))

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncIterator[PodEvent]]:
        """The stream of events, for as long as the block runs.

        It begins with every pod as ADDED, then INITIAL_SYNC_COMPLETE; from there on it may be silent for ever, even
        where the kubelet hangs. It never ends but by an error: KubeletBehindError where we did not keep up.
        """
        async with (
            self._channel.stream(f"{_SERVICE}/WatchPods", _NOTHING, max_bytes=MAX_EVENT_BYTES) as stream,
            aclosing(self._events(stream)) as events,
        ):
            yield events

    async def _events(self, stream: KubeletStream) -> AsyncGenerator[PodEvent, None]:
        deadline: float | None = self._deadline_seconds
        while True:
            event = self._facts("WatchPods", decode_event, await stream.receive(deadline))
            if event is None:
                continue
            if event.type is PodEventType.INITIAL_SYNC_COMPLETE:
                deadline = None
            yield event

    async def _call(self, call: str, question: bytes) -> bytes:
        return await self._channel.call(
            f"{_SERVICE}/{call}", question, deadline_seconds=self._deadline_seconds
        )

    def _facts(self, call: str, decode: Callable[[bytes], T], data: bytes) -> T:
        """What the bytes say. The error that leaves here holds on to no frame that has them: they are full of secrets."""
        try:
            return decode(data)
        except ParseError as error:
            problem = KubeletAnswerError(self._socket_path, f"{call}: {error}")
        del data
        raise problem
