"""Writes the devices of a synthetic machine where drivers put them, and the links in /sys/class, /sys/block, /sys/bus.

Layout: Documentation/ABI/testing/sysfs-class-net, sysfs-bus-cxl, sysfs-bus-dax and sysfs-block,
Documentation/ABI/stable/sysfs-class-infiniband; NVMe as drivers/nvme/host makes it.
"""

from __future__ import annotations

from tests.hosts.devices import (
    Named,
    disk_name,
    list_accel,
    list_cxl,
    list_disks,
    list_drm,
    list_net,
    list_nvme,
    list_rdma,
    mac_address,
    net_name,
    node_guid,
    serial,
)
from tests.hosts.pci import list_functions, node_id
from tests.hosts.pci_spec import Net, Nvme, Rdma
from tests.hosts.spec import MachineSpec, MemorySource
from tests.hosts.tree import Tree

NVME_MODEL = "SAMSUNG MZWLJ1T9HBJR-00007              "
"""Padded to forty characters, as the controller answers"""
DISK_MODEL = "ST4000NM0035-1V4"
SECTOR = 512
CXL_ROOT = "/sys/devices/platform/ACPI0017:00/root0"


def write_devices(tree: Tree, spec: MachineSpec) -> None:
    """Everything that hangs from PCI functions, and the loopback interface that every machine has."""
    _write_loopback(tree)
    for net in list_net(spec):
        _write_net(tree, net)
    for rdma in list_rdma(spec):
        _write_rdma(tree, rdma)
    for nvme in list_nvme(spec):
        _write_nvme(tree, nvme)
    _write_disks(tree, spec)
    _write_drm(tree, spec)
    for accel in list_accel(spec):
        here = f"{accel.function.folder}/accel/accel{accel.number}"
        tree.file(f"{here}/dev", f"261:{accel.number}")
        _enter_class(tree, here, "accel", accel.function.folder)
    _write_cxl(tree, spec)
    _write_dax(tree, spec)
    _write_gpu_memory(tree, spec)


def _enter_class(tree: Tree, here: str, name: str, parent: str) -> None:
    """The links that tie a device to its class and to what it hangs from."""
    tree.link(f"/sys/class/{name}/{here.rpartition('/')[2]}", here)
    tree.link(f"{here}/subsystem", f"/sys/class/{name}")
    tree.link(f"{here}/device", parent)


def _write_loopback(tree: Tree) -> None:
    here = "/sys/devices/virtual/net/lo"
    for name, text in (
        ("address", "00:00:00:00:00:00"),
        ("carrier", "1"),
        ("operstate", "unknown"),
        ("type", "772"),
    ):
        tree.file(f"{here}/{name}", text)
    tree.link("/sys/class/net/lo", here)
    tree.link(f"{here}/subsystem", "/sys/class/net")


def _write_net(tree: Tree, net: Named[Net]) -> None:
    here = f"{net.function.folder}/net/{net_name(net)}"
    tree.file(f"{here}/address", mac_address(net))
    tree.file(f"{here}/type", "1" if net_name(net).startswith("eth") else "32")
    tree.file(f"{here}/uevent", f"INTERFACE={net_name(net)}\nIFINDEX={net.number + 2}")
    if net.what.up:  # carrier and speed of an interface that is down answer EINVAL; a capture then lacks them
        linked = net.what.speed_mbps is not None
        tree.file(f"{here}/carrier", str(int(linked)))
        tree.file(f"{here}/speed", str(net.what.speed_mbps if linked else -1))
        tree.file(f"{here}/operstate", "up" if linked else "down")
    else:
        tree.file(f"{here}/operstate", "down")
    _enter_class(tree, here, "net", net.function.folder)


def _write_rdma(tree: Tree, rdma: Named[Rdma]) -> None:
    here = f"{rdma.function.folder}/infiniband/mlx5_{rdma.number}"
    tree.file(f"{here}/node_guid", node_guid(rdma))
    tree.file(f"{here}/node_type", "1: CA")
    for port in range(1, rdma.what.ports + 1):
        tree.file(f"{here}/ports/{port}/link_layer", "Ethernet" if rdma.what.ethernet else "InfiniBand")
        tree.file(f"{here}/ports/{port}/state", "4: ACTIVE")
        tree.file(f"{here}/ports/{port}/rate", "400 Gb/sec (4X NDR)")
    _enter_class(tree, here, "infiniband", rdma.function.folder)


def _write_nvme(tree: Tree, nvme: Named[Nvme]) -> None:
    name = f"nvme{nvme.number}"
    here = f"{nvme.function.folder}/nvme/{name}"
    for file, text in (
        ("model", NVME_MODEL),
        ("serial", serial(nvme).ljust(20)),
        ("transport", "pcie"),
        ("address", nvme.function.address),
        ("state", "live"),
        ("cntlid", "1"),
    ):
        tree.file(f"{here}/{file}", text)
    _enter_class(tree, here, "nvme", nvme.function.folder)
    subsystem = f"/sys/devices/virtual/nvme-subsystem/nvme-subsys{nvme.number}"
    tree.link(f"{subsystem}/{name}", here)
    tree.file(f"{subsystem}/model", NVME_MODEL)
    tree.link(f"/sys/class/nvme-subsystem/nvme-subsys{nvme.number}", subsystem)
    for number in range(1, nvme.what.namespaces + 1):
        home = subsystem if nvme.what.multipath else here
        _write_block(tree, f"{home}/{name}n{number}", nvme.what.bytes_each, rotational=False)
        if nvme.what.multipath:  # the path to it is a disk that the kernel hides
            hidden = f"{here}/{name}c{nvme.number}n{number}"
            _write_block(tree, hidden, nvme.what.bytes_each, rotational=False, hidden=True)


def _write_block(tree: Tree, here: str, size_bytes: int, *, rotational: bool, hidden: bool = False) -> None:
    name = here.rpartition("/")[2]
    tree.file(f"{here}/size", str(size_bytes // SECTOR))
    tree.file(f"{here}/hidden", str(int(hidden)))
    tree.file(f"{here}/queue/logical_block_size", "512")
    tree.file(f"{here}/queue/rotational", str(int(rotational)))
    tree.link(f"{here}/subsystem", "/sys/class/block")
    tree.link(f"/sys/block/{name}", here)
    if not hidden:
        tree.link(f"/sys/class/block/{name}", here)


def _write_disks(tree: Tree, spec: MachineSpec) -> None:
    for disk in list_disks(spec):
        target = f"{disk.number}:0:0"
        device = f"{disk.function.folder}/ata{disk.number + 1}/host{disk.number}/target{target}/{target}:0"
        here = f"{device}/block/{disk_name(disk)}"
        tree.file(f"{device}/model", DISK_MODEL)
        tree.file(f"{device}/vendor", "ATA     ")
        _write_block(tree, here, disk.what.size_bytes, rotational=disk.what.rotational)
        tree.link(f"{here}/device", device)
    for loop in range(2):
        _write_block(tree, f"/sys/devices/virtual/block/loop{loop}", 0, rotational=False)


def _write_drm(tree: Tree, spec: MachineSpec) -> None:
    for drm in list_drm(spec):
        folder = f"{drm.function.folder}/drm"
        card = f"{folder}/card{drm.number}"
        tree.file(f"{card}/dev", f"226:{drm.number}")
        _enter_class(tree, card, "drm", drm.function.folder)
        connector = f"{card}/card{drm.number}-DP-1"
        tree.file(f"{connector}/status", "disconnected")
        _enter_class(tree, connector, "drm", card)
        if drm.what.render:
            render = f"{folder}/renderD{128 + drm.number}"
            tree.file(f"{render}/dev", f"226:{128 + drm.number}")
            _enter_class(tree, render, "drm", drm.function.folder)
    if list_drm(spec):
        tree.file("/sys/class/drm/version", "drm 1.1.0 20060810")


def _write_cxl(tree: Tree, spec: MachineSpec) -> None:
    for cxl in list_cxl(spec):
        here = f"{cxl.function.folder}/mem{cxl.number}"
        number = node_id(spec, cxl.function)
        tree.file(f"{here}/ram/size", f"0x{cxl.what.ram_bytes:x}")
        tree.file(f"{here}/pmem/size", f"0x{cxl.what.persistent_bytes:x}")
        tree.file(f"{here}/serial", f"0x{cxl.number + 0xC0FFEE:x}")
        tree.file(f"{here}/numa_node", str(-1 if number is None else number))
        tree.link(f"/sys/bus/cxl/devices/mem{cxl.number}", here)
        tree.link(f"{here}/subsystem", "/sys/bus/cxl")
    if list_cxl(spec):
        tree.file(f"{CXL_ROOT}/uevent", "DEVTYPE=cxl_root")
        tree.link("/sys/bus/cxl/devices/root0", CXL_ROOT)


def _write_dax(tree: Tree, spec: MachineSpec) -> None:
    """CXL memory that kmem brought online: one region and one dax device for each node of it."""
    nodes = [extra for extra in spec.memory.extra if extra.source is MemorySource.CXL]
    for number, extra in enumerate(nodes):
        here = f"{CXL_ROOT}/decoder0.{number}/region{number}/dax_region{number}/dax{number}.0"
        tree.file(f"{here}/size", str(extra.memory_bytes))
        tree.file(f"{here}/target_node", str(extra.id))
        tree.file(f"{here}/numa_node", str(extra.id))
        tree.directory("/sys/bus/dax/drivers/kmem")
        tree.link(f"{here}/driver", "/sys/bus/dax/drivers/kmem")
        tree.link(f"/sys/bus/dax/devices/dax{number}.0", here)


def _write_gpu_memory(tree: Tree, spec: MachineSpec) -> None:
    """What NVIDIA's driver says of GPUs whose memory is a NUMA node."""
    gpus = [function.address for function in list_functions(spec) if function.spec.gpu]
    for extra in spec.memory.extra:
        if extra.source is MemorySource.GPU:
            tree.file(
                f"/proc/driver/nvidia/gpus/{gpus[extra.gpu]}/numa_status", f"Node: {extra.id}\nStatus: online"
            )
