"""What a container, or a pod as a whole, holds, and where each of it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agent.alignment.machine import Machine
from agent.alignment.model import Part, Source
from agent.placement.device_nodes import DeviceFinder
from agent.placement.model import CPU
from collectors.model.kubelet import ClaimAllocation, ClaimedDevice, DeviceAllocation, MemoryBlock
from collectors.parse import IdSet

_Place = tuple[IdSet | None, Source | None]
"""Nodes, and who says so"""


class PartFinder:
    """Makes parts of what the kubelet lists, on one machine."""

    def __init__(self, machine: Machine, devices: DeviceFinder) -> None:
        self._machine = machine
        self._devices = devices

    def of_cpus(self, cpus: IdSet) -> Iterator[Part]:
        """One part, or none. CPUs that are offline lie on no node."""
        if cpus:
            nodes = self._machine.nodes_of_cpus(cpus)
            yield Part(
                resource=CPU,
                amount=len(cpus),
                nodes=nodes or None,
                source=Source.KUBELET if nodes else None,
                cpus=cpus,
            )

    def of_memory(self, blocks: Iterable[MemoryBlock]) -> Iterator[Part]:
        """A part for each block."""
        for block in blocks:
            nodes = (block.numa_nodes or frozenset()) & self._machine.node_ids
            yield Part(
                resource=block.type,
                amount=block.size_bytes,
                nodes=nodes or None,
                source=Source.KUBELET if nodes else None,
            )

    def of_devices(self, devices: Iterable[DeviceAllocation]) -> Iterator[Part]:
        """A part for those of one resource that are in the same place."""
        groups: dict[tuple[str, _Place], list[str]] = {}
        for device in devices:
            groups.setdefault((device.resource, self._place(device)), []).append(device.device_id)
        for (resource, (nodes, source)), ids in groups.items():
            yield Part(
                resource=resource,
                amount=len(ids),
                nodes=nodes,
                source=source,
                devices=tuple(ids),
                pci_addresses=self._addresses(ids),
            )

    def of_claims(self, claims: Iterable[ClaimAllocation]) -> Iterator[Part]:
        """A part for each device of a resource claim. No driver tells the kubelet where a device is: sysfs does, where the
        device's own name, or that which the runtime is told, names something there."""
        for claim in claims:
            for device in claim.devices:
                names = _names(device)
                nodes = next((found for name in names if (found := self._devices.nodes_of(name))), None)
                yield Part(
                    resource=device.driver,
                    amount=1,
                    nodes=nodes,
                    source=Source.SYSFS if nodes else None,
                    devices=(device.device,),
                    claim=f"{claim.namespace}/{claim.name}",
                    pci_addresses=self._addresses(names),
                )

    def _place(self, device: DeviceAllocation) -> _Place:
        told = (device.numa_nodes or frozenset()) & self._machine.node_ids
        if told:
            return told, Source.KUBELET
        found = self._devices.nodes_of(device.device_id)
        return (found, Source.SYSFS) if found else (None, None)

    def _addresses(self, names: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted({address for name in names for address in self._devices.addresses_of(name)}))


def _names(device: ClaimedDevice) -> tuple[str, ...]:
    """What a claimed device is called: in its ResourceSlice, and to the runtime (`vendor.example/class=name`)."""
    return (device.device, *(name.rpartition("=")[2] for name in device.cdi_devices))
