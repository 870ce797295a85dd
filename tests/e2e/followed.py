"""A feed of pods that runs beside a test, in a thread and an event loop of its own."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import TypeVar

from agent.clock import SystemClock
from agent.kube.client import KubeClient
from agent.kube.credentials import Credentials
from agent.sources.api_pods import ApiPods
from agent.sources.kubelet_pods import KubeletPods
from agent.sources.pod_source import PodFeed, PodSource, PolledPods
from agent.sources.pod_store import PodStore
from collectors.model.pod import Pod
from collectors.model.snapshot import Observed
from tests.e2e.bed.bed import NODE_NAME, Bed
from tests.e2e.bed.processes import wait_until

T = TypeVar("T")


class Followed:
    """What a feed told.

    Attributes:
        told: (monotonic seconds, pod's name) of each call to look at a pod.
        refused: (uid, news) of each refusal.
        unknown: how often any pod may have changed.
    """

    def __init__(self) -> None:
        self.told: list[tuple[float, str]] = []
        self.refused: list[tuple[str, bool]] = []
        self.unknown = 0
        self.store: PodStore
        self.feed: PodFeed
        self._loop: asyncio.AbstractEventLoop
        self._task: asyncio.Task[None]
        self._ready = threading.Event()

    # What the store calls

    def pod_changed(self, namespace: str, name: str) -> None:
        self.told.append((time.monotonic(), name))

    def pods_unknown(self) -> None:
        self.unknown += 1

    def pod_refused(self, pod: Pod, *, news: bool) -> None:
        self.refused.append((pod.uid, news))

    # What a test asks

    def observed(self) -> Observed[tuple[Pod, ...]]:
        """The pods as the store has them."""
        return self._on_loop(self.store.observed)

    def pod(self, name: str) -> Pod | None:
        """The pod of that name, where the feed knows one."""
        return next((pod for pod in self.observed().facts or () if pod.name == name), None)

    def wait_for(self, name: str, condition: Callable[[Pod], bool], *, seconds: float = 30.0) -> Pod:
        """The pod, once it is known and so."""

        def holds() -> bool:
            found = self.pod(name)
            return found is not None and condition(found)

        wait_until(holds, what=f"pod {name} in the feed", seconds=seconds)
        found = self.pod(name)
        assert found is not None
        return found

    def wait_until_gone(self, name: str) -> None:
        """Returns when the feed knows no such pod."""
        wait_until(lambda: self.pod(name) is None, what=f"the end of pod {name} in the feed")

    def _on_loop(self, read: Callable[[], T]) -> T:
        async def on_loop() -> T:
            return read()

        return asyncio.run_coroutine_threadsafe(on_loop(), self._loop).result(10)

    # The thread

    async def run(self, bed: Bed, credentials: Credentials | None, kinds: tuple[str, ...]) -> None:
        """Follows the pods of the bed's node."""
        clock = SystemClock()
        self._loop = asyncio.get_running_loop()
        self.store = PodStore(self, clock=clock)
        async with AsyncExitStack() as stack:
            sources: dict[str, PodSource] = {
                "kubelet": KubeletPods(str(bed.pods_api_socket), clock=clock),
                "polled": PolledPods(self, clock=clock),
            }
            if credentials is not None:
                client = await stack.enter_async_context(KubeClient(credentials, user_agent="numascope/test"))
                sources["api"] = ApiPods(client, node_name=NODE_NAME, clock=clock, random=random.random)
            self.feed = PodFeed([sources[kind] for kind in kinds], self.store, clock=clock)
            self._task = asyncio.create_task(self.feed.run())
            self._ready.set()
            await asyncio.wait((self._task,))

    def wait_until_ready(self) -> None:
        """Returns when the thread runs."""
        assert self._ready.wait(10)

    def end(self) -> None:
        """Ends the feed."""
        self._loop.call_soon_threadsafe(self._task.cancel)


@contextmanager
def follow_pods(bed: Bed, *kinds: str, credentials: Credentials | None = None) -> Iterator[Followed]:
    """A feed from the best of these kinds of sources that works: kubelet, api, polled."""
    followed = Followed()
    thread = threading.Thread(target=lambda: asyncio.run(followed.run(bed, credentials, kinds)), name="pods")
    thread.start()
    followed.wait_until_ready()
    try:
        yield followed
    finally:
        followed.end()
        thread.join(10)
        assert not thread.is_alive()
