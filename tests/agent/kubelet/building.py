"""Pods as sources tell them and as the kubelet lists them, in the fewest words."""

from __future__ import annotations

from collectors.model.kubelet import ContainerAllocation, DeviceAllocation, PodAllocation
from collectors.model.kubelet_config import ConfigSource, KubeletConfig
from collectors.model.pod import ContainerRole, ContainerState, Pod, PodContainer

GPU = "example.com/gpu"

STATIC = KubeletConfig(source=ConfigSource.CONFIGZ, cpu_manager_policy="static")


def told(
    name: str,
    *containers: PodContainer,
    uid: str = "",
    phase: str = "Running",
    deleted: bool = False,
    qos: str = "Guaranteed",
) -> Pod:
    """A pod as a source tells it; without containers it has one that asks for nothing."""
    return Pod(
        namespace="default",
        name=name,
        uid=uid or f"uid-of-{name}",
        phase=phase,
        deleted=deleted,
        qos_class=qos,
        containers=containers or (asks(),),
    )


def asks(
    name: str = "app",
    *,
    cpus: float = 0,
    gpus: int = 0,
    role: ContainerRole = ContainerRole.APP,
    state: ContainerState | None = ContainerState.RUNNING,
) -> PodContainer:
    """A container that asks for that."""
    requests = (("cpu", int(cpus * 1000)), (GPU, gpus))
    return PodContainer(
        name=name,
        role=role,
        requests=tuple(each for each in requests if each[1]),
        state=state,
    )


def listed(
    name: str, *cpus: int, gpus: tuple[str, ...] = (), containers: tuple[str, ...] = ("app",)
) -> PodAllocation:
    """A pod as the kubelet lists it; its first container has these CPUs and GPUs."""
    devices = tuple(DeviceAllocation(resource=GPU, device_id=gpu, numa_nodes=frozenset({0})) for gpu in gpus)
    first = ContainerAllocation(name=containers[0], cpus=frozenset(cpus), devices=devices)
    others = tuple(ContainerAllocation(name=each) for each in containers[1:])
    return PodAllocation(namespace="default", name=name, containers=(first, *others))
