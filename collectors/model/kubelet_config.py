"""How the kubelet of this node is configured, as far as it decides about topology. Source: KubeletConfiguration
v1beta1, https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from collectors.model.pod import Amounts
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
    """reservedSystemCPUs; None where the reserve is no more than a number"""
    reserved_memory: tuple[tuple[int, tuple[tuple[str, int], ...]], ...] = ()
    """(NUMA node, ((resource, bytes), …)) by node"""
    system_reserved: Amounts = ()
    kube_reserved: Amounts = ()
    eviction_hard: tuple[tuple[str, str], ...] = ()
    """(signal, threshold) by signal, as they are written: `100Mi`, `5%`; what `memory.available` names is reserved too"""
    feature_gates: tuple[tuple[str, bool], ...] = ()
    """Those that are set, by name; the others are as the kubelet's version has them"""
    defaulted: tuple[str, ...] = ()
    """Fields of KubeletConfiguration that a file leaves out and that stand here with the kubelet's documented default"""

    @property
    def reserved_cpu_millis(self) -> int | None:
        """Thousandths of CPUs that pods never get; None where nothing is known of a reserve.

        CPUs that are reserved by number replace both shares, as they do in the kubelet.
        """
        if self.reserved_cpus:
            return 1000 * len(self.reserved_cpus)
        if self.source not in (ConfigSource.CONFIGZ, ConfigSource.FILE):
            return None
        return dict(self.system_reserved).get("cpu", 0) + dict(self.kube_reserved).get("cpu", 0)

    @property
    def max_numa_nodes(self) -> int:
        """How many NUMA nodes the topology manager takes (option max-allowable-numa-nodes, 8 by default)."""
        value = dict(self.topology_manager_options).get("max-allowable-numa-nodes", "")
        return int(value) if value.isascii() and value.isdecimal() and len(value) < 6 else 8
