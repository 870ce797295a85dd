"""Random machines, small enough to survey in some milliseconds, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.hosts.pci_spec import (
    Function,
    Link,
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

PAGE_SIZES = (64 << 10, MIB, 2 * MIB, 32 * MIB, 512 * MIB, GIB, 16 * GIB)

kernels = st.builds(
    KernelSpec,
    names=st.sampled_from(TopologyNames),
    forms=st.sampled_from(SetForms),
    online_files=st.booleans(),
    nuls=st.booleans(),
    dies=st.booleans(),
    clusters=st.booleans(),
    node_directory=st.sampled_from((True, True, True, False)),
    node_hugepages=st.booleans(),
    nodes_name_offline_cpus=st.booleans(),
    isolation_files=st.booleans(),
)


@st.composite
def cpus(draw: st.DrawFn) -> CpuSpec:
    """Up to three packages of up to six cores, some of them offline, never all."""
    packages = draw(st.integers(1, 3))
    cores = draw(st.integers(1, 6))
    smt = draw(st.sampled_from((1, 2, 4)))
    efficiency = draw(st.sampled_from((0, 0, 1))) if cores > 1 else 0
    first = draw(st.integers(0, packages * cores - 1))
    return CpuSpec(
        packages=packages,
        dies=draw(st.integers(1, min(2, cores))),
        nodes=draw(st.integers(1, min(3, cores))),
        cores=cores,
        efficiency_cores=efficiency,
        smt=smt,
        cores_per_cluster=draw(st.sampled_from((0, 1, 2))),
        cores_per_l3=draw(st.sampled_from((0, 2, 3))),
        numbering=draw(st.sampled_from(Numbering)),
        core_id_step=draw(st.sampled_from((1, 2, 4))),
        core_ids_restart_per_die=draw(st.booleans()),
        package_ids=draw(st.sampled_from(((), (0, 36, 196611)[:packages]))),
        offline=draw(st.frozensets(st.integers(0, packages * cores - 1), max_size=5)) - {first},
        spare=draw(st.sampled_from((0, 0, 8, 70))),
        isolated=draw(st.frozensets(st.integers(0, cores - 1), max_size=3)),
        nohz_full=draw(st.frozensets(st.integers(0, cores - 1), max_size=3)),
    )


@st.composite
def pools(draw: st.DrawFn) -> tuple[HugePages, ...]:
    """Hugepages of up to three sizes, the default size first."""
    sizes = draw(st.lists(st.sampled_from(PAGE_SIZES), unique=True, max_size=3))
    return tuple(
        HugePages(
            size_bytes=size,
            totals=tuple(draw(st.lists(st.integers(0, 5000), min_size=1, max_size=4))),
            used=draw(st.integers(0, 100)),
            surplus=draw(st.integers(0, 10)),
            reserved=draw(st.integers(0, 10)),
        )
        for size in sizes
    )


@st.composite
def memory(draw: st.DrawFn, domains: int, *, gpus: int, offline_nodes: bool) -> MemorySpec:
    """Nodes with any ids, some without memory or without CPUs."""
    extras = draw(st.integers(0, 3))
    hidden = draw(st.integers(0, 2)) if offline_nodes else 0
    count = domains + extras + hidden
    ids = draw(
        st.permutations(draw(st.lists(st.integers(0, 1023), unique=True, min_size=count, max_size=count)))
    )
    without_gpu = tuple(source for source in MemorySource if source is not MemorySource.GPU)
    return MemorySpec(
        bytes_per_node=draw(st.integers(1, 1 << 20)) * 4096,
        memoryless=draw(st.frozensets(st.integers(0, domains - 1), max_size=2)),
        node_ids=tuple(ids[:domains]),
        extra=tuple(
            ExtraNode(
                id=number,
                source=draw(st.sampled_from(MemorySource if index < gpus else without_gpu)),
                near=draw(st.integers(0, domains - 1)),
                gpu=index,
            )
            for index, number in enumerate(ids[domains : domains + extras])
        ),
        offline_nodes=tuple(ids[domains + extras :]),
        hugepages=draw(pools()),
        hmat=draw(st.booleans()),
        tiers=draw(st.booleans()),
        numastat=draw(st.booleans()),
    )


links = st.builds(
    Link,
    speed_gts=st.sampled_from((2.5, 8.0, 16.0)),
    width=st.sampled_from((1, 4, 8)),
    max_speed_gts=st.sampled_from((None, 32.0, 64.0)),
    max_width=st.sampled_from((None, 16)),
)
endpoints = st.one_of(
    st.builds(gpu, link=links),
    st.builds(
        nic, vfs=st.sampled_from((0, 0, 3, 64)), rdma=st.booleans(), ethernet=st.booleans(), up=st.booleans()
    ),
    st.builds(nvme, namespaces=st.integers(0, 3), multipath=st.booleans()),
    st.builds(accelerator),
    st.builds(cxl_memory),
    st.builds(sata, disks=st.integers(0, 2)),
    st.builds(legacy),
)
functions: st.SearchStrategy[Function] = st.recursive(
    endpoints,
    lambda below: st.one_of(
        st.lists(below, max_size=2).map(lambda items: bridge(*items)),
        st.lists(below, min_size=1, max_size=3).map(lambda items: bridge(switch(*items))),
    ),
    max_leaves=4,
)


@st.composite
def machines(draw: st.DrawFn) -> MachineSpec:
    """Any small machine whose parts fit together."""
    kernel = draw(kernels)
    processors = draw(cpus())
    trees = draw(st.lists(st.lists(functions, max_size=3), max_size=3))
    pci = tuple(
        RootComplex(
            domain=draw(st.sampled_from((0, 0x10000))),
            bus=0x40 * index,
            node=draw(st.one_of(st.none(), st.integers(0, processors.domains - 1))),
            below=tuple(tree),
        )
        for index, tree in enumerate(trees)
    )
    return MachineSpec(
        kernel=kernel,
        cpus=processors,
        memory=draw(
            # Without node/online a directory is all that tells that a node is there.
            memory(processors.domains, gpus=_count_gpus(pci), offline_nodes=kernel.online_files)
        ),
        pci=pci,
    )


def _count_gpus(pci: tuple[RootComplex, ...]) -> int:
    def count(function: Function) -> int:
        return function.gpu + sum(count(child) for child in function.below or ())

    return sum(count(function) for root in pci for function in root.below)
