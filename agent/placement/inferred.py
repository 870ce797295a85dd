"""What the kubelet's list does not tell of a pod, concluded from the pod's spec.

The kubelet never lists ordinary init containers, though they hold CPUs, memory and devices from admission on. What it
does with them (seen on a real kubelet 1.37):

- Containers are given their share in their order. A later one takes over what an init container before it has, and
  only asks for what is missing. Sidecars and app containers keep what they take; so what the init containers had more
  than the others took over belongs to nobody, and still is taken.
- CPUs and devices of that kind stay taken until the pod ends. Which CPUs a later container takes over is the
  allocator's choice: at least the difference stays taken, at most all that the init containers had.
- Memory is given back when a later container starts.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.placement.holders import Holder
from agent.placement.model import CPU, HUGEPAGES, MEMORY
from collectors.model.kubelet_config import KubeletConfig
from collectors.model.pod import ContainerRole, ContainerState, Pod

_STARTED = (ContainerState.RUNNING, ContainerState.TERMINATED)
_NATIVE = frozenset({CPU, MEMORY, "ephemeral-storage", "storage"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """What the init containers of one pod hold beside what is listed."""

    holder: Holder
    cpus_least: int = 0
    cpus_most: int = 0
    memory: tuple[tuple[str, int], ...] = ()
    """(type, bytes) by type"""
    devices: tuple[tuple[str, int], ...] = ()
    """(resource, count) by resource"""


def init_leftovers(holder: Holder, config: KubeletConfig | None) -> Leftovers | None:
    """What a pod's init containers hold; None where it has none, its spec is unknown, or it is not admitted yet."""
    spec = holder.spec
    if spec is None or not any(each.role is ContainerRole.INIT for each in spec.containers):
        return None
    if not _is_admitted(holder, spec):
        return None
    bound = spec.qos_class == "Guaranteed" and not _has_a_budget_of_its_own(spec, config)
    requests = [dict(each.requests) for each in spec.containers]
    least = _left(spec, [_whole_cpus(each) for each in requests]) if bound else 0
    most = _of_init_containers(spec, [_whole_cpus(each) for each in requests]) if bound else 0
    memory = {kind: _memory_left(spec, requests, kind) for kind in _memory_types(requests)} if bound else {}
    devices = {
        resource: _left(spec, [each.get(resource, 0) for each in requests])
        for resource in {name for each in requests for name in each if _is_device(name)}
    }
    return Leftovers(
        holder=holder,
        cpus_least=least,
        cpus_most=most,
        memory=tuple(sorted((kind, size) for kind, size in memory.items() if size)),
        devices=tuple(sorted((resource, count) for resource, count in devices.items() if count)),
    )


def hugepages_of_others(holder: Holder) -> dict[str, int]:
    """Bytes of hugepages by resource that a pod without Guaranteed QoS asks for: the most at one time."""
    spec = holder.spec
    if spec is None or spec.qos_class == "Guaranteed":
        return {}
    requests = [dict(each.requests) for each in spec.containers]
    sizes = {name for each in (*requests, dict(spec.requests)) for name in each if name.startswith(HUGEPAGES)}
    return {name: _most_at_once(spec, name, requests) for name in sorted(sizes)}


def _is_admitted(holder: Holder, spec: Pod) -> bool:
    """A pod is listed from the moment that the kubelet looks at it, and may be refused the next."""
    containers = holder.allocation.containers
    if any(each.cpus or each.memory or each.devices for each in containers):
        return True
    return any(each.state in _STARTED for each in spec.containers)


def _has_a_budget_of_its_own(spec: Pod, config: KubeletConfig | None) -> bool:
    """Whether the pod has resources as a whole: its init containers then live on what is listed for the pod, or are
    given nothing. Only in container scope with the gate PodLevelResourceManagers they are served like any others."""
    if not any(name in (CPU, MEMORY) for name, _ in spec.requests):
        return False
    if config is None or config.topology_manager_scope == "pod":
        return True
    return not dict(config.feature_gates).get("PodLevelResourceManagers", False)


def _whole_cpus(requests: dict[str, int]) -> int:
    """How many exclusive CPUs a container of a Guaranteed pod gets: none unless it asks for whole ones."""
    millis = requests.get(CPU, 0)
    return millis // 1000 if millis % 1000 == 0 else 0


def _is_device(resource: str) -> bool:
    return resource not in _NATIVE and not resource.startswith(HUGEPAGES)


def _memory_types(requests: list[dict[str, int]]) -> set[str]:
    return {name for each in requests for name in each if name == MEMORY or name.startswith(HUGEPAGES)}


def _left(spec: Pod, asked: list[int]) -> int:
    """What the init containers had and no later container took over."""
    left = 0
    for container, amount in zip(spec.containers, asked, strict=True):
        left = max(left, amount) if container.role is ContainerRole.INIT else max(left - amount, 0)
    return left


def _of_init_containers(spec: Pod, asked: list[int]) -> int:
    pairs = zip(spec.containers, asked, strict=True)
    return sum(amount for container, amount in pairs if container.role is ContainerRole.INIT)


def _memory_left(spec: Pod, requests: list[dict[str, int]], kind: str) -> int:
    """Like `_left`, less what has been given back since: by each init container before the last one that started."""
    last = _last_started(spec)
    blocks: list[int] = []  # of the init containers so far
    kept: list[bool] = []
    for index, (container, asked) in enumerate(zip(spec.containers, requests, strict=True)):
        size = amount = asked.get(kind, 0)
        for each, block in enumerate(blocks):
            taken = min(block, size)
            blocks[each] -= taken
            size -= taken
        if container.role is ContainerRole.INIT:
            blocks.append(amount)
            kept.append(index >= last)
    return sum(block for block, stays in zip(blocks, kept, strict=True) if stays)


def _last_started(spec: Pod) -> int:
    """The index of the last container that has started. A pod that is Running has started all of them."""
    if spec.phase == "Running":
        return len(spec.containers)
    started = [index for index, each in enumerate(spec.containers) if each.state in _STARTED]
    return started[-1] if started else 0


def _most_at_once(spec: Pod, resource: str, requests: list[dict[str, int]]) -> int:
    """The pod's own figure where it has one, else sidecars and apps together, or an init container and the sidecars
    before it."""
    whole = dict(spec.requests).get(resource)
    if whole is not None:
        return whole
    sidecars = peak = 0
    apps = 0
    for container, asked in zip(spec.containers, requests, strict=True):
        amount = asked.get(resource, 0)
        if container.role is ContainerRole.SIDECAR:
            sidecars += amount
        elif container.role is ContainerRole.INIT:
            peak = max(peak, sidecars + amount)
        else:
            apps += amount
    return max(peak, sidecars + apps)
