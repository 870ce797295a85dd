"""Facts of small machines, made in place, and what a page of them reads like."""

from __future__ import annotations

import io

from agent.cli.terminal import print_page
from agent.views.text import Branch, Line, Page, Section
from collectors.model import (
    Cache,
    CacheType,
    Cpu,
    CpuGroup,
    CpuTopology,
    Devices,
    IdSet,
    NumaKind,
    NumaNode,
    NumaTopology,
    Observed,
    PciDevice,
    Snapshot,
    System,
)

GIB = 1 << 30


def ids(first: int, last: int) -> IdSet:
    """Every id from first to last."""
    return frozenset(range(first, last + 1))


def group(*cpus: int, number: int | None = None) -> CpuGroup:
    return CpuGroup(cpus=frozenset(cpus), id=number)


def l3(cpus: IdSet, size: int = 32 << 20) -> Cache:
    return Cache(level=3, type=CacheType.UNIFIED, cpus=cpus, size_bytes=size)


def two_packages(*, threads: int = 2, cores: int = 4) -> CpuTopology:
    """Two packages of some cores; the second threads have the CPU ids after all first ones, as on Intel machines."""
    count = 2 * cores
    siblings = [frozenset(core + count * thread for thread in range(threads)) for core in range(count)]
    packages = [frozenset().union(*siblings[:cores]), frozenset().union(*siblings[cores:])]
    online = frozenset().union(*packages)
    return CpuTopology(
        online=online,
        cpus=tuple(Cpu(id=cpu, online=True) for cpu in sorted(online)),
        packages=tuple(CpuGroup(cpus=cpus, id=number) for number, cpus in enumerate(packages)),
        cores=tuple(CpuGroup(cpus=cpus, id=number % cores) for number, cpus in enumerate(siblings)),
        caches=tuple(l3(cpus) for cpus in packages),
        model_name="Example CPU  @ 2 GHz",
        architecture="x86_64",
    )


def node(number: int, cpus: IdSet = frozenset(), **facts: object) -> NumaNode:
    """A NUMA node of 64 GiB, 60 of them free, unless told otherwise."""
    kind = NumaKind.CPU_AND_MEMORY if cpus else NumaKind.MEMORY_ONLY
    defaults = {"kind": kind, "memory_total_bytes": 64 * GIB, "memory_free_bytes": 60 * GIB}
    return NumaNode(id=number, cpus=cpus, **(defaults | facts))  # type: ignore[arg-type]


def numa(*nodes: NumaNode, **facts: object) -> NumaTopology:
    return NumaTopology(nodes=nodes, from_kernel=True, **facts)  # type: ignore[arg-type]


def function(address: str, class_code: int | None, **facts: object) -> PciDevice:
    """A PCI function that hangs right below the root complex, unless told otherwise."""
    defaults: dict[str, object] = {"path": ("pci0000:00", address)}
    return PciDevice(address=address, class_code=class_code, **(defaults | facts))  # type: ignore[arg-type]


def snapshot(
    *,
    cpus: CpuTopology | None = None,
    memory: NumaTopology | None = None,
    pci: tuple[PciDevice, ...] = (),
    devices: Devices | None = None,
    system: System | None = None,
) -> Snapshot:
    """A snapshot whose other subjects are empty."""
    return Snapshot(
        taken_at=0.0,
        system=Observed(facts=system or System()),
        cpus=Observed(facts=cpus),
        numa=Observed(facts=memory),
        pci=Observed(facts=pci),
        devices=Observed(facts=devices or Devices()),
    )


def printed(page: Page) -> list[str]:
    """The lines that a page comes to in a pipe."""
    out = io.StringIO()
    print_page(page, color="auto", out=out, environ={})
    return out.getvalue().splitlines()


def printed_branches(*branches: Branch) -> list[str]:
    return printed((Section(content=branches),))


def words(line: Line) -> str:
    """A line's text without its roles."""
    return "".join(span.text for span in line)
