"""A MachineSpec made into files, and into the snapshot that a right survey of these files gives."""

from __future__ import annotations

from pathlib import Path

from collectors.model import Observed, Snapshot, System
from tests.hosts.cpu_facts import expected_cpus
from tests.hosts.cpu_files import write_cpus
from tests.hosts.devices_facts import expected_devices
from tests.hosts.devices_files import write_devices
from tests.hosts.memory_facts import expected_numa
from tests.hosts.memory_files import write_memory
from tests.hosts.pci_facts import expected_pci
from tests.hosts.pci_files import write_pci
from tests.hosts.spec import MachineSpec
from tests.hosts.tree import Tree


def build_tree(spec: MachineSpec) -> Tree:
    """The machine's files."""
    tree = Tree()
    tree.file("/proc/sys/kernel/osrelease", spec.kernel.release)
    tree.file("/proc/sys/kernel/arch", "x86_64")
    write_cpus(tree, spec)
    write_memory(tree, spec)
    write_pci(tree, spec)
    write_devices(tree, spec)
    return tree


def write_machine(spec: MachineSpec, root: Path) -> None:
    """Writes the machine's files below a directory."""
    build_tree(spec).write(root)


def expected_snapshot(spec: MachineSpec, *, now: float) -> Snapshot:
    """What a survey at `now` finds, without any problem."""
    return Snapshot(
        taken_at=now,
        system=Observed(facts=System(kernel_release=spec.kernel.release), read_at=now),
        cpus=Observed(facts=expected_cpus(spec), read_at=now),
        numa=Observed(facts=expected_numa(spec), read_at=now),
        pci=Observed(facts=expected_pci(spec), read_at=now),
        devices=Observed(facts=expected_devices(spec), read_at=now),
    )
