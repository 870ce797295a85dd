"""A KubeletConfiguration for one machine: what is in it, and why.

It is a drop-in: laid over another file it changes what it names. So it names all that has to fit together, the memory
that is reserved in each of three fields too, and takes out (null) the options of the file below that do not fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from agent.admission.versions import NEWEST, Version
from agent.kubelet_config.amounts import MEMORY_AVAILABLE, MemoryReserve, format_amount, memory_reserve
from agent.kubelet_config.fitting import Option, Policies, fit_options
from agent.kubelet_config.merge_cost import slow_merge
from agent.kubelet_config.model import MAX_NUMA_ID, Hardware, UnfitError
from agent.kubelet_config.reserve_cpus import choose_cpus
from agent.kubelet_config.reserve_memory import MIB, share_memory
from agent.kubelet_config.versions import CPU_MANAGER, TOPOLOGY_MANAGER
from agent.placement.model import MEMORY
from collectors.kubelet.configuration import API_GROUP, KIND
from collectors.model.kubelet_config import KubeletConfig
from collectors.parse import format_id_list

API_VERSION = f"{API_GROUP}v1beta1"

USUAL_PODS = 110
SYSTEM_BYTES = 512 * MIB
KUBELET_BYTES = 255 * MIB
POD_BYTES = 11 * MIB
"""What a kubelet and its runtime take for themselves and for each pod: the rule of several clouds"""
EVICTION_BYTES = 100 * MIB
"""The kubelet's own default"""
SHARE = 8
"""By default at most one byte in so many"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for."""

    policies: Policies
    cpus: int | None = None
    """How many are kept for the system; None: a core of each NUMA node"""
    memory: int | None = None
    """Bytes kept for the system and the kubelet, the eviction threshold not counted; None: what the present
    configuration keeps, else the usual"""
    options: tuple[str, ...] | None = None
    """None: those that fit"""
    version: Version = NEWEST
    present: KubeletConfig | None = None
    """The configuration that this is laid over, where it is known"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One field with its value, and why it has that."""

    key: str
    value: Any
    """Text, a number, None (takes the field out), entries (a map), or tuples of entries (a list of maps)"""
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DropIn:
    """Fields in the order in which they are shown."""

    entries: tuple[Entry, ...]

    @property
    def document(self) -> dict[str, Any]:
        """As values of JSON."""
        return {each.key: _plain(each.value) for each in self.entries}


def derive_drop_in(hardware: Hardware, wish: Wish) -> DropIn:
    """The configuration that a machine needs. Raises UnfitError where what is asked for does not fit it."""
    _check_ids(hardware, wish.policies)
    options = fit_options(hardware, wish.policies, wish.version, asked=wish.options)
    topology, cpu = _present_options(wish.present)
    return DropIn(
        entries=(
            Entry(key="apiVersion", value=API_VERSION),
            Entry(key="kind", value=KIND),
            *_topology(hardware, wish.policies),
            *_options(TOPOLOGY_MANAGER.field, options.topology, topology),
            *_cpus(hardware, wish),
            *_options(CPU_MANAGER.field, options.cpu, cpu),
            *_memory(hardware, wish),
            *_options("featureGates", options.gates, ()),
        )
    )


def _check_ids(hardware: Hardware, policies: Policies) -> None:
    beyond = [node for node in hardware.machine.numa_nodes if node > MAX_NUMA_ID]
    if beyond and (policies.topology != "none" or policies.memory != "None"):
        raise UnfitError(
            f"NUMA node {beyond[0]}: the kubelet's sets of NUMA nodes end at {MAX_NUMA_ID}, and it panics; "
            "--policy none --memory-manager None, or fewer NUMA nodes by firmware settings (SNC, NPS)"
        )


_POLICIES = {
    "none": "The topology manager is off: nothing is aligned.",
    "best-effort": "Aligned where that can be; no pod is refused for it.",
    "restricted": "A pod that would lie on more NUMA nodes than it needs is refused.",
    "single-numa-node": "A pod that does not fit one NUMA node is refused.",
}
_SCOPES = {
    "container": "Each container is placed by itself, maybe on another NUMA node than the pod's others.",
    "pod": "All containers of a pod are placed together.",
}


def _topology(hardware: Hardware, policies: Policies) -> Iterator[Entry]:
    yield Entry(
        key="topologyManagerPolicy",
        value=policies.topology,
        why=(_POLICIES[policies.topology], *_slow(hardware, policies)),
    )
    if policies.topology != "none":
        yield Entry(key="topologyManagerScope", value=policies.scope, why=(_SCOPES[policies.scope],))


def _slow(hardware: Hardware, policies: Policies) -> Iterator[str]:
    """A word of warning where the kubelet takes long over a pod with CPUs, memory and a device."""
    static = policies.cpu == "static", policies.memory == "Static"
    cost = slow_merge(hardware, policies.topology, cpus=static[0], memory=static[1])
    if cost is not None:
        yield (
            f"The kubelet tries {cost.permutations:,} combinations for a container that asks for "
            f"{' and '.join(cost.resources)}: {cost.duration}."
        )


Present = tuple[tuple[str, str], ...]
"""(option, value) of the file below"""


def _present_options(present: KubeletConfig | None) -> tuple[Present, Present]:
    """The topology manager's and the CPU manager's."""
    return ((), ()) if present is None else (present.topology_manager_options, present.cpu_manager_options)


def _options(field: str, options: Iterable[Option], present: Present) -> Iterator[Entry]:
    chosen = {option.name: option for option in options}
    booleans = field == "featureGates"
    entries = [
        Entry(key=name, value=option.value == "true" if booleans else option.value, why=(option.why,))
        for name, option in chosen.items()
    ]
    entries += [
        Entry(
            key=name,
            value=None,
            why=("Taken out of the file below: it does not fit here, or was not asked for.",),
        )
        for name, _ in present
        if name not in chosen
    ]
    if entries:
        yield Entry(key=field, value=tuple(entries))


def _cpus(hardware: Hardware, wish: Wish) -> Iterator[Entry]:
    static = wish.policies.cpu == "static"
    why = (
        "Guaranteed containers that ask for whole CPUs get them for themselves."
        if static
        else "No container gets CPUs for itself."
    )
    yield Entry(key="cpuManagerPolicy", value=wish.policies.cpu, why=(why,))
    chosen = choose_cpus(hardware, wish.cpus)
    by_node = [
        f"{node}: {format_id_list(cpus)}"
        for node in hardware.cpu_nodes
        if (cpus := chosen & {place.cpu for place in hardware.machine.cpus if place.numa_node == node})
    ]
    cores = sum(1 for core in hardware.cores if core & chosen)
    noun = "whole core" if cores == 1 else "whole cores"
    more = wish.cpus is not None and len(chosen) > wish.cpus
    spread = f"(by NUMA node {'; '.join(by_node)})"
    yield Entry(
        key="reservedSystemCPUs",
        value=format_id_list(chosen),
        why=(
            f"For the system: {cores} {noun}, {len(chosen)} of {len(hardware.cpus)} CPUs {spread}.",
            *((f"{wish.cpus} were asked for; half a core would serve nobody.",) if more else ()),
            "It takes the place of cpu in systemReserved and kubeReserved.",
        ),
    )


def _memory(hardware: Hardware, wish: Wish) -> Iterator[Entry]:
    static = wish.policies.memory == "Static"
    yield Entry(
        key="memoryManagerPolicy",
        value=wish.policies.memory,
        why=("Memory and hugepages of Guaranteed pods are bound to NUMA nodes.",)
        if static
        else ("Memory is bound to no NUMA node.",),
    )
    reserve, why = _reserve(hardware, wish)
    total = format_amount(reserve.total)
    yield _amount("systemReserved", MEMORY, reserve.system, (why,))
    yield _amount("kubeReserved", MEMORY, reserve.kube, ("Counts together with the one above.",))
    yield _amount("evictionHard", MEMORY_AVAILABLE, reserve.eviction, ("Counts as reserved too.",))
    if static:
        yield Entry(
            key="reservedMemory",
            value=tuple(
                (
                    Entry(key="numaNode", value=node),
                    Entry(key="limits", value=(Entry(key=MEMORY, value=format_amount(size)),)),
                )
                for node, size in share_memory(hardware, reserve.total)
            ),
            why=(
                f"Has to come to {total}, the sum of the three above; else the kubelet does not start.",
                "Never hugepages: the kubelet can reserve none of them for the system.",
            ),
        )


def _amount(field: str, key: str, size: int, why: tuple[str, ...] = ()) -> Entry:
    # A threshold of 0 is refused; a share of nothing turns it off.
    value = "0%" if key == MEMORY_AVAILABLE and not size else format_amount(size)
    return Entry(key=field, value=(Entry(key=key, value=value),), why=why)


def _reserve(hardware: Hardware, wish: Wish) -> tuple[MemoryReserve, str]:
    """What is kept of memory, and why so much."""
    present = None if wish.present is None else memory_reserve(wish.present, hardware.memory_bytes)
    eviction = EVICTION_BYTES if present is None else present.eviction
    if wish.memory is not None:
        return MemoryReserve(system=wish.memory, kube=0, eviction=eviction), "As it was asked for."
    if present is not None and present.system + present.kube:
        return present, "As the present configuration has it."
    if hardware.memory_bytes is None:
        raise UnfitError(
            "the machine's memory is unknown: say with --reserve-memory how much is to be reserved"
        )
    kube = KUBELET_BYTES + USUAL_PODS * POD_BYTES
    most = hardware.memory_bytes // SHARE // MIB * MIB
    if SYSTEM_BYTES + kube <= most:
        why = (
            f"{format_amount(SYSTEM_BYTES)} for the system; for the kubelet and the runtime {format_amount(KUBELET_BYTES)} "
            f"and {format_amount(POD_BYTES)} for each of {USUAL_PODS} pods."
        )
        return MemoryReserve(system=SYSTEM_BYTES, kube=kube, eviction=eviction), why
    system = most // 4 // MIB * MIB
    return MemoryReserve(
        system=system, kube=most - system, eviction=eviction
    ), "An eighth of this machine's memory."


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        if all(isinstance(each, Entry) for each in value):
            return {each.key: _plain(each.value) for each in value}
        return [_plain(each) for each in value]
    return value
