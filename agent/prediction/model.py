"""Predictions as facts."""

from __future__ import annotations

from dataclasses import dataclass

from agent.admission.model import Decision, Outcome
from agent.headroom.free import NodeFree
from collectors.model.pod import Pod


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What would become of one pod."""

    pod: Pod
    decision: Decision
    free: tuple[NodeFree, ...] = ()
    """What each NUMA node has free when the kubelet refuses the pod; empty where it admits it, or where an earlier pod of
    the same workload has met the same fate"""
    lacks: tuple[str, ...] = ()
    """Of a refused pod: resources any of which it would have to do without to be admitted. Empty where that is none by
    itself, or an earlier pod has said it"""

    @property
    def admitted(self) -> bool:
        """Whether the kubelet would take it."""
        return self.decision.outcome is Outcome.ADMITTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What would become of pods that come one after the other."""

    fates: tuple[Fate, ...]

    @property
    def fits(self) -> bool:
        """Whether all of them would be admitted."""
        return all(fate.admitted for fate in self.fates)
