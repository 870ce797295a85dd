"""Putting a picture together, and telling whether it says something else than another one. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from agent.kubelet.agenda import PodName
from collectors.model.kubelet import PodAllocation
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.snapshot import Observed


def listed_pods(pods: Mapping[PodName, PodAllocation]) -> tuple[PodAllocation, ...]:
    """What pods hold, by namespace and name."""
    return tuple([pods[name] for name in sorted(pods)])


def content(picture: KubeletPicture) -> tuple[object, ...]:
    """What a picture says, however old it is."""
    observed: tuple[Observed[object], ...] = (
        picture.allocatable,
        picture.allocations,
        picture.pods,
        picture.config,
    )
    return (
        picture.checkpoints,
        picture.own_cpus,
        *((each.facts, each.error, each.problems) for each in observed),
    )
