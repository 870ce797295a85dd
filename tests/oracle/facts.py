"""What our collectors would read on a scenario's machine, and what the kubelet's configuration would say."""

from __future__ import annotations

from collections.abc import Callable

from collectors.model.cpu import Cache, CacheType, Cpu, CpuGroup, CpuTopology
from collectors.model.kubelet_config import ConfigSource, KubeletConfig
from collectors.model.memory import HugePagePool, NumaKind, NumaNode, NumaTopology
from tests.oracle.scenario import CpuSpec, KubeletSpec, MachineSpec, NodeSpec


def cpu_facts(machine: MachineSpec) -> CpuTopology:
    """The CPUs, with packages, cores and level 3 caches."""
    return CpuTopology(
        online=frozenset(cpu.id for cpu in machine.online),
        present=frozenset(cpu.id for cpu in machine.cpus),
        cpus=tuple(_cpu(cpu) for cpu in machine.cpus),
        packages=_groups(machine, lambda cpu: (cpu.package,)),
        cores=_groups(machine, lambda cpu: (cpu.package, cpu.core)),
        caches=tuple(
            Cache(level=3, type=CacheType.UNIFIED, cpus=group.cpus, size_bytes=32 << 20, id=group.id)
            for group in _groups(machine, lambda cpu: () if cpu.l3 is None else (cpu.l3,))
        ),
    )


def _cpu(cpu: CpuSpec) -> Cpu:
    """Of an offline CPU Linux has no topology folder."""
    if cpu.offline:
        return Cpu(id=cpu.id, online=False)
    return Cpu(id=cpu.id, online=True, package_id=cpu.package, core_id=cpu.core)


def _groups(machine: MachineSpec, key: Callable[[CpuSpec], tuple[int, ...]]) -> tuple[CpuGroup, ...]:
    """CPUs with the same key, by their lowest; the last of the key's numbers is the group's id."""
    members: dict[tuple[int, ...], set[int]] = {}
    for cpu in machine.online:
        members.setdefault(key(cpu), set()).add(cpu.id)
    members.pop((), None)
    groups = [CpuGroup(cpus=frozenset(cpus), id=numbers[-1]) for numbers, cpus in members.items()]
    return tuple(sorted(groups, key=lambda group: min(group.cpus)))


def numa_facts(machine: MachineSpec) -> NumaTopology:
    """The NUMA nodes, with memory, hugepages and distances; one that is made up where the kernel knows of none."""
    if not machine.numa:
        return NumaTopology(nodes=(_node(machine, machine.nodes[0]),), from_kernel=False)
    return NumaTopology(nodes=tuple(_node(machine, node) for node in machine.nodes), from_kernel=True)


def _node(machine: MachineSpec, node: NodeSpec) -> NumaNode:
    cpus = frozenset(cpu.id for cpu in machine.online if cpu.node == node.id)
    kinds = {
        (True, True): NumaKind.CPU_AND_MEMORY,
        (True, False): NumaKind.CPU_ONLY,
        (False, True): NumaKind.MEMORY_ONLY,
        (False, False): NumaKind.EMPTY,
    }
    ids = [each.id for each in machine.nodes]
    return NumaNode(
        id=node.id,
        kind=kinds[bool(cpus), node.memory > 0],
        cpus=cpus,
        offline_cpus=frozenset(cpu.id for cpu in machine.cpus if cpu.offline and cpu.node == node.id),
        memory_total_bytes=node.memory,
        hugepages=tuple(
            HugePagePool(page_size_bytes=size * 1024, total=pages) for size, pages in node.hugepages
        ),
        distances=tuple(zip(ids, node.distances, strict=True)) if node.distances is not None else (),
    )


def config_facts(kubelet: KubeletSpec) -> KubeletConfig:
    """The kubelet's configuration, as its /configz would tell it."""
    return KubeletConfig(
        source=ConfigSource.CONFIGZ,
        topology_manager_policy=kubelet.topology_policy,
        topology_manager_scope=kubelet.topology_scope,
        topology_manager_options=kubelet.topology_options,
        cpu_manager_policy=kubelet.cpu_policy,
        cpu_manager_options=kubelet.cpu_options,
        memory_manager_policy=kubelet.memory_policy,
        reserved_cpus=frozenset(kubelet.reserved_cpus) or None,
        reserved_memory=kubelet.reserved_memory,
        kube_reserved=(("cpu", kubelet.reserved_cpu_millis), ("memory", kubelet.reserved_bytes)),
        feature_gates=kubelet.gates,
    )
