"""Machines worth a name: shapes that break readers, and sizes that are measured."""

from __future__ import annotations

from dataclasses import replace

from tests.hosts.pci_spec import (
    GEN3,
    Function,
    Link,
    Net,
    RootComplex,
    accelerator,
    bridge,
    cxl_memory,
    gpu,
    legacy,
    nic,
    nvme,
    sata,
    switch,
)
from tests.hosts.spec import (
    GIB,
    MIB,
    CpuSpec,
    ExtraNode,
    HugePages,
    KernelSpec,
    MachineSpec,
    MemorySource,
    MemorySpec,
    Numbering,
    SetForms,
    TopologyNames,
)

USUAL_HUGEPAGES = (HugePages(size_bytes=2 * MIB, totals=(512,), used=100), HugePages(size_bytes=GIB))

DESKTOP = MachineSpec(
    name="desktop",
    cpus=CpuSpec(cores=4, smt=2),
    pci=(RootComplex(node=None, below=(legacy(), sata(disks=2), bridge(nvme()), bridge(nic(rdma=False)))),),
)

TWO_SOCKETS = MachineSpec(
    name="two sockets, threads last",
    cpus=CpuSpec(packages=2, cores=16, smt=2, isolated=frozenset({2, 34}), nohz_full=frozenset({2, 34})),
    memory=MemorySpec(bytes_per_node=192 * GIB, hugepages=USUAL_HUGEPAGES),
    pci=(
        RootComplex(bus=0, below=(legacy(), sata(), bridge(nic(vfs=8), nic(vfs=8, same_slot=True)))),
        RootComplex(bus=0x80, node=1, below=(bridge(nvme(namespaces=2)), bridge(nvme(multipath=True)))),
    ),
)

HYBRID = MachineSpec(
    name="performance and efficiency cores",
    cpus=CpuSpec(cores=14, efficiency_cores=8, smt=2, numbering=Numbering.SIBLINGS_ADJACENT, core_id_step=4),
)

SUB_NUMA = MachineSpec(
    name="NPS4 with two dies and an L3 for eight cores",
    cpus=CpuSpec(packages=2, dies=2, nodes=4, cores=32, smt=2, cores_per_l3=8, core_ids_restart_per_die=True),
    memory=MemorySpec(bytes_per_node=48 * GIB, hugepages=USUAL_HUGEPAGES),
    pci=tuple(RootComplex(bus=0x20 * n, node=n, below=(bridge(nvme()), legacy())) for n in range(8)),
)

CLUSTERS = MachineSpec(
    name="four cores on an L2 cache, packages in turn, odd package ids",
    cpus=CpuSpec(
        packages=2,
        cores=8,
        cores_per_cluster=4,
        cores_per_l3=8,
        numbering=Numbering.PACKAGES_IN_TURN,
        package_ids=(36, 196611),
    ),
)

SPARSE = MachineSpec(
    name="sparse node ids, a memory-less node, a CPU-less one and one offline",
    cpus=CpuSpec(packages=3, cores=2, smt=4, numbering=Numbering.SIBLINGS_ADJACENT),
    memory=MemorySpec(
        node_ids=(1, 33, 72),
        memoryless=frozenset({1}),
        extra=(ExtraNode(id=250), ExtraNode(id=34, source=MemorySource.NONE, near=2)),
        offline_nodes=(8,),
        hmat=True,
    ),
)

OFFLINE_CPUS = MachineSpec(
    name="CPUs offline, the first and a whole package among them, and sockets left empty",
    kernel=KernelSpec(nodes_name_offline_cpus=True),
    cpus=CpuSpec(packages=2, cores=4, smt=2, offline=frozenset({0, 3, 4, 5, 6, 7, 12, 13, 14, 15}), spare=48),
)

HUGEPAGE_MIX = MachineSpec(
    name="hugepages from 64 KiB to 16 GiB, differing by node, one node with none",
    cpus=CpuSpec(packages=4, cores=2),
    memory=MemorySpec(
        bytes_per_node=256 * GIB,
        hugepages=(
            HugePages(size_bytes=2 * MIB, totals=(2048, 512, 0, 7), used=12, surplus=3, reserved=5),
            HugePages(size_bytes=64 << 10, totals=(100, 0)),
            HugePages(size_bytes=32 * MIB, totals=(0, 4, 0)),
            HugePages(size_bytes=GIB, totals=(16, 0, 0, 8), used=8),
            HugePages(size_bytes=16 * GIB, totals=(1, 0)),
        ),
    ),
)

CXL = MachineSpec(
    name="CXL memory as a node of its own, with HMAT and memory tiers",
    cpus=CpuSpec(packages=2, cores=8, smt=2),
    memory=MemorySpec(
        extra=(ExtraNode(id=2, memory_bytes=128 * GIB, source=MemorySource.CXL, near=1),),
        hmat=True,
        tiers=True,
        hugepages=USUAL_HUGEPAGES,
    ),
    pci=(
        RootComplex(bus=0, below=(bridge(nvme()),)),
        RootComplex(bus=0x60, node=1, below=(bridge(cxl_memory()),)),
    ),
)


def _grace_gpus(count: int) -> tuple[RootComplex, ...]:
    """One GPU behind a root port of its own, each in its own PCI domain."""
    return tuple(
        RootComplex(domain=domain, node=domain * 2 // count, below=(bridge(gpu()),))
        for domain in range(count)
    )


GB200 = MachineSpec(
    name="34 nodes: two with CPUs, eight for each of four GPUs, one of which holds its memory",
    cpus=CpuSpec(packages=2, cores=72),
    memory=MemorySpec(
        bytes_per_node=480 * GIB,
        extra=tuple(
            ExtraNode(
                id=2 + 8 * gpu_number + part,
                memory_bytes=186 * GIB,
                source=MemorySource.NONE if part else MemorySource.GPU,
                near=gpu_number // 2,
                gpu=gpu_number,
            )
            for gpu_number in range(4)
            for part in range(8)
        ),
    ),
    pci=_grace_gpus(4),
)

GPU_MEMORY_SPARSE = MachineSpec(
    name="34 nodes: two with CPUs, 32 with the memory of a GPU each, with gaps between ids",
    cpus=CpuSpec(packages=2, cores=16, smt=4, numbering=Numbering.SIBLINGS_ADJACENT),
    memory=MemorySpec(
        node_ids=(0, 8),
        extra=tuple(
            ExtraNode(id=190 + 2 * n, memory_bytes=16 * GIB, source=MemorySource.GPU, near=n // 16, gpu=n)
            for n in range(32)
        ),
    ),
    pci=_grace_gpus(32),
)


def _hgx_switch(*, networks: int) -> Function:
    """Two GPUs, their network cards and disks behind one switch."""
    cards = tuple(nic(ethernet=False) for _ in range(networks))
    return bridge(switch(gpu(), gpu(), *cards, nvme(), nvme()), link=Link(speed_gts=32.0))


HGX = MachineSpec(
    name="HGX: 8 GPUs behind 4 switches, 8 network cards, NVMe, two sockets",
    cpus=CpuSpec(packages=2, cores=56, smt=2),
    memory=MemorySpec(bytes_per_node=1024 * GIB, hugepages=USUAL_HUGEPAGES),
    pci=(
        RootComplex(
            bus=0x00, below=(legacy(), sata(disks=2), bridge(nic(vfs=64), nic(vfs=64, same_slot=True)))
        ),
        RootComplex(bus=0x19, below=(_hgx_switch(networks=2),)),
        RootComplex(bus=0x3A, below=(_hgx_switch(networks=2),)),
        RootComplex(bus=0x98, node=1, below=(_hgx_switch(networks=2),)),
        RootComplex(bus=0xBA, node=1, below=(_hgx_switch(networks=2),)),
    ),
)

ACCELERATORS = MachineSpec(
    name="accelerators behind nested switches in wide PCI domains, with links that trained down",
    cpus=CpuSpec(packages=2, cores=8, smt=2),
    pci=(
        RootComplex(
            domain=0x10000,
            node=1,
            below=(bridge(switch(switch(accelerator(), accelerator()), nic(up=False))),),
        ),
        RootComplex(
            node=None,
            below=(
                bridge(gpu(link=Link(speed_gts=GEN3, width=8, max_speed_gts=32.0, max_width=16))),
                bridge(replace(nic(), attached=(Net(speed_mbps=None),))),
            ),
        ),
    ),
)

OLD_KERNEL = MachineSpec(
    name="an old kernel: old names and maps alone, no online files, NULs at the end",
    kernel=KernelSpec(
        release="3.10.0-1160.el7.x86_64",
        names=TopologyNames.OLD,
        forms=SetForms.MAPS,
        online_files=False,
        nuls=True,
        dies=False,
        clusters=False,
        isolation_files=False,
    ),
    cpus=CpuSpec(packages=2, cores=40, smt=2, offline=frozenset({5, 159})),
    memory=MemorySpec(hugepages=USUAL_HUGEPAGES, numastat=False),
    pci=(RootComplex(below=(bridge(nic(vfs=4)),)),),
)

SMALL_OLD_KERNEL = replace(
    OLD_KERNEL,
    name="a small machine with an old kernel",
    cpus=CpuSpec(packages=2, cores=2, smt=2, offline=frozenset({5})),
)

SMALL_SRIOV = MachineSpec(
    name="a small machine with network cards of many virtual functions",
    cpus=CpuSpec(packages=2, cores=2),
    pci=(
        RootComplex(
            node=1, below=(bridge(nic(vfs=6), nic(vfs=3, same_slot=True)), bridge(nvme(multipath=True)))
        ),
    ),
)

NEW_NAMES_LISTS_ONLY = MachineSpec(
    name="only the new names, and only lists",
    kernel=KernelSpec(names=TopologyNames.NEW, forms=SetForms.LISTS),
    cpus=CpuSpec(packages=2, cores=6, smt=2, cores_per_l3=3, offline=frozenset({13})),
    pci=(RootComplex(node=1, below=(bridge(nvme()),)),),
)

NO_NUMA = MachineSpec(
    name="a kernel without NUMA",
    kernel=KernelSpec(node_directory=False),
    memory=MemorySpec(hugepages=USUAL_HUGEPAGES),
    pci=(RootComplex(below=(bridge(nvme()), bridge(nic()))),),
)

NO_NODE_HUGEPAGES = MachineSpec(
    name="hugepages that the kernel does not tell by node",
    kernel=KernelSpec(node_hugepages=False),
    cpus=CpuSpec(packages=2),
    memory=MemorySpec(hugepages=USUAL_HUGEPAGES),
)


MOST_PORTS = 24
"""Root ports below one root complex: a bus has room for 31"""


def sized(*, cpus: int, nodes: int, functions: int) -> MachineSpec:
    """A machine of a size to be measured: two sockets or more, SMT2, half of the functions devices behind ports."""
    packages = max(2, nodes // 4)
    pairs = [bridge(nvme() if index % 2 else nic(rdma=index % 4 == 0)) for index in range(functions // 2)]
    complexes = max(packages, -(-len(pairs) // MOST_PORTS))
    return MachineSpec(
        name=f"{nodes} nodes, {cpus} CPUs, {functions} PCI functions",
        cpus=CpuSpec(
            packages=packages, nodes=nodes // packages, cores=cpus // packages // 2, smt=2, cores_per_l3=8
        ),
        memory=MemorySpec(bytes_per_node=32 * GIB, hugepages=USUAL_HUGEPAGES),
        pci=tuple(
            RootComplex(domain=index, node=index * nodes // complexes, below=tuple(pairs[index::complexes]))
            for index in range(complexes)
        ),
    )


HUGE = sized(cpus=1024, nodes=64, functions=200)
DUAL_SERVER = sized(cpus=128, nodes=2, functions=60)

SHAPES = (
    DESKTOP,
    TWO_SOCKETS,
    HYBRID,
    SUB_NUMA,
    CLUSTERS,
    SPARSE,
    OFFLINE_CPUS,
    HUGEPAGE_MIX,
    CXL,
    GB200,
    GPU_MEMORY_SPARSE,
    HGX,
    ACCELERATORS,
    OLD_KERNEL,
    SMALL_OLD_KERNEL,
    SMALL_SRIOV,
    NEW_NAMES_LISTS_ONLY,
    NO_NUMA,
    NO_NODE_HUGEPAGES,
    HUGE,
    DUAL_SERVER,
)
"""Every machine with a name"""
