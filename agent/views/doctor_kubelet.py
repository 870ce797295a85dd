"""What of the kubelet's configuration and files keeps alignment from working, or the kubelet from starting. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agent.kubelet_config.options import on
from agent.placement.model import HUGEPAGES, MEMORY, hugepages_resource
from agent.views.doctor_model import Examined, Finding, Severity, some
from agent.views.text import plural
from agent.views.units import format_bytes
from collectors.model import IdSet, NumaNode, Observed
from collectors.model.kubelet_config import ConfigSource, KubeletConfig
from collectors.model.kubelet_picture import KubeletPicture
from collectors.parse import format_id_list

_SOURCES = {
    ConfigSource.CONFIGZ: "the kubelet's own /configz",
    ConfigSource.FILE: "the kubelet's file, which its flags may override",
    ConfigSource.CHECKPOINTS: "the kubelet's state files, which tell the CPU and memory manager's policies only",
    ConfigSource.SETTINGS: "our own settings",
}
_TELL_ALL = (ConfigSource.CONFIGZ, ConfigSource.FILE)
"""Sources that leave nothing out"""

_CLOSEST = "prefer-closest-numa-nodes"

_Key = tuple[int, str]
"""(NUMA node, resource)"""


def kubelet_findings(examined: Examined) -> Iterator[Finding]:
    """In a fixed order."""
    yield from _state_files(examined)
    kubelet, numa = examined.snapshot.kubelet, examined.snapshot.numa.facts
    if kubelet is None:
        if examined.no_kubelet is not None:
            yield Finding(
                check="no-kubelet",
                severity=Severity.NOTE,
                what="nothing is known of a kubelet: this is about the machine alone",
                evidence=(examined.no_kubelet,),
            )
        return
    yield from _silence(kubelet)
    yield from _source(kubelet.config)
    config = kubelet.config.facts
    nodes = () if numa is None else numa.nodes
    if config is not None:
        yield from _limits(config, frozenset(node.id for node in nodes))
        yield from _policies(config)
        yield from _unbound_memory(config, kubelet)
    yield from _hugepages(kubelet, nodes)


def _state_files(examined: Examined) -> Iterator[Finding]:
    for problem in examined.state_problems:
        yield Finding(
            check="state-file",
            severity=Severity.ERROR,
            what=f"{problem.path} cannot be used",
            evidence=(problem.reason,),
            way_out="run as root where it is closed to others; one that is malformed keeps the kubelet from starting: "
            "drain the node, delete the file, start the kubelet",
        )


def _silence(kubelet: KubeletPicture) -> Iterator[Finding]:
    errors = (kubelet.allocations.error, kubelet.allocatable.error)
    reasons = tuple(dict.fromkeys(error for error in errors if error))
    if reasons:
        yield Finding(
            check="kubelet-silent",
            severity=Severity.ERROR,
            what="the kubelet does not say what it allocated",
            evidence=reasons,
        )


def _source(config: Observed[KubeletConfig]) -> Iterator[Finding]:
    passed_over = tuple(f"{problem.path}: {problem.reason}" for problem in config.problems)
    facts = config.facts
    if facts is None:
        yield Finding(
            check="policies-unknown",
            severity=Severity.WARNING,
            what="the kubelet's policies are not known, so nothing can be published about them",
            evidence=passed_over,
            way_out="the right to get nodes/configz and the node's address (NODE_IP), or --kubelet-config FILE",
        )
        return
    words = (
        ("topology manager", facts.topology_manager_policy),
        ("scope", facts.topology_manager_scope),
        ("CPU manager", facts.cpu_manager_policy),
        ("memory manager", facts.memory_manager_policy),
    )
    policies = ", ".join(f"{name} {word or 'unknown'}" for name, word in words)
    options = (*facts.topology_manager_options, *facts.cpu_manager_options)
    if options:
        policies += f"; {', '.join(f'{option}={value}' for option, value in options)}"
    defaulted = (f"left out of the file, so the default: {some(facts.defaulted)}",) if facts.defaulted else ()
    yield Finding(
        check="policies",
        severity=Severity.NOTE,
        what=f"policies are from {_SOURCES[facts.source]}",
        evidence=(policies, *defaulted, *passed_over),
    )


def _aligns(config: KubeletConfig) -> bool:
    return config.topology_manager_policy not in (None, "none")


def _limits(config: KubeletConfig, ids: IdSet) -> Iterator[Finding]:
    """What the topology manager cannot stand; under policy none it is not there."""
    if not _aligns(config):
        return
    if len(ids) > config.max_numa_nodes:
        told = config.source in _TELL_ALL
        yield Finding(
            check="too-many-numa-nodes",
            severity=Severity.ERROR if told else Severity.WARNING,
            what=f"the kubelet does not start with {len(ids)} NUMA nodes: it takes {config.max_numa_nodes}"
            + ("" if told else ", unless an option that we do not know says otherwise"),
            evidence=(f"topology manager policy {config.topology_manager_policy}",),
            way_out=f'topologyManagerPolicyOptions: {{max-allowable-numa-nodes: "{len(ids)}"}}; more than eight make '
            "admission slow",
        )
    if on(config.topology_manager_options, _CLOSEST) and ids != frozenset(range(len(ids))):
        compares = config.topology_manager_policy != "single-numa-node"
        yield Finding(
            check="sparse-ids",
            severity=Severity.ERROR if compares else Severity.WARNING,
            what=f"the kubelet panics: {_CLOSEST} cannot stand gaps between the ids of NUMA nodes"
            if compares
            else f"{_CLOSEST} does nothing under single-numa-node, and under another policy the kubelet panics with it",
            evidence=(f"NUMA nodes {format_id_list(ids)}",),
            way_out=f"leave {_CLOSEST} out of topologyManagerPolicyOptions on this machine",
        )


def _policies(config: KubeletConfig) -> Iterator[Finding]:
    if config.topology_manager_policy == "none":
        yield Finding(
            check="topology-manager-off",
            severity=Severity.WARNING,
            what="the topology manager is off: the kubelet aligns nothing",
            way_out="topologyManagerPolicy: single-numa-node, restricted or best-effort",
        )
    if _aligns(config) and config.cpu_manager_policy == "none":
        yield Finding(
            check="cpu-manager-off",
            severity=Severity.WARNING,
            what="the CPU manager is off: no pod gets CPUs of its own, so there are none to be aligned",
            way_out="cpuManagerPolicy: static, with CPUs reserved for the system",
        )


def _unbound_memory(config: KubeletConfig, kubelet: KubeletPicture) -> Iterator[Finding]:
    """Pods that ask for memory which nobody binds to a node, though an alignment is asked for."""
    if not _aligns(config) or config.memory_manager_policy != "None":
        return
    pods = sorted(set(_asking_for_memory(kubelet)))
    if pods:
        yield Finding(
            check="memory-manager-off",
            severity=Severity.WARNING,
            what=f"the memory manager is off, and {plural(len(pods), 'Guaranteed pod')} asked for memory",
            evidence=(
                some(pods),
                "their CPUs and devices are aligned, their memory may come from any NUMA node",
            ),
            way_out="memoryManagerPolicy: Static, with reservedMemory of each node",
        )


def _asking_for_memory(kubelet: KubeletPicture) -> Iterator[str]:
    """By the specs; without them, who has CPUs of its own is Guaranteed, and every such pod asks for memory."""
    if kubelet.pods.facts is None:
        for held in kubelet.allocations.facts or ():
            if held.cpus or any(container.cpus for container in held.containers):
                yield f"{held.namespace}/{held.name}"
        return
    for pod in kubelet.pods.facts:
        asked = {
            resource for container in pod.containers for resource, amount in container.requests if amount
        }
        binds = any(resource == MEMORY or resource.startswith(HUGEPAGES) for resource in asked)
        if pod.qos_class == "Guaranteed" and binds and not pod.ended:
            yield f"{pod.namespace}/{pod.name}"


def _hugepages(kubelet: KubeletPicture, nodes: Iterable[NumaNode]) -> Iterator[Finding]:
    """Hugepages that came or went since the kubelet counted them, which it does once, when it starts."""
    counted = _counted(kubelet)
    changed = []
    for node in nodes:
        for pool in node.hugepages:
            resource = hugepages_resource(pool.page_size_bytes)
            before = counted.get((node.id, resource), 0 if counted else None)
            if before is None or pool.total is None:
                continue
            now = pool.total * pool.page_size_bytes
            if now != before:
                words = f"{format_bytes(before)} for the kubelet, {format_bytes(now)} now"
                changed.append(f"{resource} of NUMA node {node.id}: {words}")
    if changed:
        yield Finding(
            check="hugepages-changed",
            severity=Severity.ERROR,
            what="hugepages have changed since the kubelet started",
            evidence=tuple(changed),
            way_out="drain the node, stop the kubelet, delete its memory_manager_state, start it: with that file it "
            "refuses to start on changed memory. Set hugepages at boot, before the kubelet",
        )


def _counted(kubelet: KubeletPicture) -> dict[_Key, int]:
    """Bytes by node and page size as the kubelet counted them: by its book, else what it can give and has reserved.

    Empty where neither is known: the memory manager is off, or the reserve is.
    """
    book = None if kubelet.checkpoints is None else kubelet.checkpoints.memory
    if book is not None and book.nodes:
        return {(node.id, table.type): table.total for node in book.nodes for table in node.tables}
    config, pool = kubelet.config.facts, kubelet.allocatable.facts
    if config is None or config.source not in _TELL_ALL or pool is None:
        return {}
    counted: dict[_Key, int] = {}
    for block in pool.memory:
        for node in block.numa_nodes or ():
            counted[node, block.type] = counted.get((node, block.type), 0) + block.size_bytes
    if counted:
        for node, amounts in config.reserved_memory:
            for resource, amount in amounts:
                counted[node, resource] = counted.get((node, resource), 0) + amount
    return counted
