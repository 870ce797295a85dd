"""What is kept of a node: free amounts and holders, by NUMA node."""

from __future__ import annotations

from dataclasses import replace

from agent.refusals.model import Holding, Share
from agent.refusals.state import HOLDERS, derive_state, without
from collectors.model import Snapshot
from collectors.model.kubelet import (
    AssignedCpus,
    AssignedDevices,
    CpuManagerState,
    DeviceManagerState,
    KubeletCheckpoints,
    MemoryManagerState,
    MemoryNode,
)
from collectors.parse import parse_id_list
from tests.agent.placement.building import app, init, spec
from tests.agent.refusals.building import GIB, GPU, GPUS, holds, node

CPUS = ("cpu",)


def shares(snapshot: Snapshot, *resources: str) -> dict[int | None, Share]:
    return {share.node: share for share in derive_state(snapshot, resources).shares}


def holders(share: Share) -> dict[str, int]:
    return {holding.holder: holding.amount for holding in share.holders}


def with_checkpoints(snapshot: Snapshot, checkpoints: KubeletCheckpoints) -> Snapshot:
    assert snapshot.kubelet is not None
    return replace(snapshot, kubelet=replace(snapshot.kubelet, checkpoints=checkpoints))


def test_the_largest_holders_are_named_and_the_others_counted() -> None:
    pods = [holds(f"pod-{number}", str(8 + number)) for number in range(HOLDERS + 2)]
    found = shares(node(*pods, holds("big", "14-15")), "cpu")[1]
    assert found.holders[0] == Holding(holder="default/big", amount=2)
    assert (len(found.holders), found.more_holders) == (HOLDERS, 3)
    assert (found.capacity, found.allocatable, found.free) == (8, 8, 0)


def test_memory_of_several_nodes_is_told_where_it_lies() -> None:
    state = derive_state(node(holds("big", gib={(0, 1): 17})), ["memory"])
    assert [holders(share) for share in state.shares] == [{"default/big": 15 * GIB}, {"default/big": 2 * GIB}]
    assert state.groups == ((0, 1),)


def test_devices_are_gone_from_each_of_their_nodes() -> None:
    bridge = replace(GPUS[0], numa_nodes=frozenset({0, 1}))
    snapshot = node(holds("a"), devices=(bridge, *GPUS[1:]))
    held = holds("a", gpus=())
    held = replace(held, containers=(replace(held.containers[0], devices=(bridge,)),))
    snapshot = node(held, devices=(bridge, *GPUS[1:]))
    found = shares(snapshot, GPU)
    assert [holders(found[number]) for number in (0, 1)] == [{"default/a": 1}, {"default/a": 1}]


def test_only_what_is_asked_for_and_comes_from_numa_nodes_is_told() -> None:
    state = derive_state(node(), ["cpu", "ephemeral-storage", GPU])
    assert {share.resource for share in state.shares} == {"cpu", GPU}
    unbound = derive_state(node(cpu_manager_policy="none"), CPUS)
    assert unbound.shares == ()


def test_what_init_containers_hold_beside_the_list_is_theirs_by_the_kubelets_files() -> None:
    pod = spec("a", init("first", cpu=3, gpu=2), app(cpu=1, gpu=1))
    checkpoints = KubeletCheckpoints(
        cpu=CpuManagerState(
            policy="static",
            shared_cpus=parse_id_list("0,4-15"),
            containers=(
                AssignedCpus(pod_uid=pod.uid, container="first", cpus=parse_id_list("1-3")),
                AssignedCpus(pod_uid=pod.uid, container="app", cpus=parse_id_list("1")),
            ),
        ),
        devices=DeviceManagerState(
            containers=(
                AssignedDevices(pod_uid=pod.uid, container="first", devices=GPUS[:2]),
                AssignedDevices(pod_uid=pod.uid, container="app", devices=GPUS[:1]),
            )
        ),
    )
    snapshot = with_checkpoints(node(holds("a", "1", gpus=(0,)), specs=(pod,)), checkpoints)
    assert holders(shares(snapshot, "cpu")[0]) == {"default/a": 1, "default/a (init container)": 2}
    assert holders(shares(snapshot, GPU)[0]) == {"default/a": 1, "default/a (init container)": 1}


def test_what_init_containers_hold_is_concluded_where_no_file_tells() -> None:
    pod = spec("a", init("first", cpu=3), app(cpu=1))
    found = shares(node(holds("a", "1"), specs=(pod,)), "cpu")[0]
    assert holders(found) == {"default/a": 1, "default/a (init container)": 2}


def test_nodes_that_give_together_are_told_by_the_memory_managers_book() -> None:
    book = MemoryManagerState(
        policy="Static",
        nodes=tuple(MemoryNode(id=number, assignments=0, group=frozenset({0, 1})) for number in (0, 1)),
    )
    assert derive_state(with_checkpoints(node(), KubeletCheckpoints(memory=book)), CPUS).groups == ((0, 1),)


def test_a_pod_that_is_taken_away_leaves_its_namesake() -> None:
    old = replace(spec("a", app(cpu=1), uid="old"), phase="Failed")
    new = spec("a", app(cpu=1), uid="new")
    snapshot = node(holds("a", "1"), specs=(old, new))
    kept, gone = without(snapshot, old).kubelet, without(snapshot, new).kubelet
    assert kept is not None
    assert gone is not None
    assert (kept.pods.facts, len(kept.allocations.facts or ())) == ((new,), 1)
    assert (gone.pods.facts, gone.allocations.facts) == ((old,), ())
    alone = replace(snapshot, kubelet=None)
    assert without(alone, new) is alone
