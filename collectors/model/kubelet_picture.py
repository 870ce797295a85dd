"""What is known of the kubelet at one instant: what it allocated, to which pods, under which policies.

Not imported where there is no kubelet: the snapshot then carries none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Never

from collectors.model.kubelet import Allocatable, KubeletCheckpoints, PodAllocation
from collectors.model.kubelet_config import KubeletConfig
from collectors.model.pod import Pod
from collectors.model.refusals import RefusalCounts
from collectors.model.snapshot import Observed
from collectors.parse import IdSet

_UNREAD: Observed[Never] = Observed()


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeletPicture:
    """The kubelet as its own answers, its files and the specs of its pods show it together."""

    allocatable: Observed[Allocatable] = _UNREAD
    """PodResources GetAllocatableResources; facts None where the kubelet never answered it"""
    allocations: Observed[tuple[PodAllocation, ...]] = _UNREAD
    """PodResources List; facts None where the kubelet never answered it"""
    pods: Observed[tuple[Pod, ...]] = _UNREAD
    """Every pod of this node, ended ones too; facts None where no source of pod specs is open to us"""
    config: Observed[KubeletConfig] = _UNREAD
    checkpoints: KubeletCheckpoints | None = None
    """Read after the list of pods, so that nobody is listed whom they do not have yet. None where the kubelet's state
    files are not mounted"""
    refusals: RefusalCounts | None = None
    """Pods that the kubelet refused; None where nobody counts them, as in a command"""
    own_cpus: IdSet | None = None
    """The kubelet's shared pool, as far as our own process knows it: Cpus_allowed_list, which in a pod without exclusive
    CPUs is that pool, late by the kubelet's reconcile period (10 s by default), and what pods have given back since.
    None where it is not known, where we are not in such a pod, and for that long after a pod with ordinary init
    containers has gone: what these had is free again too, and nobody says what it was"""
