"""Nodes full of pods, as facts: what a ledger is made of."""

from __future__ import annotations

from collectors.model import NumaTopology, Snapshot
from collectors.model.kubelet import Allocatable, DeviceAllocation
from collectors.parse import format_id_list
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
