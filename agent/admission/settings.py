"""The kubelet's settings as the rules ask for them, from what is known of its configuration and version."""

from __future__ import annotations

from agent.admission.model import Settings
from agent.admission.versions import NEWEST, Version, gates_in_force
from collectors.model.kubelet_config import KubeletConfig
from collectors.model.pod import Amounts

_TRUE = frozenset(("1", "t", "T", "true", "TRUE", "True"))
"""What Go's ParseBool takes for true, as the kubelet does for its policies' options"""


def settings_of(config: KubeletConfig, *, version: Version = NEWEST) -> Settings:
    """The effective settings: what is not configured has the kubelet's default.

    Options of a policy that is not in force do nothing, so they are left out.
    """
    topology = dict(config.topology_manager_options)
    static = config.cpu_manager_policy == "static"
    cpu = {name for name, value in config.cpu_manager_options if static and value in _TRUE}
    return Settings(
        version=version,
        topology_policy=config.topology_manager_policy or "none",
        topology_scope=config.topology_manager_scope or "container",
        prefer_closest_numa_nodes=topology.get("prefer-closest-numa-nodes") in _TRUE,
        max_numa_nodes=config.max_numa_nodes,
        cpu_policy=config.cpu_manager_policy or "none",
        full_pcpus_only="full-pcpus-only" in cpu,
        distribute_cpus_across_numa="distribute-cpus-across-numa" in cpu,
        align_by_socket="align-by-socket" in cpu,
        distribute_cpus_across_cores="distribute-cpus-across-cores" in cpu,
        strict_cpu_reservation="strict-cpu-reservation" in cpu,
        prefer_align_cpus_by_uncorecache="prefer-align-cpus-by-uncorecache" in cpu,
        memory_policy=config.memory_manager_policy or "None",
        reserved_cpus=config.reserved_cpus or None,
        reserved_cpu_count=_whole_cpus(config),
        reserved_memory=config.reserved_memory,
        gates=gates_in_force(version, config.feature_gates),
    )


def _whole_cpus(config: KubeletConfig) -> int:
    """CPUs that systemReserved and kubeReserved keep back together, rounded up."""
    return -(-(_cpu(config.system_reserved) + _cpu(config.kube_reserved)) // 1000)


def _cpu(amounts: Amounts) -> int:
    return dict(amounts).get("cpu", 0)
