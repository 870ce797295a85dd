"""On which NUMA node a device sits whose plugin does not say: by its id, where that names something in sysfs.

Ids are the plugins' own. Many are, or hold, a PCI address (`0000:3b:00.0`, `vfio-0000:3b:00.0`, `00000000:3B:00.0`);
others are names of the kernel's (`mlx5_0`, `nvme1n1`, `card0`), as they are, below /dev, or with a number of a share
behind them (`card0-3`). What fits nothing, or several things on different nodes by one name, stays unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from collectors.model import Devices, NumaNode, PciDevice, Snapshot
from collectors.parse import IdSet

_ADDRESS = re.compile(
    r"(?<![0-9a-f])([0-9a-f]{4,8})[:-]([0-9a-f]{2})[:-]([0-9a-f]{2})[.-]([0-7])(?![0-9a-f])",
    re.ASCII | re.IGNORECASE,
)
_SHORT_ADDRESS = re.compile(r"([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])", re.ASCII | re.IGNORECASE)
_SHARE = re.compile(r"(.+?)(?:-|::?)[0-9]{1,4}", re.ASCII)

_NONE: IdSet = frozenset()


class DeviceFinder:
    """Finds nodes of devices in one snapshot; its tables are made when the first is asked for."""

    def __init__(self, snapshot: Snapshot, nodes: tuple[NumaNode, ...]) -> None:
        self._snapshot = snapshot
        self._nodes = nodes
        self._known = frozenset(node.id for node in nodes)
        self._by_address: dict[str, IdSet] | None = None
        self._by_name: dict[str, IdSet] = {}

    def nodes_of(self, device_id: str) -> IdSet:
        """The NUMA nodes of a device, empty where they are unknown. On a machine with one node that one."""
        if len(self._known) == 1:
            return self._known
        by_address = self._addresses()
        found = [by_address.get(address) for address in _addresses(device_id)]
        if found:
            return _NONE if None in found else _NONE.union(*(each for each in found if each is not None))
        name = device_id.rpartition("/")[2]
        share = _SHARE.fullmatch(name)
        return self._by_name.get(name) or (self._by_name.get(share[1], _NONE) if share else _NONE)

    def addresses_of(self, device_id: str) -> tuple[str, ...]:
        """The PCI functions of this machine that an id names."""
        by_address = self._addresses()
        return tuple(address for address in _addresses(device_id) if address in by_address)

    def _addresses(self) -> dict[str, IdSet]:
        if self._by_address is None:
            self._by_address = {
                device.address: self._of_pci(device) for device in self._snapshot.pci.facts or ()
            }
            if self._snapshot.devices.facts is not None:
                self._by_name = self._names(self._snapshot.devices.facts, self._by_address)
        return self._by_address

    def _of_pci(self, device: PciDevice) -> IdSet:
        """The node that the firmware names, else those whose CPUs are all near: all of them say nothing."""
        if device.numa_node is not None:
            return frozenset({device.numa_node}) & self._known
        near = device.local_cpus or _NONE
        with_cpus = [node for node in self._nodes if node.cpus]
        nodes = frozenset(node.id for node in with_cpus if node.cpus <= near)
        return nodes if len(nodes) < len(with_cpus) else _NONE

    def _names(self, devices: Devices, by_address: dict[str, IdSet]) -> dict[str, IdSet]:
        found: dict[str, IdSet] = {}
        for name, address, node in _named(devices):
            nodes = (
                frozenset({node}) & self._known if node is not None else by_address.get(address or "", _NONE)
            )
            found[name] = nodes if found.get(name, nodes) == nodes else _NONE
        return found


def _addresses(device_id: str) -> Iterator[str]:
    """PCI addresses in an id, as the kernel writes them."""
    short = _SHORT_ADDRESS.fullmatch(device_id)
    if short is not None:
        bus, slot, function = short.groups()
        yield f"0000:{bus}:{slot}.{function}".lower()
    for domain, bus, slot, function in _ADDRESS.findall(device_id):
        yield f"{int(domain, 16):04x}:{bus}:{slot}.{function}".lower()


def _named(devices: Devices) -> Iterator[tuple[str, str | None, int | None]]:
    """(name, PCI address, NUMA node) of everything that the kernel has a name for; the node only where it needs no
    PCI function to be known."""
    yield from _named_by_function(devices)
    for memory in devices.dax or ():
        yield memory.name, memory.pci_address, memory.numa_node
    for module in devices.cxl or ():
        yield module.name, module.pci_address, module.numa_node


def _named_by_function(devices: Devices) -> Iterator[tuple[str, str | None, None]]:
    plain = (devices.network, devices.rdma, devices.nvme, devices.disks, devices.drm, devices.accelerators)
    for kind in plain:
        for each in kind or ():
            yield each.name, each.pci_address, None
    for controller in devices.nvme or ():
        for namespace in controller.namespaces:
            yield namespace.name, controller.pci_address, None
    for card in devices.drm or ():
        if card.render_node is not None:
            yield card.render_node, card.pci_address, None
