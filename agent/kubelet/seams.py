"""What the watcher needs of others: whom it asks, and who looks at what it found."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from agent.kubelet.agenda import PodName
from collectors.model.kubelet import Allocatable, PodAllocation
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import Pod


class PodResources(AbstractAsyncContextManager["PodResources"], Protocol):
    """What is asked of `collectors.kubelet.podresources.PodResourcesClient`."""

    async def list(self) -> tuple[PodAllocation, ...]: ...

    async def allocatable(self) -> Allocatable: ...

    async def get(self, namespace: str, name: str) -> PodAllocation: ...


class Audience(Protocol):
    """Who looks at the picture. Called on the event loop."""

    def picture_changed(self) -> None:
        """It says something else than before."""
        ...

    def pod_refused(
        self, pod: Pod, *, news: bool, before: KubeletPicture, in_flight: frozenset[PodName]
    ) -> None:
        """The kubelet refused a pod; called once for each uid, in the middle of other work.

        Args:
            pod: as it was refused.
            news: False where it had happened before our first look.
            before: what was known just before.
            in_flight: pods that had come by then and for which the kubelet had not been asked yet.
        """
        ...

    def second_passed(self) -> None:
        """A second has passed: for whom another timer would be another wake-up."""
        ...
