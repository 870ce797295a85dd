"""The node just before a refusal, as far as an explanation needs it: what of some resources was free where, and who
held the rest. Pure: from a snapshot, by way of its ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from agent.placement.holders import live_holders
from agent.placement.ledger import derive_ledger
from agent.placement.memory_blocks import listed_blocks
from agent.placement.model import CPU, Amount, Basis, InferenceKind, Ledger
from agent.refusals.model import Holding, NodeState, Share
from collectors.model import Snapshot
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import ContainerRole, Pod
from collectors.parse import IdSet

T = TypeVar("T")

HOLDERS = 4
"""Of a share that are named; the others are counted"""

SHARES = 8
"""Of one resource that are kept: on a machine with more NUMA nodes those with most of it free"""

INIT = " (init container)"
"""Behind the name of a pod for what its init containers hold"""

_NO_PICTURE = KubeletPicture()


def derive_state(snapshot: Snapshot, resources: Iterable[str]) -> NodeState:
    """The figures of these resources, of those that the kubelet gives from NUMA nodes; others have no shares.

    The snapshot is one without the refused pod, which may have taken something for a moment.
    """
    ledger = derive_ledger(snapshot)
    picture = snapshot.kubelet or _NO_PICTURE
    held = _Held(snapshot, picture, ledger)
    config = picture.config.facts
    shares: list[Share] = []
    for resource in sorted(set(resources)):
        found = [held.share(node, amount) for node, amount in _amounts(ledger, resource)]
        found.sort(key=lambda share: -(share.free or 0))
        shares += sorted(found[:SHARES], key=lambda share: (share.node is None, share.node or 0))
    return NodeState(
        at=snapshot.taken_at,
        topology_policy=None if config is None else config.topology_manager_policy,
        topology_scope=None if config is None else config.topology_manager_scope,
        cpu_policy=None if config is None else config.cpu_manager_policy,
        memory_policy=None if config is None else config.memory_manager_policy,
        cpu_options=() if config is None else config.cpu_manager_options,
        shares=tuple(shares),
        groups=_groups(picture),
        unknown=ledger.unknown,
    )


def without(snapshot: Snapshot, pod: Pod) -> Snapshot:
    """The same node as if that pod were not on it: as it was before the pod came, or as if it had gone.

    What the kubelet's own files still have of it is nobody's then, which whoever reads them knows.
    """
    picture = snapshot.kubelet
    if picture is None:
        return snapshot
    name = (pod.namespace, pod.name)
    pods, listed = picture.pods, picture.allocations
    others = [each for each in pods.facts or () if each.uid != pod.uid]
    if pods.facts is not None:
        pods = replace(pods, facts=tuple(others))
    has_namesake = any((each.namespace, each.name) == name and not each.ended for each in others)
    if listed.facts is not None and not has_namesake:
        kept = tuple(each for each in listed.facts if (each.namespace, each.name) != name)
        listed = replace(listed, facts=kept)
    return replace(snapshot, kubelet=replace(picture, pods=pods, allocations=listed))


def _amounts(ledger: Ledger, resource: str) -> Iterator[tuple[int | None, Amount]]:
    """(NUMA node, figures) of a resource that the kubelet gives from nodes; the node is None for what lies on none."""
    for zone in ledger.zones:
        amount = zone.amount(resource)
        if amount is not None and amount.basis is Basis.KUBELET:
            yield zone.id, amount
    for amount in ledger.unattributed:
        if amount.resource == resource:
            yield None, amount


class _Held:
    """Who holds how much of each resource where."""

    def __init__(self, snapshot: Snapshot, picture: KubeletPicture, ledger: Ledger) -> None:
        self._by_place: dict[tuple[str, int | None], dict[str, int]] = {}
        numa = snapshot.numa.facts
        nodes = () if numa is None else numa.nodes
        self._node_of_cpu = {cpu: node.id for node in nodes for cpu in node.cpus}
        spanning = {(each.holder, each.resource, each.size_bytes): each.by_node for each in ledger.spanning}
        for holder in live_holders(picture):
            allocation = holder.allocation
            self._add_cpus(holder.name, allocation.cpus.union(*(each.cpus for each in allocation.containers)))
            for block in listed_blocks(holder):
                by_node = spanning.get((holder.name, block.type, block.size))
                for node, size in by_node or [(min(block.nodes, default=None), block.size)]:
                    self._add(block.type, node, holder.name, size)
            for container in allocation.containers:
                for device in container.devices:
                    self._add_on(device.resource, device.numa_nodes, holder.name)
        self._add_init_containers(picture)
        for each in ledger.inferences:
            if each.kind is InferenceKind.INIT_CONTAINER and each.holder is not None and each.nodes:
                self._add(each.resource, min(each.nodes), each.holder + INIT, each.amount)

    def share(self, node: int | None, amount: Amount) -> Share:
        """The figures of a resource on a node with those who hold some of it."""
        holders = self._by_place.get((amount.resource, node), {})
        largest = sorted(holders.items(), key=lambda each: (-each[1], each[0]))
        return Share(
            resource=amount.resource,
            node=node,
            capacity=amount.capacity,
            allocatable=amount.allocatable,
            free=amount.available,
            holders=tuple(Holding(holder=name, amount=held) for name, held in largest[:HOLDERS]),
            more_holders=max(len(largest) - HOLDERS, 0),
        )

    def _add(self, resource: str, node: int | None, holder: str, amount: int) -> None:
        holders = self._by_place.setdefault((resource, node), {})
        holders[holder] = holders.get(holder, 0) + amount

    def _add_on(self, resource: str, nodes: IdSet | None, holder: str) -> None:
        """A device, which is gone from each of its nodes."""
        for node in nodes or (None,):
            self._add(resource, node, holder, 1)

    def _add_cpus(self, holder: str, cpus: IdSet) -> None:
        for cpu in cpus:
            self._add(CPU, self._node_of_cpu.get(cpu), holder, 1)

    def _add_init_containers(self, picture: KubeletPicture) -> None:
        """What the kubelet's files have of ordinary init containers, which it lists nowhere."""
        checkpoints = picture.checkpoints
        if checkpoints is None:
            return
        inits = {
            (pod.uid, container.name): f"{pod.namespace}/{pod.name}{INIT}"
            for pod in picture.pods.facts or ()
            if not pod.ended
            for container in pod.containers
            if container.role is ContainerRole.INIT
        }
        cpus = () if checkpoints.cpu is None else checkpoints.cpu.containers
        for holder, own in _left_of(inits, ((each.pod_uid, each.container, each.cpus) for each in cpus)):
            self._add_cpus(holder, own)
        devices = () if checkpoints.devices is None else checkpoints.devices.containers
        for holder, taken in _left_of(
            inits, ((each.pod_uid, each.container, frozenset(each.devices)) for each in devices)
        ):
            for device in taken:
                self._add_on(device.resource, device.numa_nodes, holder)


def _left_of(
    inits: Mapping[tuple[str, str], str], entries: Iterable[tuple[str, str | None, frozenset[T]]]
) -> Iterator[tuple[str, frozenset[T]]]:
    """What init containers hold, by the name of their pod: what a later container has taken over is that one's.

    `entries` are (uid, container, what it was given) as the kubelet wrote them down.
    """
    of_inits: dict[str, set[T]] = {}
    of_others: dict[str, set[T]] = {}
    names: dict[str, str] = {}
    for uid, container, given in entries:
        holder = inits.get((uid, container or ""))
        if holder is None:
            of_others.setdefault(uid, set()).update(given)
        else:
            names[uid] = holder
            of_inits.setdefault(uid, set()).update(given)
    for uid, holder in names.items():
        yield holder, frozenset(of_inits[uid] - of_others.get(uid, set()))


def _groups(picture: KubeletPicture) -> tuple[tuple[int, ...], ...]:
    """Sets of nodes from which memory is given together: by the memory manager's book, else by who holds memory of
    several."""
    checkpoints = picture.checkpoints
    if checkpoints is not None and checkpoints.memory is not None:
        found = {tuple(sorted(node.group)) for node in checkpoints.memory.nodes}
    else:
        found = {
            tuple(sorted(block.nodes)) for holder in live_holders(picture) for block in listed_blocks(holder)
        }
    return tuple(sorted(group for group in found if len(group) > 1))
