"""Nodes full of pods: as facts, which a ledger is made of, and as the kubelet's answers."""

from __future__ import annotations

import random
from collections.abc import Iterable

from collectors.kubelet.wire import podresources_pb2 as wire
from collectors.model import NumaTopology, Snapshot
from collectors.model.kubelet import Allocatable, ContainerAllocation, DeviceAllocation, PodAllocation
from collectors.parse import IdSet, format_id_list
from tests.agent.placement.building import app, block, container, init, listed, node, picture, snapshot, spec
from tests.agent.placement.recorded import GIB

NODES = 2


def crowded(*, pods: int, devices_each: int) -> Snapshot:
    """A machine whose pods have two CPUs, a GiB and some devices each; every fifth has had an init container."""
    cpus = 2 * pods + 8
    each = cpus // NODES
    numa = NumaTopology(
        nodes=tuple(
            node(number, format_id_list(frozenset(range(number * each, (number + 1) * each))), gib=2 * pods)
            for number in range(NODES)
        ),
        from_kernel=True,
    )
    places = [frozenset({number}) for number in range(NODES)]
    devices = tuple(
        DeviceAllocation(resource="example.com/d", device_id=f"d{at:05}", numa_nodes=places[at % NODES])
        for at in range(pods * devices_each)
    )
    held = [
        listed(
            f"p{at:03}",
            container(
                cpus=f"{2 * at}-{2 * at + 1}",
                memory=[block(GIB, at % NODES)],
                devices=devices[at * devices_each : (at + 1) * devices_each],
            ),
        )
        for at in range(pods)
    ]
    first = init(cpu=2, memory=GIB)
    last = app(cpu=2, memory=GIB)
    told = [spec(f"p{at:03}", *((first, last) if at % 5 == 0 else (last,))) for at in range(pods)]
    memory = tuple(block(2 * pods * GIB, number) for number in range(NODES))
    pool = Allocatable(cpus=frozenset(range(cpus)), devices=devices, memory=memory)
    return snapshot(picture(*held, specs=told, allocatable=pool), numa)


def list_answer(pods: Iterable[PodAllocation], source: random.Random) -> bytes:
    """The kubelet's answer to List, in one of its orders: random at every level, one entry for each device."""
    shuffled = list(pods)
    source.shuffle(shuffled)
    return wire.PodList(pods=[_wire_pod(pod, source) for pod in shuffled]).SerializeToString()


def get_answer(pod: PodAllocation, source: random.Random) -> bytes:
    """The kubelet's answer to Get."""
    return wire.OnePod(pod=_wire_pod(pod, source)).SerializeToString()


def _wire_pod(pod: PodAllocation, source: random.Random) -> wire.Pod:
    containers = [_wire_container(each, source) for each in pod.containers]
    return wire.Pod(name=pod.name, namespace=pod.namespace, containers=containers)


def _wire_container(held: ContainerAllocation, source: random.Random) -> wire.Container:
    devices = [
        wire.Device(
            resource=each.resource, ids=[each.device_id], topology=_wire_nodes(each.numa_nodes)
        ).SerializeToString()
        for each in held.devices
    ]
    source.shuffle(devices)
    cpus = list(held.cpus)
    source.shuffle(cpus)
    memory = [
        wire.Memory(
            type=each.type, size_bytes=each.size_bytes, topology=_wire_nodes(each.numa_nodes)
        ).SerializeToString()
        for each in held.memory
    ]
    return wire.Container(name=held.name, devices=devices, cpus=cpus, memory=memory)


def _wire_nodes(nodes: IdSet | None) -> bytes:
    return wire.Topology(nodes=[wire.Node(id=each) for each in sorted(nodes or ())]).SerializeToString()
