"""The machine in the documentation's examples: two sockets, four GPUs behind two switches, network cards, disks."""

from __future__ import annotations

from tests.hosts.pci_spec import Function, Link, RootComplex, bridge, gpu, nic, nvme, sata, switch
from tests.hosts.shapes import USUAL_HUGEPAGES
from tests.hosts.spec import GIB, CpuSpec, MachineSpec, MemorySpec


def _behind_switch() -> Function:
    return bridge(switch(gpu(), gpu(), nic(ethernet=False), nvme()), link=Link(speed_gts=32.0))


GPU_SERVER = MachineSpec(
    name="GPU server",
    cpus=CpuSpec(packages=2, cores=16, smt=2, isolated=frozenset({2, 34}), nohz_full=frozenset({2, 34})),
    memory=MemorySpec(bytes_per_node=512 * GIB, hugepages=USUAL_HUGEPAGES),
    pci=(
        RootComplex(bus=0x00, below=(sata(), bridge(nic(vfs=64)))),
        RootComplex(bus=0x19, below=(_behind_switch(),)),
        RootComplex(bus=0x98, node=1, below=(_behind_switch(),)),
    ),
)
