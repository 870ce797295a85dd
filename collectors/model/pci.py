"""Facts about PCI functions and the tree they hang in. Source: Documentation/ABI/testing/sysfs-bus-pci."""

from __future__ import annotations

from dataclasses import dataclass

from collectors.parse import IdSet


@dataclass(frozen=True, slots=True, kw_only=True)
class PcieLink:
    """A PCIe link as it is and as it could be. None where the device does not say."""

    speed_gts: float | None = None
    """current_link_speed, in GT/s"""
    width: int | None = None
    """current_link_width, in lanes"""
    max_speed_gts: float | None = None
    max_width: int | None = None

    @property
    def degraded(self) -> bool | None:
        """Whether the link runs slower or narrower than it could; None where that is not known.

        Links of idle devices may train down to save power: a slow link is a question, a narrow one an answer.
        """
        pairs = ((self.speed_gts, self.max_speed_gts), (self.width, self.max_width))
        known = [(now, most) for now, most in pairs if now is not None and most is not None]
        return any(now < most for now, most in known) if known else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PciDevice:
    """One PCI function."""

    address: str
    """`dddd:bb:dd.f`, lower case, as the kernel names it; the domain may have more than four digits"""
    path: tuple[str, ...]
    """From the root complex (`pci0000:3a`) through every bridge to the function itself, which is the last.

    Behind a bridge that makes a PCI domain of its own (Intel VMD) that domain's root complex is in the path too:
    `pci0000:16`, `0000:16:05.5`, `pci10000:00`, `10000:00:02.0`, `10000:01:00.0`.
    """
    path_known: bool = True
    """False where the machine does not say where the function hangs (captures without /sys/devices): the path is then
    its address below a root complex named for its domain and bus, with whatever bridges lie between left out"""
    class_code: int | None = None
    """24 bits: base class, subclass, programming interface"""
    vendor_id: int | None = None
    device_id: int | None = None
    subsystem_vendor_id: int | None = None
    """subsystem_vendor; None, like the next, for the 0 of a function without one"""
    subsystem_device_id: int | None = None
    driver: str | None = None
    numa_node: int | None = None
    """numa_node; None where the firmware does not say (the kernel's -1) or the file is absent"""
    local_cpus: IdSet | None = None
    """local_cpus, else local_cpulist: the CPUs nearest to the device, online or not. All CPUs, or none, say nothing"""
    link: PcieLink | None = None
    """None for what has no PCIe link (legacy PCI, root-complex endpoints), or where nothing of it can be read"""
    physical_function: str | None = None
    """For an SR-IOV virtual function: the address of its physical one"""
    virtual_functions: tuple[str, ...] = ()
    """For an SR-IOV physical function: the addresses of its virtual ones, by number"""
    sriov_total_vfs: int | None = None
    """sriov_totalvfs: how many virtual functions it could have; None where it has no SR-IOV"""
    iommu_group: int | None = None

    @property
    def root_complex(self) -> str:
        """The host bridge it hangs from: `pci0000:3a`."""
        return self.path[0]

    @property
    def base_class(self) -> int | None:
        """The upper 8 bits of the class: 0x02 network, 0x03 display."""
        return None if self.class_code is None else self.class_code >> 16

    @property
    def is_bridge(self) -> bool:
        """Whether it leads to another bus (class 0x0604, PCI-to-PCI bridge)."""
        return self.class_code is not None and self.class_code >> 8 == 0x0604
