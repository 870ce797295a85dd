"""What the kubelet gave to whom, as it says itself: over its PodResources API and in its checkpoints.

The kubelet lists pods, devices and CPUs in random order. Here sets are frozensets and everything else is sorted, so two
answers with the same content are equal. What makes these objects sorts with `in_order`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from collectors.parse import IdSet

T = TypeVar("T")
K = TypeVar("K", str, tuple[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryBlock:
    """Memory of one type that was taken from one NUMA node, or from several together."""

    type: str
    """`memory` or `hugepages-<size>`"""
    size_bytes: int
    """The total, also where it lies on several nodes"""
    numa_nodes: IdSet | None = None
    """None where the kubelet does not say"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceAllocation:
    """One device of a device plugin: given to a container, or allocatable."""

    resource: str
    """As pods ask for it: `nvidia.com/gpu`"""
    device_id: str
    """The plugin's own name for it; unique within the resource"""
    numa_nodes: IdSet | None = None
    """Every node it sits on; None where its plugin tells no topology, empty where it tells an empty one"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedDevice:
    """One device of a resource claim (dynamic resource allocation), named as in its ResourceSlice."""

    driver: str
    pool: str
    device: str
    share_id: str | None = None
    """Set where several claims share the device"""
    cdi_devices: tuple[str, ...] = ()
    """What the container runtime is told to hand in, sorted: `vendor.example/class=name`"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimAllocation:
    """A resource claim that a container uses."""

    namespace: str
    name: str
    devices: tuple[ClaimedDevice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerAllocation:
    """What one container holds for itself alone.

    Listed are app containers and sidecars. Ordinary init containers never are, even while they run and hold CPUs.
    """

    name: str
    cpus: IdSet = frozenset()
    """Exclusive CPUs; empty where the container runs in the shared pool"""
    memory: tuple[MemoryBlock, ...] = ()
    """Of Guaranteed containers only"""
    devices: tuple[DeviceAllocation, ...] = ()
    """By resource and id"""
    claims: tuple[ClaimAllocation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PodAllocation:
    """What one pod holds. Refused and completed pods are not listed."""

    namespace: str
    name: str
    containers: tuple[ContainerAllocation, ...] = ()
    """By name"""
    cpus: IdSet = frozenset()
    """Exclusive to the pod as a whole; its containers' own are among them, so never add the two up.
    Empty unless the kubelet manages pod-level resources."""
    memory: tuple[MemoryBlock, ...] = ()
    """Of the pod as a whole; its containers' own is in it"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocatable:
    """The pool that the kubelet can give from: not what is free of it. Reserved CPUs are left out."""

    cpus: IdSet = frozenset()
    devices: tuple[DeviceAllocation, ...] = ()
    """By resource and id. After a restart of the kubelet empty until the plugins are back"""
    memory: tuple[MemoryBlock, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeletAnswers:
    """The kubelet's answers at one instant. Equal where their content is, whenever they were read."""

    pods: tuple[PodAllocation, ...]
    """By namespace and name"""
    allocatable: Allocatable | None = None
    """None where the kubelet does not answer that call"""
    read_at: float = field(compare=False)
    """Seconds since the epoch"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignedCpus:
    """CPUs by owner, as the CPU manager wrote them down; init containers' stay until the pod ends."""

    pod_uid: str
    container: str | None
    """None for CPUs of the pod as a whole"""
    cpus: IdSet


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuManagerState:
    """cpu_manager_state: who has which CPUs."""

    policy: str
    """`none` or `static`"""
    shared_cpus: IdSet
    """The pool of all who have no exclusive CPUs, reserved ones among them (unless strict-cpu-reservation);
    empty under policy none"""
    containers: tuple[AssignedCpus, ...] = ()
    pods: tuple[AssignedCpus, ...] = ()
    """CPUs of pods as a whole (1.37, feature gate PodLevelResourceManagers)"""
    baselines: tuple[AssignedCpus, ...] = ()
    """What containers had at admission, before a resize in place (1.37, feature gate)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignedMemory:
    """Memory by owner, as the memory manager wrote it down; the dead stay in it until the next admission."""

    pod_uid: str
    container: str | None
    """None for memory of the pod as a whole"""
    blocks: tuple[MemoryBlock, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryTable:
    """The memory manager's book on one type of memory of one NUMA node, in bytes."""

    type: str
    """`memory` or `hugepages-<size>`"""
    total: int
    system_reserved: int
    allocatable: int
    reserved: int
    """Given to containers"""
    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryNode:
    """The memory manager's book on one NUMA node."""

    id: int
    assignments: int
    """How many memory blocks were given from here"""
    group: IdSet
    """The nodes that are given from together, this one among them"""
    tables: tuple[MemoryTable, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryManagerState:
    """memory_manager_state: what is left of which node, and who has the rest."""

    policy: str
    """`None` or `Static`"""
    nodes: tuple[MemoryNode, ...] = ()
    """By id; empty under policy None"""
    containers: tuple[AssignedMemory, ...] = ()
    pods: tuple[AssignedMemory, ...] = ()
    """Memory of pods as a whole (1.37, feature gate PodLevelResourceManagers)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignedDevices:
    """Devices by owner, as the device manager wrote them down; the dead stay in it until the next allocation."""

    pod_uid: str
    container: str
    devices: tuple[DeviceAllocation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredDevices:
    """The healthy devices of one resource, by the plugin's own ids."""

    resource: str
    device_ids: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceManagerState:
    """kubelet_internal_checkpoint: which devices there are, and who has them."""

    containers: tuple[AssignedDevices, ...] = ()
    registered: tuple[RegisteredDevices, ...] = ()
    """By resource"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeletCheckpoints:
    """The kubelet's own files. None where one is absent, unreadable or malformed."""

    cpu: CpuManagerState | None = None
    memory: MemoryManagerState | None = None
    devices: DeviceManagerState | None = None


def in_order(items: Iterable[T]) -> tuple[T, ...]:
    """Facts of one kind in an order that only their content decides: by their fields, first to last."""
    return tuple(sorted(items, key=_content))


def in_order_of_name(items: Mapping[K, T] | Iterable[tuple[K, T]]) -> tuple[T, ...]:
    """The same order, much faster, from pairs of a fact's name (its first field or fields) and the fact.

    Falls back to the whole content where a name comes twice.
    """
    pairs = list(items.items() if isinstance(items, Mapping) else items)
    by_name = dict(pairs)
    if len(by_name) < len(pairs):
        return in_order(fact for _, fact in pairs)
    return tuple([by_name[name] for name in sorted(by_name)])


def _content(value: object) -> tuple[Any, ...]:
    """A value that sorts: sets as sorted tuples, None before anything else."""
    if value is None:
        return (0,)
    if isinstance(value, frozenset):
        return (1, *sorted(value))
    if isinstance(value, tuple):
        return (1, *map(_content, value))
    if dataclasses.is_dataclass(value):
        return (1, *(_content(getattr(value, each.name)) for each in dataclasses.fields(value)))
    return (1, value)
