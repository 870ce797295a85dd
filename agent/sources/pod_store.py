"""The pods of this node as a source last told them, by uid: kept, compared, and handed out as one frozen tuple."""

from __future__ import annotations

from typing import Protocol

from agent.clock import Clock
from collectors.model.pod import Pod
from collectors.model.snapshot import Observed

REMEMBERED_REFUSALS = 4096
"""Uids of refused pods that are remembered, so that none counts twice when a kubelet replays it. A Deployment whose
pods are refused makes some 500 a minute, and the cluster's garbage collector leaves 12,500 dead ones at most."""


class PodListener(Protocol):
    """Who wants to know. Called on the event loop, in the middle of other work: note it down and return."""

    def pod_changed(self, namespace: str, name: str) -> None:
        """Something happened to this pod: what the kubelet allocated to it is worth a look."""
        ...

    def pods_unknown(self) -> None:
        """Something may have happened to any pod: the source cannot say to which."""
        ...

    def pod_refused(self, pod: Pod, *, news: bool) -> None:
        """The kubelet refused this pod; called once for each uid. `news` is False where it had happened before our
        first look, so that a restart of ours counts nothing again."""
        ...


class PodStore:
    """Keeps what sources tell.

    Attributes:
        version: grows whenever the facts change.
    """

    def __init__(
        self, listener: PodListener, *, clock: Clock, remembered_refusals: int = REMEMBERED_REFUSALS
    ) -> None:
        self._listener = listener
        self._clock = clock
        self._remembered_refusals = remembered_refusals
        self._pods: dict[str, Pod] = {}
        self._by_name: dict[tuple[str, str], dict[str, Pod]] = {}
        self._tuple: tuple[Pod, ...] | None = None
        self._refusals: dict[str, None] = {}
        self._complete = False
        self._looked_once = False
        self._read_at: float | None = None
        self._error: str | None = None
        self.version = 0

    def observed(self) -> Observed[tuple[Pod, ...]]:
        """Every pod of this node, ended ones too, by namespace, name and uid; no facts until a source told them all."""
        if not self._complete:
            return Observed(error=self._error)
        if self._tuple is None:
            in_order = sorted(self._pods.values(), key=lambda pod: (pod.namespace, pod.name, pod.uid))
            self._tuple = tuple(in_order)
        return Observed(facts=self._tuple, read_at=self._read_at, error=self._error)

    def named(self, namespace: str, name: str) -> tuple[Pod, ...]:
        """Those of that name: one, or some that have ended and one that has not. Also before a source told them all."""
        return tuple(self._by_name.get((namespace, name), {}).values())

    def put(self, pod: Pod) -> None:
        """An event: the pod is as it says. The listener is called even where no fact of ours changed: the kubelet
        did something."""
        self._set(pod)
        self._read_at = self._clock.wall()
        self._listener.pod_changed(pod.namespace, pod.name)

    def drop(self, uid: str) -> None:
        """An event: the pod is gone."""
        self._read_at = self._clock.wall()
        self._remove(uid)

    def replay(self) -> Replay:
        """All pods are about to be told, one by one; what is known stays until then."""
        return Replay(self)

    def replace(self, pods: tuple[Pod, ...]) -> int:
        """All pods at once. Returns how many differ from what was known."""
        replay = self.replay()
        for pod in pods:
            replay.add(pod)
        return replay.done()

    def confirm(self) -> None:
        """The source is alive and has nothing else to say than what is known."""
        self._error = None
        self._read_at = self._clock.wall()

    def fail(self, reason: str) -> None:
        """The source tells nothing at present; what it told before stays, and ages."""
        self._error = reason

    def forget(self, reason: str) -> None:
        """There is no source any more: what was known grows wrong without end, so it is known no longer."""
        if self._complete:
            self.version += 1
        self._pods.clear()
        self._by_name.clear()
        self._tuple, self._read_at, self._complete = None, None, False
        self._error = reason
        self._listener.pods_unknown()

    def _set(self, pod: Pod) -> bool:
        if self._pods.get(pod.uid) == pod:
            return False
        self._pods[pod.uid] = pod
        self._by_name.setdefault((pod.namespace, pod.name), {})[pod.uid] = pod
        self._changed()
        if pod.refused and pod.uid not in self._refusals:
            self._remember(pod.uid)
            self._listener.pod_refused(pod, news=self._looked_once)
        return True

    def _remove(self, uid: str) -> None:
        pod = self._pods.pop(uid, None)
        if pod is not None:
            namesakes = self._by_name[pod.namespace, pod.name]
            del namesakes[uid]
            if not namesakes:
                del self._by_name[pod.namespace, pod.name]
            self._changed()
            self._listener.pod_changed(pod.namespace, pod.name)

    def _changed(self) -> None:
        self._tuple = None
        self.version += 1

    def _remember(self, uid: str) -> None:
        """The oldest are forgotten first, but never one that may still be replayed."""
        self._refusals[uid] = None
        if len(self._refusals) > self._remembered_refusals + len(self._pods):
            # There are more than there are pods, so one of them is none.
            del self._refusals[next(uid for uid in self._refusals if uid not in self._pods)]


class Replay:
    """All pods, told one by one. Made by `PodStore.replay`."""

    def __init__(self, store: PodStore) -> None:
        self._store = store
        self._told: set[str] = set()
        self._different = 0

    def add(self, pod: Pod) -> None:
        """One of them. The listener is called where it is news."""
        self._told.add(pod.uid)
        if self._store._set(pod):
            self._different += 1
            self._store._listener.pod_changed(pod.namespace, pod.name)

    def done(self) -> int:
        """Those were all: others are gone. Returns how many pods differ from what was known before."""
        store = self._store
        gone = [uid for uid in store._pods if uid not in self._told]
        for uid in gone:
            store._remove(uid)
        if not store._complete:
            store._complete = store._looked_once = True
            store.version += 1
        store.confirm()
        return self._different + len(gone)
