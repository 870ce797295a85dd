"""Writes the PCI tree of a synthetic machine: /sys/devices/pciDDDD:BB and the links in /sys/bus/pci.

Layout: Documentation/ABI/testing/sysfs-bus-pci, sysfs-bus-pci-devices-* and sysfs-kernel-iommu_groups.
"""

from __future__ import annotations

from tests.hosts.cpu_files import write_set
from tests.hosts.pci import (
    SUBSYSTEM_DEVICE,
    SUBSYSTEM_VENDOR,
    Placed,
    list_functions,
    local_cpus,
    most,
    node_id,
)
from tests.hosts.spec import MachineSpec
from tests.hosts.tree import Tree

BUS = "/sys/bus/pci"
GROUPS = "/sys/kernel/iommu_groups"


def write_pci(tree: Tree, spec: MachineSpec) -> None:
    """All functions; a machine without PCI has no /sys/bus/pci."""
    functions = list_functions(spec)
    folders = {function.address: function.folder for function in functions}
    for group, function in enumerate(functions):
        _write_function(tree, spec, function, folders)
        tree.link(f"{function.folder}/iommu_group", f"{GROUPS}/{group}")
        tree.link(f"{GROUPS}/{group}/devices/{function.address}", function.folder)
    for root in spec.pci:
        tree.file(f"/sys/devices/pci{root.domain:04x}:{root.bus:02x}/uevent", b"")
    if spec.pci:
        tree.directory(f"{BUS}/devices")


def _write_function(tree: Tree, spec: MachineSpec, function: Placed, folders: dict[str, str]) -> None:
    here, what = function.folder, function.spec
    number = node_id(spec, function)
    for name, text in (
        ("class", f"0x{what.class_code:06x}"),
        ("vendor", f"0x{what.vendor:04x}"),
        ("device", f"0x{what.device:04x}"),
        ("subsystem_vendor", f"0x{SUBSYSTEM_VENDOR:04x}"),
        ("subsystem_device", f"0x{SUBSYSTEM_DEVICE:04x}"),
        ("numa_node", str(-1 if number is None else number)),
        ("irq", "16"),
        ("enable", "1"),
        ("uevent", f"PCI_CLASS={what.class_code:X}\nPCI_SLOT_NAME={function.address}"),
    ):
        tree.file(f"{here}/{name}", text)
    tree.file(f"{here}/config", bytes(64))
    write_set(tree, spec, here, local_cpus(spec, function), map_name="local_cpus", list_name="local_cpulist")
    tree.link(f"{here}/subsystem", BUS)
    tree.link(f"{BUS}/devices/{function.address}", here)
    if what.driver:
        tree.directory(f"{BUS}/drivers/{what.driver}")
        tree.link(f"{here}/driver", f"{BUS}/drivers/{what.driver}")
        tree.link(f"{BUS}/drivers/{what.driver}/{function.address}", here)
    _write_link(tree, function)
    _write_virtual_functions(tree, function, folders)


def _write_link(tree: Tree, function: Placed) -> None:
    link = function.spec.link
    if link is None:
        return
    most_speed, most_width = most(link)
    # A virtual function shares the link of its physical one and has no status of its own.
    virtual = function.physical_function is not None
    speed = "Unknown" if virtual else f"{link.speed_gts:.1f} GT/s PCIe"
    tree.file(f"{function.folder}/current_link_speed", speed)
    tree.file(f"{function.folder}/current_link_width", "0" if virtual else str(link.width))
    tree.file(f"{function.folder}/max_link_speed", f"{most_speed:.1f} GT/s PCIe")
    tree.file(f"{function.folder}/max_link_width", str(most_width))


def _write_virtual_functions(tree: Tree, function: Placed, folders: dict[str, str]) -> None:
    if function.spec.total_vfs:
        tree.file(f"{function.folder}/sriov_totalvfs", str(function.spec.total_vfs))
        tree.file(f"{function.folder}/sriov_numvfs", str(function.spec.vfs))
    for index, address in enumerate(function.virtual_functions):
        tree.link(f"{function.folder}/virtfn{index}", folders[address])
        tree.link(f"{folders[address]}/physfn", function.folder)
