"""What is measured, one function a subject. Each leaves the bed without pods of its own."""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from tests.e2e.bed.agent import AgentRun
from tests.e2e.bed.api import NRT_PATH, Object
from tests.e2e.bed.audit import Request
from tests.e2e.bed.bed import NODE_NAME, Bed
from tests.e2e.bed.identity import AgentIdentity
from tests.e2e.bench.figures import Figure, percentile
from tests.e2e.bench.observers import Seen, Watcher, allocated_at
from tests.e2e.pods import container, guaranteed, pod
from tests.e2e.scenario import delete_pods, wait_until_settled

PODS = "/api/v1/namespaces/default/pods"
NRT = f"{NRT_PATH}/{NODE_NAME}"
MIB = 1 << 20
CREATORS = 4
"""Threads that create and delete pods at once"""
SETTLE_SECONDS = 3.0
"""Between two measurements: what is on its way arrives"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What every measurement works on."""

    bed: Bed
    identity: AgentIdentity
    agent: AgentRun
    nrts: Watcher
    pods: Watcher

    def create(self, body: Object) -> str:
        """A new pod; returns its uid."""
        uid: str = self.bed.create_pod(body)["metadata"]["uid"]
        return uid

    def delete(self, name: str) -> None:
        """Asks for a pod's end."""
        self.bed.api.delete(f"{PODS}/{name}")

    def free_cpus(self) -> int:
        """As published now."""
        return Seen(0, "", self.bed.api.get(NRT)).free_cpus


def first_object(bed: Bed, identity: AgentIdentity, nrts: Watcher, times: int) -> Iterator[Figure]:
    """From the start of the process until its first NodeResourceTopology is visible."""
    took: list[float] = []
    for _ in range(times):
        if bed.api.exists(NRT):
            bed.api.delete(NRT)
        since, began = nrts.mark(), time.time_ns()
        agent = AgentRun(bed, identity)
        try:
            took.append((nrts.wait_for(lambda seen: seen.type == "ADDED", since=since).at - began) / 1e9)
        finally:
            agent.stop()
    yield Figure(f"start to first NRT, worst of {times}", max(took), "s", 2.0)


def one_by_one(bench: Bench, count: int) -> Iterator[Figure]:
    """Freshness, writes and CPU time over pods that come and go one after the other."""
    came: list[float] = []
    ended: list[float] = []
    went: list[float] = []
    mark, spent = bench.bed.audit.mark(), bench.agent.cpu_seconds()
    free = bench.free_cpus()
    for number in range(count):
        name = f"one-{number}"
        since = bench.nrts.mark()
        uid = bench.create(pod(name, guaranteed(cpu=2)))
        seen = bench.nrts.wait_for(lambda seen: seen.free_cpus == free - 2, since=since)
        came.append((seen.at - allocated_at(bench.bed, uid)) / 1e6)
        bench.bed.wait_for_phase(name, "Running")
        since, pods_since = bench.nrts.mark(), bench.pods.mark()
        bench.delete(name)
        seen = bench.nrts.wait_for(lambda seen: seen.free_cpus == free, since=since)
        ended.append((seen.at - bench.pods.wait_for(_ended(name), since=pods_since).at) / 1e6)
        went.append((seen.at - bench.pods.wait_for(_deleted(name), since=pods_since).at) / 1e6)
    time.sleep(SETTLE_SECONDS)
    spent = bench.agent.cpu_seconds() - spent
    writes = len(_of(bench, bench.bed.audit.writes_since(mark)))
    yield from _spread(f"allocated to NRT visible, {count} pods", came, p50=25.0, p99=80.0)
    # Below zero: the agent hears from the kubelet that a pod has ended, and the API server hears it later.
    yield from _spread(f"pod said to have ended to NRT free, {count} pods", ended, p50=15.0, p99=80.0)
    yield from _spread(f"pod gone to NRT free, {count} pods", went, p50=15.0, p99=80.0)
    yield Figure("writes for each change of content", writes / (2 * count), "", 1.0)
    yield Figure("CPU for each pod change", spent * 1000 / (2 * count), "ms", 10.0)


def _deleted(name: str) -> Callable[[Seen], bool]:
    return lambda seen: seen.type == "DELETED" and seen.name == name


def _ended(name: str) -> Callable[[Seen], bool]:
    return lambda seen: (
        seen.name == name
        and (seen.type == "DELETED" or seen.object["status"].get("phase") in ("Succeeded", "Failed"))
    )


def burst(bench: Bench, size: int, times: int) -> Iterator[Figure]:
    """Pods that come all at once: from the last allocation until the last state is visible."""
    took: list[float] = []
    for turn in range(times):
        free, since = bench.free_cpus(), bench.nrts.mark()
        bodies = [pod(f"burst-{turn}-{number}", guaranteed(cpu=1, memory="64Mi")) for number in range(size)]
        with ThreadPoolExecutor(CREATORS) as creators:
            uids = list(creators.map(bench.create, bodies))
        seen = bench.nrts.wait_for(lambda seen: seen.free_cpus == free - size, since=since)  # noqa: B023
        took.append((seen.at - max(allocated_at(bench.bed, uid) for uid in uids)) / 1e6)
        delete_pods(bench.bed)
        time.sleep(SETTLE_SECONDS)
    yield Figure(f"{size} pods at once: last allocation to NRT, worst of {times}", max(took), "ms", 300.0)


def storm(bench: Bench, changes: int, seconds: float) -> Iterator[Figure]:
    """Many pods that come and go within a minute: how often is written, and whether the last state is right."""
    mark, free = bench.bed.audit.mark(), bench.free_cpus()
    pace, began = seconds / changes, time.monotonic()
    alive = 20
    with ThreadPoolExecutor(CREATORS) as creators:
        for number in range(changes // 2 + alive):
            time.sleep(max(0.0, began + 2 * number * pace - time.monotonic()))
            if number < changes // 2:
                creators.submit(bench.create, pod(f"storm-{number}", guaranteed(cpu=1, memory="64Mi")))
            if number >= alive:
                creators.submit(bench.delete, f"storm-{number - alive}")
    lasted = time.monotonic() - began
    delete_pods(bench.bed)
    ended = time.monotonic()
    while bench.free_cpus() != free and time.monotonic() < ended + 30:
        time.sleep(0.05)
    caught_up = time.monotonic() - ended
    writes = _of(bench, bench.bed.audit.writes_since(mark))
    fullest_minute = _most_within(60, writes) / 60
    yield Figure(
        f"{changes} pod changes in {lasted:.0f} s: writes a second, fullest minute", fullest_minute, "", 2.0
    )
    yield Figure("most writes in one second of it", _most_within(1, writes), "")
    yield Figure("right after the last change", caught_up, "s", 2.0)


def full_node(bench: Bench, pods: int, idle_seconds: float) -> Iterator[Figure]:
    """Memory with many pods, and what an agent does while nothing happens."""
    bodies = [
        pod(f"full-{number}", guaranteed(cpu=1, memory="64Mi"))
        if number < 50
        else pod(f"full-{number}", container(requests={"cpu": "10m", "memory": "32Mi"}))
        for number in range(pods - 1)  # the agent's own is one
    ]
    with ThreadPoolExecutor(CREATORS) as creators:
        list(creators.map(bench.create, bodies))
    wait_until_settled(bench.bed)
    time.sleep(SETTLE_SECONDS)
    mark, spent, began = bench.bed.audit.mark(), bench.agent.cpu_seconds(), time.monotonic()
    time.sleep(idle_seconds)
    lasted, spent = time.monotonic() - began, bench.agent.cpu_seconds() - spent
    asked = _of(bench, bench.bed.audit.since(mark))
    idle = f"idle for {lasted:.0f} s"
    yield Figure(f"RSS with {pods} pods", bench.agent.rss_bytes() / MIB, "MiB", 48.0)
    yield Figure(f"{idle}: writes", sum(request.writes for request in asked), "", 0)
    yield Figure(f"{idle}: reads", sum(not request.writes for request in asked), "", 2)
    yield Figure(f"{idle}: CPU", 100 * spent / lasted, "% core", 0.2)
    delete_pods(bench.bed)


def _of(bench: Bench, requests: Iterable[Request]) -> list[Request]:
    return [request for request in requests if request.user == bench.identity.user]


def _spread(name: str, values: list[float], *, p50: float, p99: float) -> Iterator[Figure]:
    yield Figure(f"{name}: p50", percentile(values, 0.5), "ms", p50)
    yield Figure(f"{name}: p99", percentile(values, 0.99), "ms", p99)
    yield Figure(f"{name}: worst", max(values, default=math.nan), "ms")


def _most_within(seconds: float, requests: Iterable[Request]) -> int:
    """In the fullest stretch of so many seconds."""
    times = sorted(datetime.fromisoformat(request.received).timestamp() for request in requests)
    return max((bisect_left(times, began + seconds) - at for at, began in enumerate(times)), default=0)
