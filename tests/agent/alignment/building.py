"""A machine of two sockets, two NUMA nodes and L3 caches of four CPUs, its kubelet, and the cgroups of its containers.

Node 0 has CPUs 0-7, node 1 CPUs 8-15; two neighbours are a core. CPU 0 is reserved.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from agent.alignment.derive import derive_alignment
from agent.alignment.model import Alignment, ContainerAlignment, PodAlignment
from collectors.model import (
    Cache,
    CacheType,
    CpuGroup,
    CpuTopology,
    NumaNode,
    NumaTopology,
    Observed,
    PciDevice,
    Snapshot,
)
from collectors.model.cgroup import ContainerCgroup, ContainerCgroups, NodeBytes, PagesByNode
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import ContainerRole, ContainerState, PodContainer
from collectors.parse import IdSet, format_id_list, parse_id_list
from tests.agent.placement.building import TWO_NODES, node, snapshot

CPUS = CpuTopology(
    online=parse_id_list("0-15"),
    packages=(CpuGroup(cpus=parse_id_list("0-7")), CpuGroup(cpus=parse_id_list("8-15"))),
    cores=tuple(CpuGroup(cpus=frozenset({cpu, cpu + 1})) for cpu in range(0, 16, 2)),
    caches=tuple(
        Cache(level=3, type=CacheType.UNIFIED, cpus=frozenset(range(cpu, cpu + 4))) for cpu in range(0, 16, 4)
    ),
)
DISTANCES = {0: ((0, 10), (1, 21)), 1: ((0, 21), (1, 10))}


def with_distances(nodes: Iterable[NumaNode]) -> NumaTopology:
    return NumaTopology(
        nodes=tuple(replace(each, distances=DISTANCES.get(each.id, ())) for each in nodes), from_kernel=True
    )


NUMA = with_distances(TWO_NODES.nodes)
MEMORY_ALONE = node(2, gib=64)
"""A third node without CPUs, of which no distance is known"""


def machine(
    kubelet: KubeletPicture | None = None,
    *,
    cpus: CpuTopology = CPUS,
    numa: NumaTopology = NUMA,
    pci: Iterable[PciDevice] = (),
) -> Snapshot:
    return replace(snapshot(kubelet, numa, pci), cpus=Observed(facts=cpus))


def runs(container_id: str, name: str = "app", role: ContainerRole = ContainerRole.APP) -> PodContainer:
    """A container whose cgroup is named."""
    return PodContainer(name=name, role=role, state=ContainerState.RUNNING, container_id=container_id)


def cgroup(
    container_id: str, cpus: str | None, nodes: str | None = "0-1", pages: tuple[int, ...] | None = None
) -> ContainerCgroup:
    """What a container's cgroup says; `pages` is anonymous memory by node."""
    return ContainerCgroup(
        container_id=container_id,
        path=f"/kubepods/{container_id}",
        cpus=None if cpus is None else parse_id_list(cpus),
        nodes=None if nodes is None else parse_id_list(nodes),
        pages=None if pages is None else PagesByNode(anon=by_node(*pages), file=()),
    )


def by_node(*counts: int) -> tuple[NodeBytes, ...]:
    return tuple(NodeBytes(node=number, bytes=count) for number, count in enumerate(counts))


def align(kubelet: KubeletPicture | None, *cgroups: ContainerCgroup, of: Snapshot | None = None) -> Alignment:
    """The alignment of that kubelet's pods, on the usual machine or on another."""
    snapshot = replace(of or machine(), kubelet=kubelet)
    return derive_alignment(snapshot, Observed(facts=ContainerCgroups(version=2, containers=cgroups)))


def only_pod(alignment: Alignment) -> PodAlignment:
    (pod,) = alignment.pods
    return pod


def only_container(alignment: Alignment) -> ContainerAlignment:
    (container,) = only_pod(alignment).containers
    return container


def ids(text: IdSet | None) -> str | None:
    return None if text is None else format_id_list(text)
