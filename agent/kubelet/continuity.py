"""Which pods hold something, across the moments in which the kubelet itself does not know.

For about a second after its start a kubelet lists no pods at all, then some, then all: truthfully as to what it knows,
and wrong as to what is free. So a pod that lives by the facts about pods, and that the kubelet listed before, is not
believed to be gone as soon as it is not listed, nor to hold nothing as soon as it is listed bare.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agent.kubelet.agenda import PodName
from agent.kubelet.expected import has_started, holds_something
from collectors.model.kubelet import Allocatable, PodAllocation
from collectors.model.pod import Pod

DOUBT_SECONDS = 30.0
"""Until the kubelet is believed whatever speaks against it. It knows its pods within a few seconds of its start; a pod
that cannot be admitted again has then failed, which the facts about pods tell."""

RESTART_SECONDS = 10.0
"""After a start of the kubelet, in which pods that are not listed are doubted where nothing else is known of them."""

PLUGIN_SECONDS = 5.0
"""After a start of the kubelet, in which the devices of a plugin that has not come back yet are thought to be there."""

Allocations = Mapping[PodName, PodAllocation]


class Continuity:
    """Compares each list with what was known before.

    Attributes:
        doubted: whether something is kept that the kubelet did not list.
        plugins_back: by resource, how many seconds after the kubelet's start its device plugin was seen to be back; empty
            where we saw no start.
    """

    def __init__(self) -> None:
        self._missing_since: dict[PodName, float] = {}
        self._started_at: float | None = None
        self.doubted = False
        self.plugins_back: dict[str, float] = {}

    def kubelet_started(self, now: float) -> None:
        """The kubelet has started anew, at that monotonic time."""
        self._started_at = now
        self.plugins_back = {}

    def kubelet_age(self, now: float) -> float | None:
        """Seconds since the kubelet started; None where we did not see it start."""
        return None if self._started_at is None else now - self._started_at

    def starting(self, now: float, *, within: float = RESTART_SECONDS) -> bool:
        """Whether the kubelet has started no longer ago than that."""
        return self._started_at is not None and now - self._started_at < within

    def settle(
        self, listed: Allocations, before: Allocations, pods: Iterable[Pod] | None, now: float
    ) -> dict[PodName, PodAllocation]:
        """What is to be believed after a list of all pods.

        Args:
            listed: the list.
            before: what was believed until now.
            pods: the facts about pods; None where there are none.
            now: monotonic seconds.
        """
        known = None if pods is None else by_name(pods)
        believed = {name: each for name, each in listed.items() if not _has_ended(known, name)}
        for name in [name for name in self._missing_since if name not in before]:
            del self._missing_since[name]
        for name, held in before.items():
            found = believed.get(name)
            if found is not None and (holds_something(found) or not holds_something(held)):
                self._missing_since.pop(name, None)
                believed[name] = held if held == found else found
            elif self._is_doubtful(name, known, now):
                believed[name] = held
            else:
                self._missing_since.pop(name, None)
        self.doubted = any(name in believed for name in self._missing_since)
        return believed

    def is_gone(self, name: PodName, pods: Iterable[Pod] | None, now: float) -> bool:
        """Whether a pod that was listed before, and of which the kubelet now says that it has none such, is gone."""
        doubtful = self._is_doubtful(name, None if pods is None else by_name(pods), now)
        self.doubted |= doubtful
        return not doubtful

    def _is_doubtful(self, name: PodName, known: Mapping[PodName, Pod] | None, now: float) -> bool:
        """Whether it is too early to believe that a pod holds nothing any more."""
        if known is None:
            return self.starting(now)
        pod = known.get(name)
        if pod is None or pod.ended or (pod.deleted and not self.starting(now)):
            return False
        return now - self._missing_since.setdefault(name, now) < DOUBT_SECONDS

    def pool(self, read: Allocatable, before: Allocatable | None, now: float) -> Allocatable:
        """What the kubelet can give: as read, with the devices of plugins that are not back yet after its start."""
        if self._started_at is not None:
            for device in read.devices:
                self.plugins_back.setdefault(device.resource, now - self._started_at)
        if before is None or not self.starting(now, within=PLUGIN_SECONDS):
            return read
        back = {device.resource for device in read.devices}
        away = tuple(device for device in before.devices if device.resource not in back)
        if not away:
            return read
        devices = sorted((*read.devices, *away), key=lambda device: (device.resource, device.device_id))
        return Allocatable(cpus=read.cpus, devices=tuple(devices), memory=read.memory)


def by_name(pods: Iterable[Pod]) -> dict[PodName, Pod]:
    """The pod that counts of each name: a live one before one that has ended, one that stays before one that goes."""
    found: dict[PodName, Pod] = {}
    for pod in pods:
        other = found.get((pod.namespace, pod.name))
        if other is None or _liveness(pod) > _liveness(other):
            found[pod.namespace, pod.name] = pod
    return found


def unlisted(pods: Iterable[Pod], listed: Allocations) -> bool:
    """Whether pods that the kubelet must have admitted are missing from what it lists."""
    return any(has_started(pod) and name not in listed for name, pod in by_name(pods).items())


def _has_ended(known: Mapping[PodName, Pod] | None, name: PodName) -> bool:
    pod = None if known is None else known.get(name)
    return pod is not None and pod.ended


def _liveness(pod: Pod) -> tuple[bool, bool]:
    return not pod.ended, not pod.deleted
