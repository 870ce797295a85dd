"""The pods of this node from the kubelet's own Pods API: no right to read pods, no load on the API server.

The stream cannot be resumed: after each break all pods come again, and those that do not are gone. A kubelet whose
queue is full loses events in silence, and one that hangs is silent too: so all pods are listed now and then.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Never

from agent.clock import Clock
from agent.sources.pod_store import PodStore
from agent.supervise import Backoff, race
from collectors.kubelet.errors import (
    KubeletAnswerError,
    KubeletError,
    KubeletStartingError,
    KubeletStatusError,
    KubeletUnsupportedError,
    PodNotFoundError,
)
from collectors.kubelet.pod_answers import PodEvent, PodEventType
from collectors.kubelet.pods_api import DEADLINE_SECONDS, PodsApiClient

log = logging.getLogger(__name__)

RETRY_SECONDS = (0.05, 0.1, 0.2, 0.5)
"""A kubelet that restarts is back within seconds, and asking a socket that nobody listens on costs next to nothing."""

PATIENCE_SECONDS = 300.0
"""Without a word from the kubelet this source is given up, for one that may work, and tried again beside it."""

AUDIT_SECONDS = 300.0
"""Between lists. One of 110 pods takes some 10 ms."""

AUDIT_TRIES = 3
AUDIT_RETRY_SECONDS = 1.0
"""A list during which an event comes proves nothing; on a node that never rests the next audit has to do."""


class KubeletPods:
    """Follows the Pods API of one kubelet.

    Attributes:
        repaired: pods of which a list knew what the stream had not told.
    """

    name = "the kubelet's Pods API"
    recheck_seconds = 10.0

    def __init__(self, socket_path: str, *, clock: Clock, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._socket_path = socket_path
        self._deadline_seconds = deadline_seconds
        self._clock = clock
        self._events = 0
        self._synced = False
        self.repaired = 0

    async def prepare(self) -> str | None:
        """Asks for a pod that cannot be: what a kubelet answers shows whether it has this API."""
        async with self._client() as client:
            try:
                with suppress(PodNotFoundError, KubeletStartingError):
                    await client.get("")
            except KubeletError as error:
                return error.reason
        return None

    async def follow(self, store: PodStore) -> str:
        """Through every restart of the kubelet; ends where the kubelet no longer has the API, or stays away."""
        backoff = Backoff(RETRY_SECONDS)
        said: type[KubeletError] | None = None
        alive_at = self._clock.monotonic()
        async with self._client() as client:
            while True:
                self._synced = False
                error = await self._follow_stream(client, store)
                if self._synced:
                    backoff.succeeded()
                    said = None
                    alive_at = self._clock.monotonic()
                away = self._clock.monotonic() - alive_at
                if isinstance(error, KubeletUnsupportedError) or away >= PATIENCE_SECONDS:
                    return error.reason
                store.fail(error.reason)
                if said is not type(error):
                    log.info("the stream of pods ended (%s); beginning anew", error)
                    said = type(error)
                del error  # and with it the frames of the stream, while we wait or follow the next
                await self._clock.sleep(backoff.failed())

    def _client(self) -> PodsApiClient:
        return PodsApiClient(self._socket_path, deadline_seconds=self._deadline_seconds)

    async def _follow_stream(self, client: PodsApiClient, store: PodStore) -> KubeletError:
        """Follows and audits one stream; returns what ended it."""
        try:
            async with client.watch() as events:
                await race(self._listen(events, store), self._keep_auditing(client, store))
        except KubeletError as error:
            return error

    async def _listen(self, events: AsyncIterator[PodEvent], store: PodStore) -> Never:
        """Takes what the kubelet tells, until it raises KubeletError."""
        replay = store.replay()
        while True:
            event = await anext(events)
            self._events += 1
            if event.pod is None:  # INITIAL_SYNC_COMPLETE, the only one without
                replay.done()
                self._synced = True
            elif event.type is PodEventType.DELETED:
                store.drop(event.pod.uid)
            elif self._synced:
                store.put(event.pod)
            else:
                replay.add(event.pod)

    async def _keep_auditing(self, client: PodsApiClient, store: PodStore) -> Never:
        """Raises KubeletError where the kubelet does not answer: then the stream is not worth waiting for either."""
        while True:
            await self._clock.sleep(AUDIT_SECONDS)
            for _ in range(AUDIT_TRIES):
                if await self._audit(client, store):
                    break
                await self._clock.sleep(AUDIT_RETRY_SECONDS)

    async def _audit(self, client: PodsApiClient, store: PodStore) -> bool:
        """Compares with a list; False where that proves nothing, since an event came meanwhile."""
        events_before = self._events
        try:
            pods = await client.list()
        except (KubeletStatusError, KubeletAnswerError) as error:  # it lives, which is half of what we ask
            log.info("pods could not be audited: %s", error)
            return True
        if self._events != events_before:
            return False
        repaired = store.replace(pods)
        if repaired:
            log.warning("the kubelet's stream of pods had left out %d changes", repaired)
        self.repaired += repaired
        return True
