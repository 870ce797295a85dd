"""The kubelet's books of a node, from what is known of it: its checkpoints where they are mounted, else what it lists.

With checkpoints they are the kubelet's own, the dead among them, whom the next admission forgets. Without, they are made
again: each listed container has what it is listed with, and what init containers hold is concluded as for the ledger.

Some of it nobody tells. Of unhealthy devices that no pod has, nothing is known; neither is a plugin's preference. A pod
that the API server shows but the kubelet has not taken up yet holds nothing and is no pod of these books.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from agent.admission.books_made import made_again
from agent.admission.managers import Managers
from agent.admission.model import Books, DevicePlugin, PluginDevice
from agent.placement.holders import live_holders, live_uids
from collectors.model import Snapshot
from collectors.model.kubelet import (
    AssignedCpus,
    AssignedMemory,
    DeviceAllocation,
    DeviceManagerState,
    KubeletCheckpoints,
    MemoryBlock,
)
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import Pod
from collectors.parse import IdSet


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBooks:
    """Books, and how good they are."""

    books: Books
    inferred: tuple[str, ...] = ()
    """What in them was concluded and not told, for people: `which CPUs init containers hold`"""
    unknown: tuple[str, ...] = ()
    """What was needed and is not known; a decision by these books may then be wrong"""


def books_of(snapshot: Snapshot, managers: Managers) -> KnownBooks:
    """The books of the node as it is in the snapshot.

    Args:
        snapshot: the node; without a kubelet's picture nothing is known, and nobody holds anything.
        managers: of the same machine under the kubelet's settings.
    """
    picture = snapshot.kubelet
    untouched = managers.untouched_books()
    if picture is None:
        return KnownBooks(books=untouched, unknown=("what the kubelet gave to pods",))
    checkpoints = picture.checkpoints or KubeletCheckpoints()
    made, concluded, unknown = made_again(snapshot, managers)
    books = replace(made, pods=tuple(_pods(picture, checkpoints)))
    if checkpoints.cpu is not None:
        books = _with_cpus(books, checkpoints, untouched)
    if checkpoints.memory is not None:
        books = _with_memory(books, checkpoints)
    if checkpoints.devices is not None:
        books = _with_devices(books, checkpoints.devices)
    told = {
        "cpu": checkpoints.cpu is not None,
        "memory": checkpoints.memory is not None,
        "devices": checkpoints.devices is not None,
    }
    if picture.pods.facts is None:
        unknown = (*unknown, ("pods", "what pods ask for"))
    return KnownBooks(
        books=books,
        inferred=tuple(words for subject, words in concluded if not told.get(subject)),
        unknown=tuple(words for subject, words in unknown if not told.get(subject)),
    )


def is_taken_up(pod: Pod) -> bool:
    """Whether the kubelet has admitted the pod and it has not ended."""
    if pod.ended:
        return False
    return pod.started_at is not None or pod.phase != "Pending" or any(each.state for each in pod.containers)


def _pods(picture: KubeletPicture, checkpoints: KubeletCheckpoints) -> Iterator[Pod]:
    """The pods that are taken up, oldest first; then those that live by the checkpoints alone, without what they ask
    for: static pods, which the API server shows under another uid, or all where there is no source of specs."""
    known = sorted(picture.pods.facts or (), key=lambda pod: (pod.started_at or 0.0, pod.namespace, pod.name))
    taken_up = [pod for pod in known if is_taken_up(pod)]
    yield from taken_up
    specs = {pod.uid for pod in known}
    holders = live_holders(picture)
    if None in (checkpoints.cpu, checkpoints.memory, checkpoints.devices):
        yield from (_nameless(holder.name) for holder in holders if holder.spec is None)
    yield from (_nameless(uid) for uid in sorted(live_uids(picture, holders) - specs))


def _nameless(uid: str) -> Pod:
    return Pod(namespace="", name=uid, uid=uid, phase="Running")


def _with_cpus(books: Books, checkpoints: KubeletCheckpoints, untouched: Books) -> Books:
    state = checkpoints.cpu
    if state is None or state.policy != "static":
        return replace(books, shared_cpus=untouched.shared_cpus, cpus={}, pod_cpus={})
    return replace(
        books, shared_cpus=state.shared_cpus, cpus=_cpus(state.containers), pod_cpus=_by_pod(state.pods)
    )


def _cpus(assigned: Iterable[AssignedCpus]) -> dict[tuple[str, str], IdSet]:
    return {(each.pod_uid, each.container): each.cpus for each in assigned if each.container is not None}


def _by_pod(assigned: Iterable[AssignedCpus]) -> dict[str, IdSet]:
    return {each.pod_uid: each.cpus for each in assigned}


def _with_memory(books: Books, checkpoints: KubeletCheckpoints) -> Books:
    state = checkpoints.memory
    if state is None or state.policy != "Static":
        return replace(books, memory={}, pod_memory={})
    return replace(
        books,
        memory_nodes=state.nodes,
        memory=_memory(state.containers),
        pod_memory={each.pod_uid: each.blocks for each in state.pods},
    )


def _memory(assigned: Iterable[AssignedMemory]) -> dict[tuple[str, str], tuple[MemoryBlock, ...]]:
    return {(each.pod_uid, each.container): each.blocks for each in assigned if each.container is not None}


def _with_devices(books: Books, state: DeviceManagerState) -> Books:
    """Which devices there are says the checkpoint, where they sit what the kubelet lists; devices that somebody has and
    that are not registered any more are unhealthy, or their plugin is away."""
    held: dict[tuple[str, str], tuple[DeviceAllocation, ...]] = {}
    for entry in state.containers:
        holder = entry.pod_uid, entry.container
        held[holder] = (*held.get(holder, ()), *entry.devices)
    places = {(each.resource, each.device_id): each for devices in held.values() for each in devices}
    places.update({(each.device.resource, each.device.device_id): each.device for each in books.devices})
    healthy = {(each.resource, device) for each in state.registered for device in each.device_ids}
    devices = tuple(
        PluginDevice(
            device=places.get((resource, device))
            # The kubelet lists no device whose plugin tells an empty topology.
            or DeviceAllocation(resource=resource, device_id=device, numa_nodes=frozenset()),
            healthy=(resource, device) in healthy,
        )
        for resource, device in sorted(healthy | places.keys())
    )
    names = {each.resource for each in state.registered}
    plugins = tuple(
        DevicePlugin(resource=resource, registered=resource in names)
        for resource in sorted(names | {resource for resource, _ in places})
    )
    return replace(books, devices=devices, plugins=plugins, device_holders=held, written_devices=held)
