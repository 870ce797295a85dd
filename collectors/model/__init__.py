"""Facts about one machine, as frozen dataclasses. No I/O, no meaning: what the machine says, with its units.

`None` is "the machine does not say", never 0. Sets of CPUs and NUMA nodes are frozensets of ids.
"""

from collectors.model.cpu import Cache, CacheType, Cpu, CpuGroup, CpuKind, CpuTopology
from collectors.model.devices import (
    Accelerator,
    CxlMemory,
    DaxDevice,
    Disk,
    DrmCard,
    NetworkInterface,
    NvmeController,
    NvmeNamespace,
    RdmaDevice,
    RdmaPort,
)
from collectors.model.memory import (
    AccessPerformance,
    HugePagePool,
    MemoryTier,
    NumaKind,
    NumaNode,
    NumaStat,
    NumaTopology,
)
from collectors.model.pci import PciDevice, PcieLink
from collectors.model.snapshot import AllowedSet, Devices, Observed, Problem, Snapshot, System
from collectors.parse import IdSet

__all__ = [
    "Accelerator",
    "AccessPerformance",
    "AllowedSet",
    "Cache",
    "CacheType",
    "Cpu",
    "CpuGroup",
    "CpuKind",
    "CpuTopology",
    "CxlMemory",
    "DaxDevice",
    "Devices",
    "Disk",
    "DrmCard",
    "HugePagePool",
    "IdSet",
    "MemoryTier",
    "NetworkInterface",
    "NumaKind",
    "NumaNode",
    "NumaStat",
    "NumaTopology",
    "NvmeController",
    "NvmeNamespace",
    "Observed",
    "PciDevice",
    "PcieLink",
    "Problem",
    "RdmaDevice",
    "RdmaPort",
    "Snapshot",
    "System",
]
