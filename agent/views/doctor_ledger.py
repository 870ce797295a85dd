"""What does not add up, or had to be concluded, in what the kubelet gave to whom. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from agent.placement.model import CPU, HUGEPAGES, MEMORY, Contradiction, Inference, InferenceKind, Ledger
from agent.views.doctor_model import Examined, Finding, Severity, some
from agent.views.text import plural
from agent.views.units import format_bytes, format_ids, name_nodes
from collectors.model import Snapshot
from collectors.model.kubelet import DeviceAllocation

_WHAT = {
    InferenceKind.INIT_CONTAINER: "what init containers hold is concluded from their pods' specs",
    InferenceKind.UNLISTED_CPUS: "CPUs that nobody is listed with are not in the shared pool either",
    InferenceKind.BURSTABLE_HUGEPAGES: "hugepages of pods that are not Guaranteed are bound to no NUMA node",
}
_WAYS_OUT = {
    InferenceKind.INIT_CONTAINER: "mount the kubelet's directory (read-only): its state files tell it exactly",
    InferenceKind.UNLISTED_CPUS: "mount the kubelet's directory (read-only): its state files tell whose they are",
    InferenceKind.BURSTABLE_HUGEPAGES: "make such pods Guaranteed, so that the memory manager gives them pages of a node",
}


def ledger_findings(examined: Examined, ledger: Ledger) -> Iterator[Finding]:
    """In a fixed order."""
    yield from (_contradiction(each) for each in ledger.contradictions)
    yield from _unplaced(ledger)
    yield from _devices(examined.snapshot, ledger)
    for kind in _WHAT:
        yield from _inferences(kind, [each for each in ledger.inferences if each.kind is kind])
    yield from _unknown(examined.snapshot, ledger)


def _contradiction(found: Contradiction) -> Finding:
    where = "" if found.node is None else f" on NUMA node {found.node}"
    evidence = [f"by {_amount(found.resource, found.amount)}"] if found.amount else []
    if found.holders:
        evidence.append(f"held by {some(found.holders)}")
    return Finding(
        check="contradiction",
        severity=Severity.ERROR,
        what=f"{found.resource}{where}: {found.reason}",
        evidence=tuple(evidence),
        way_out="what is published says the cautious of the two. If it lasts after a restart of the kubelet or of the "
        "device plugin, send us a `numascope capture`",
    )


def _unplaced(ledger: Ledger) -> Iterator[Finding]:
    for each in ledger.unplaced:
        yield Finding(
            check="unplaced",
            severity=Severity.WARNING,
            what=f"{each.resource}: {_amount(each.resource, each.amount)} held nobody knows on which NUMA node",
            evidence=(f"held by {some(each.holders)}",) if each.holders else (),
            way_out="mount the kubelet's directory (read-only): its state files tell where it is",
        )


def _devices(snapshot: Snapshot, ledger: Ledger) -> Iterator[Finding]:
    """Devices whose plugin tells no topology: the kubelet aligns nothing with them. On one NUMA node that is no matter."""
    numa = snapshot.numa.facts
    if numa is None or len(numa.nodes) < 2:
        return
    found = {
        (each.resource, device_id): f"sysfs says {name_nodes(each.nodes or frozenset())}"
        for each in ledger.inferences
        if each.kind is InferenceKind.DEVICE_NODE
        for device_id in each.ids
    }
    by_resource: dict[str, list[str]] = {}
    for resource, device_id in sorted(set(_without_topology(snapshot)) | found.keys()):
        words = found.get((resource, device_id), "sysfs does not know it")
        by_resource.setdefault(resource, []).append(f"{device_id}: {words}")
    for resource, devices in by_resource.items():
        yield Finding(
            check="devices-without-topology",
            severity=Severity.WARNING,
            what=f"{plural(len(devices), 'device')} of {resource} without topology",
            evidence=(
                some(devices),
                "the kubelet aligns nothing with a device whose plugin names no NUMA node",
            ),
            way_out="an option or a newer version of the device plugin; where sysfs knows the node, it is published "
            "and marked as concluded, else it is in no zone",
        )


def _without_topology(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    kubelet = snapshot.kubelet
    if kubelet is None:
        return
    devices: list[DeviceAllocation] = list(getattr(kubelet.allocatable.facts, "devices", ()))
    for pod in kubelet.allocations.facts or ():
        devices += (device for container in pod.containers for device in container.devices)
    told = {(device.resource, device.device_id) for device in devices if device.numa_nodes}
    for device in devices:
        key = device.resource, device.device_id
        if key not in told:
            yield key


def _inferences(kind: InferenceKind, found: list[Inference]) -> Iterator[Finding]:
    if found:
        yield Finding(
            check=f"concluded-{kind.value}",
            severity=Severity.NOTE,
            what=_WHAT[kind],
            evidence=tuple(_amounts(found)),
            way_out=_WAYS_OUT[kind],
        )


def _amounts(found: list[Inference]) -> Iterator[str]:
    """A line for each resource: how much, and of whom."""
    sums: Counter[str] = Counter()
    for each in found:
        sums[each.resource] += each.amount
    for resource, amount in sorted(sums.items()):
        of = [each for each in found if each.resource == resource]
        cpus = frozenset[int]().union(*(each.cpus for each in of))
        holders = sorted({each.holder for each in of if each.holder is not None})
        words = f"{resource}: {_amount(resource, amount)}"
        if cpus:
            words += f" ({format_ids(cpus)})"
        yield f"{words}, {some(holders)}" if holders else words


def _unknown(snapshot: Snapshot, ledger: Ledger) -> Iterator[Finding]:
    if ledger.unknown:
        kubelet = snapshot.kubelet
        errors = () if kubelet is None else (kubelet.allocations.error, kubelet.allocatable.error)
        yield Finding(
            check="unknown",
            severity=Severity.ERROR,
            what=f"there is nothing that could be published: {', '.join(ledger.unknown)} is not known",
            evidence=tuple(dict.fromkeys(error for error in errors if error)),
        )


def _amount(resource: str, amount: int) -> str:
    if resource == MEMORY or resource.startswith(HUGEPAGES):
        return format_bytes(amount)
    return plural(amount, "CPU" if resource == CPU else "device")
