"""Which pods a kubelet refuses when it starts again, and the hardware that it would see."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.admission.settings import settings_of
from agent.kubelet_config.hardware import hardware_of
from agent.kubelet_config.model import Start, UnfitError
from agent.kubelet_config.restart import refused_at_restart
from collectors.model import Cpu, CpuKind, CpuTopology, Observed, Snapshot
from collectors.model.kubelet import AssignedCpus, CpuManagerState, KubeletCheckpoints
from collectors.model.pod import Pod
from tests.agent.views.kubelets import CONFIG, POOL, devices, holds, picture, spec
from tests.agent.views.machines import GIB, ids, node, numa, snapshot

CPUS = CpuTopology(
    online=ids(0, 7),
    cpus=tuple(Cpu(id=cpu, online=True, core_id=cpu % 4, package_id=cpu // 4) for cpu in range(8)),
)
MEMORY = numa(node(0, ids(0, 3)), node(1, ids(4, 7)), memory_total_bytes=128 * GIB)


def machine(*pods: tuple[str, frozenset[int]], specs: bool = True) -> Snapshot:
    """A kubelet whose pods have these CPUs."""
    held = [holds(name, cpus=cpus) for name, cpus in pods]
    asked: list[Pod] = [
        replace(spec(name, requests=(("cpu", 1000 * len(cpus)),)), started_at=float(place))
        for place, (name, cpus) in enumerate(pods)
    ]
    state = CpuManagerState(
        policy="static",
        shared_cpus=ids(0, 7).difference(*(cpus for _, cpus in pods)),
        containers=tuple(
            AssignedCpus(pod_uid=f"uid-of-{name}", container="main", cpus=cpus) for name, cpus in pods
        ),
    )
    kubelet = replace(picture(*held, pods=asked), checkpoints=KubeletCheckpoints(cpu=state))
    if not specs:
        kubelet = replace(kubelet, pods=Observed(error="nobody tells"))
    return replace(snapshot(cpus=CPUS, memory=MEMORY), kubelet=kubelet)


def losses(looked_at: Snapshot, **fields: Any) -> list[tuple[str, str]]:
    config = replace(CONFIG, memory_manager_policy="None", **fields)
    start = Start(document={}, config=config, settings=settings_of(config), hardware=hardware_of(looked_at))
    return [(loss.pod, loss.what) for loss in refused_at_restart(start, looked_at)]


NARROW, WIDE = ("narrow", frozenset({1, 2})), ("wide", frozenset({3, 4, 5, 6, 7}))


def test_a_pod_on_two_nodes_is_lost_under_a_policy_of_one() -> None:
    ((pod, what),) = losses(machine(NARROW, WIDE))
    assert pod == "default/wide"
    assert what.startswith("everything: it is refused at the start and killed (TopologyAffinityError: ")


def test_under_a_policy_that_takes_both_nobody_is_lost() -> None:
    assert losses(machine(NARROW, WIDE), topology_manager_policy="best-effort") == []


def test_a_kubelet_that_does_not_survive_a_pod_is_told_with_the_pod() -> None:
    memory = numa(
        node(0, ids(0, 3), distances=((0, 10), (2, 21))), node(2, ids(4, 7), distances=((0, 21), (2, 10)))
    )
    sparse = replace(machine(WIDE), numa=Observed(facts=memory))
    options = (("prefer-closest-numa-nodes", "true"),)
    with_memory = replace(spec("both", requests=(("cpu", 3000), ("example.com/gpu", 1))), started_at=0.0)
    assert sparse.kubelet is not None
    gpus = devices("gpu0", numa_nodes=[0]) + devices("gpu1", numa_nodes=[2])
    state = CpuManagerState(policy="static", shared_cpus=ids(0, 7))
    kubelet = replace(
        picture(pods=[with_memory], pool=replace(POOL, devices=gpus)),
        checkpoints=KubeletCheckpoints(cpu=state),
    )
    found = losses(
        replace(sparse, kubelet=kubelet),
        topology_manager_policy="best-effort",
        topology_manager_options=options,
    )
    assert found == [("default/both", "the kubelet does not survive it (it panics)")]


def test_without_the_pods_specs_nothing_is_said() -> None:
    assert losses(machine(WIDE, specs=False)) == []
    assert losses(replace(machine(WIDE), kubelet=None)) == []


def test_hardware_is_what_a_kubelet_would_see() -> None:
    kinds = (CpuKind(cpus=ids(0, 3), capacity=1024), CpuKind(cpus=ids(4, 7), capacity=512))
    cpus = replace(CPUS, isolated=frozenset({3}), nohz_full=frozenset({2}), kinds=kinds)
    hardware = hardware_of(snapshot(cpus=cpus, memory=MEMORY))
    assert (hardware.memory_bytes, hardware.isolated, hardware.slow) == (128 * GIB, ids(2, 3), ids(4, 7))


def test_where_the_kinds_speeds_are_unknown_none_is_the_slowest() -> None:
    kinds = (CpuKind(cpus=ids(0, 3), capacity=1024), CpuKind(cpus=ids(4, 7)))
    assert hardware_of(snapshot(cpus=replace(CPUS, kinds=kinds), memory=MEMORY)).slow == frozenset()


def test_a_machine_that_could_not_be_read_is_an_error_with_the_reason() -> None:
    broken = replace(snapshot(memory=MEMORY), cpus=Observed(error="/sys/devices/system/cpu: I/O error"))
    with pytest.raises(UnfitError, match="are not known: /sys/devices/system/cpu: I/O error"):
        hardware_of(broken)
    with pytest.raises(UnfitError, match="no CPU of this machine says of which core it is"):
        hardware_of(snapshot(cpus=CpuTopology(online=ids(0, 7)), memory=MEMORY))
