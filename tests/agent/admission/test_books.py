"""Books of a snapshot against those that come from playing the same scenario, and what is said of their quality."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.admission.admit import NodeUnderRules, admit, remove, settled
from agent.admission.books import KnownBooks, books_of
from agent.admission.model import CpuPlace, Decision, Machine, Settings
from agent.admission.whole_node.node_object import derive_node_object
from agent.admission.whole_node.wishes import NodeObject
from collectors.model import NumaKind, NumaNode, NumaTopology, Observed
from collectors.model.kubelet import (
    Allocatable,
    AssignedCpus,
    AssignedDevices,
    ContainerAllocation,
    CpuManagerState,
    DeviceAllocation,
    DeviceManagerState,
    KubeletCheckpoints,
    MemoryBlock,
    MemoryManagerState,
    PodAllocation,
    RegisteredDevices,
)
from collectors.model.kubelet_config import ConfigSource, KubeletConfig
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import ContainerRole, ContainerState, Pod, PodContainer
from tests.agent.admission.replay import BROKEN, Replay
from tests.agent.placement.recorded import GIB, MIB, snapshot_of


def known(replay: Replay, node: NodeUnderRules, picture: KubeletPicture) -> KnownBooks:
    return books_of(snapshot_of(replay.numa, picture), node.managers)


def played(replay: Replay) -> NodeUnderRules:
    *_, (_, _, books) = replay.fates()
    node = replay.beginning().with_books(books)
    return node.with_books(settled(node))


def outcome(node: NodeUnderRules, pod: Pod) -> tuple[object, ...]:
    """What becomes of another pod like this one; which of equal devices it gets is chance."""
    decision, _ = admit(node, replace(pod, uid=f"again-{pod.uid}"))
    given = [
        (each.name, each.hint, each.cpus, each.memory, len(each.devices)) for each in decision.containers
    ]
    return *fate(decision), given


def fate(decision: Decision) -> tuple[object, ...]:
    return decision.outcome, decision.reason, decision.message


def asks_for(pod: Pod, *resources: str) -> bool:
    return any(name in resources for each in pod.containers for name, _ in each.limits)


@pytest.mark.shared
def test_checkpoints_make_the_books_that_the_kubelet_has(recorded: list[Replay]) -> None:
    for replay in recorded:
        node = played(replay)
        found = known(replay, node, replay.recording.picture)
        told = node.with_books(found.books)
        ours, theirs = settled(told), node.books
        assert {pod.uid for pod in ours.pods} == {pod.uid for pod in theirs.pods}, replay.folder.name
        assert (ours.shared_cpus, ours.cpus) == (theirs.shared_cpus, theirs.cpus), replay.folder.name
        assert (ours.memory_nodes, ours.memory) == (theirs.memory_nodes, theirs.memory), replay.folder.name
        assert (found.inferred, found.unknown) == ((), ())
        # Nobody tells that a plugin is broken.
        probes = [pod for pod in replay.pods if not asks_for(pod, BROKEN)]
        assert [outcome(told, pod) for pod in probes] == [outcome(node, pod) for pod in probes]


UNSEEN = (BROKEN, "example.com/odd")
"""Resources of which the kubelet does not list every device, or of whose plugin nobody knows how it answers"""


@pytest.mark.shared
def test_fates_are_the_same_without_checkpoints(recorded: list[Replay]) -> None:
    for replay in recorded:
        node = played(replay)
        found = known(replay, node, replace(replay.recording.picture, checkpoints=None))
        told = node.with_books(found.books)
        for pod in replay.pods:
            if not asks_for(pod, *UNSEEN):
                before = replace(pod, uid=f"again-{pod.uid}")
                assert fate(admit(told, before)[0]) == fate(admit(node, before)[0]), (
                    replay.folder.name,
                    pod.name,
                )


@pytest.mark.shared
def test_our_own_cpus_tell_what_init_containers_hold(recorded: list[Replay]) -> None:
    replay = next(each for each in recorded if each.folder.name == "a-single-numa-node-container")
    node = played(replay)
    picture = replace(replay.recording.picture, checkpoints=None, own_cpus=replay.recording.shared_pool)
    found = known(replay, node, picture)
    assert found.books.shared_cpus == node.books.shared_cpus
    assert "which CPUs init containers hold" in found.inferred


@pytest.mark.shared
def test_allocatable_is_what_the_node_object_says(recorded: list[Replay]) -> None:
    for replay in recorded:
        beginning = replay.beginning()
        numa = replace(
            replay.numa,
            memory_total_bytes=sum(node.memory_total_bytes or 0 for node in replay.numa.nodes),
            machine_hugepages=tuple(
                replace(pool, total=sum(node.hugepages[place].total or 0 for node in replay.numa.nodes))
                for place, pool in enumerate(replay.numa.nodes[0].hugepages)
            ),
        )
        ours = derive_node_object(replay.machine, numa, replay.config, beginning.books)
        theirs = dict(replay.node_object.allocatable or ())
        assert ours.allocatable is not None
        del theirs["pods"], theirs["ephemeral-storage"]
        assert dict(ours.allocatable) == theirs, replay.folder.name


# --- what is not there -----------------------------------------------------------------------------------------------

NODE = NodeUnderRules.at(
    Machine(
        cpus=tuple(CpuPlace(cpu=cpu, core=cpu, socket=0, numa_node=0, uncore_cache=0) for cpu in range(4)),
        numa_nodes=(0,),
        memory=((0, (("memory", 8 * GIB),)),),
    ),
    Settings(
        topology_policy="restricted",
        cpu_policy="static",
        memory_policy="Static",
        reserved_cpus=frozenset({0}),
    ),
)
NUMA = NumaTopology(
    nodes=(
        NumaNode(id=0, kind=NumaKind.CPU_AND_MEMORY, cpus=frozenset(range(4)), memory_total_bytes=8 * GIB),
    ),
    from_kernel=True,
)
GPU = DeviceAllocation(resource="example.com/gpu", device_id="gpu0", numa_nodes=frozenset({0}))
APP = ContainerAllocation(
    name="app",
    cpus=frozenset({1}),
    memory=(MemoryBlock(type="memory", size_bytes=GIB, numa_nodes=frozenset({0})),),
    devices=(GPU,),
)
POOL = Allocatable(cpus=frozenset({1, 2, 3}), devices=(GPU,), memory=())


def running(name: str, *, phase: str = "Running", state: ContainerState | None = None) -> Pod:
    app = PodContainer(name="app", role=ContainerRole.APP, state=state)
    return Pod(namespace="team", name=name, uid=f"uid-{name}", phase=phase, containers=(app,))


def of(picture: KubeletPicture | None) -> KnownBooks:
    return books_of(snapshot_of(NUMA, picture), NODE.managers)


def test_without_a_kubelet_nobody_is_known_to_hold_anything() -> None:
    found = of(None)
    assert found.books == NODE.books
    assert found.unknown == ("what the kubelet gave to pods",)


def test_a_kubelet_that_never_answered_is_said_to_be_unknown() -> None:
    assert of(KubeletPicture()).unknown == (
        "who holds which CPUs",
        "who holds how much memory",
        "who holds which devices",
        "which devices there are",
        "what pods ask for",
    )


def test_a_listed_pod_without_a_spec_holds_what_it_is_listed_with() -> None:
    listed = PodAllocation(namespace="team", name="a", containers=(APP,))
    found = of(KubeletPicture(allocatable=Observed(facts=POOL), allocations=Observed(facts=(listed,))))
    assert found.books.shared_cpus == {0, 2, 3}
    assert found.books.cpus == {("team/a", "app"): {1}}
    assert found.books.memory_nodes[0].assignments == 1
    assert found.books.device_holders == {("team/a", "app"): (GPU,)}
    assert [pod.uid for pod in found.books.pods] == ["team/a"]
    assert settled(NODE.with_books(remove(found.books, "team/a"))).shared_cpus == {0, 1, 2, 3}


def test_without_specs_the_pods_of_the_checkpoints_live_as_long_as_they_hold_cpus() -> None:
    checkpoints = KubeletCheckpoints(
        cpu=CpuManagerState(
            policy="static",
            shared_cpus=frozenset({0, 2, 3}),
            containers=(AssignedCpus(pod_uid="uid-a", container="app", cpus=frozenset({1})),),
        ),
        memory=MemoryManagerState(policy="Static"),
        devices=DeviceManagerState(),
    )
    listed = PodAllocation(namespace="team", name="a", containers=(APP,))
    found = of(
        KubeletPicture(
            allocatable=Observed(facts=POOL), allocations=Observed(facts=(listed,)), checkpoints=checkpoints
        )
    )
    assert [pod.uid for pod in found.books.pods] == ["uid-a"]
    assert found.books.cpus == {("uid-a", "app"): {1}}


def test_memory_on_a_node_that_is_not_there_is_taken_from_nobody() -> None:
    stray = MemoryBlock(type="memory", size_bytes=GIB, numa_nodes=frozenset({7}))
    listed = PodAllocation(namespace="team", name="a", containers=(replace(APP, memory=(stray,)),))
    found = of(KubeletPicture(allocatable=Observed(facts=POOL), allocations=Observed(facts=(listed,))))
    assert found.books.memory_nodes == NODE.books.memory_nodes


def test_pod_level_memory_is_taken_once() -> None:
    whole = (MemoryBlock(type="memory", size_bytes=3 * GIB, numa_nodes=frozenset({0})),)
    listed = PodAllocation(
        namespace="team", name="a", containers=(APP,), cpus=frozenset({1, 2}), memory=whole
    )
    found = of(KubeletPicture(allocatable=Observed(facts=POOL), allocations=Observed(facts=(listed,))))
    assert found.books.memory_nodes[0].tables[0].free == 5 * GIB
    assert found.books.pod_cpus == {"team/a": {1, 2}}


def test_only_pods_that_the_kubelet_has_taken_up_count() -> None:
    pods = (
        running("old"),
        running("new", phase="Pending"),
        running("starting", phase="Pending", state=ContainerState.WAITING),
        running("done", phase="Succeeded"),
        replace(running("told", phase="Pending"), started_at=5.0),
    )
    found = of(
        KubeletPicture(
            allocatable=Observed(facts=POOL), allocations=Observed(facts=()), pods=Observed(facts=pods)
        )
    )
    assert [pod.name for pod in found.books.pods] == ["old", "starting", "told"]


def test_a_device_that_is_held_but_not_registered_any_more_is_unhealthy() -> None:
    state = DeviceManagerState(
        containers=(AssignedDevices(pod_uid="uid-old", container="app", devices=(GPU,)),),
        registered=(RegisteredDevices(resource="example.com/nic", device_ids=frozenset({"nic0"})),),
    )
    picture = KubeletPicture(
        allocations=Observed(facts=()),
        pods=Observed(facts=(running("old"),)),
        checkpoints=KubeletCheckpoints(devices=state),
    )
    found = of(picture)
    assert [(each.device.device_id, each.healthy) for each in found.books.devices] == [
        ("gpu0", False),
        ("nic0", True),
    ]
    assert [(each.resource, each.registered) for each in found.books.plugins] == [
        ("example.com/gpu", False),
        ("example.com/nic", True),
    ]
    assert found.books.device_holders == {("uid-old", "app"): (GPU,)}


def test_checkpoints_of_policies_none_leave_nothing_to_anybody() -> None:
    checkpoints = KubeletCheckpoints(
        cpu=CpuManagerState(policy="none", shared_cpus=frozenset()), memory=MemoryManagerState(policy="None")
    )
    found = of(
        KubeletPicture(pods=Observed(facts=()), allocations=Observed(facts=()), checkpoints=checkpoints)
    )
    assert found.books == replace(NODE.books, pods=())


@pytest.mark.parametrize(
    ("threshold", "kept"), [("100Mi", 100 * MIB), ("50%", 4 * GIB), ("much", 0), ("x%", 0)]
)
def test_memory_is_kept_from_pods_for_eviction(threshold: str, kept: int) -> None:
    config = KubeletConfig(source=ConfigSource.FILE, eviction_hard=(("memory.available", threshold),))
    numa = replace(NUMA, memory_total_bytes=8 * GIB)
    node = derive_node_object(NODE.machine, numa, config, NODE.books)
    assert dict(node.allocatable or ())["memory"] == 8 * GIB - kept


def test_nothing_is_said_of_allocatable_where_the_reserve_is_not_known() -> None:
    config = KubeletConfig(source=ConfigSource.CHECKPOINTS)
    assert (
        derive_node_object(NODE.machine, replace(NUMA, memory_total_bytes=GIB), config, NODE.books)
        == NodeObject()
    )
