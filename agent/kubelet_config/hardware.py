"""The hardware of a snapshot, as a kubelet that starts now would see it."""

from __future__ import annotations

from agent.admission.machine import machine_of
from agent.kubelet_config.model import Hardware, UnfitError
from collectors.model import CpuTopology, IdSet, Snapshot


def hardware_of(snapshot: Snapshot) -> Hardware:
    """Raises UnfitError where its CPUs or its NUMA nodes could not be read."""
    machine = machine_of(snapshot)
    cpus, numa = snapshot.cpus.facts, snapshot.numa.facts
    if machine is None or cpus is None or numa is None:
        errors = "; ".join(error for error in (snapshot.cpus.error, snapshot.numa.error) if error)
        raise UnfitError(f"the machine's CPUs and NUMA nodes are not known{': ' + errors if errors else ''}")
    if not machine.cpus:
        raise UnfitError("no CPU of this machine says of which core it is, without which no kubelet starts")
    return Hardware(
        machine=machine,
        memory_bytes=numa.memory_total_bytes,
        isolated=(cpus.isolated or frozenset()) | (cpus.nohz_full or frozenset()),
        slow=_slowest(cpus),
    )


def _slowest(cpus: CpuTopology) -> IdSet:
    """The CPUs of the slowest kind, by capacity or else by frequency; empty where they cannot be told."""
    kinds = [(kind.capacity or kind.max_frequency_khz, kind.cpus) for kind in cpus.kinds]
    speeds = [speed for speed, _ in kinds if speed is not None]
    if len(kinds) < 2 or len(speeds) < len(kinds):
        return frozenset()
    return next(members for speed, members in kinds if speed == min(speeds))
