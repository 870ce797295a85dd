"""What is known of a machine at one instant: facts of every subject, their age, and what could not be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from collectors.model.cpu import CpuTopology
from collectors.model.devices import (
    Accelerator,
    CxlMemory,
    DaxDevice,
    Disk,
    DrmCard,
    NetworkInterface,
    NvmeController,
    RdmaDevice,
)
from collectors.model.memory import NumaTopology
from collectors.model.pci import PciDevice
from collectors.parse import IdSet

if TYPE_CHECKING:  # it carries Observed itself, and a machine without a kubelet never needs it
    from collectors.model.kubelet_picture import KubeletPicture

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A file that could not be turned into a fact, and why. The fact is unknown; the others are not touched."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed(Generic[T_co]):
    """Facts of one subject as they were last read well.

    A collector that fails keeps its last good facts: `facts` then stay as they were at `read_at`, and `error` says
    what happened since.
    """

    facts: T_co | None = None
    """None where the subject was never read well"""
    read_at: float | None = None
    """Seconds since the epoch; None where it was never read well"""
    problems: tuple[Problem, ...] = ()
    """Single files that could not be read in the last attempt"""
    error: str | None = None
    """Why the last attempt failed as a whole; None where it did not"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedSet:
    """What the cpuset cgroup of our own process leaves to it; None where nothing limits it."""

    cpus: IdSet | None = None
    nodes: IdSet | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """Devices by the kernel's classes. None where a class could not be listed, empty where it has none."""

    network: tuple[NetworkInterface, ...] | None = ()
    rdma: tuple[RdmaDevice, ...] | None = ()
    nvme: tuple[NvmeController, ...] | None = ()
    disks: tuple[Disk, ...] | None = ()
    drm: tuple[DrmCard, ...] | None = ()
    accelerators: tuple[Accelerator, ...] | None = ()
    dax: tuple[DaxDevice, ...] | None = ()
    cxl: tuple[CxlMemory, ...] | None = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """What runs there."""

    kernel_release: str | None = None
    """/proc/sys/kernel/osrelease"""
    allowed: AllowedSet = AllowedSet()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One machine at one instant. Everything that is shown or published is a pure function of it."""

    taken_at: float
    """Seconds since the epoch"""
    system: Observed[System]
    cpus: Observed[CpuTopology]
    numa: Observed[NumaTopology]
    pci: Observed[tuple[PciDevice, ...]]
    devices: Observed[Devices]
    kubelet: KubeletPicture | None = None
    """What the kubelet of this machine allocated; None where there is none, or it is not asked"""

    @property
    def observed(self) -> tuple[tuple[str, Observed[object]], ...]:
        """Every subject by name, in a fixed order."""
        return (
            ("system", self.system),
            ("cpus", self.cpus),
            ("numa", self.numa),
            ("pci", self.pci),
            ("devices", self.devices),
        )
