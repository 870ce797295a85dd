"""A kubelet of a small machine with two NUMA nodes, made in place: what it gives, and to whom it has given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from collectors.model import Observed, Snapshot
from collectors.model.kubelet import (
    Allocatable,
    ContainerAllocation,
    DeviceAllocation,
    MemoryBlock,
    PodAllocation,
)
from collectors.model.kubelet_config import ConfigSource, KubeletConfig
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import Amounts, ContainerRole, ContainerState, Pod, PodContainer
from tests.agent.views.machines import GIB, ids, node, numa, snapshot

GPU = "example.com/gpu"

CONFIG = KubeletConfig(
    source=ConfigSource.CONFIGZ,
    topology_manager_policy="single-numa-node",
    topology_manager_scope="pod",
    cpu_manager_policy="static",
    memory_manager_policy="Static",
    reserved_cpus=frozenset({0}),
)


def devices(*names: str, numa_nodes: Iterable[int] | None) -> tuple[DeviceAllocation, ...]:
    """GPUs by name."""
    nodes = None if numa_nodes is None else frozenset(numa_nodes)
    return tuple(DeviceAllocation(resource=GPU, device_id=name, numa_nodes=nodes) for name in names)


POOL = Allocatable(
    cpus=ids(1, 7),
    memory=tuple(
        MemoryBlock(type="memory", size_bytes=63 * GIB, numa_nodes=frozenset({number})) for number in (0, 1)
    ),
    devices=(*devices("gpu0", numa_nodes=[0]), *devices("gpu1", numa_nodes=[1])),
)


def holds(
    name: str,
    *,
    cpus: Iterable[int] = (),
    memory: Iterable[tuple[int, int]] = (),
    devices: tuple[DeviceAllocation, ...] = (),
    namespace: str = "default",
    container: str = "main",
) -> PodAllocation:
    """A pod of one container; memory as (node, bytes)."""
    return PodAllocation(
        namespace=namespace,
        name=name,
        containers=(
            ContainerAllocation(
                name=container,
                cpus=frozenset(cpus),
                memory=tuple(
                    MemoryBlock(type="memory", size_bytes=size, numa_nodes=frozenset({number}))
                    for number, size in memory
                ),
                devices=devices,
            ),
        ),
    )


def spec(
    name: str,
    *,
    phase: str = "Running",
    qos: str = "Guaranteed",
    requests: Amounts = (),
    role: ContainerRole = ContainerRole.APP,
    namespace: str = "default",
    started_at: float | None = None,
) -> Pod:
    """The spec of such a pod."""
    container = PodContainer(
        name="main", role=role, requests=requests, limits=requests, state=ContainerState.RUNNING
    )
    return Pod(
        namespace=namespace,
        name=name,
        uid=f"uid-of-{name}",
        phase=phase,
        qos_class=qos,
        containers=(container,),
        started_at=started_at,
    )


def picture(
    *allocations: PodAllocation,
    pods: Iterable[Pod] | None = None,
    pool: Allocatable | None = POOL,
    config: KubeletConfig | None = CONFIG,
) -> KubeletPicture:
    """Without `pods` every pod that holds something runs."""
    specs = [spec(each.name, namespace=each.namespace) for each in allocations] if pods is None else pods
    return KubeletPicture(
        allocatable=Observed(facts=pool),
        allocations=Observed(facts=allocations),
        pods=Observed(facts=tuple(specs)),
        config=Observed(facts=config),
    )


def on_two_nodes(kubelet: KubeletPicture) -> Snapshot:
    """That kubelet on a machine with four CPUs and 64 GiB on each of two nodes."""
    machine = snapshot(
        memory=numa(
            node(0, ids(0, 3), distances=((0, 10), (1, 21))),
            node(1, ids(4, 7), distances=((0, 21), (1, 10))),
        )
    )
    return replace(machine, kubelet=kubelet)
