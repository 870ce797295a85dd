"""Pods to try out, as facts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from agent.admission.whole_node.wishes import Wishes
from collectors.model.pod import Pod


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One object of a manifest that makes pods, all alike."""

    kind: str
    namespace: str
    name: str
    replicas: int
    """How many pods it makes; on one node at the most"""
    pod: Pod
    """One of them; each gets a name and uid of its own by `pods`"""
    wishes: Wishes

    def pods(self) -> Iterator[Pod]:
        """Each of them, by names that are like those that they would have."""
        for position in range(self.replicas):
            name = self.name if self.kind == "Pod" and self.replicas == 1 else f"{self.name}-{position}"
            uid = f"try:{self.kind}/{self.namespace}/{name}"
            yield replace(self.pod, name=name, uid=uid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a manifest holds."""

    workloads: tuple[Workload, ...]
    passed_over: tuple[str, ...] = ()
    """Objects that make no pods, as `Service web`"""
