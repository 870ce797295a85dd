"""The pods of this node from the API server: one list, then a watch that is resumed for as long as the server can.

For kubelets without a Pods API. It needs the right to list and watch pods, which is the right to read every literal
value of their environment: nothing but the facts is kept. The server sees one list and one watch of its cache, which
has an index by node.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any

from agent.clock import Clock
from agent.kube.client import KubeClient, WatchEvent
from agent.kube.errors import (
    ForbiddenError,
    GoneError,
    KubeError,
    KubeStatusError,
    KubeUnreachableError,
)
from agent.sources.pod_json import pod_from_json
from agent.sources.pod_store import PodStore
from agent.supervise import Backoff
from collectors.model.pod import Pod
from collectors.parse import ParseError

log = logging.getLogger(__name__)

PATH = "/api/v1/pods"
PAGE = "100"
"""Pods of one page: some 1 MiB. A server that answers from its cache sends all at once all the same."""

FROM_CACHE = "0"
"""As resourceVersion of the first list: any state will do, and the server need not ask its database."""

SOON_SECONDS = (0.1, 0.3, 1.0, 1.5)
"""A server that is not there is asked often: nobody is there to be bothered, and we are right again when it is back."""

LATER_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)
"""One that is there and says no is left in peace, for as long as it asks to be at least."""

IDLE_SECONDS = 1300.0
"""Without a byte for so long a watch counts as dead. The server is asked to end it after half of that: an idle node
costs it one request in eleven minutes."""

SHORT_SECONDS = 1.0
"""A watch that ends sooner than that is a failure even where the server ended it, and pauses grow from one to the next."""

FORBIDDEN_RECHECK_SECONDS = 600.0
UNREACHABLE_RECHECK_SECONDS = 10.0


class ApiPods:
    """Follows the pods of one node through one API server.

    Attributes:
        recheck_seconds: long where we are not allowed to, short where the server could not be reached.
    """

    name = "the API server's watch of this node's pods"

    def __init__(
        self, client: KubeClient, *, node_name: str, clock: Clock, random: Callable[[], float]
    ) -> None:
        """`random` gives numbers from 0 up to 1: it spreads a fleet's attempts."""
        self._client = client
        self._selector = _of_node(node_name)
        self._clock = clock
        self._random = random
        self._listed: tuple[Pod, ...] | None = None
        self._version: str | None = None
        self._said: type[KubeError] | None = None
        self._soon = Backoff(SOON_SECONDS)
        self._later = Backoff(LATER_SECONDS)
        self.recheck_seconds = UNREACHABLE_RECHECK_SECONDS

    async def prepare(self) -> str | None:
        """Takes the first list, with which `follow` then begins."""
        try:
            await self._list(FROM_CACHE)
        except KubeError as error:
            self.recheck_seconds = (
                FORBIDDEN_RECHECK_SECONDS
                if isinstance(error, KubeStatusError)
                else UNREACHABLE_RECHECK_SECONDS
            )
            return str(error)
        return None

    async def follow(self, store: PodStore) -> str:
        """Through every failure of the server; ends where we are not allowed to read pods."""
        while True:
            try:
                await self._list_and_watch(store)
            except ForbiddenError as error:
                self.recheck_seconds = FORBIDDEN_RECHECK_SECONDS
                return str(error)
            except KubeError as error:
                if isinstance(error, GoneError):
                    self._version = None
                store.fail(str(error))
                self._say(error)
                await self._clock.sleep(self._pause(error))

    async def _list_and_watch(self, store: PodStore) -> None:
        """One list where one is needed, and watches that the server ends in good order."""
        if self._version is None:
            await self._list(None)
        if self._listed is not None:
            store.replace(self._listed)
            self._listed = None
        while True:
            await self._watch(store)

    async def _watch(self, store: PodStore) -> None:
        """Until the server ends it in good order and in good time; raises KubeError."""
        opened_at: list[float] = []

        def opened() -> None:
            opened_at.append(self._clock.monotonic())
            store.confirm()

        watch = self._client.watch(
            PATH,
            query=self._selector,
            resource_version=self._version,
            idle_seconds=IDLE_SECONDS,
            on_open=opened,
        )
        try:
            async with aclosing(watch) as events:
                async for event in events:
                    self._take(event, store)
                    del event  # it holds the whole pod, until the next one comes
        finally:
            lasted = self._clock.monotonic() - opened_at[0] if opened_at else 0.0
            if lasted >= SHORT_SECONDS:
                self._soon.succeeded()
                self._later.succeeded()
                self._said = None
        if lasted < SHORT_SECONDS:
            raise KubeUnreachableError(f"watch {PATH}: the server ended it at once")

    def _take(self, event: WatchEvent, store: PodStore) -> None:
        if event.type == "BOOKMARK":
            store.confirm()
        else:
            pod = _facts(event.object)
            if event.type == "DELETED":
                store.drop(pod.uid)
            else:
                store.put(pod)
        self._version = _version(event.object)

    async def _list(self, version: str | None) -> None:
        self._listed, self._version = await _list_pages(self._client, self._selector, version)

    def _say(self, error: KubeError) -> None:
        """Why the watch ended, where that is news."""
        if self._said is not type(error):
            log.info("the watch of pods ended (%s); trying again", error)
            self._said = type(error)

    def _pause(self, error: KubeError) -> float:
        """Seconds until the next attempt, spread over half as much again as is due."""
        asked = error.retry_after if isinstance(error, KubeStatusError) else None
        soon = isinstance(error, KubeUnreachableError | GoneError)
        due = (self._soon if soon else self._later).failed()
        return max(due, asked or 0.0) * (1.0 + self._random() / 2)


async def list_pods(client: KubeClient, node_name: str) -> tuple[Pod, ...]:
    """The pods of one node, now. Raises KubeError."""
    pods, _ = await _list_pages(client, _of_node(node_name), None)
    return pods


async def _list_pages(
    client: KubeClient, selector: Mapping[str, str], version: str | None
) -> tuple[tuple[Pod, ...], str | None]:
    """All pods of the node, page by page, of one version, and that version."""
    pods: list[Pod] = []
    query = {**selector, "limit": PAGE}
    if version is not None:
        query["resourceVersion"] = version
    while True:
        page = await client.get(PATH, query=query)
        items = page.get("items")
        pods += [_facts(item) for item in (items if isinstance(items, list) else ())]
        metadata = page.get("metadata")
        token = metadata.get("continue") if isinstance(metadata, dict) else None
        if not token:
            return tuple(pods), _version(page)
        query = {**selector, "limit": PAGE, "continue": str(token)}


def _of_node(node_name: str) -> dict[str, str]:
    return {"fieldSelector": f"spec.nodeName={node_name}"}


def _facts(item: dict[str, Any]) -> Pod:
    try:
        return pod_from_json(item)
    except ParseError as error:
        problem = KubeUnreachableError(f"{PATH}: {error}")
    del item
    raise problem


def _version(holder: dict[str, Any]) -> str | None:
    metadata = holder.get("metadata")
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    return version if isinstance(version, str) and version else None
