"""How long the kubelet takes to find where a container may lie.

For each resource it lists every set of NUMA nodes that would do, which with n nodes may be 2^n - 1; then, but under
single-numa-node, it tries every combination of one set from each resource. With 8 nodes and three resources that is 16
million combinations and two to three seconds a container; each further resource makes it 255 times as much, and meanwhile
nothing else is admitted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from agent.kubelet_config.model import Hardware
from agent.placement.model import CPU, MEMORY

SECONDS_EACH = 1.5e-7
"""For one combination, as it was measured on a real kubelet"""
SLOW = 5_000_000
"""Combinations from which on somebody notices: most of a second"""
ENDLESS = 1_000_000_000
"""Combinations from which on a container takes minutes"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeCost:
    """What one container costs that asks for these resources."""

    resources: tuple[str, ...]
    permutations: int

    @property
    def duration(self) -> str:
        """About how long the kubelet takes for it, in words."""
        seconds = self.permutations * SECONDS_EACH
        if seconds < 1.5:
            return "about a second" if seconds > 0.3 else "less than a second"
        for most, one, unit in ((120, 1, "seconds"), (7200, 60, "minutes"), (172_800, 3600, "hours")):
            if seconds < most:
                return f"about {round(seconds / one)} {unit}"
        return f"about {round(seconds / 86_400):,} days"


def merge_costs(policy: str, nodes_by_resource: Iterable[tuple[str, int]]) -> tuple[MergeCost, ...]:
    """The cost of a container that asks for the first resource, for the first two, and so on.

    Args:
        policy: the topology manager's.
        nodes_by_resource: (resource, on how many NUMA nodes the kubelet looks for it), the most usual one first.

    Empty under policy none, which merges nothing. Under single-numa-node the sets are listed all the same, and then all
    but those of one node are dropped.
    """
    if policy == "none":
        return ()
    costs, names, sets = [], list[str](), list[int]()
    for resource, nodes in nodes_by_resource:
        names.append(resource)
        sets.append(2**nodes - 1)
        tried = sum(sets) if policy == "single-numa-node" else prod(sets)
        costs.append(MergeCost(resources=tuple(names), permutations=tried))
    return tuple(costs)


def slow_merge(hardware: Hardware, topology: str, *, cpus: bool, memory: bool) -> MergeCost | None:
    """The cost of a container that asks for CPUs, memory and a device, where somebody notices it.

    Args:
        hardware: the machine.
        topology: the topology manager's policy.
        cpus: whether the CPU manager gives CPUs from NUMA nodes.
        memory: whether the memory manager does.
    """
    nodes = len(hardware.machine.numa_nodes)
    resources = (
        *(((CPU, len(hardware.cpu_nodes)),) if cpus else ()),
        *(((MEMORY, nodes),) if memory else ()),
        ("a device", nodes),
    )
    costs = merge_costs(topology, resources)
    return costs[-1] if costs and costs[-1].permutations >= SLOW else None
