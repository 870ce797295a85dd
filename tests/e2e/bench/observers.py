"""Who watches a bench: threads that note when something became visible at the API server, and the kubelet's own stamp.

Every time is of the wall clock in nanoseconds, since that is what the kubelet's files are stamped with.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.e2e.bed.api import Api, Object
from tests.e2e.bed.bed import Bed

WATCH_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One event of a watch."""

    at: int
    type: str
    object: Object

    @property
    def name(self) -> str:
        """Of the object."""
        return str(self.object["metadata"]["name"])

    @property
    def free_cpus(self) -> int:
        """Of a NodeResourceTopology: available CPUs of all zones together."""
        return sum(
            int(resource["available"])
            for zone in self.object["zones"]
            for resource in zone["resources"]
            if resource["name"] == "cpu"
        )


class Watcher:
    """Follows one collection in a thread of its own, from now on and as long as the process lives."""

    def __init__(self, api: Api, path: str) -> None:
        self._api, self._path = api, path
        self._seen: list[Seen] = []
        self._news = threading.Condition()
        self._version = str(api.get(path)["metadata"]["resourceVersion"])
        threading.Thread(target=self._follow, name=f"watch of {path}", daemon=True).start()

    def mark(self) -> int:
        """This moment, for `wait_for` and `since`."""
        with self._news:
            return len(self._seen)

    def wait_for(self, wanted: Callable[[Seen], bool], *, since: int, seconds: float = 30.0) -> Seen:
        """The first event since `since` that is wanted."""
        deadline = time.monotonic() + seconds
        position = since
        with self._news:
            while True:
                while position < len(self._seen):
                    if wanted(self._seen[position]):
                        return self._seen[position]
                    position += 1
                if not self._news.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"no such event of {self._path} within {seconds:g} s")

    def since(self, mark: int) -> list[Seen]:
        """Every event since `mark`."""
        with self._news:
            return self._seen[mark:]

    def _follow(self) -> None:
        path = f"{self._path}?resourceVersion={self._version}"
        for event in self._api.watch(path, seconds=WATCH_SECONDS):
            at = time.time_ns()
            with self._news:
                self._seen.append(Seen(at, event["type"], event["object"]))
                self._news.notify_all()


def allocated_at(bed: Bed, uid: str) -> int:
    """When the kubelet wrote down the CPUs of a pod, if nothing has been written since: its book's own stamp."""
    with (bed.kubelet_root / "cpu_manager_state").open() as book:
        stamp = os.fstat(book.fileno()).st_mtime_ns
        content = json.load(book)
    assert uid in json.loads(content["data"])["entries"], "published before the kubelet wrote it down"
    return stamp
