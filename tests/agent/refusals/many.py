"""A node with more NUMA nodes than hints can be written out for."""

from __future__ import annotations

from dataclasses import replace

from collectors.model import Cpu, CpuTopology, NumaTopology, Snapshot
from collectors.model.snapshot import Observed
from tests.agent.placement.building import CONFIG, container, device, listed, picture, pool
from tests.agent.placement.building import node as numa_node
from tests.agent.placement.recorded import snapshot_of
from tests.agent.refusals.building import spec_of


def many_nodes() -> Snapshot:
    """34 NUMA nodes of 8 CPUs, of which 5 are held, but on the last one 4; 16 nodes have a GPU each, which is held."""
    gpus = [device(f"gpu{number}", number) for number in range(16)]
    pods = [
        listed(
            f"pod-{number}",
            container(
                "app", f"{number * 8 + (number == 33)}-{number * 8 + 4}", devices=gpus[number : number + 1]
            ),
        )
        for number in range(34)
    ]
    distances = tuple((number, 20) for number in range(34))
    numa = NumaTopology(
        nodes=tuple(
            replace(numa_node(number, f"{number * 8}-{number * 8 + 7}"), distances=distances)
            for number in range(34)
        ),
        from_kernel=True,
    )
    config = replace(
        CONFIG,
        memory_manager_policy="None",
        reserved_cpus=frozenset({7}),
        topology_manager_options=(("max-allowable-numa-nodes", "64"),),
    )
    allocatable = pool(cpus="0-6,8-271", devices=gpus)
    kubelet = picture(*pods, specs=[spec_of(each) for each in pods], allocatable=allocatable, config=config)
    cpus = tuple(Cpu(id=cpu, online=True, package_id=0, core_id=cpu // 2) for cpu in range(272))
    return replace(
        snapshot_of(numa, kubelet), cpus=Observed(facts=CpuTopology(online=frozenset(range(272)), cpus=cpus))
    )
