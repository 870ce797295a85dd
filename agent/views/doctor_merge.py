"""How long the kubelet takes over a pod on this node, where that is long. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from agent.kubelet_config.merge_cost import ENDLESS, SLOW, MergeCost, merge_costs
from agent.placement.model import CPU, MEMORY, hugepages_resource
from agent.views.doctor_model import Examined, Finding, Severity
from collectors.model import IdSet, NumaTopology
from collectors.model.kubelet_config import KubeletConfig
from collectors.model.kubelet_picture import KubeletPicture


def merge_findings(examined: Examined) -> Iterator[Finding]:
    """One, or none."""
    kubelet, numa = examined.snapshot.kubelet, examined.snapshot.numa.facts
    config = None if kubelet is None else kubelet.config.facts
    policy = None if config is None else config.topology_manager_policy
    if kubelet is None or config is None or policy is None or numa is None:
        return
    costs = merge_costs(policy, _resources(config, kubelet, numa))
    slow = [cost for cost in costs if cost.permutations >= SLOW]
    if not slow:
        return
    usual = [cost for cost in costs if len(cost.resources) <= 3]
    endless = any(cost.permutations >= ENDLESS for cost in usual)
    nodes = len(numa.nodes)
    yield Finding(
        check="hint-merge",
        severity=Severity.ERROR if endless else Severity.WARNING,
        what=f"with {nodes} NUMA nodes the kubelet takes long over a pod that asks for several resources, and admits "
        "no other meanwhile",
        evidence=(f"topology manager policy {policy}", *(_words(cost) for cost in slow)),
        way_out="fewer NUMA nodes by firmware settings (SNC, NPS); or topologyManagerPolicy: single-numa-node, which "
        "merges no sets of several nodes; or a policy of none",
    )


def _resources(
    config: KubeletConfig, kubelet: KubeletPicture, numa: NumaTopology
) -> Iterator[tuple[str, int]]:
    """(resource, on how many NUMA nodes the kubelet looks for it), CPUs and memory first, then devices by number of
    nodes."""
    if config.cpu_manager_policy == "static":
        yield CPU, sum(1 for node in numa.nodes if node.cpus)
    static = config.memory_manager_policy == "Static"
    if static:
        yield MEMORY, len(numa.nodes)
    devices: dict[str, IdSet] = {}
    pool = kubelet.allocatable.facts
    for device in () if pool is None else pool.devices:
        devices[device.resource] = devices.get(device.resource, frozenset()) | (
            device.numa_nodes or frozenset()
        )
    counts = Counter({resource: len(nodes) for resource, nodes in devices.items() if nodes})
    yield from sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    if static:
        for size in _page_sizes(numa):
            yield hugepages_resource(size), len(numa.nodes)


def _page_sizes(numa: NumaTopology) -> list[int]:
    return sorted({pool.page_size_bytes for node in numa.nodes for pool in node.hugepages if pool.total})


def _words(cost: MergeCost) -> str:
    return (
        f"a container with {', '.join(cost.resources)}: {cost.permutations:,} combinations, {cost.duration}"
    )
