"""Reads devices by the kernel's classes, each tied to the PCI function that it hangs from."""

from __future__ import annotations

from collectors.accelerators import read_accelerators
from collectors.cxl import read_cxl
from collectors.dax import read_dax
from collectors.drm import read_drm
from collectors.model import Devices
from collectors.netdev import read_network
from collectors.rdma import read_rdma
from collectors.reader import FactReader
from collectors.storage import read_disks, read_nvme


def read_devices(reader: FactReader) -> Devices:
    """Every device that stands for hardware, by class; a class that cannot be listed is None, the others stay."""
    rdma = read_rdma(reader)
    return Devices(
        network=read_network(reader, rdma or ()),
        rdma=rdma,
        nvme=read_nvme(reader),
        disks=read_disks(reader),
        drm=read_drm(reader),
        accelerators=read_accelerators(reader),
        dax=read_dax(reader),
        cxl=read_cxl(reader),
    )
