"""Refused pods, and nodes that refuse them, in the fewest words.

The node has two NUMA nodes of 8 CPUs (two a core), 16 GiB and 2 GPUs each; CPU 0 and 1 GiB of each are reserved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from agent.refusals.explain import ReplayOf, explain
from agent.refusals.model import Explanation
from agent.refusals.replay import replay_of
from agent.refusals.signatures import Circumstances
from collectors.model import Cpu, CpuGroup, CpuTopology, Snapshot
from collectors.model.kubelet import DeviceAllocation, PodAllocation
from collectors.model.kubelet_config import KubeletConfig
from collectors.model.pod import REFUSED, Owner, Pod, PodContainer
from collectors.model.snapshot import Observed
from tests.agent.placement.building import (
    CONFIG,
    app,
    block,
    container,
    device,
    listed,
    picture,
    pool,
    snapshot,
    spec,
)

GIB = 1 << 30
GPU = "example.com/gpu"
LOCALITY = "Resources cannot be allocated with Topology locality"
MEMORY_MISFIT = (
    "Allocate failed due to [memorymanager] failed to find NUMA nodes to extend the current topology hint, which is "
    "unexpected"
)
GPUS = tuple(device(f"gpu{number}", number // 2) for number in range(4))

RESERVED = tuple((node, (("memory", GIB),)) for node in (0, 1))

CPUS = CpuTopology(
    online=frozenset(range(16)),
    cpus=tuple(Cpu(id=cpu, online=True, package_id=cpu // 8, core_id=cpu // 2) for cpu in range(16)),
    cores=tuple(CpuGroup(cpus=frozenset({cpu, cpu + 1}), id=cpu // 2) for cpu in range(0, 16, 2)),
)


def refused(
    name: str = "web-1",
    *containers: PodContainer,
    uid: str = "",
    reason: str = "TopologyAffinityError",
    message: str = LOCALITY,
    owner: str | None = "web",
    namespace: str = "default",
    qos: str = "Guaranteed",
) -> Pod:
    """A refused pod of a ReplicaSet, its limits being its requests; without containers one that wants 12 CPUs."""
    return Pod(
        namespace=namespace,
        name=name,
        uid=uid or f"uid-{name}",
        phase="Failed",
        reason=reason,
        message=f"{REFUSED}{message}",
        qos_class=qos,
        owner=None if owner is None else Owner(kind="ReplicaSet", name=owner),
        containers=tuple(
            replace(each, limits=each.requests) for each in containers or (app(cpu=12, memory=GIB),)
        ),
    )


def holds(
    name: str, cpus: str = "", *, gib: Mapping[tuple[int, ...], int] | None = None, gpus: tuple[int, ...] = ()
) -> PodAllocation:
    """A pod that holds these CPUs, GiB by NUMA nodes, and GPUs by number."""
    memory = [block(size * GIB, *nodes) for nodes, size in (gib or {}).items()]
    return listed(name, container("app", cpus, memory, [GPUS[gpu] for gpu in gpus]))


def node(
    *pods: PodAllocation,
    specs: tuple[Pod, ...] | None = None,
    devices: tuple[DeviceAllocation, ...] = GPUS,
    config: KubeletConfig = CONFIG,
    **configured: object,
) -> Snapshot:
    """A node with these pods, and a kubelet that is configured so."""
    told = replace(config, reserved_memory=RESERVED, **configured)  # type: ignore[arg-type]
    known = tuple(spec_of(pod) for pod in pods) if specs is None else specs
    kubelet = picture(*pods, specs=known, allocatable=pool(devices=devices), config=told)
    return replace(snapshot(kubelet), cpus=Observed(facts=CPUS), taken_at=1_700_000_000.0)


def spec_of(pod: PodAllocation) -> Pod:
    """What a pod that holds that has asked for."""
    held = pod.containers[0]
    memory = sum(each.size_bytes for each in held.memory) or GIB
    return spec(pod.name, app(cpu=len(held.cpus), gpu=len(held.devices), memory=memory))


def why(
    pod: Pod, snapshot: Snapshot, *, before: Pod | None = None, replay: ReplayOf | None = replay_of
) -> Explanation:
    """The explanation, with the rules or, where `replay` is None, by the figures alone."""
    return explain(
        pod,
        snapshot,
        circumstances=Circumstances(before=before),
        replay_of=replay or (lambda _: None),
    )
