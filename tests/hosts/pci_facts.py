"""What a right reader finds of the PCI functions of a synthetic machine."""

from __future__ import annotations

from collectors.model import PciDevice, PcieLink
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


def expected_pci(spec: MachineSpec) -> tuple[PciDevice, ...]:
    """Every function by address."""
    found = (_device(spec, group, function) for group, function in enumerate(list_functions(spec)))
    return tuple(sorted(found, key=lambda device: device.address))


def _device(spec: MachineSpec, group: int, function: Placed) -> PciDevice:
    what = function.spec
    return PciDevice(
        address=function.address,
        path=function.path,
        class_code=what.class_code,
        vendor_id=what.vendor,
        device_id=what.device,
        subsystem_vendor_id=SUBSYSTEM_VENDOR,
        subsystem_device_id=SUBSYSTEM_DEVICE,
        driver=what.driver,
        numa_node=node_id(spec, function),
        local_cpus=local_cpus(spec, function),
        link=_link(function),
        physical_function=function.physical_function,
        virtual_functions=function.virtual_functions,
        sriov_total_vfs=what.total_vfs or None,
        iommu_group=group,
    )


def _link(function: Placed) -> PcieLink | None:
    link = function.spec.link
    if link is None:
        return None
    most_speed, most_width = most(link)
    virtual = function.physical_function is not None
    return PcieLink(
        speed_gts=None if virtual else link.speed_gts,
        width=None if virtual else link.width,
        max_speed_gts=most_speed,
        max_width=most_width,
    )
