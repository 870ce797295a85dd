"""Which PCI functions a synthetic machine has, with the addresses that firmware gives them and their way in the tree."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from collectors.model import IdSet
from tests.hosts.cpu import online_cpus
from tests.hosts.memory import cpu_node_ids, list_nodes
from tests.hosts.pci_spec import Function, Link, RootComplex
from tests.hosts.spec import MachineSpec

SUBSYSTEM_VENDOR, SUBSYSTEM_DEVICE = 0x15D9, 0x1C7A
FUNCTIONS_PER_BUS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One function at its address."""

    spec: Function
    address: str
    path: tuple[str, ...]
    """From the root complex to the function itself"""
    complex: RootComplex
    virtual_functions: tuple[str, ...] = ()
    physical_function: str | None = None

    @property
    def folder(self) -> str:
        """Its directory in sysfs."""
        return "/sys/devices/" + "/".join(self.path)


@lru_cache(maxsize=64)
def list_functions(spec: MachineSpec) -> tuple[Placed, ...]:
    """Every function, virtual ones too, in the order of the tree."""
    found: list[Placed] = []
    for root in spec.pci:
        _Bus(found, root).fill(root.bus, (f"pci{root.domain:04x}:{root.bus:02x}",), root.below, first_slot=1)
    return tuple(found)


class _Bus:
    """Numbers the buses of one root complex as firmware does: depth first."""

    def __init__(self, found: list[Placed], root: RootComplex) -> None:
        self._found = found
        self._root = root
        self._last_bus = root.bus

    def fill(self, bus: int, path: tuple[str, ...], below: tuple[Function, ...], *, first_slot: int) -> None:
        """Places the functions of one bus, what is below its bridges, and their virtual functions."""
        numbers = _slots(below, first_slot)
        free = max(numbers, default=0) + 1
        for number, function in zip(numbers, below, strict=True):
            address = self._address(bus, number)
            virtual = tuple(self._address(bus, free + index) for index in range(function.vfs))
            free += function.vfs
            placed = Placed(
                spec=function,
                address=address,
                path=(*path, address),
                complex=self._root,
                virtual_functions=virtual,
            )
            self._found.append(placed)
            self._found.extend(_virtual(placed, path, name) for name in virtual)
            if function.below is not None:
                self._last_bus += 1
                self.fill(self._last_bus, placed.path, function.below, first_slot=0)

    def _address(self, bus: int, number: int) -> str:
        if number >= FUNCTIONS_PER_BUS:
            raise ValueError(f"bus {bus:02x} has no room for another function")
        return f"{self._root.domain:04x}:{bus:02x}:{number >> 3:02x}.{number & 7}"


def _slots(below: tuple[Function, ...], first_slot: int) -> list[int]:
    """Device and function number (5 and 3 bits) of each function of a bus."""
    numbers: list[int] = []
    for function in below:
        if function.same_slot and numbers:
            numbers.append(numbers[-1] + 1)
        else:
            numbers.append((numbers[-1] >> 3) + 1 << 3 if numbers else first_slot << 3)
    return numbers


def _virtual(physical: Placed, path: tuple[str, ...], address: str) -> Placed:
    spec = replace(
        physical.spec,
        device=physical.spec.device + 1,
        driver="vfio-pci",
        vfs=0,
        total_vfs=0,
        attached=(),
        gpu=False,
    )
    return Placed(
        spec=spec,
        address=address,
        path=(*path, address),
        complex=physical.complex,
        physical_function=physical.address,
    )


def node_id(spec: MachineSpec, function: Placed) -> int | None:
    """Id of the NUMA node that a function belongs to; None where firmware does not say."""
    position = function.complex.node
    return None if position is None or not spec.kernel.node_directory else cpu_node_ids(spec)[position]


def local_cpus(spec: MachineSpec, function: Placed) -> IdSet:
    """The CPUs nearest to a function: all where firmware does not say."""
    number = node_id(spec, function)
    online = online_cpus(spec.cpus)
    if number is None:
        return online
    return next(node.cpus for node in list_nodes(spec) if node.id == number) & online


def most(link: Link) -> tuple[float, int]:
    """Speed and width that a link could have."""
    return link.max_speed_gts or link.speed_gts, link.max_width or link.width
