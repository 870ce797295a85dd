"""What the watcher needs of others: whom it asks, and who looks at what it found."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from collectors.model.kubelet import Allocatable, PodAllocation


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

    def second_passed(self) -> None:
        """A second has passed: for whom another timer would be another wake-up."""
        ...
