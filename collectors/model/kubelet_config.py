"""How the kubelet of this node is configured, as far as it decides about topology. Source: KubeletConfiguration
v1beta1, https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from collectors.parse import IdSet


class ConfigSource(enum.Enum):
    """Where the configuration was read, best first."""

    CONFIGZ = "configz"
    """The kubelet's own /configz: what is in force"""
    FILE = "file"
    """Its configuration file with the drop-in directory: what will be in force after its next start"""
    CHECKPOINTS = "checkpoints"
    """Its state files: the CPU and memory manager's policies only"""
    SETTINGS = "settings"
    """What our own settings say"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeletConfig:
    """None and empty where the source does not say."""

    source: ConfigSource
    topology_manager_policy: str | None = None
    """none, best-effort, restricted or single-numa-node"""
    topology_manager_scope: str | None = None
    """container or pod"""
    topology_manager_options: tuple[tuple[str, str], ...] = ()
    """(option, value) by option"""
    cpu_manager_policy: str | None = None
    """none or static"""
    cpu_manager_options: tuple[tuple[str, str], ...] = ()
    memory_manager_policy: str | None = None
    """None or Static"""
    reserved_cpus: IdSet | None = None
    """reservedSystemCPUs; None where the reserve is only a number"""
    reserved_memory: tuple[tuple[int, tuple[tuple[str, int], ...]], ...] = ()
    """(NUMA node, ((resource, bytes), …)) by node"""
    feature_gates: tuple[tuple[str, bool], ...] = ()

    @property
    def max_numa_nodes(self) -> int:
        """How many NUMA nodes the topology manager takes (option max-allowable-numa-nodes, 8 by default)."""
        value = dict(self.topology_manager_options).get("max-allowable-numa-nodes", "")
        return int(value) if value.isascii() and value.isdecimal() and len(value) < 6 else 8
