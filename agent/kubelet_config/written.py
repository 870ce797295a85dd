"""What the kubelet finds wrong with its configuration before it looks at the machine.

Only fields that decide about CPUs, memory and topology are looked at; what a kubelet would find wrong with the others it
says itself, and nothing on this machine depends on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agent.kubelet_config.amounts import IGNORED
from agent.kubelet_config.gates import gate_objections
from agent.kubelet_config.model import Objection, Start
from agent.placement.model import HUGEPAGES, MEMORY
from collectors.parse import ParseError
from collectors.quantity import parse_quantity

TOPOLOGY_POLICIES = ("none", "best-effort", "restricted", "single-numa-node")
SCOPES = ("container", "pod")
CPU_POLICIES = ("none", "static")
MEMORY_POLICIES = ("None", "Static")

_RESERVABLE = ("cpu", "memory", "ephemeral-storage", "pid")
_SIGNALS = (
    "memory.available",
    "nodefs.available",
    "nodefs.inodesFree",
    "imagefs.available",
    "imagefs.inodesFree",
    "containerfs.available",
    "containerfs.inodesFree",
    "allocatableMemory.available",
    "pid.available",
)
_ENFORCEMENTS = {
    "pods": None,
    "system-reserved": "systemReservedCgroup",
    "system-reserved-compressible": "systemReservedCgroup",
    "kube-reserved": "kubeReservedCgroup",
    "kube-reserved-compressible": "kubeReservedCgroup",
}
"""What may stand in enforceNodeAllocatable, and the field that it needs"""


def written_objections(start: Start) -> Iterator[Objection]:
    """In the order in which the kubelet looks; of the first four it says all at once."""
    yield from gate_objections(start)
    yield from _words(start)
    yield from _reserved_cpus(start.document)
    yield from _reserved_memory(start.document)
    yield from _enforced(start.document)


def reserve_objections(start: Start) -> Iterator[Objection]:
    """Of systemReserved, kubeReserved and the thresholds of eviction, which the kubelet reads after the reserved CPUs."""
    for field in ("kubeReserved", "systemReserved"):
        for resource in _map(start.document.get(field)):
            if resource not in _RESERVABLE:
                yield Objection(
                    check="reserve-unknown",
                    what=f"{field} cannot reserve {resource}",
                    says=f'cannot reserve "{resource}" resource',
                    way_out=f"take {resource} out of {field}: only {', '.join(_RESERVABLE)} can be reserved, hugepages "
                    "cannot",
                )
    for signal, threshold in _map(start.document.get("evictionHard")).items():
        yield from _threshold(signal, str(threshold))


def _words(start: Start) -> Iterator[Objection]:
    chosen = (
        (
            "topologyManagerPolicy",
            "topology-manager-policy",
            start.config.topology_manager_policy,
            TOPOLOGY_POLICIES,
        ),
        ("topologyManagerScope", "topology-manager-scope", start.config.topology_manager_scope, SCOPES),
    )
    for field, flag, word, allowed in chosen:
        if word not in allowed:
            yield unknown_word(field, word, allowed, says=f'{field} (--{flag}) "{word}" must be one of: ')


def unknown_word(field: str, word: str | None, allowed: tuple[str, ...], *, says: str) -> Objection:
    """A policy that is none."""
    return Objection(
        check="policy-unknown",
        what=f"there is no {field} {word}",
        says=says,
        way_out=f"{field}: {' or '.join(allowed)}",
    )


def _reserved_cpus(document: Mapping[str, Any]) -> Iterator[Objection]:
    cgroups = [field for field in ("systemReservedCgroup", "kubeReservedCgroup") if document.get(field)]
    if document.get("reservedSystemCPUs") and cgroups:
        yield Objection(
            check="reserved-cpus-and-cgroup",
            what=f"reservedSystemCPUs cannot stand beside {' and '.join(cgroups)}",
            says="can't use reservedSystemCPUs (--reserved-cpus) with systemReservedCgroup",
            way_out=f"take {' and '.join(cgroups)} out, and system-reserved and kube-reserved out of "
            "enforceNodeAllocatable; or leave reservedSystemCPUs out and reserve a number with systemReserved.cpu",
        )


def _reserved_memory(document: Mapping[str, Any]) -> Iterator[Objection]:
    """What one entry of reservedMemory may say; whether they add up is looked at later, under policy Static alone."""
    seen: set[tuple[int, str]] = set()
    entries = document.get("reservedMemory")
    for entry in entries if isinstance(entries, list) else ():
        node = entry.get("numaNode") or 0
        for resource, amount in _map(entry.get("limits")).items():
            yield from _limit(node, resource, amount)
            if (node, resource) in seen:
                yield Objection(
                    check="reserved-memory-twice",
                    what=f"reservedMemory names {resource} of NUMA node {node} twice",
                    says=f'the reserved memory has a duplicate value for NUMA node {node} and resource "{resource}"',
                    way_out=f"one entry with {resource} for NUMA node {node}",
                )
            seen.add((node, resource))


def _limit(node: int, resource: str, amount: object) -> Iterator[Objection]:
    if resource != MEMORY and not resource.startswith(HUGEPAGES):
        yield Objection(
            check="reserved-memory-unknown",
            what=f"reservedMemory of NUMA node {node} cannot reserve {resource}",
            says=f'the limit type "{resource}" for NUMA node {node} is not supported',
            way_out=f"take {resource} out of reservedMemory: it takes memory alone",
        )
    if _quantity(amount) == 0:
        yield Objection(
            check="reserved-memory-zero",
            what=f"reservedMemory of NUMA node {node} reserves 0 of {resource}",
            says=f'reserved memory may not be zero for NUMA node {node} and resource "{resource}"',
            way_out=f"leave {resource} of NUMA node {node} out of reservedMemory",
        )


def _enforced(document: Mapping[str, Any]) -> Iterator[Objection]:
    listed = document.get("enforceNodeAllocatable")
    for word in listed if isinstance(listed, list) else ("pods",):
        if word == "none":
            continue
        if word not in _ENFORCEMENTS:
            yield unknown_word(
                "enforceNodeAllocatable",
                str(word),
                (*_ENFORCEMENTS, "none"),
                says=f'option "{word}" specified for enforceNodeAllocatable',
            )
            continue
        needs = _ENFORCEMENTS[word]
        if needs is not None and not document.get(needs):
            yield Objection(
                check="enforced-without-cgroup",
                what=f"enforceNodeAllocatable has {word}, and {needs} is not set",
                says=f"{needs} (",
                way_out=f"set {needs}, or take {word} out of enforceNodeAllocatable",
            )
        if document.get("cgroupsPerQOS") is False:
            yield Objection(
                check="enforced-without-qos",
                what=f"enforceNodeAllocatable has {word}, and cgroupsPerQOS is off",
                says="cgroupsPerQOS (--cgroups-per-qos) must be set to true",
                way_out="cgroupsPerQOS: true, or enforceNodeAllocatable: [none]",
            )


def _threshold(signal: str, threshold: str) -> Iterator[Objection]:
    if signal not in _SIGNALS:
        yield Objection(
            check="eviction-unknown",
            what=f"evictionHard knows no signal {signal}",
            says=f"unsupported eviction signal {signal}",
            way_out=f"take {signal} out of evictionHard",
        )
    elif not threshold.endswith("%") and _quantity(threshold) == 0:
        yield Objection(
            check="eviction-zero",
            what=f"evictionHard {signal} is 0",
            says=f"eviction threshold {signal} must be positive",
            way_out=f'{signal}: "{IGNORED[0]}" turns it off',
        )


def _quantity(amount: object) -> int | None:
    try:
        return parse_quantity(str(amount))
    except ParseError:
        return None


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
