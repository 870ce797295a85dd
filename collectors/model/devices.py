"""Facts about devices as the kernel's classes show them, each tied to its PCI function where it has one.

`pci_address` is None for what hangs from no PCI device: virtual interfaces, platform devices, NVMe over fabrics.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkInterface:
    """/sys/class/net/<name> (Documentation/ABI/testing/sysfs-class-net)"""

    name: str
    pci_address: str | None = None
    speed_mbps: int | None = None
    """None without link, or where the driver does not say"""
    carrier: bool | None = None
    """Whether there is a link; None while the interface is down"""
    mac_address: str | None = None
    operstate: str | None = None
    driver: str | None = None
    rdma_devices: tuple[str, ...] = ()
    """Names of the RDMA devices on the same PCI function"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RdmaPort:
    """/sys/class/infiniband/<device>/ports/<number>"""

    number: int
    link_layer: str | None = None
    """InfiniBand or Ethernet (RoCE)"""
    state: str | None = None
    """The word of `4: ACTIVE`"""
    rate_gbps: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RdmaDevice:
    """/sys/class/infiniband/<name> (Documentation/ABI/stable/sysfs-class-infiniband)"""

    name: str
    pci_address: str | None = None
    node_guid: str | None = None
    ports: tuple[RdmaPort, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NvmeNamespace:
    """One namespace: a block device of an NVMe controller or of its subsystem."""

    name: str
    size_bytes: int | None = None
    logical_block_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NvmeController:
    """/sys/class/nvme/<name>"""

    name: str
    pci_address: str | None = None
    model: str | None = None
    serial: str | None = None
    transport: str | None = None
    """pcie, rdma, tcp, fc, loop"""
    namespaces: tuple[NvmeNamespace, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """/sys/block/<name>: any other disk that stands for hardware (no loop, RAM or mapper devices)."""

    name: str
    pci_address: str | None = None
    size_bytes: int | None = None
    model: str | None = None
    rotational: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrmCard:
    """/sys/class/drm/card<N>"""

    name: str
    pci_address: str | None = None
    driver: str | None = None
    render_node: str | None = None
    """renderD<N> of the same device"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """/sys/class/accel/accel<N> (Documentation/accel), and accelerators of older drivers with a class of their own."""

    name: str
    pci_address: str | None = None
    driver: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DaxDevice:
    """/sys/bus/dax/devices/<name>: memory of a device (CXL, persistent, high-bandwidth) as the kernel maps it."""

    name: str
    size_bytes: int | None = None
    target_node: int | None = None
    """The NUMA node that the memory becomes when it is onlined"""
    numa_node: int | None = None
    pci_address: str | None = None
    driver: str | None = None
    """kmem where the memory serves the system, device_dax where a program maps it"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CxlMemory:
    """/sys/bus/cxl/devices/mem<N> (Documentation/ABI/testing/sysfs-bus-cxl)"""

    name: str
    pci_address: str | None = None
    numa_node: int | None = None
    ram_bytes: int | None = None
    persistent_bytes: int | None = None
    serial: str | None = None
