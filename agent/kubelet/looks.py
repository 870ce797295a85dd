"""How often each pod is looked at until it has shown all that its spec will bring it."""

from __future__ import annotations

from agent.kubelet.agenda import PodName
from collectors.model.pod import Pod

LOOK_AGAIN_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.4)
"""Between looks at a pod that has not shown all yet. The kubelet tells of a pod once it has admitted it, so that the
first look does mostly; the API server tells us and the kubelet at the same time."""


class Looks:
    """How often each pod was looked at without having shown all."""

    def __init__(self) -> None:
        self._looks: dict[PodName, tuple[object, int]] = {}

    def is_over(self, name: PodName, pod: Pod) -> bool:
        """Whether all is there that this pod asks for, or has been waited for long enough."""
        return self._count(name, pod) >= len(LOOK_AGAIN_SECONDS)

    def looked(self, name: PodName, pod: Pod, *, shown: bool) -> float | None:
        """Notes a look; returns seconds until the next one, None where there is to be none."""
        looks = self._count(name, pod)
        over = shown or looks >= len(LOOK_AGAIN_SECONDS)
        self._looks[name] = (_wish(pod), len(LOOK_AGAIN_SECONDS) if over else looks + 1)
        return None if over else LOOK_AGAIN_SECONDS[looks]

    def forget(self, name: PodName) -> None:
        """The pod is gone."""
        self._looks.pop(name, None)

    def _count(self, name: PodName, pod: Pod) -> int:
        wish, looks = self._looks.get(name, (None, 0))
        return looks if wish == _wish(pod) else 0


def _wish(pod: Pod) -> object:
    """What a pod asks for; it may change while it runs."""
    return pod.uid, pod.requests, tuple([container.requests for container in pod.containers])
