"""What a right reader finds of the devices of a synthetic machine, by the kernel's classes."""

from __future__ import annotations

from collectors.model import (
    Accelerator,
    CxlMemory,
    DaxDevice,
    Devices,
    Disk,
    DrmCard,
    NetworkInterface,
    NvmeController,
    NvmeNamespace,
    RdmaDevice,
    RdmaPort,
)
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
from tests.hosts.devices_files import DISK_MODEL, NVME_MODEL, SECTOR
from tests.hosts.pci import node_id
from tests.hosts.pci_spec import Net, Nvme, Rdma
from tests.hosts.spec import MachineSpec, MemorySource


def expected_devices(spec: MachineSpec) -> Devices:
    """Every device by class, computed from the parameters alone; the loopback interface is no device."""
    return Devices(
        network=tuple(_net(spec, net) for net in list_net(spec)),
        rdma=tuple(_rdma(rdma) for rdma in list_rdma(spec)),
        nvme=tuple(_nvme(nvme) for nvme in list_nvme(spec)),
        disks=tuple(
            Disk(
                name=disk_name(disk),
                pci_address=disk.function.address,
                size_bytes=disk.what.size_bytes,
                model=DISK_MODEL,
                rotational=disk.what.rotational,
            )
            for disk in list_disks(spec)
        ),
        drm=tuple(
            DrmCard(
                name=f"card{drm.number}",
                pci_address=drm.function.address,
                driver=drm.function.spec.driver,
                render_node=f"renderD{128 + drm.number}" if drm.what.render else None,
            )
            for drm in list_drm(spec)
        ),
        accelerators=tuple(
            Accelerator(
                name=f"accel{accel.number}",
                pci_address=accel.function.address,
                driver=accel.function.spec.driver,
            )
            for accel in list_accel(spec)
        ),
        dax=_dax(spec),
        cxl=_cxl(spec),
    )


def _net(spec: MachineSpec, net: Named[Net]) -> NetworkInterface:
    linked = net.what.up and net.what.speed_mbps is not None
    here = (rdma for rdma in list_rdma(spec) if rdma.function.address == net.function.address)
    return NetworkInterface(
        name=net_name(net),
        pci_address=net.function.address,
        speed_mbps=net.what.speed_mbps if linked else None,
        carrier=linked if net.what.up else None,
        mac_address=mac_address(net),
        operstate="up" if linked else "down",
        driver=net.function.spec.driver,
        rdma_devices=tuple(f"mlx5_{rdma.number}" for rdma in here),
    )


def _rdma(rdma: Named[Rdma]) -> RdmaDevice:
    layer = "Ethernet" if rdma.what.ethernet else "InfiniBand"
    return RdmaDevice(
        name=f"mlx5_{rdma.number}",
        pci_address=rdma.function.address,
        node_guid=node_guid(rdma),
        ports=tuple(
            RdmaPort(number=port, link_layer=layer, state="ACTIVE", rate_gbps=400.0)
            for port in range(1, rdma.what.ports + 1)
        ),
    )


def _nvme(nvme: Named[Nvme]) -> NvmeController:
    size = nvme.what.bytes_each // SECTOR * SECTOR
    return NvmeController(
        name=f"nvme{nvme.number}",
        pci_address=nvme.function.address,
        model=NVME_MODEL.strip(),
        serial=serial(nvme),
        transport="pcie",
        namespaces=tuple(
            NvmeNamespace(name=f"nvme{nvme.number}n{number}", size_bytes=size, logical_block_bytes=512)
            for number in range(1, nvme.what.namespaces + 1)
        ),
    )


def _dax(spec: MachineSpec) -> tuple[DaxDevice, ...]:
    nodes = (extra for extra in spec.memory.extra if extra.source is MemorySource.CXL)
    return tuple(
        DaxDevice(
            name=f"dax{number}.0",
            size_bytes=extra.memory_bytes,
            target_node=extra.id,
            numa_node=extra.id,
            driver="kmem",
        )
        for number, extra in enumerate(nodes)
    )


def _cxl(spec: MachineSpec) -> tuple[CxlMemory, ...]:
    return tuple(
        CxlMemory(
            name=f"mem{cxl.number}",
            pci_address=cxl.function.address,
            numa_node=node_id(spec, cxl.function),
            ram_bytes=cxl.what.ram_bytes,
            persistent_bytes=cxl.what.persistent_bytes,
            serial=f"0x{cxl.number + 0xC0FFEE:x}",
        )
        for cxl in list_cxl(spec)
    )
