"""Pods that the kubelet cannot align as they are, and what is held for nothing. Pure.

A pod gets CPUs of its own, and memory of a NUMA node, where it is Guaranteed and asks for whole CPUs. What it was given
stays with it until it ends; what only an init container needed, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agent.placement.model import CPU, HUGEPAGES, MEMORY
from agent.views.doctor_model import Examined, Finding, Severity, some
from agent.views.text import plural
from agent.views.units import format_bytes, format_ids
from collectors.model import IdSet
from collectors.model.kubelet import CpuManagerState, KubeletCheckpoints
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import ContainerRole, ContainerState, Pod

WHOLE = 1000
"""Thousandths of a CPU"""
_PLAIN = frozenset({CPU, MEMORY, "ephemeral-storage"})


def pod_findings(examined: Examined) -> Iterator[Finding]:
    """In a fixed order."""
    kubelet = examined.snapshot.kubelet
    if kubelet is None:
        return
    pods = tuple(pod for pod in kubelet.pods.facts or () if not pod.ended)
    yield from _not_guaranteed(kubelet, pods)
    yield from _fractional(kubelet, pods)
    if kubelet.checkpoints is not None and kubelet.pods.facts is not None:
        yield from _init_containers(kubelet.checkpoints, pods)
        yield from _orphans(kubelet.checkpoints, kubelet.pods.facts)


def _gives_cpus(kubelet: KubeletPicture) -> bool:
    config = kubelet.config.facts
    return (
        config is not None
        and config.cpu_manager_policy == "static"
        and config.topology_manager_policy not in (None, "none")
    )


def _not_guaranteed(kubelet: KubeletPicture, pods: Iterable[Pod]) -> Iterator[Finding]:
    """Pods that ask for something which lies on a NUMA node, and get no CPUs beside it."""
    if not _gives_cpus(kubelet):
        return
    found = {
        f"{pod.namespace}/{pod.name}": pod for pod in pods if pod.qos_class != "Guaranteed" and _near(pod)
    }
    if found:
        yield Finding(
            check="pods-not-guaranteed",
            severity=Severity.WARNING,
            what=f"{plural(len(found), 'pod')} with devices or hugepages {'is' if len(found) == 1 else 'are'} not "
            "Guaranteed: their CPUs and memory may be on any NUMA node",
            evidence=tuple(
                f"{name}: {pod.qos_class or 'unknown'}, asks for {some(sorted(_near(pod)))}"
                for name, pod in sorted(found.items())[:8]
            ),
            way_out="limits equal to requests for cpu and memory in every container, init containers and sidecars too, "
            "and whole CPUs",
        )


def _near(pod: Pod) -> frozenset[str]:
    """What the pod asks for that is near to some NUMA node: devices, hugepages."""
    asked = {
        resource
        for container in pod.containers
        for resource, amount in (*container.requests, *container.limits)
        if amount
    }
    return frozenset(asked - _PLAIN)


def _fractional(kubelet: KubeletPicture, pods: Iterable[Pod]) -> Iterator[Finding]:
    """Guaranteed containers that ask for more than a CPU and not for whole ones: they get none for themselves."""
    if not _gives_cpus(kubelet):
        return
    found = [
        f"{pod.namespace}/{pod.name}, container {container.name}: {amount / WHOLE:g} CPUs"
        for pod in pods
        if pod.qos_class == "Guaranteed"
        for container in pod.containers
        if (amount := dict(container.requests).get(CPU, 0)) > WHOLE and amount % WHOLE
    ]
    if found:
        yield Finding(
            check="cpus-fractional",
            severity=Severity.WARNING,
            what=f"{plural(len(found), 'Guaranteed container')} get no CPUs of their own: they ask for parts of one"
            if len(found) > 1
            else "a Guaranteed container gets no CPUs of its own: it asks for parts of one",
            evidence=tuple(sorted(found)[:8]),
            way_out="whole CPUs in requests and limits",
        )


def _init_containers(checkpoints: KubeletCheckpoints, pods: Iterable[Pod]) -> Iterator[Finding]:
    """CPUs that nobody runs on any more: an init container's, beyond what the pod's later containers took over."""
    state = checkpoints.cpu
    if state is None:
        return
    found = sorted(_held_for_nothing(state, {pod.uid: pod for pod in pods}))
    if found:
        yield Finding(
            check="init-container-cpus",
            severity=Severity.WARNING,
            what=f"init containers that have ended hold {plural(sum(number for _, number in found), 'CPU')}, until "
            "their pods end",
            evidence=tuple(words for words, _ in found),
            way_out="as many CPUs for the init container as for the pod's other containers, or parts of a CPU",
        )


def _held_for_nothing(state: CpuManagerState, pods: dict[str, Pod]) -> Iterator[tuple[str, int]]:
    by_pod: dict[str, dict[str, IdSet]] = {}
    for each in state.containers:
        if each.container is not None:
            by_pod.setdefault(each.pod_uid, {})[each.container] = each.cpus
    for uid, held in by_pod.items():
        pod = pods.get(uid)
        if pod is None:
            continue
        over = {
            container.name
            for container in pod.containers
            if container.role is ContainerRole.INIT and container.state is ContainerState.TERMINATED
        }
        used = frozenset[int]().union(*(cpus for name, cpus in held.items() if name not in over))
        for name in sorted(over & held.keys()):
            left = held[name] - used
            if left:
                words = f"{pod.namespace}/{pod.name}, init container {name}: CPUs {format_ids(left)}"
                yield words, len(left)
                used |= left


def _orphans(checkpoints: KubeletCheckpoints, pods: Iterable[Pod]) -> Iterator[Finding]:
    """What the kubelet's books have of pods that are none any more, or have ended.

    CPUs come back within its reconcile period, memory and devices when the next pod comes: so only CPUs are a warning.
    """
    live = {pod.uid for pod in pods if not pod.ended}
    names = {pod.uid: f"{pod.namespace}/{pod.name}" for pod in pods}
    cpus = sorted(_orphaned_cpus(checkpoints, live, names))
    others = sorted(
        {*_orphaned_memory(checkpoints, live, names), *_orphaned_devices(checkpoints, live, names)}
    )
    if cpus or others:
        yield Finding(
            check="orphan-allocations",
            severity=Severity.WARNING if cpus else Severity.NOTE,
            what="the kubelet's books have something of pods that are gone",
            evidence=tuple((*cpus, *others)[:16]),
            way_out="nothing at once: CPUs come back within 10 s, memory and devices with the next pod. What stays is a "
            "leak of the kubelet's: drain the node, stop the kubelet, delete its state files, start it",
        )


def _orphaned_cpus(checkpoints: KubeletCheckpoints, live: set[str], names: dict[str, str]) -> Iterator[str]:
    state = checkpoints.cpu
    for each in () if state is None else (*state.containers, *state.pods):
        if each.pod_uid not in live:
            yield f"{names.get(each.pod_uid, each.pod_uid)}: CPUs {format_ids(each.cpus)}"


def _orphaned_memory(checkpoints: KubeletCheckpoints, live: set[str], names: dict[str, str]) -> Iterator[str]:
    state = checkpoints.memory
    for each in () if state is None else (*state.containers, *state.pods):
        if each.pod_uid not in live:
            for block in each.blocks:
                kind = block.type if block.type.startswith(HUGEPAGES) else "memory"
                yield f"{names.get(each.pod_uid, each.pod_uid)}: {format_bytes(block.size_bytes)} {kind}"


def _orphaned_devices(
    checkpoints: KubeletCheckpoints, live: set[str], names: dict[str, str]
) -> Iterator[str]:
    state = checkpoints.devices
    for each in () if state is None else state.containers:
        if each.pod_uid not in live:
            of = names.get(each.pod_uid, each.pod_uid)
            for resource in sorted({device.resource for device in each.devices}):
                count = sum(1 for device in each.devices if device.resource == resource)
                yield f"{of}: {count} of {resource}"
