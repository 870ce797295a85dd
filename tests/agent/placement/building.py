"""Small machines and kubelets for one fact each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from agent.placement.ledger import derive_ledger
from agent.placement.model import Ledger
from collectors.model import HugePagePool, NumaKind, NumaNode, NumaTopology, Observed, PciDevice, Snapshot
from collectors.model.kubelet import (
    Allocatable,
    ContainerAllocation,
    DeviceAllocation,
    MemoryBlock,
    PodAllocation,
    in_order,
)
from collectors.model.kubelet_config import ConfigSource, KubeletConfig
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import Amounts, ContainerRole, ContainerState, Pod, PodContainer
from collectors.parse import IdSet, parse_id_list
from tests.agent.placement.recorded import GIB, MIB, snapshot_of

CONFIG = KubeletConfig(
    source=ConfigSource.CONFIGZ,
    topology_manager_policy="single-numa-node",
    topology_manager_scope="container",
    cpu_manager_policy="static",
    memory_manager_policy="Static",
    reserved_cpus=frozenset({0}),
)


def node(number: int, cpus: str = "", *, gib: int = 16, pages_2m: int = 0) -> NumaNode:
    """A NUMA node of so many GiB, hugepages of 2 MiB among them."""
    return NumaNode(
        id=number,
        kind=NumaKind.CPU_AND_MEMORY if cpus else NumaKind.MEMORY_ONLY,
        cpus=parse_id_list(cpus),
        memory_total_bytes=gib * GIB,
        hugepages=(HugePagePool(page_size_bytes=2 * MIB, total=pages_2m),),
    )


TWO_NODES = NumaTopology(nodes=(node(0, "0-7"), node(1, "8-15")), from_kernel=True)


def on(*nodes: int) -> IdSet:
    return frozenset(nodes)


def block(size: int, *nodes: int, kind: str = "memory") -> MemoryBlock:
    return MemoryBlock(type=kind, size_bytes=size, numa_nodes=frozenset(nodes))


def device(
    device_id: str, *nodes: int, resource: str = "example.com/gpu", told: bool = True
) -> DeviceAllocation:
    """A device; without nodes its plugin tells none."""
    return DeviceAllocation(
        resource=resource, device_id=device_id, numa_nodes=frozenset(nodes) if nodes and told else None
    )


def container(
    name: str = "app",
    cpus: str = "",
    memory: Iterable[MemoryBlock] = (),
    devices: Iterable[DeviceAllocation] = (),
) -> ContainerAllocation:
    return ContainerAllocation(
        name=name, cpus=parse_id_list(cpus), memory=in_order(memory), devices=in_order(devices)
    )


def listed(
    name: str, *containers: ContainerAllocation, cpus: str = "", memory: Iterable[MemoryBlock] = ()
) -> PodAllocation:
    """A pod as the kubelet lists it."""
    return PodAllocation(
        namespace="default",
        name=name,
        containers=containers,
        cpus=parse_id_list(cpus),
        memory=in_order(memory),
    )


def asks(**amounts: int) -> Amounts:
    """Requests: `asks(cpu=2, memory=GIB, gpu=1)`."""
    names = {"gpu": "example.com/gpu", "hugepages": "hugepages-2Mi"}
    return tuple(
        sorted(
            (names.get(name, name), amount * 1000 if name == "cpu" else amount)
            for name, amount in amounts.items()
        )
    )


def init(name: str = "init", *, running: bool = False, **amounts: int) -> PodContainer:
    state = ContainerState.RUNNING if running else ContainerState.TERMINATED
    return PodContainer(name=name, role=ContainerRole.INIT, requests=asks(**amounts), state=state)


def sidecar(name: str = "side", **amounts: int) -> PodContainer:
    return PodContainer(
        name=name, role=ContainerRole.SIDECAR, requests=asks(**amounts), state=ContainerState.RUNNING
    )


def app(name: str = "app", *, running: bool = True, **amounts: int) -> PodContainer:
    state = ContainerState.RUNNING if running else ContainerState.WAITING
    return PodContainer(name=name, role=ContainerRole.APP, requests=asks(**amounts), state=state)


def spec(
    name: str,
    *containers: PodContainer,
    phase: str = "Running",
    qos: str = "Guaranteed",
    uid: str = "",
    **pod: int,
) -> Pod:
    """A pod as its spec and status show it."""
    return Pod(
        namespace="default",
        name=name,
        uid=uid or f"uid-{name}",
        phase=phase,
        qos_class=qos,
        containers=containers,
        requests=asks(**pod),
    )


def pool(
    cpus: str = "1-15",
    gib: Mapping[int, int] | None = None,
    devices: Iterable[DeviceAllocation] = (),
    pages: Mapping[int, int] | None = None,
) -> Allocatable:
    """What the kubelet can give: CPUs, GiB by node, MiB of 2 MiB hugepages by node, devices."""
    memory = [block(size * GIB, number) for number, size in (gib or {0: 15, 1: 15}).items()]
    memory += [block(size * MIB, number, kind="hugepages-2Mi") for number, size in (pages or {}).items()]
    return Allocatable(cpus=parse_id_list(cpus), devices=in_order(devices), memory=in_order(memory))


def picture(
    *pods: PodAllocation,
    specs: Iterable[Pod] | None = None,
    allocatable: Allocatable | None = None,
    config: KubeletConfig | None = CONFIG,
    own_cpus: str = "",
) -> KubeletPicture:
    """A kubelet without checkpoints."""
    return KubeletPicture(
        allocatable=Observed(facts=allocatable or pool()),
        allocations=Observed(facts=pods),
        pods=Observed(facts=None if specs is None else tuple(specs)),
        config=Observed(facts=config),
        own_cpus=parse_id_list(own_cpus) or None,
    )


def snapshot(
    kubelet: KubeletPicture | None, numa: NumaTopology = TWO_NODES, pci: Iterable[PciDevice] = ()
) -> Snapshot:
    return replace(snapshot_of(numa, kubelet), pci=Observed(facts=tuple(pci)))


def ledger(
    kubelet: KubeletPicture | None, numa: NumaTopology = TWO_NODES, pci: Iterable[PciDevice] = ()
) -> Ledger:
    """The ledger of a machine with two nodes of 8 CPUs and 16 GiB unless told otherwise."""
    return derive_ledger(snapshot(kubelet, numa, pci))


def figures(made: Ledger, number: int, resource: str) -> tuple[int, int | None, int | None]:
    """(capacity, allocatable, available) of a resource in a zone."""
    zone = made.zone(number)
    assert zone is not None, f"no zone {number}"
    amount = zone.amount(resource)
    assert amount is not None, f"no {resource} in zone {number}"
    return amount.capacity, amount.allocatable, amount.available
