"""A scenario: a machine, a kubelet's settings, and what happens there in order. As data, and as the JSON line that the
oracle reads (program/scenario.go has the same fields, and says more of what each step does)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuSpec:
    """One CPU as /sys/devices/system/cpu has it."""

    id: int
    core: int
    """core_id: unique within its package only"""
    package: int
    node: int
    l3: int | None = None
    """id of its level 3 cache; None where there is no cache folder"""
    offline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSpec:
    """One NUMA node as /sys/devices/system/node has it."""

    id: int
    memory: int
    """MemTotal in bytes, a multiple of 1024"""
    hugepages: tuple[tuple[int, int], ...] = ()
    """(size in KiB, pages) by size"""
    distances: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSpec:
    """A machine: nodes and CPUs by id."""

    nodes: tuple[NodeSpec, ...]
    cpus: tuple[CpuSpec, ...]
    numa: bool = True
    """Whether the kernel knows of NUMA; otherwise /sys has no folder of nodes"""

    @property
    def online(self) -> tuple[CpuSpec, ...]:
        """The CPUs that the kubelet sees."""
        return tuple(cpu for cpu in self.cpus if not cpu.offline)

    @property
    def memory(self) -> int:
        """Of all nodes, in bytes."""
        return sum(node.memory for node in self.nodes)

    def hugepages(self) -> dict[int, int]:
        """Pages of all nodes by size in KiB."""
        pages: dict[int, int] = {}
        for node in self.nodes:
            for size, count in node.hugepages:
                pages[size] = pages.get(size, 0) + count
        return pages


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeletSpec:
    """The settings that the kubelet's managers are made from; names as in KubeletConfiguration."""

    topology_policy: str = "none"
    topology_scope: str = "container"
    topology_options: tuple[tuple[str, str], ...] = ()
    cpu_policy: str = "none"
    cpu_options: tuple[tuple[str, str], ...] = ()
    memory_policy: str = "None"
    reserved_cpus: tuple[int, ...] = ()
    """reservedSystemCPUs; empty: CPUs are reserved by number"""
    reserved_cpu_millis: int = 1000
    """systemReserved and kubeReserved in thousandths of a CPU; with `reserved_cpus` as many as those"""
    reserved_memory: tuple[tuple[int, tuple[tuple[str, int], ...]], ...] = ()
    """(NUMA node, ((resource, bytes), …))"""
    reserved_bytes: int = 0
    """systemReserved, kubeReserved and hard eviction together; under policy Static what `reserved_memory` adds up to"""
    gates: tuple[tuple[str, bool], ...] = ()
    """Feature gates that are set"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSpec:
    """One device of a plugin."""

    id: str
    nodes: tuple[int, ...] | None = None
    """None: the plugin tells no topology; empty: an empty one"""
    unhealthy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginSpec:
    """One device plugin, and how it answers."""

    resource: str
    devices: tuple[DeviceSpec, ...]
    preferred: tuple[str, ...] | None = None
    """GetPreferredAllocation as an order of ids; None: it has no such call"""
    preferred_error: str = ""
    """What it fails GetPreferredAllocation with; empty: it does not"""
    allocate_error: str = ""
    """What it fails Allocate with; empty: it does not"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happens: see `type step` in program/scenario.go."""

    op: str
    pod: Object | None = None
    uid: str = ""
    nth: int = 0
    container: str = ""
    plugin: PluginSpec | None = None
    plugins_late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """All of it."""

    name: str
    """Says how to make it again: seed and number"""
    machine: MachineSpec
    kubelet: KubeletSpec
    allocatable: tuple[tuple[str, str], ...]
    """status.allocatable of the Node without devices, as quantities"""
    labels: tuple[tuple[str, str], ...] = ()
    """Of the Node, beside its system and its name"""
    taints: tuple[Object, ...] = ()
    plugins: tuple[PluginSpec, ...] = ()
    settle: bool = False
    """Whether the kubelet looks for ended pods after each step, as its loops do every ten seconds"""
    verbose: bool = False
    """Whether the oracle tells each provider's hints and the CPUs as it sees them too"""
    steps: tuple[Step, ...] = ()


def as_json(scenario: Scenario) -> Object:
    """The line for the oracle."""
    return {
        "name": scenario.name,
        "verbose": scenario.verbose,
        "settle": scenario.settle,
        "machine": _machine(scenario.machine),
        "kubelet": _kubelet(scenario.kubelet),
        "node": {
            "allocatable": dict(scenario.allocatable),
            "labels": dict(scenario.labels),
            "taints": scenario.taints,
        },
        "plugins": [_plugin(plugin) for plugin in scenario.plugins],
        "steps": [_step(step) for step in scenario.steps],
    }


def _machine(machine: MachineSpec) -> Object:
    return {
        "nodes": [
            {
                "id": node.id,
                "memory": node.memory,
                "hugepages": {str(size): pages for size, pages in node.hugepages},
                "distances": node.distances,
            }
            for node in machine.nodes
            if machine.numa
        ],
        "cpus": [
            {
                "id": cpu.id,
                "core": cpu.core,
                "package": cpu.package,
                "node": cpu.node,
                "l3": cpu.l3,
                "offline": cpu.offline,
            }
            for cpu in machine.cpus
        ],
    }


def _kubelet(kubelet: KubeletSpec) -> Object:
    reservation: dict[str, str] = {
        "cpu": f"{kubelet.reserved_cpu_millis}m",
        "memory": str(kubelet.reserved_bytes),
    }
    for _, amounts in kubelet.reserved_memory:
        for resource, amount in amounts:
            if resource != "memory":
                reservation[resource] = str(int(reservation.get(resource, "0")) + amount)
    return {
        "topologyManagerPolicy": kubelet.topology_policy,
        "topologyManagerScope": kubelet.topology_scope,
        "topologyManagerPolicyOptions": dict(kubelet.topology_options),
        "cpuManagerPolicy": kubelet.cpu_policy,
        "cpuManagerPolicyOptions": dict(kubelet.cpu_options),
        "memoryManagerPolicy": kubelet.memory_policy,
        "reservedSystemCPUs": ",".join(str(cpu) for cpu in kubelet.reserved_cpus),
        "reservedMemory": [
            {"numaNode": node, "limits": {resource: str(amount) for resource, amount in amounts}}
            for node, amounts in kubelet.reserved_memory
        ],
        "reservation": reservation,
        "featureGates": dict(kubelet.gates),
    }


def _plugin(plugin: PluginSpec) -> Object:
    return {
        "resource": plugin.resource,
        "devices": [
            {"id": device.id, "nodes": device.nodes, "unhealthy": device.unhealthy}
            for device in plugin.devices
        ],
        "preferred": plugin.preferred,
        "preferredError": plugin.preferred_error,
        "allocateError": plugin.allocate_error,
    }


def _step(step: Step) -> Object:
    line: Object = {"op": step.op}
    if step.pod is not None:
        line["pod"] = step.pod
    if step.plugin is not None:
        line["plugin"] = _plugin(step.plugin)
    for key, value in (("uid", step.uid), ("nth", step.nth), ("container", step.container)):
        if value:
            line[key] = value
    if step.plugins_late:
        line["pluginsLate"] = True
    return line
