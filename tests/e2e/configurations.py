"""Machines, wishes and configurations for the tests of `numascope kubelet-config` and `preflight`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.e2e.bed.machines import MEMORY_ONLY, SPARSE, SUB_NUMA, TWO_SOCKETS
from tests.e2e.bed.options import KubeletOptions
from tests.hosts.spec import GIB, MIB, CpuSpec, HugePages, MachineSpec, MemorySpec

FEW_PAGES = HugePages(size_bytes=2 * MIB, totals=(64,))

NINE_NODES = MachineSpec(
    name="nine nodes of a few CPUs",
    cpus=CpuSpec(packages=9, cores=2, smt=2),
    memory=MemorySpec(bytes_per_node=4 * GIB, hugepages=(FEW_PAGES,)),
)
SEVERAL_CACHES = MachineSpec(
    name="two sockets with four L3 caches each, one thread a core",
    cpus=CpuSpec(packages=2, cores=16, cores_per_l3=4),
    memory=MemorySpec(bytes_per_node=31 * GIB, hugepages=(FEW_PAGES,)),
)
UNEVEN = MachineSpec(
    name="four nodes, of which one is nearly all hugepages",
    cpus=CpuSpec(packages=4, cores=4, smt=2),
    memory=MemorySpec(bytes_per_node=2 * GIB, hugepages=(HugePages(size_bytes=2 * MIB, totals=(900, 0)),)),
)
ONE_NODE = MachineSpec(
    name="one node", cpus=CpuSpec(cores=4), memory=MemorySpec(bytes_per_node=8 * GIB, hugepages=(FEW_PAGES,))
)


WISHES: tuple[tuple[MachineSpec, tuple[str, ...]], ...] = (
    (TWO_SOCKETS, ("--policy", "single-numa-node")),
    (
        TWO_SOCKETS,
        ("--policy", "restricted", "--scope", "pod", "--reserve-cpus", "3", "--reserve-memory", "4Gi"),
    ),
    (TWO_SOCKETS, ("--policy", "none")),
    (TWO_SOCKETS, ("--policy", "best-effort", "--options", "align-by-socket,strict-cpu-reservation")),
    (TWO_SOCKETS, ("--policy", "best-effort", "--cpu-manager", "none", "--memory-manager", "None")),
    (SUB_NUMA, ("--policy", "restricted")),
    (SUB_NUMA, ("--policy", "restricted", "--options", "align-by-socket,distribute-cpus-across-numa")),
    (SPARSE, ("--policy", "restricted")),
    (MEMORY_ONLY, ("--policy", "best-effort", "--scope", "pod")),
    (NINE_NODES, ("--policy", "single-numa-node")),
    (SEVERAL_CACHES, ("--policy", "single-numa-node", "--options", "prefer-align-cpus-by-uncorecache")),
    (TWO_SOCKETS, ("--policy", "restricted", "--options", "distribute-cpus-across-cores")),
    (UNEVEN, ("--policy", "single-numa-node", "--reserve-memory", "1000001Ki")),
    (ONE_NODE, ("--policy", "single-numa-node")),
)


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A configuration that no kubelet starts with."""

    check: str
    options: KubeletOptions = field(default_factory=KubeletOptions)
    spec: MachineSpec = TWO_SOCKETS


def _with(**extra: object) -> KubeletOptions:
    return KubeletOptions(extra=extra)


def _reserving(*entries: tuple[int, Mapping[str, str]]) -> KubeletOptions:
    return _with(reservedMemory=[{"numaNode": node, "limits": dict(limits)} for node, limits in entries])


ALPHA = {"CPUManagerPolicyAlphaOptions": True}
ON = "true"
HALF = {"memory": "512Mi"}

NOTHING_NEW = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"

REFUSED: dict[str, Refused] = {
    "policy": Refused(check="policy-unknown", options=_with(topologyManagerPolicy="strict")),
    "scope": Refused(check="policy-unknown", options=_with(topologyManagerScope="node")),
    "cpu policy": Refused(check="policy-unknown", options=_with(cpuManagerPolicy="dynamic")),
    "memory policy": Refused(check="policy-unknown", options=_with(memoryManagerPolicy="static")),
    "best-effort memory": Refused(check="policy-unknown", options=_with(memoryManagerPolicy="BestEffort")),
    "gate of old": Refused(
        check="gate-unknown", options=KubeletOptions(feature_gates={"MemoryManager": True})
    ),
    "gate of older": Refused(
        check="gate-unknown", options=KubeletOptions(feature_gates={"CPUManager": True})
    ),
    "gate of oldest": Refused(
        check="gate-unknown", options=KubeletOptions(feature_gates={"TopologyManager": True})
    ),
    "locked gate": Refused(
        check="gate-locked", options=KubeletOptions(feature_gates={"CPUManagerPolicyOptions": False})
    ),
    "other locked gate": Refused(
        check="gate-locked", options=KubeletOptions(feature_gates={"TopologyManagerPolicyOptions": False})
    ),
    "cgroups": Refused(check="reserved-cpus-and-cgroup", options=_with(systemReservedCgroup="/system.slice")),
    "kube cgroup": Refused(check="reserved-cpus-and-cgroup", options=_with(kubeReservedCgroup="/kube.slice")),
    "memory twice": Refused(check="reserved-memory-twice", options=_reserving((0, HALF), (0, HALF))),
    "zero memory": Refused(
        check="reserved-memory-zero", options=_reserving((0, {"memory": "1Gi"}), (1, {"memory": "0"}))
    ),
    "cpu as memory": Refused(check="reserved-memory-unknown", options=_reserving((0, {"cpu": "1"}))),
    "enforced": Refused(check="enforced-without-qos", options=_with(enforceNodeAllocatable=["pods"])),
    "lost list": Refused(check="enforced-without-qos", options=KubeletOptions(drop_in=NOTHING_NEW)),
    "enforced cgroup": Refused(
        check="enforced-without-cgroup", options=_with(enforceNodeAllocatable=["system-reserved"])
    ),
    "enforced what": Refused(check="policy-unknown", options=_with(enforceNodeAllocatable=["cpus"])),
    "offline": Refused(check="reserved-cpus-missing", options=_with(reservedSystemCPUs="0,64")),
    "reserved hugepages": Refused(
        check="reserve-unknown", options=_with(systemReserved={"memory": "512Mi", "hugepages-2Mi": "1Gi"})
    ),
    "eviction signal": Refused(
        check="eviction-unknown", options=_with(evictionHard={"memory.free": "100Mi"})
    ),
    "eviction of nothing": Refused(
        check="eviction-zero", options=_with(evictionHard={"memory.available": "0"})
    ),
    "topology option": Refused(
        check="option-unknown", options=KubeletOptions(topology_options={"prefer-nearest": ON})
    ),
    "topology value": Refused(
        check="option-value", options=KubeletOptions(topology_options={"prefer-closest-numa-nodes": "yes"})
    ),
    "few nodes": Refused(
        check="option-value", options=KubeletOptions(topology_options={"max-allowable-numa-nodes": "7"})
    ),
    "no number": Refused(
        check="option-value", options=KubeletOptions(topology_options={"max-allowable-numa-nodes": ON})
    ),
    "nine nodes": Refused(check="too-many-numa-nodes", spec=NINE_NODES),
    "cpu option": Refused(check="option-unknown", options=KubeletOptions(cpu_options={"full-cpus-only": ON})),
    "cpu value": Refused(check="option-value", options=KubeletOptions(cpu_options={"full-pcpus-only": "on"})),
    "alpha option": Refused(
        check="option-gated",
        options=KubeletOptions(topology_policy="restricted", cpu_options={"align-by-socket": ON}),
    ),
    "beta option": Refused(
        check="option-gated",
        options=KubeletOptions(
            cpu_options={"distribute-cpus-across-numa": ON},
            feature_gates={"CPUManagerPolicyBetaOptions": False},
        ),
    ),
    "options of none": Refused(
        check="options-without-policy",
        options=KubeletOptions(cpu_policy="none", cpu_options={"full-pcpus-only": ON}),
    ),
    "excluding": Refused(
        check="options-exclude",
        options=KubeletOptions(
            cpu_options={"full-pcpus-only": ON, "distribute-cpus-across-cores": ON}, feature_gates=ALPHA
        ),
    ),
    "excluding too": Refused(
        check="options-exclude",
        options=KubeletOptions(
            cpu_options={"prefer-align-cpus-by-uncorecache": ON, "distribute-cpus-across-numa": ON}
        ),
    ),
    "by socket": Refused(
        check="align-by-socket",
        options=KubeletOptions(cpu_options={"align-by-socket": ON}, feature_gates=ALPHA),
    ),
    "no cpu": Refused(check="no-cpu-reserved", options=_with(reservedSystemCPUs="")),
    "many cpus": Refused(
        check="too-many-cpus-reserved",
        options=_with(reservedSystemCPUs="", systemReserved={"cpu": "65", "memory": "512Mi"}),
    ),
    "memory of nobody": Refused(check="reserved-memory-node", options=_reserving((0, HALF), (7, HALF))),
    "memory short": Refused(check="reserved-memory", options=_reserving((0, HALF), (1, {"memory": "511Mi"}))),
    "memory missing": Refused(check="reserved-memory", options=_with(reservedMemory=[])),
    "hugepages": Refused(
        check="reserved-hugepages",
        options=_reserving((0, {"memory": "1Gi", "hugepages-2Mi": "2Mi"})),
    ),
    "share of memory": Refused(
        check="reserved-memory", options=_with(evictionHard={"memory.available": "1%"})
    ),
    "no memory": Refused(
        check="no-memory-reserved",
        options=_with(systemReserved={}, kubeReserved={}, reservedMemory=[], evictionHard={}),
    ),
    "over capacity": Refused(
        check="reserve-over-capacity",
        options=_with(
            systemReserved={"memory": "500Gi"},
            reservedMemory=[{"numaNode": 0, "limits": {"memory": "512512Mi"}}],
        ),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Changed:
    """What changed since, and what comes of it."""

    check: str | None
    options: KubeletOptions = field(default_factory=KubeletOptions)
    files: Mapping[str, str] = field(default_factory=dict)
    """Of the machine, with their new text"""


NODE = "sys/devices/system/node"
CPU = "sys/devices/system/cpu"

CHANGED: dict[str, Changed] = {
    "nothing": Changed(check=None),
    "topology policy": Changed(check=None, options=KubeletOptions(topology_policy="best-effort")),
    "no topology policy": Changed(check=None, options=KubeletOptions(topology_policy="none")),
    "whole cores": Changed(check=None, options=KubeletOptions(cpu_options={"full-pcpus-only": ON})),
    "cpu policy": Changed(check="state-policy", options=KubeletOptions(cpu_policy="none")),
    "memory policy": Changed(check="state-policy", options=KubeletOptions(memory_policy="None")),
    "reserved cpus that are held": Changed(check="cpu-state", options=_with(reservedSystemCPUs="0,1,16")),
    "reserved cpus that are free": Changed(check=None, options=_with(reservedSystemCPUs="0,15")),
    "strictly reserved": Changed(
        check="cpu-state", options=KubeletOptions(cpu_options={"strict-cpu-reservation": ON})
    ),
    "reserved memory": Changed(
        check="memory-state", options=_reserving((0, {"memory": "600Mi"}), (1, {"memory": "424Mi"}))
    ),
    "hugepages": Changed(
        check="memory-state",
        files={f"{NODE}/node1/hugepages/hugepages-2048kB/nr_hugepages": "1024\n"},
    ),
    "memory": Changed(
        check="memory-state",
        files={f"{NODE}/node0/meminfo": f"Node 0 MemTotal:       {62 * GIB // 1024} kB\n"},
    ),
    "cpu offline": Changed(
        check="cpu-state", files={f"{CPU}/online": "0-62\n", f"{CPU}/cpu63/online": "0\n"}
    ),
}
