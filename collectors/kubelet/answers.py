"""Answers of the kubelet's PodResources API: protobuf bytes to facts. No I/O.

What is kept is what collectors.model.kubelet names. Whatever the bytes are, the work is bounded: by their length, and
by MAX_ITEMS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Generic, TypeVar

from google.protobuf.message import DecodeError, Message

from collectors.kubelet.wire import podresources_pb2 as wire
from collectors.model.kubelet import (
    Allocatable,
    ClaimAllocation,
    ClaimedDevice,
    ContainerAllocation,
    DeviceAllocation,
    MemoryBlock,
    PodAllocation,
    in_order,
    in_order_of_name,
)
from collectors.parse import MAX_ID, IdSet, ParseError

MAX_ITEMS = 1_000_000
"""Pods, containers, devices, memory blocks and CPUs taken from one answer, together: an empty one costs two bytes of
the answer but hundreds of ours. 500 pods with 16 devices each are about 10,000."""

M = TypeVar("M", bound=Message)
T = TypeVar("T")

_SPARE_ENTRIES = 1_000
"""Entries that are remembered beyond twice what the last list of pods had."""

_NO_IDS: IdSet = frozenset()
_Devices = tuple[tuple[tuple[str, str], DeviceAllocation], ...]
"""The devices of one entry, each behind its resource and id"""


class AnswerDecoder:
    """Turns answers into facts, and remembers from one list of pods to the next what each entry said.

    Between two lists little changes: what is known is not read again, and is the same object again, so that equal
    answers are found equal fast. Each function raises ParseError where the bytes are no such answer.
    """

    def __init__(self) -> None:
        self._left = MAX_ITEMS
        self._kept_entries = _SPARE_ENTRIES
        self._devices = _Known(self._read_devices)
        self._memory = _Known(self._read_memory)
        self._topologies = _Known(self._read_topology)

    def pods(self, data: bytes) -> tuple[PodAllocation, ...]:
        """The answer to List: every pod, by namespace and name."""
        answer = self._begin(wire.PodList, data, "the kubelet's list of pods")
        pods = in_order_of_name(
            ((pod.namespace, pod.name), self._pod(pod)) for pod in self._counted(answer.pods)
        )
        self._kept_entries = 2 * (MAX_ITEMS - self._left) + _SPARE_ENTRIES
        return pods

    def pod(self, data: bytes) -> PodAllocation:
        """The answer to Get: the one pod."""
        answer = self._begin(wire.OnePod, data, "the kubelet's word on a pod")
        if not answer.HasField("pod"):
            raise ParseError(_shown(data), "a pod")
        return self._pod(answer.pod)

    def allocatable(self, data: bytes) -> Allocatable:
        """The answer to GetAllocatableResources."""
        answer = self._begin(wire.Allocatable, data, "the kubelet's allocatable resources")
        return Allocatable(
            cpus=self._cpus(answer.cpus),
            devices=self._all_devices(answer.devices),
            memory=self._all_memory(answer.memory),
        )

    def _begin(self, kind: type[M], data: bytes, expected: str) -> M:
        self._left = MAX_ITEMS
        for known in (self._devices, self._memory, self._topologies):
            known.trim(self._kept_entries)
        return _parsed(kind, data, expected)

    def _counted(self, items: Sequence[T]) -> Sequence[T]:
        self._left -= len(items)
        if self._left < 0:
            raise ParseError(f"more than {MAX_ITEMS} items", "an answer of the kubelet")
        return items

    def _pod(self, pod: wire.Pod) -> PodAllocation:
        containers = ((each.name, self._container(each)) for each in self._counted(pod.containers))
        return PodAllocation(
            namespace=pod.namespace,
            name=pod.name,
            containers=in_order_of_name(containers),
            cpus=self._cpus(pod.cpus),
            memory=self._all_memory(pod.memory),
        )

    def _container(self, container: wire.Container) -> ContainerAllocation:
        return ContainerAllocation(
            name=container.name,
            cpus=self._cpus(container.cpus),
            memory=self._all_memory(container.memory),
            devices=self._all_devices(container.devices),
            claims=in_order(self._claim(each) for each in self._counted(container.claims)),
        )

    def _cpus(self, ids: Sequence[int]) -> IdSet:
        if not ids:
            return _NO_IDS
        cpus = frozenset(self._counted(ids))
        if min(cpus) < 0 or max(cpus) > MAX_ID:
            raise ParseError(str(sorted(cpus)[:8]), "ids of CPUs")
        return cpus

    def _all_memory(self, entries: Sequence[bytes]) -> tuple[MemoryBlock, ...]:
        blocks = [self._memory[entry] for entry in self._counted(entries)]
        return in_order_of_name((block.type, block) for block in blocks)

    def _all_devices(self, entries: Sequence[bytes]) -> tuple[DeviceAllocation, ...]:
        """Each device once, however many entries it has: one on two nodes comes twice."""
        known = [self._devices[entry] for entry in self._counted(entries)]
        pairs = list(chain.from_iterable(known))
        found = dict(pairs)
        if len(found) < len(pairs):
            found.clear()
            for key, device in pairs:
                found[key] = _joined(found[key], device) if key in found else device
        return tuple([found[key] for key in sorted(found)])

    def _claim(self, claim: wire.Claim) -> ClaimAllocation:
        return ClaimAllocation(
            namespace=claim.namespace,
            name=claim.name,
            devices=in_order(self._claimed(claim.devices)),
        )

    def _claimed(self, devices: Sequence[wire.ClaimedDevice]) -> Iterator[ClaimedDevice]:
        for each in self._counted(devices):
            yield ClaimedDevice(
                driver=each.driver,
                pool=each.pool,
                device=each.device,
                share_id=each.share if each.HasField("share") else None,
                cdi_devices=tuple(sorted(cdi.name for cdi in self._counted(each.cdi))),
            )

    def _read_memory(self, entry: bytes) -> MemoryBlock:
        block = _parsed(wire.Memory, entry, "a memory block")
        return MemoryBlock(type=block.type, size_bytes=block.size_bytes, numa_nodes=self._numa_nodes(block))

    def _read_devices(self, entry: bytes) -> _Devices:
        devices = _parsed(wire.Device, entry, "devices of a resource")
        resource, nodes = devices.resource, self._numa_nodes(devices)
        return tuple(
            [
                ((resource, each), DeviceAllocation(resource=resource, device_id=each, numa_nodes=nodes))
                for each in self._counted(devices.ids)
            ]
        )

    def _numa_nodes(self, entry: wire.Device | wire.Memory) -> IdSet | None:
        """The nodes of an entry's topology: None where it has none."""
        return self._topologies[entry.topology] if entry.HasField("topology") else None

    def _read_topology(self, entry: bytes) -> IdSet | None:
        """A plugin may send any number as a node, and some send -1 for "I do not know": such a number is no node, and
        a topology with nothing else tells nothing."""
        topology = _parsed(wire.Topology, entry, "a topology")
        sent = [node.id for node in self._counted(topology.nodes)]
        known = frozenset([number for number in sent if 0 <= number <= MAX_ID])
        return known if known or not sent else None


class _Known(dict[bytes, T], Generic[T]):
    """What entries say, by their bytes: read where they are new."""

    def __init__(self, read: Callable[[bytes], T]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, entry: bytes) -> T:
        self[entry] = known = self._read(entry)
        return known

    def trim(self, limit: int) -> None:
        """Forgets everything once it is more than that: cheaper than to keep book of what is still in use."""
        if len(self) > limit:
            self.clear()


def _parsed(kind: type[M], data: bytes, expected: str) -> M:
    try:
        return kind.FromString(data)
    except DecodeError:
        raise ParseError(_shown(data), expected) from None


def _shown(data: bytes) -> str:
    return f"{len(data)} bytes {data[:16].hex(' ')}"


def _joined(one: DeviceAllocation, other: DeviceAllocation) -> DeviceAllocation:
    if other.numa_nodes is None:
        return one
    if one.numa_nodes is None:
        return other
    return DeviceAllocation(
        resource=one.resource, device_id=one.device_id, numa_nodes=one.numa_nodes | other.numa_nodes
    )
