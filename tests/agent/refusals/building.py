"""Refused pods in the fewest words."""

from __future__ import annotations

from collectors.model.pod import REFUSED, Owner, Pod, PodContainer
from tests.agent.placement.building import app

LOCALITY = "Resources cannot be allocated with Topology locality"


def refused(
    name: str = "web-1",
    *containers: PodContainer,
    uid: str = "",
    reason: str = "TopologyAffinityError",
    message: str = LOCALITY,
    owner: str | None = "web",
    namespace: str = "default",
    qos: str = "Guaranteed",
) -> Pod:
    """A refused pod of a ReplicaSet; without containers one that wants 12 CPUs."""
    return Pod(
        namespace=namespace,
        name=name,
        uid=uid or f"uid-{name}",
        phase="Failed",
        reason=reason,
        message=f"{REFUSED}{message}",
        qos_class=qos,
        owner=None if owner is None else Owner(kind="ReplicaSet", name=owner),
        containers=containers or (app(cpu=12, memory=1 << 30),),
    )
