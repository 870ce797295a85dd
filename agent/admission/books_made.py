"""Books made again from what the kubelet lists, where its checkpoints are not mounted.

Containers have what they are listed with. Ordinary init containers never are listed, so what they hold is taken from the
ledger's conclusions: the CPUs that are missing from the shared pool, or as much as the pods' specs say. It is booked for
the pod's last init container and goes back with the pod.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from agent.admission.managers import Managers
from agent.admission.memory.table import block_of, take
from agent.admission.model import Books, Holder, PluginDevice
from agent.placement.holders import Holder as Listed
from agent.placement.holders import live_holders
from agent.placement.ledger import derive_ledger
from agent.placement.model import CPU, Inference, InferenceKind, Ledger
from collectors.model import Snapshot
from collectors.model.kubelet import DeviceAllocation, MemoryBlock
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import ContainerRole
from collectors.parse import IdSet

Words = tuple[tuple[str, str], ...]
"""(`cpu`, `memory`, `devices` or another subject, what of it, for people)"""

_UNTOLD = "untold"
"""Stands for the init container of a pod whose spec is not known"""


@dataclass(frozen=True, slots=True)
class _Listed:
    """A listed pod, and who of it stands for its init containers."""

    holder: Listed
    uid: str
    init: Holder


def made_again(snapshot: Snapshot, managers: Managers) -> tuple[Books, Words, Words]:
    """Books without pods, what in them was concluded, and what is not known.

    Pods whose spec is not known go by `namespace/name` instead of their uid.
    """
    picture = snapshot.kubelet or KubeletPicture()
    ledger = derive_ledger(snapshot)
    pods = [_listed(holder) for holder in live_holders(picture)]
    leftovers = [each for each in ledger.inferences if each.kind is InferenceKind.INIT_CONTAINER]
    books = managers.untouched_books()
    books = _with_cpus(books, pods, ledger)
    books = _with_memory(books, pods, leftovers)
    books = _with_devices(books, pods, leftovers, picture)
    return books, tuple(_concluded(ledger)), tuple(_unknown(picture))


def _listed(holder: Listed) -> _Listed:
    spec = holder.spec
    uid = holder.name if spec is None else spec.uid
    inits = [] if spec is None else [each.name for each in spec.containers if each.role is ContainerRole.INIT]
    return _Listed(holder, uid, (uid, inits[-1] if inits else _UNTOLD))


def _with_cpus(books: Books, pods: Iterable[_Listed], ledger: Ledger) -> Books:
    """What init containers hold goes to nobody: it is only missing from the shared pool."""
    if ledger.cpus is None:
        return books
    cpus: dict[Holder, IdSet] = {}
    whole: dict[str, IdSet] = {}
    for pod in pods:
        if pod.holder.allocation.cpus:
            whole[pod.uid] = pod.holder.allocation.cpus
        for container in pod.holder.allocation.containers:
            if container.cpus:
                cpus[pod.uid, container.name] = container.cpus
    return replace(books, shared_cpus=books.shared_cpus - ledger.cpus.held, cpus=cpus, pod_cpus=whole)


def _with_memory(books: Books, pods: Iterable[_Listed], leftovers: Iterable[Inference]) -> Books:
    """Blocks on one node are taken before those on several: the two never meet on a node."""
    if not books.memory_nodes:
        return books
    memory: dict[Holder, tuple[MemoryBlock, ...]] = {}
    whole: dict[str, tuple[MemoryBlock, ...]] = {}
    by_name = {pod.holder.name: pod for pod in pods}
    for pod in by_name.values():
        if pod.holder.allocation.memory:
            whole[pod.uid] = pod.holder.allocation.memory
        for container in pod.holder.allocation.containers:
            if container.memory:
                memory[pod.uid, container.name] = container.memory
    for left in leftovers:
        holder = by_name.get(left.holder or "")
        if left.nodes and holder is not None and any(left.resource == kind for kind in _kinds(books)):
            block = block_of(left.resource, left.amount, left.nodes)
            memory[holder.init] = (*memory.get(holder.init, ()), block)
    taken = [block for (uid, _), blocks in memory.items() if uid not in whole for block in blocks]
    taken += [block for blocks in whole.values() for block in blocks]
    nodes = books.memory_nodes
    for block in sorted(
        taken, key=lambda each: (len(each.numa_nodes or ()), sorted(each.numa_nodes or ()), each.type)
    ):
        if block.numa_nodes and block.numa_nodes <= {node.id for node in nodes}:
            nodes = take(nodes, block, block.size_bytes)
    return replace(books, memory_nodes=nodes, memory=memory, pod_memory=whole)


def _kinds(books: Books) -> set[str]:
    return {table.type for node in books.memory_nodes for table in node.tables}


def _with_devices(
    books: Books, pods: Iterable[_Listed], leftovers: Iterable[Inference], picture: KubeletPicture
) -> Books:
    """Which devices an init container has is not known: the first that are free on its pod's nodes stand for them."""
    pool = () if picture.allocatable.facts is None else picture.allocatable.facts.devices
    by_name = {pod.holder.name: pod for pod in pods}
    held: dict[Holder, tuple[DeviceAllocation, ...]] = {
        (pod.uid, container.name): container.devices
        for pod in by_name.values()
        for container in pod.holder.allocation.containers
        if container.devices
    }
    known = {each.resource for each in pool}
    for left in leftovers:
        holder = by_name.get(left.holder or "")
        if holder is not None and left.resource in known:
            taken = {device for devices in held.values() for device in devices}
            free = [each for each in pool if each.resource == left.resource and each not in taken]
            near = left.nodes or frozenset()
            free.sort(key=lambda each: (not near & (each.numa_nodes or frozenset()), each.device_id))
            held[holder.init] = (*held.get(holder.init, ()), *free[: left.amount])
    sick = {device for devices in held.values() for device in devices} - set(pool)
    devices = [PluginDevice(device=each) for each in pool]
    devices += [PluginDevice(device=each, healthy=False) for each in sick]
    devices.sort(key=lambda each: (each.device.resource, each.device.device_id))
    return replace(books, devices=tuple(devices), device_holders=held)


def _concluded(ledger: Ledger) -> Iterator[tuple[str, str]]:
    leftovers = [
        each
        for each in ledger.inferences
        if each.kind in (InferenceKind.INIT_CONTAINER, InferenceKind.UNLISTED_CPUS)
    ]
    subjects = {_subject(each.resource): each.resource for each in leftovers}
    for subject in sorted(subjects):
        what = {"cpu": "which CPUs", "memory": "how much memory", "devices": "which devices"}[subject]
        yield subject, f"{what} init containers hold"


def _subject(resource: str) -> str:
    if resource == CPU:
        return "cpu"
    return "memory" if resource == "memory" or resource.startswith("hugepages-") else "devices"


def _unknown(picture: KubeletPicture) -> Iterator[tuple[str, str]]:
    if picture.allocations.facts is None:
        yield "cpu", "who holds which CPUs"
        yield "memory", "who holds how much memory"
        yield "devices", "who holds which devices"
    if picture.allocatable.facts is None:
        yield "devices", "which devices there are"
