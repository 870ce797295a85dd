"""What the topology, CPU and memory manager find wrong when they are made: before any state file is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from agent.kubelet_config.amounts import format_amount, memory_reserve
from agent.kubelet_config.model import Objection, Start
from agent.kubelet_config.options import (
    cpu_option_objections,
    max_numa_nodes,
    on,
    topology_option_objections,
)
from agent.kubelet_config.reserve_memory import share_memory
from agent.kubelet_config.versions import CLOSEST, CPU_MANAGER, MAX_NODES, TOPOLOGY_MANAGER
from agent.kubelet_config.written import CPU_POLICIES, MEMORY_POLICIES, unknown_word
from agent.placement.model import HUGEPAGES, MEMORY
from collectors.parse import format_id_list


def online_objections(start: Start) -> Iterator[Objection]:
    """Reserved CPUs that are not there: looked at whatever the policies are."""
    missing = (start.config.reserved_cpus or frozenset()) - start.hardware.cpus
    if missing:
        yield Objection(
            check="reserved-cpus-missing",
            what=f"reservedSystemCPUs names CPUs that are not online: {format_id_list(missing)}",
            says="is not a subset of online-cpus",
            evidence=(f"online are {format_id_list(start.hardware.cpus)}",),
            way_out="reservedSystemCPUs of this machine: `numascope kubelet-config` prints them",
        )


def topology_objections(start: Start) -> Iterator[Objection]:
    """The topology manager's. Under policy none it looks at nothing."""
    config, nodes = start.config, len(start.hardware.machine.numa_nodes)
    if config.topology_manager_policy == "none":
        return
    yield from topology_option_objections(start)
    if on(config.topology_manager_options, CLOSEST) and not start.hardware.tells_distances:
        yield Objection(
            check="distances-missing",
            what=f"{CLOSEST} needs the distances between NUMA nodes, which this machine does not tell",
            says="error getting NUMA distances from cadvisor",
            way_out=f"take {CLOSEST} out of {TOPOLOGY_MANAGER.field}",
        )
    most = max_numa_nodes(config.topology_manager_options)
    if nodes > most:
        yield Objection(
            check="too-many-numa-nodes",
            what=f"the topology manager takes {most} NUMA nodes, and this machine has {nodes}",
            says=f"unsupported on machines with more than {most} NUMA Nodes",
            way_out=f'{TOPOLOGY_MANAGER.field}: {{{MAX_NODES}: "{nodes}"}}; more than eight make admission slow, see '
            "`numascope doctor`",
        )


def cpu_objections(start: Start) -> Iterator[Objection]:
    """The CPU manager's."""
    config = start.config
    if config.cpu_manager_policy not in CPU_POLICIES:
        yield unknown_word(
            "cpuManagerPolicy",
            config.cpu_manager_policy,
            CPU_POLICIES,
            says=f'unknown policy: "{config.cpu_manager_policy}"',
        )
    elif config.cpu_manager_policy == "none":
        if config.cpu_manager_options:
            yield Objection(
                check="options-without-policy",
                what=f"{CPU_MANAGER.field} needs cpuManagerPolicy static",
                says="None policy: received unsupported options",
                way_out=f"cpuManagerPolicy: static, or take {CPU_MANAGER.field} out (`null` in a drop-in)",
            )
    else:
        yield from _static_cpus(start)


def _static_cpus(start: Start) -> Iterator[Objection]:
    millis = start.config.reserved_cpu_millis
    if not millis:
        yield Objection(
            check="no-cpu-reserved",
            what="cpuManagerPolicy static needs CPUs that are reserved for the system, and none are",
            says="unable to determine reserved CPU resources for static policy",
            way_out="reservedSystemCPUs: `numascope kubelet-config` prints them for this machine",
        )
        return
    yield from cpu_option_objections(start)
    wanted, there = -(-millis // 1000), len(start.hardware.cpus)
    if wanted > there:
        yield Objection(
            check="too-many-cpus-reserved",
            what=f"{wanted} CPUs are to be reserved, and {there} are online",
            says="unable to reserve the required amount of CPUs",
            way_out="less in systemReserved.cpu and kubeReserved.cpu, or reservedSystemCPUs",
        )


def memory_objections(start: Start) -> Iterator[Objection]:
    """The memory manager's."""
    policy = start.config.memory_manager_policy
    if policy not in MEMORY_POLICIES:
        yield unknown_word(
            "memoryManagerPolicy",
            policy,
            MEMORY_POLICIES,
            says='policy "BestEffort" is not available for platform'
            if policy == "BestEffort"
            else f'unknown policy: "{policy}"',
        )
    elif policy == "Static":
        yield from _static_memory(start)


def _static_memory(start: Start) -> Iterator[Objection]:
    config, nodes = start.config, start.hardware.machine.numa_nodes
    strangers = sorted(node for node, _ in config.reserved_memory if node not in nodes)
    if strangers:
        yield Objection(
            check="reserved-memory-node",
            what=f"reservedMemory names NUMA node {strangers[0]}, which this machine does not have",
            says=f"the reserved memory configuration references a NUMA node {strangers[0]} that does not exist",
            evidence=(f"there are NUMA nodes {format_id_list(frozenset(nodes))}",),
            way_out=_shares_words(start),
        )
        return
    yield from reserved_memory_objections(start)


def reserved_memory_objections(start: Start) -> Iterator[Objection]:
    """Whether what is reserved of the NUMA nodes comes to what is reserved of the machine."""
    reserve = memory_reserve(start.config, start.hardware.memory_bytes)
    if reserve is None:
        return
    sums = Counter[str]({MEMORY: 0})
    for _, amounts in start.config.reserved_memory:
        sums.update(dict(amounts))
    for resource, amount in sorted(sums.items()):
        wanted = reserve.total if resource == MEMORY else 0
        if amount == wanted:
            continue
        hugepages = resource.startswith(HUGEPAGES)
        yield Objection(
            check="reserved-hugepages" if hugepages else "reserved-memory",
            what=f"reservedMemory reserves {format_amount(amount)} of {resource}, and no kubelet can reserve hugepages"
            if hugepages
            else f"reservedMemory comes to {format_amount(amount)}, and must come to {format_amount(wanted)}",
            says=f'of type "{resource}" is not equal to the value',
            evidence=() if hugepages else (f"{reserve.words} = {format_amount(wanted)}",),
            way_out=f"take {resource} out of reservedMemory" if hugepages else _shares_words(start),
        )
    if not reserve.total and not sums[MEMORY]:
        yield Objection(
            check="no-memory-reserved",
            what="memoryManagerPolicy Static needs memory that is reserved for the system, and none is",
            says="you should specify the system reserved memory",
            way_out='systemReserved: {memory: "1Gi"}, and the same in reservedMemory',
        )


def _shares_words(start: Start) -> str:
    """The reservedMemory that this configuration wants on this machine."""
    reserve = memory_reserve(start.config, start.hardware.memory_bytes)
    shares = () if reserve is None else share_memory(start.hardware, reserve.total)
    entries = ", ".join(
        f"{{numaNode: {node}, limits: {{memory: {format_amount(size)}}}}}" for node, size in shares
    )
    return f"reservedMemory: [{entries}]" if entries else "`numascope kubelet-config` prints reservedMemory"


def capacity_objections(start: Start) -> Iterator[Objection]:
    """More reserved than there is: looked at last, after the state files."""
    reserve = memory_reserve(start.config, start.hardware.memory_bytes)
    there = (
        ("cpu", start.config.reserved_cpu_millis or 0, 1000 * len(start.hardware.cpus), str),
        (
            MEMORY,
            0 if reserve is None else reserve.total,
            start.hardware.memory_bytes,
            format_amount,
        ),
    )
    for resource, wanted, capacity, words in there:
        if capacity is not None and wanted > capacity:
            yield Objection(
                check="reserve-over-capacity",
                what=f"more {resource} is reserved than there is",
                says=f'Resource "{resource}" has a reservation of ',
                evidence=(
                    f"{words(wanted)} of {words(capacity)}{' thousandths' if resource == 'cpu' else ''}",
                ),
                way_out=f"less {resource} in systemReserved and kubeReserved",
            )
