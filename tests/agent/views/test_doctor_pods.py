"""Pods that are not aligned, what is held for nothing, long merges, and what the scheduler makes of a node."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.views.doctor import diagnose
from agent.views.doctor_model import Examined, Finding, Severity
from collectors.model import Observed, Snapshot
from collectors.model.kubelet import (
    AssignedCpus,
    AssignedDevices,
    AssignedMemory,
    CpuManagerState,
    DeviceManagerState,
    KubeletCheckpoints,
    MemoryBlock,
    MemoryManagerState,
)
from collectors.model.pod import ContainerRole, ContainerState, Pod, PodContainer
from tests.agent.views.kubelets import CONFIG, GPU, POOL, devices, holds, on_two_nodes, picture, spec
from tests.agent.views.machines import GIB, ids, node, numa, snapshot


def found(looked_at: Snapshot) -> dict[str, Finding]:
    return {each.check: each for each in diagnose(Examined(snapshot=looked_at))}


# Pods that get no CPUs of their own


def test_a_pod_with_devices_that_is_not_guaranteed_is_named() -> None:
    pod = spec("p", qos="Burstable", requests=((GPU, 1), ("cpu", 500)))
    finding = found(on_two_nodes(picture(holds("p"), pods=[pod])))["pods-not-guaranteed"]
    assert finding.evidence == (f"default/p: Burstable, asks for {GPU}",)
    assert finding.what.startswith("1 pod with devices or hugepages is not Guaranteed")


def test_pods_without_devices_need_not_be_guaranteed() -> None:
    pod = spec("p", qos="Burstable", requests=(("cpu", 2000), ("memory", GIB)))
    assert "pods-not-guaranteed" not in found(on_two_nodes(picture(pods=[pod])))


def test_a_guaranteed_container_with_parts_of_a_cpu_is_named() -> None:
    pods = [
        spec("p", requests=(("cpu", 1500),)),
        spec("q", requests=(("cpu", 500),)),
        spec("r", requests=(("cpu", 2000),)),
    ]
    finding = found(on_two_nodes(picture(pods=pods)))["cpus-fractional"]
    assert finding.evidence == ("default/p, container main: 1.5 CPUs",)
    assert finding.what.startswith("a Guaranteed container gets no CPUs")


def test_where_the_kubelet_gives_no_cpus_at_all_no_pod_is_blamed() -> None:
    config = replace(CONFIG, cpu_manager_policy="none")
    pods = [spec("p", qos="Burstable", requests=((GPU, 1),)), spec("q", requests=(("cpu", 1500),))]
    assert (
        not {"pods-not-guaranteed", "cpus-fractional"}
        & found(on_two_nodes(picture(pods=pods, config=config))).keys()
    )


# What is held for nothing


def with_init(state: ContainerState) -> Pod:
    app = spec("p", requests=(("cpu", 1000),))
    first = PodContainer(name="first", role=ContainerRole.INIT, state=state)
    return replace(app, containers=(first, *app.containers))


def cpus(uid: str, container: str | None, *numbers: int) -> AssignedCpus:
    return AssignedCpus(pod_uid=uid, container=container, cpus=frozenset(numbers))


def with_books(*pods: Pod, **books: object) -> Snapshot:
    kubelet = replace(picture(pods=pods), checkpoints=KubeletCheckpoints(**books))  # type: ignore[arg-type]
    return on_two_nodes(kubelet)


def test_cpus_that_only_an_ended_init_container_had_are_named() -> None:
    state = CpuManagerState(
        policy="static",
        shared_cpus=frozenset({0, 4, 5, 6, 7}),
        containers=(cpus("uid-of-p", "first", 1, 2, 3), cpus("uid-of-p", "main", 1)),
    )
    finding = found(with_books(with_init(ContainerState.TERMINATED), cpu=state))["init-container-cpus"]
    assert finding.what.startswith("init containers that have ended hold 2 CPUs")
    assert finding.evidence == ("default/p, init container first: CPUs 2-3",)
    assert "init-container-cpus" not in found(with_books(with_init(ContainerState.RUNNING), cpu=state))


def test_cpus_of_pods_that_are_gone_are_a_warning() -> None:
    state = CpuManagerState(
        policy="static", shared_cpus=ids(2, 7) | {0}, containers=(cpus("uid-of-gone", "main", 1),)
    )
    finding = found(with_books(spec("p"), cpu=state))["orphan-allocations"]
    assert (finding.severity, finding.evidence) == (Severity.WARNING, ("uid-of-gone: CPUs 1",))


def test_memory_and_devices_of_pods_that_have_ended_are_a_note() -> None:
    block = MemoryBlock(type="memory", size_bytes=GIB, numa_nodes=frozenset({0}))
    memory = MemoryManagerState(
        policy="Static",
        containers=(AssignedMemory(pod_uid="uid-of-p", container="main", blocks=(block,)),),
    )
    held = DeviceManagerState(
        containers=(
            AssignedDevices(pod_uid="uid-of-p", container="main", devices=devices("gpu0", numa_nodes=[0])),
        )
    )
    finding = found(with_books(spec("p", phase="Succeeded"), memory=memory, devices=held))[
        "orphan-allocations"
    ]
    assert finding.severity is Severity.NOTE
    assert finding.evidence == ("default/p: 1 GiB memory", f"default/p: 1 of {GPU}")


def test_without_specs_nobody_is_called_gone() -> None:
    state = CpuManagerState(policy="static", shared_cpus=ids(1, 7), containers=(cpus("uid", "main", 0),))
    machine = with_books(cpu=state)
    assert machine.kubelet is not None
    blind = replace(machine, kubelet=replace(machine.kubelet, pods=Observed()))
    assert "orphan-allocations" not in found(blind)


# Merges of hints


def on_nodes(count: int, policy: str, *, gpu_nodes: int = 0) -> Snapshot:
    """A kubelet with that many NUMA nodes, and a GPU on some of them."""
    gpus = tuple(
        device for number in range(gpu_nodes) for device in devices(f"gpu{number}", numa_nodes=[number])
    )
    options = (("max-allowable-numa-nodes", str(max(count, 8))),)
    config = replace(CONFIG, topology_manager_policy=policy, topology_manager_options=options)
    memory = numa(*(node(number, ids(number, number)) for number in range(count)))
    return replace(snapshot(memory=memory), kubelet=picture(pool=replace(POOL, devices=gpus), config=config))


def test_eight_nodes_and_a_device_make_a_merge_long() -> None:
    finding = found(on_nodes(8, "restricted", gpu_nodes=8))["hint-merge"]
    assert finding.severity is Severity.WARNING
    assert finding.evidence == (
        "topology manager policy restricted",
        f"a container with cpu, memory, {GPU}: 16,581,375 combinations, about 2 seconds",
    )


def test_a_merge_that_takes_minutes_is_an_error() -> None:
    assert found(on_nodes(16, "best-effort"))["hint-merge"].severity is Severity.ERROR


@pytest.mark.parametrize(
    "machine",
    [
        on_nodes(2, "restricted", gpu_nodes=2),
        on_nodes(8, "single-numa-node", gpu_nodes=8),
        on_nodes(16, "none"),
    ],
)
def test_where_the_merge_is_short_nothing_is_said(machine: Snapshot) -> None:
    assert "hint-merge" not in found(machine)


def test_many_nodes_are_too_many_for_single_numa_node_too() -> None:
    assert found(on_nodes(34, "single-numa-node"))["hint-merge"].severity is Severity.ERROR


# The scheduler


@pytest.mark.parametrize(
    ("policy", "severity"), [("restricted", Severity.WARNING), ("best-effort", Severity.NOTE)]
)
def test_a_policy_for_which_the_scheduler_does_not_filter_is_named(policy: str, severity: Severity) -> None:
    config = replace(CONFIG, topology_manager_policy=policy)
    assert found(on_two_nodes(picture(config=config)))["scheduler-ignores"].severity is severity


def test_a_node_of_which_no_memory_is_known_takes_no_guaranteed_pod() -> None:
    memory = numa(node(0, ids(0, 3), memory_total_bytes=None), node(1, ids(4, 7), memory_total_bytes=None))
    kubelet = picture(pool=replace(POOL, memory=()), config=replace(CONFIG, memory_manager_policy="None"))
    finding = found(replace(snapshot(memory=memory), kubelet=kubelet))["scheduler-refuses"]
    assert finding.severity is Severity.ERROR
