"""Who holds which devices of the device plugins, per resource and NUMA node.

- A device that sits on several nodes is in the figures of each, and gone from each once somebody holds it.
- A device without topology is looked up in sysfs; where that knows no node either, it is in no zone.
- Capacity is every healthy device, and every device that somebody holds: the kubelet lists the healthy ones only, and
  after its restart none at all until the plugins are back. An unhealthy device that nobody holds cannot be seen.

Devices of ordinary init containers are in the device manager's checkpoint; without it they are concluded from specs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.placement.device_nodes import DeviceFinder
from agent.placement.model import (
    Amount,
    Contradiction,
    Inference,
    InferenceKind,
    Part,
    Shared,
    Unplaced,
)
from agent.placement.places import Facts, nodes_of_holder
from collectors.model.kubelet import DeviceAllocation, DeviceManagerState
from collectors.parse import IdSet

_NONE: IdSet = frozenset()


@dataclass(slots=True)
class _Resource:
    """The devices of one resource, while they are being gathered."""

    told: dict[str, IdSet | None] = field(default_factory=dict)
    """What is said of each device's nodes, of all that there are"""
    healthy: set[str] = field(default_factory=set)
    owners: dict[str, str | None] = field(default_factory=dict)
    """Who holds a device, of those that are held; None where it is only known that somebody does"""
    nodes: dict[str, IdSet] = field(default_factory=dict)
    """Where each device is; empty where nobody knows"""
    concluded: set[str] = field(default_factory=set)
    """Devices of which something is not told but concluded: the node, or that they are held"""
    unplaced: list[Unplaced] = field(default_factory=list)


_Resources = dict[str, _Resource]


def account_devices(facts: Facts) -> Part:
    """The devices of each node and resource."""
    unknown: list[str] = []
    resources: _Resources = {}
    pool = facts.picture.allocatable.facts
    if pool is None:
        unknown.append("which devices the kubelet can give")
    else:
        for device in pool.devices:
            resource = resources.get(device.resource) or resources.setdefault(device.resource, _Resource())
            resource.told[device.device_id] = device.numa_nodes
            resource.healthy.add(device.device_id)
    checkpoints = facts.picture.checkpoints
    state = None if checkpoints is None else checkpoints.devices
    if not facts.listed and state is None:
        unknown.append("who holds which devices")
    contradictions = list(_hold_listed(facts, resources))
    if state is not None:
        _hold_checkpoint(state, facts, resources)
    inferences = list(_locate(facts, resources))
    contradictions.extend(_misplaced(facts, resources))
    if state is None:
        inferences.extend(_hold_leftovers(facts, resources, contradictions))
    parts = [
        _part(name, resources[name], known=pool is not None, counted=facts.listed or state is not None)
        for name in sorted(resources)
    ]
    return Part(
        zones=tuple(each for part in parts for each in part.zones),
        totals=tuple(each for part in parts for each in part.totals),
        shared=tuple(each for part in parts for each in part.shared),
        unattributed=tuple(each for part in parts for each in part.unattributed),
        unplaced=tuple(each for name in sorted(resources) for each in resources[name].unplaced),
        inferences=tuple(inferences),
        contradictions=tuple(contradictions),
        unknown=tuple(unknown),
    )


def _hold_listed(facts: Facts, resources: _Resources) -> Iterator[Contradiction]:
    for holder in facts.holders:
        name = holder.name
        for container in holder.allocation.containers:
            for device in container.devices:
                resource = resources.get(device.resource) or resources.setdefault(
                    device.resource, _Resource()
                )
                owner = _hold(resource, device, name)
                if owner != name:
                    yield Contradiction(
                        resource=device.resource,
                        reason=f"{device.device_id} is held by two pods",
                        amount=1,
                        holders=(owner or "", name),
                    )


def _hold_checkpoint(state: DeviceManagerState, facts: Facts, resources: _Resources) -> None:
    for entry in state.containers:
        if entry.pod_uid in facts.live:
            for device in entry.devices:
                _hold(resources.setdefault(device.resource, _Resource()), device, None)


def _hold(resource: _Resource, device: DeviceAllocation, owner: str | None) -> str | None:
    """Notes that somebody holds a device, and says who did so first."""
    device_id = device.device_id
    if resource.told.get(device_id) is None:
        resource.told[device_id] = device.numa_nodes
    return resource.owners.setdefault(device_id, owner)


def _locate(facts: Facts, resources: _Resources) -> Iterator[Inference]:
    """Puts every device on its nodes: those that the plugin tells, else those that sysfs knows."""
    known = facts.node_ids
    finder = DeviceFinder(facts.snapshot, facts.nodes)
    there: dict[IdSet | None, IdSet] = {None: _NONE}
    for name in sorted(resources):
        resource = resources[name]
        found: dict[IdSet, list[str]] = {}
        for device_id, told in resource.told.items():
            nodes = there.get(told)
            if nodes is None:
                nodes = there[told] = (told or _NONE) & known
            if not nodes and (nodes := finder.nodes_of(device_id)):
                resource.concluded.add(device_id)
                found.setdefault(nodes, []).append(device_id)
            resource.nodes[device_id] = nodes
        for nodes, ids in sorted(found.items(), key=lambda item: sorted(item[0])):
            yield Inference(
                kind=InferenceKind.DEVICE_NODE,
                resource=name,
                amount=len(ids),
                nodes=nodes,
                ids=tuple(sorted(ids)),
            )


def _misplaced(facts: Facts, resources: _Resources) -> Iterator[Contradiction]:
    """Devices on nodes that there are not."""
    known = facts.node_ids
    for name in sorted(resources):
        sent = Counter(told for told in resources[name].told.values() if told and not told <= known)
        for told, count in sorted(sent.items(), key=lambda item: sorted(item[0])):
            for node in sorted(told - known):
                reason = "the plugin names a NUMA node that is not there"
                yield Contradiction(resource=name, reason=reason, amount=count, node=node)


def _hold_leftovers(
    facts: Facts, resources: _Resources, contradictions: list[Contradiction]
) -> Iterator[Inference]:
    """For each pod as many devices as its init containers hold. Which ones is not known: the first that are free on the
    pod's nodes stand for them; where there are too few, the others if they are all in one place."""
    for left in facts.leftovers:
        for name, count in left.devices:
            resource = resources.get(name)
            if resource is None or not resource.healthy:
                continue  # no device at all: the plugin is away, or another scheduler's resource
            nodes = nodes_of_holder(left.holder, facts)
            free = sorted(
                resource.healthy.difference(resource.owners),
                key=lambda each: (len(resource.nodes[each]), each),
            )
            near = [each for each in free if resource.nodes[each] & nodes][:count]
            far = [each for each in free if not resource.nodes[each] & nodes]
            if len({resource.nodes[each] for each in far}) == 1:
                near += far[: count - len(near)]
            resource.owners.update(dict.fromkeys(near, left.holder.name))
            resource.concluded.update(near)
            short = count - len(near)
            if short:
                resource.unplaced.append(Unplaced(resource=name, amount=short, holders=(left.holder.name,)))
            if len(free) < count:
                reason = "more are held by init containers than are free"
                excess = count - len(free)
                contradictions.append(
                    Contradiction(resource=name, reason=reason, amount=excess, holders=(left.holder.name,))
                )
            placed = _NONE.union(*(resource.nodes[each] for each in near))
            yield Inference(
                kind=InferenceKind.INIT_CONTAINER,
                resource=name,
                amount=count,
                nodes=placed or None,
                holder=left.holder.name,
            )


def _part(name: str, resource: _Resource, *, known: bool, counted: bool) -> Part:
    capacity: Counter[IdSet] = Counter(resource.nodes.values())
    node_sets = resource.nodes.__getitem__
    allocatable = Counter(map(node_sets, resource.healthy))
    available = Counter(map(node_sets, resource.healthy.difference(resource.owners)))
    concluded = {resource.nodes[each] for each in resource.concluded}

    def amount(places: list[IdSet], unplaced: int = 0) -> Amount:
        left = sum(available[place] for place in places) - unplaced
        return Amount(
            resource=name,
            capacity=sum(capacity[place] for place in places),
            allocatable=sum(allocatable[place] for place in places) if known else None,
            available=max(left, 0) if known and counted else None,
            inferred=unplaced > 0 or any(place in concluded for place in places),
        )

    places = sorted(capacity, key=sorted)
    ids = sorted(_NONE.union(*places))
    zones = tuple((node, amount([place for place in places if node in place])) for node in ids)
    unplaced = sum(each.amount for each in resource.unplaced)
    return Part(
        zones=zones,
        totals=(amount(places, unplaced),) if places else (),
        shared=tuple(Shared(nodes=place, amount=amount([place])) for place in places if len(place) > 1),
        unattributed=(amount([_NONE]),) if _NONE in capacity else (),
    )
