"""Which devices the drivers of a synthetic machine make of its PCI functions, and how the kernel names them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from tests.hosts.pci import Placed, list_functions
from tests.hosts.pci_spec import Accel, Attached, Cxl, Drm, Net, Nvme, Rdma, ScsiDisk
from tests.hosts.spec import MachineSpec

A = TypeVar("A", bound=Attached)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named(Generic[A]):
    """A device of a class, with the function that it hangs from."""

    number: int
    """Among all devices of its sort"""
    what: A
    function: Placed


def _list(spec: MachineSpec, sort: type[A]) -> tuple[Named[A], ...]:
    pairs = (
        (what, function)
        for function in list_functions(spec)
        for what in function.spec.attached
        if isinstance(what, sort)
    )
    return tuple(
        Named(number=number, what=what, function=function) for number, (what, function) in enumerate(pairs)
    )


def list_net(spec: MachineSpec) -> tuple[Named[Net], ...]:
    """Network interfaces."""
    return _list(spec, Net)


def list_rdma(spec: MachineSpec) -> tuple[Named[Rdma], ...]:
    """RDMA devices."""
    return _list(spec, Rdma)


def list_nvme(spec: MachineSpec) -> tuple[Named[Nvme], ...]:
    """NVMe controllers."""
    return _list(spec, Nvme)


def list_disks(spec: MachineSpec) -> tuple[Named[ScsiDisk], ...]:
    """Disks behind SATA and SAS controllers."""
    return _list(spec, ScsiDisk)


def list_drm(spec: MachineSpec) -> tuple[Named[Drm], ...]:
    """DRM cards."""
    return _list(spec, Drm)


def list_accel(spec: MachineSpec) -> tuple[Named[Accel], ...]:
    """Compute accelerators."""
    return _list(spec, Accel)


def list_cxl(spec: MachineSpec) -> tuple[Named[Cxl], ...]:
    """CXL memory devices."""
    return _list(spec, Cxl)


def net_name(device: Named[Net]) -> str:
    """eth<N>, or ib<N> for what speaks InfiniBand."""
    return f"ib{device.number}" if device.function.spec.class_code == 0x020700 else f"eth{device.number}"


def disk_name(device: Named[ScsiDisk]) -> str:
    """sda, sdb…"""
    return f"sd{chr(ord('a') + device.number)}"


def mac_address(device: Named[Net]) -> str:
    """One of its own for every interface; InfiniBand has twenty bytes."""
    tail = f"02:00:00:00:{device.number >> 8:02x}:{device.number & 255:02x}"
    return tail if net_name(device).startswith("eth") else "00:00:10:29:fe:80:00:00:00:00:00:00:00:00:" + tail


def node_guid(device: Named[Rdma]) -> str:
    """Four words, as the kernel prints them."""
    return f"946d:ae03:00c5:{device.number:04x}"


def serial(device: Named[Nvme] | Named[Cxl]) -> str:
    """A serial number."""
    return f"S64GNE0R{device.number:06d}"
