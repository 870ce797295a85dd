"""The parameters of a PCI tree: root complexes, bridges, and functions with the devices that drivers make of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

GEN3, GEN4, GEN5 = 8.0, 16.0, 32.0
"""GT/s"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A PCIe link; what it could be is what it is unless said otherwise."""

    speed_gts: float = GEN4
    width: int = 16
    max_speed_gts: float | None = None
    max_width: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Net:
    """A network interface of a function."""

    speed_mbps: int | None = 100_000
    """None without link"""
    up: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rdma:
    """An RDMA device of a function."""

    ports: int = 1
    ethernet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Nvme:
    """An NVMe controller of a function."""

    namespaces: int = 1
    bytes_each: int = 1_920_383_410_176
    multipath: bool = False
    """Whether namespaces belong to the subsystem, and the controller has only a path to each"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScsiDisk:
    """A disk behind a SATA or SAS controller."""

    size_bytes: int = 4_000_787_030_016
    rotational: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Drm:
    """A DRM card of a function."""

    render: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Accel:
    """A compute accelerator of a function."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cxl:
    """A CXL memory device of a function."""

    ram_bytes: int = 128 << 30
    persistent_bytes: int = 0


Attached = Net | Rdma | Nvme | ScsiDisk | Drm | Accel | Cxl
"""What a driver makes of a function"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One PCI function; with `below` it is a bridge."""

    class_code: int
    vendor: int
    device: int
    driver: str | None = None
    link: Link | None = None
    below: tuple[Function, ...] | None = None
    same_slot: bool = False
    """Whether it is the next function of the device before it"""
    vfs: int = 0
    """SR-IOV virtual functions that are switched on"""
    total_vfs: int = 0
    gpu: bool = False
    attached: tuple[Attached, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RootComplex:
    """A host bridge and what hangs from it."""

    bus: int = 0
    domain: int = 0
    node: int | None = 0
    """Position of the NUMA node it belongs to; None where the firmware does not say"""
    below: tuple[Function, ...] = ()


def bridge(*below: Function, link: Link | None = None) -> Function:
    """A root port, or a port of a switch."""
    return Function(
        class_code=0x060400, vendor=0x8086, device=0x352A, driver="pcieport", link=link or Link(), below=below
    )


def switch(*below: Function, link: Link | None = None) -> Function:
    """A PCIe switch: an upstream port, and one downstream port for each device."""
    ports = (replace(bridge(device, link=link), vendor=0x1000, device=0xC030) for device in below)
    return replace(bridge(*ports, link=link), vendor=0x1000, device=0xC030)


def gpu(*, link: Link | None = None) -> Function:
    """A datacentre GPU with its driver."""
    link = link or Link(speed_gts=GEN5)
    return Function(
        class_code=0x030200,
        vendor=0x10DE,
        device=0x2330,
        driver="nvidia",
        link=link,
        gpu=True,
        attached=(Drm(),),
    )


def nic(
    *, vfs: int = 0, rdma: bool = True, ethernet: bool = True, up: bool = True, same_slot: bool = False
) -> Function:
    """A network card, by default one that speaks RoCE."""
    attached: tuple[Net | Rdma, ...] = (Net(up=up),)
    if rdma:
        attached = (*attached, Rdma(ethernet=ethernet))
    return Function(
        class_code=0x020000 if ethernet else 0x020700,
        vendor=0x15B3,
        device=0x1021,
        driver="mlx5_core",
        link=Link(speed_gts=GEN5),
        vfs=vfs,
        total_vfs=max(vfs, 64) if vfs else 0,
        same_slot=same_slot,
        attached=attached,
    )


def nvme(*, namespaces: int = 1, multipath: bool = False) -> Function:
    """An NVMe disk."""
    return Function(
        class_code=0x010802,
        vendor=0x144D,
        device=0xA80A,
        driver="nvme",
        link=Link(width=4),
        attached=(Nvme(namespaces=namespaces, multipath=multipath),),
    )


def sata(*, disks: int = 1) -> Function:
    """A disk controller of a chipset: on the root bus, without a link."""
    return Function(
        class_code=0x010601, vendor=0x8086, device=0x1BA2, driver="ahci", attached=(ScsiDisk(),) * disks
    )


def accelerator() -> Function:
    """A processing accelerator with a node under /sys/class/accel."""
    return Function(
        class_code=0x120000,
        vendor=0x1DA3,
        device=0x1020,
        driver="habanalabs",
        link=Link(),
        attached=(Accel(),),
    )


def cxl_memory(*, ram_bytes: int = 128 << 30) -> Function:
    """A CXL memory expander."""
    return Function(
        class_code=0x050210,
        vendor=0x1E98,
        device=0x0D93,
        driver="cxl_pci",
        link=Link(speed_gts=GEN5, width=8),
        attached=(Cxl(ram_bytes=ram_bytes),),
    )


def legacy(class_code: int = 0x060100) -> Function:
    """A function without PCIe link: what a chipset has on its root bus."""
    return Function(class_code=class_code, vendor=0x8086, device=0x1B81)
