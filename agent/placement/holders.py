"""Which pods hold something: those that the kubelet lists, less those that have ended, each with its spec where known.

And which of the pods in the kubelet's checkpoints are still alive: these keep refused and ended pods for a while.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from collectors.model.kubelet import KubeletCheckpoints, MemoryBlock, PodAllocation
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import Pod


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """One live pod that the kubelet lists."""

    name: str
    """`namespace/pod`"""
    allocation: PodAllocation
    spec: Pod | None = None
    """None where there is no source of specs, or it has not shown this pod yet"""


def live_holders(picture: KubeletPicture) -> tuple[Holder, ...]:
    """The pods that count, by name. Pods that have ended do not, whatever the kubelet lists."""
    specs: dict[tuple[str, str], Pod] = {}
    for pod in picture.pods.facts or ():
        known = specs.get((pod.namespace, pod.name))
        if known is None or _liveness(pod) > _liveness(known):
            specs[pod.namespace, pod.name] = pod
    holders: list[Holder] = []
    for allocation in picture.allocations.facts or ():
        spec = specs.get((allocation.namespace, allocation.name))
        if spec is None or not spec.ended:
            name = f"{allocation.namespace}/{allocation.name}"
            holders.append(Holder(name=name, allocation=allocation, spec=spec))
    holders.sort(key=lambda holder: holder.name)
    return tuple(holders)


def live_uids(picture: KubeletPicture, holders: Iterable[Holder]) -> frozenset[str]:
    """The pods in the checkpoints that still hold what stands there.

    A pod with a known spec lives until it has ended. One without lives where something of its own is in the kubelet's
    list: such are static pods, which the API server shows under another uid, and all pods where there is no source of
    specs at all. In that last case also those to whom the CPU manager has given CPUs: it looks through its book every
    few seconds, the other managers only when the next pod comes.
    """
    checkpoints = picture.checkpoints
    if checkpoints is None:
        return frozenset()
    specs = {pod.uid: not pod.ended for pod in picture.pods.facts or ()}
    live = {uid for uid, alive in specs.items() if alive}
    unknown = _uids(checkpoints) - specs.keys()
    if not unknown:
        return frozenset(live)
    if picture.pods.facts is None and checkpoints.cpu is not None:
        live |= {each.pod_uid for each in (*checkpoints.cpu.containers, *checkpoints.cpu.pods)}
    listed = tuple(holders)
    live |= _with_listed_cpus(checkpoints, listed, unknown)
    live |= _with_listed_devices(checkpoints, listed, unknown)
    return frozenset(live | _with_listed_memory(checkpoints, listed, unknown, live))


def _liveness(pod: Pod) -> tuple[bool, bool, str]:
    """Of two pods of one name the live one counts, and of two live ones that which stays."""
    return not pod.ended, not pod.deleted, pod.uid


def _uids(checkpoints: KubeletCheckpoints) -> frozenset[str]:
    uids: set[str] = set()
    if checkpoints.cpu is not None:
        uids.update(each.pod_uid for each in (*checkpoints.cpu.containers, *checkpoints.cpu.pods))
    if checkpoints.memory is not None:
        uids.update(each.pod_uid for each in (*checkpoints.memory.containers, *checkpoints.memory.pods))
    if checkpoints.devices is not None:
        uids.update(each.pod_uid for each in checkpoints.devices.containers)
    return frozenset(uids)


def _with_listed_cpus(
    checkpoints: KubeletCheckpoints, holders: tuple[Holder, ...], unknown: frozenset[str]
) -> set[str]:
    if checkpoints.cpu is None:
        return set()
    listed = frozenset[int]().union(
        *(each.allocation.cpus for each in holders),
        *(container.cpus for each in holders for container in each.allocation.containers),
    )
    entries = (*checkpoints.cpu.containers, *checkpoints.cpu.pods)
    return {each.pod_uid for each in entries if each.pod_uid in unknown and each.cpus & listed}


def _with_listed_devices(
    checkpoints: KubeletCheckpoints, holders: tuple[Holder, ...], unknown: frozenset[str]
) -> set[str]:
    if checkpoints.devices is None:
        return set()
    listed = {
        (device.resource, device.device_id)
        for each in holders
        for container in each.allocation.containers
        for device in container.devices
    }
    return {
        each.pod_uid
        for each in checkpoints.devices.containers
        if each.pod_uid in unknown
        and any((device.resource, device.device_id) in listed for device in each.devices)
    }


def _with_listed_memory(
    checkpoints: KubeletCheckpoints, holders: tuple[Holder, ...], unknown: frozenset[str], live: set[str]
) -> set[str]:
    """Memory has no ids. As many pods live as there are listed containers of the same name with the same blocks, less
    those that are known to live; which of several like each other makes no difference to the sums."""
    if checkpoints.memory is None:
        return set()
    listed: Counter[tuple[str | None, tuple[MemoryBlock, ...]]] = Counter(
        (container.name, container.memory)
        for each in holders
        for container in each.allocation.containers
        if container.memory
    )
    listed.update((None, each.allocation.memory) for each in holders if each.allocation.memory)
    entries = (*checkpoints.memory.pods, *checkpoints.memory.containers)
    for entry in entries:
        if entry.pod_uid in live:
            listed[entry.container, entry.blocks] -= 1
    found: set[str] = set()
    for entry in sorted(entries, key=lambda each: (each.pod_uid, each.container or "")):
        if (
            entry.pod_uid not in live
            and entry.pod_uid in unknown
            and listed[entry.container, entry.blocks] > 0
        ):
            listed[entry.container, entry.blocks] -= 1
            found.add(entry.pod_uid)
    return found
