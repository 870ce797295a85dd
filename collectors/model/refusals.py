"""How many pods the kubelet refused, by why and whose: numbers only. The stories are at /api/v1/refusals."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalCount:
    """Refused pods of one workload, refused for one reason."""

    reason: str
    """status.reason: what the kubelet calls it"""
    cause: str
    """What really happened, in a word that docs/refusals.md explains: `alignment`, `memory`, `plugin-away`, …"""
    namespace: str
    owner_kind: str | None = None
    """The pod's controller; None for pods without one, which are counted together"""
    owner_name: str | None = None
    refused: int = 0
    """Since the agent started; pods that had been refused before are not among them"""
    present: int | None = None
    """Refused pods that lie around now, whenever they were refused; None where that is not known"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalCounts:
    """All of them. No pod counts twice, whatever restarts or is replayed."""

    refused: int = 0
    """Pods that were refused since the agent started"""
    present: int | None = None
    """Refused pods that lie around now; None where that is not known"""
    by_workload: tuple[RefusalCount, ...] = ()
    """By reason, cause, namespace and owner"""
    refused_others: int = 0
    """Of those above, pods of workloads beyond the number that is told apart"""
    present_others: int | None = None
