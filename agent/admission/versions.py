"""In what Kubernetes' minor versions differ, as far as the rules ask: feature gates with their defaults, and changes that
no gate covers, each as a switch with a name. The rules are those of 1.37; switches lead back to 1.31.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Version = tuple[int, int]
"""Kubernetes' (major, minor)"""

OLDEST: Version = (1, 31)
NEWEST: Version = (1, 37)


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """A change of behaviour that no feature gate covers."""

    since: Version
    """The first minor version that behaves as the rules say"""

    def holds(self, version: Version) -> bool:
        """Whether this version behaves so."""
        return version >= self.since


SUPPLEMENTAL_GROUPS_POLICY = Switch(since=(1, 33))
"""Pods that want their supplemental groups strictly are refused where the runtime cannot do it"""
SIDECAR_PORTS = Switch(since=(1, 33))
"""Host ports of sidecars count, not only those of app containers"""
NODE_FETCHED_AGAIN = Switch(since=(1, 35))
"""A pod that only the node's labels keep out is looked at again with a Node object that was fetched anew"""
DEVICE_HINTS_OF_DEVICE_NODES = Switch(since=(1, 36))
"""A resource's hints are made of nodes on which it has devices, not of all nodes of the machine"""
CPU_TELLS_NO_FREE_CORES = Switch(since=(1, 32))
"""With full-pcpus-only and no core free at all, the message says so, rather than that the request is no number of cores"""
CPU_ODD_NUMBER_FROM_CACHE = Switch(since=(1, 34))
"""With prefer-align-cpus-by-uncorecache, an odd number of threads can come from one cache"""
CPU_PASSES_OVER_WHOLE_PODS = Switch(since=(1, 34))
"""The CPU manager gives nothing to pods with resources of their own, rather than look at their containers only"""
CPU_PASSES_OVER_WHOLE_PODS_WITHOUT_GATE = Switch(since=(1, 36))
"""It does so where the gate PodLevelResources is off, too"""
CPU_SHARES_MIND_SOCKETS = Switch(since=(1, 37))
"""distribute-cpus-across-numa heeds align-by-socket, and wants no larger share from a node than that has"""
CPU_KEEPS_HALF_CORES = Switch(since=(1, 37))
"""A container that has its CPUs already is not asked again whether they are whole cores"""
MEMORY_MINDS_GROUPS_AT_LAST = Switch(since=(1, 32))
"""The memory manager takes a last look at groups before it gives memory from several nodes"""
MEMORY_PASSES_OVER_WHOLE_PODS = Switch(since=(1, 34))
"""The memory manager gives nothing to pods with resources of their own, rather than look at their containers only"""
MEMORY_PASSES_OVER_WHOLE_PODS_WITHOUT_GATE = Switch(since=(1, 36))
"""It does so where the gate PodLevelResources is off, too"""
MEMORY_PASSES_OVER_SHARING_CONTAINERS = Switch(since=(1, 37))
"""The memory manager does not look for nodes on behalf of a container that asks for no memory"""

POD_LEVEL_RESOURCES = "PodLevelResources"
"""spec.resources of pods counts at all"""
POD_LEVEL_RESOURCE_MANAGERS = "PodLevelResourceManagers"
"""CPU and memory managers look at spec.resources"""
TAINT_COMPARISONS = "TaintTolerationComparisonOperators"
"""Tolerations with operators Gt and Lt"""

_ON, _OFF = True, False

_DEFAULTS: dict[str, tuple[tuple[Version, bool], ...]] = {
    "CPUManagerPolicyAlphaOptions": ((OLDEST, _OFF),),
    "CPUManagerPolicyBetaOptions": ((OLDEST, _ON),),
    POD_LEVEL_RESOURCES: (((1, 32), _OFF), ((1, 34), _ON)),
    POD_LEVEL_RESOURCE_MANAGERS: (((1, 36), _OFF),),
    TAINT_COMPARISONS: (((1, 35), _OFF),),
}
"""By gate: from which version on it exists with which default"""


def gates_in_force(version: Version, configured: Iterable[tuple[str, bool]] = ()) -> frozenset[str]:
    """The feature gates that are on, of those that the rules ask about.

    Args:
        version: the kubelet's.
        configured: (gate, whether it is on) from the kubelet's configuration. `AllAlpha` and `AllBeta` are not
            followed: nobody runs a kubelet with all alpha features on.
    """
    said = dict(configured)
    return frozenset(
        gate
        for gate, defaults in _DEFAULTS.items()
        if (steps := [value for since, value in defaults if since <= version]) and said.get(gate, steps[-1])
    )
