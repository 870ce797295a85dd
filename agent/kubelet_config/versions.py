"""Which options a kubelet of which version knows, and the feature gates that they stand behind.

Sources: https://kubernetes.io/docs/tasks/administer-cluster/cpu-management-policies/ and topology-manager/ of each
version, and the kubelets themselves.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from agent.admission.versions import Version

FULL_PCPUS = "full-pcpus-only"
ACROSS_NUMA = "distribute-cpus-across-numa"
BY_SOCKET = "align-by-socket"
ACROSS_CORES = "distribute-cpus-across-cores"
STRICT = "strict-cpu-reservation"
UNCORE = "prefer-align-cpus-by-uncorecache"

CLOSEST = "prefer-closest-numa-nodes"
MAX_NODES = "max-allowable-numa-nodes"

USUAL_MAX_NODES = 8
"""NUMA nodes that the topology manager takes unless it is told otherwise; it takes no smaller number either"""


class Stage(enum.Enum):
    """How ripe an option is."""

    ALPHA = "alpha"
    BETA = "beta"
    STABLE = "stable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    """One of the two managers that have options."""

    name: str
    """As its messages and gates name it"""
    field: str
    """Of KubeletConfiguration"""
    since: Mapping[str, Mapping[Stage, Version]]
    """Of each option, the version in which it came to a stage"""

    def stage(self, option: str, version: Version) -> Stage | None:
        """How ripe an option is in a version; None where that version does not know it."""
        reached = [stage for stage, first in self.since.get(option, {}).items() if first <= version]
        return reached[-1] if reached else None

    def gate(self, stage: Stage) -> tuple[str, bool] | None:
        """(feature gate, its default) of options at a stage; None where there is none."""
        if stage is Stage.STABLE:
            return None
        return f"{self.name}Policy{stage.value.capitalize()}Options", stage is Stage.BETA


CPU_MANAGER = Manager(
    name="CPUManager",
    field="cpuManagerPolicyOptions",
    since={
        FULL_PCPUS: {Stage.BETA: (1, 23), Stage.STABLE: (1, 33)},
        ACROSS_NUMA: {Stage.ALPHA: (1, 23), Stage.BETA: (1, 33)},
        BY_SOCKET: {Stage.ALPHA: (1, 25)},
        ACROSS_CORES: {Stage.ALPHA: (1, 31)},
        STRICT: {Stage.ALPHA: (1, 32), Stage.BETA: (1, 33), Stage.STABLE: (1, 35)},
        UNCORE: {Stage.ALPHA: (1, 32), Stage.BETA: (1, 34), Stage.STABLE: (1, 36)},
    },
)
TOPOLOGY_MANAGER = Manager(
    name="TopologyManager",
    field="topologyManagerPolicyOptions",
    since={
        CLOSEST: {Stage.BETA: (1, 28), Stage.STABLE: (1, 32)},
        MAX_NODES: {Stage.BETA: (1, 31), Stage.STABLE: (1, 35)},
    },
)
