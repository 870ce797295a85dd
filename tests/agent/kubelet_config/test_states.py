"""State files over which a kubelet starts, or does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.admission.memory.table import derive_table, take
from agent.kubelet_config.model import Hardware, Objection
from agent.kubelet_config.preflight import judge
from agent.kubelet_config.state_memory import memory_differences
from collectors.model.kubelet import (
    AssignedCpus,
    AssignedMemory,
    CpuManagerState,
    KubeletCheckpoints,
    MemoryBlock,
    MemoryManagerState,
)
from tests.agent.kubelet_config.building import GIB, MIB, hardware, starting

ALL = frozenset(range(16))
HELD = frozenset({1, 9})
PAGES = {"hugepages-2Mi": 512 * MIB}


def held(cpus: frozenset[int], container: str | None = "app") -> AssignedCpus:
    return AssignedCpus(pod_uid="uid", container=container, cpus=cpus)


STATIC = CpuManagerState(policy="static", shared_cpus=ALL - HELD, containers=(held(HELD),))


def cpu_verdict(state: CpuManagerState, machine: Hardware | None = None, **fields: Any) -> Objection | None:
    """The one objection to that file, if there is one."""
    found = judge(starting(machine, checkpoints=KubeletCheckpoints(cpu=state), **fields)).objections
    assert len(found) < 2
    return next(iter(found), None)


def test_a_file_of_the_same_kubelet_is_taken() -> None:
    assert cpu_verdict(STATIC) is None
    assert cpu_verdict(CpuManagerState(policy="static", shared_cpus=frozenset())) is None
    assert (
        cpu_verdict(CpuManagerState(policy="none", shared_cpus=frozenset()), cpuManagerPolicy="none") is None
    )


def test_a_file_of_another_policy_is_not_and_the_way_out_names_it() -> None:
    found = cpu_verdict(STATIC, cpuManagerPolicy="none")
    assert found is not None
    assert found.says == 'configured policy "none" differs from state checkpoint policy "static"'
    assert "rm /var/lib/kubelet/cpu_manager_state" in found.way_out
    assert "drain NODE" in found.way_out


@pytest.mark.parametrize(
    ("state", "fields", "words"),
    [
        (replace(STATIC, shared_cpus=frozenset()), {}, "the shared pool is empty"),
        (STATIC, {"reservedSystemCPUs": "1,8"}, "CPUs that are to be reserved are not in the shared pool"),
        (replace(STATIC, shared_cpus=ALL), {}, "CPUs are in the shared pool and somebody's"),
        (replace(STATIC, shared_cpus=ALL - HELD - {3}), {}, "the machine's CPUs are not those that it knows"),
        (replace(STATIC, shared_cpus=(ALL - HELD) | {16}), {}, "the machine's CPUs are not those that it knows"),
        (STATIC, {"cpuManagerPolicyOptions": {"strict-cpu-reservation": "true"}}, "reserved CPUs are in the shared pool"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_fit_is_not_taken(
    state: CpuManagerState, fields: dict[str, Any], words: str
) -> None:
    found = cpu_verdict(state, **fields)
    assert found is not None
    assert f"/var/lib/kubelet/cpu_manager_state does not fit: {words}" in found.what


def test_who_has_the_reserved_cpus_is_named() -> None:
    found = cpu_verdict(STATIC, reservedSystemCPUs="1,8")
    assert found is not None
    assert found.evidence == ("to be reserved and not in the pool: 1", "pod uid, container app has 1")


def test_strictly_reserved_cpus_are_outside_the_pool() -> None:
    strict: dict[str, Any] = {"cpuManagerPolicyOptions": {"strict-cpu-reservation": "true"}}
    state = replace(STATIC, shared_cpus=ALL - HELD - {0, 8})
    assert cpu_verdict(state, **strict) is None


def test_a_number_of_reserved_cpus_is_taken_by_the_kubelets_own_packing() -> None:
    number: dict[str, Any] = {"reservedSystemCPUs": "", "systemReserved": {"cpu": "1500m", "memory": "512Mi"}}
    assert cpu_verdict(STATIC, **number) is None  # 0 and 8
    taken = replace(STATIC, shared_cpus=ALL - {8}, containers=(held(frozenset({8})),))
    assert cpu_verdict(taken, **number) is not None


def test_cpus_of_pods_as_a_whole_count_where_their_gate_is_on() -> None:
    state = replace(STATIC, shared_cpus=ALL - HELD - {2, 10}, pods=(held(frozenset({2, 10}), None),))
    gates = {"PodLevelResources": True, "PodLevelResourceManagers": True}
    assert cpu_verdict(state, featureGates=gates) is None
    assert cpu_verdict(state) is not None


# The memory manager


def memory_state(machine: Hardware, *blocks: MemoryBlock, **fields: Any) -> MemoryManagerState:
    """What a kubelet on that machine has written that gave these blocks to pods."""
    start = starting(machine, **fields)
    table = derive_table(machine.machine, start.settings)
    for block in blocks:
        table = take(table, block, block.size_bytes)
    return MemoryManagerState(
        policy="Static",
        nodes=table,
        containers=tuple(
            AssignedMemory(pod_uid=f"uid{number}", container="app", blocks=(block,))
            for number, block in enumerate(blocks)
        ),
    )


def block(size: int, *nodes: int, kind: str = "memory") -> MemoryBlock:
    return MemoryBlock(type=kind, size_bytes=size, numa_nodes=frozenset(nodes))


def memory_verdict(
    state: MemoryManagerState, machine: Hardware | None = None, **fields: Any
) -> Objection | None:
    found = judge(starting(machine, checkpoints=KubeletCheckpoints(memory=state), **fields)).objections
    assert len(found) < 2
    return next(iter(found), None)


def test_a_memory_file_of_the_same_kubelet_is_taken() -> None:
    state = memory_state(hardware(hugepages=PAGES), block(GIB, 0), block(4 * MIB, 0, kind="hugepages-2Mi"))
    assert memory_verdict(state, hardware(hugepages=PAGES)) is None
    assert memory_verdict(MemoryManagerState(policy="Static")) is None
    assert memory_verdict(MemoryManagerState(policy="None"), memoryManagerPolicy="None") is None


def test_a_memory_file_of_another_policy_is_not() -> None:
    found = memory_verdict(memory_state(hardware()), memoryManagerPolicy="None")
    assert found is not None
    assert found.state_file == "/var/lib/kubelet/memory_manager_state"


@pytest.mark.parametrize(
    ("machine", "evidence"),
    [
        (hardware(memory=64 * GIB - 4096), "NUMA node 0, memory total: 64Gi in the file, 67108860Ki now"),
        (hardware(hugepages=PAGES), "NUMA node 0: hugepages-2Mi is not in the file"),
        (hardware(nodes=(0, 1, 2)), "NUMA nodes not in the file: 2"),
        (hardware(nodes=(0,), cores=8), "NUMA nodes in the file alone: 1"),
    ],
)
def test_a_machine_that_has_changed_is_told_from_the_one_in_the_file(
    machine: Hardware, evidence: str
) -> None:
    found = memory_verdict(
        memory_state(hardware(), block(GIB, 0)),
        machine,
        reservedMemory=[{"numaNode": 0, "limits": {"memory": "1Gi"}}],
    )
    assert found is not None
    assert evidence in found.evidence


def test_a_changed_reserve_is_told() -> None:
    changed = [{"numaNode": node, "limits": {"memory": size}} for node, size in ((0, "600Mi"), (1, "424Mi"))]
    found = memory_verdict(memory_state(hardware()), reservedMemory=changed)
    assert found is not None
    assert "NUMA node 0, memory reserved for the system: 512Mi in the file, 600Mi now" in found.evidence


def test_memory_of_nodes_that_are_gone_is_the_first_thing_that_the_kubelet_says() -> None:
    state = memory_state(hardware(hugepages=PAGES), block(2 * MIB, 1, kind="hugepages-2Mi"))
    found = memory_verdict(state)
    assert found is not None
    assert found.evidence == ("a pod has hugepages-2Mi of NUMA node 1, where that does not exist",)
    assert found.says == "[memorymanager] (pod: "
    gone = starting(hardware(nodes=(0,)))
    assert (
        memory_differences(gone, state)[0] == "a pod has hugepages-2Mi of NUMA node 1, which does not exist"
    )


@pytest.mark.parametrize(
    ("changes", "evidence"),
    [
        ({"assignments": 2}, "NUMA node 0: 2 blocks counted in the file, 1 named"),
        (
            {"group": frozenset({0, 1})},
            "NUMA node 0: given together with 0-1 in the file, with 0 by its blocks",
        ),
    ],
)
def test_a_file_that_contradicts_itself_is_not_taken(changes: dict[str, Any], evidence: str) -> None:
    state = memory_state(hardware(), block(GIB, 0))
    broken = replace(state, nodes=(replace(state.nodes[0], **changes), *state.nodes[1:]))
    found = memory_verdict(broken)
    assert found is not None
    assert evidence in found.evidence


def test_memory_that_was_given_and_is_not_named_is_missing_in_the_groups_sum() -> None:
    state = memory_state(hardware(), block(GIB, 0, 1))
    less = AssignedMemory(pod_uid="uid0", container="app", blocks=(block(GIB - 1, 0, 1),))
    found = memory_verdict(replace(state, containers=(less,)))
    assert found is not None
    assert found.evidence[0].startswith("NUMA nodes 0-1, memory free: ")


def test_an_empty_table_with_memory_of_pods_is_not_taken() -> None:
    state = replace(memory_state(hardware(), block(GIB, 0)), nodes=())
    found = memory_verdict(state)
    assert found is not None
    assert found.says == "machine state can not be empty"


def test_memory_of_a_pod_as_a_whole_counts_once_where_its_gate_is_on() -> None:
    gates = {"PodLevelResources": True, "PodLevelResourceManagers": True}
    state = memory_state(hardware(), block(GIB, 0), featureGates=gates)
    whole = AssignedMemory(pod_uid="uid0", container=None, blocks=(block(GIB, 0),))
    parts = tuple(
        AssignedMemory(pod_uid="uid0", container=name, blocks=(block(GIB // 2, 0),)) for name in ("a", "b")
    )
    state = replace(state, containers=parts, pods=(whole,))
    assert memory_verdict(state, featureGates=gates) is None
    assert memory_verdict(state) is not None


@given(st.lists(st.tuples(st.integers(1, 40 * GIB), st.sampled_from([(0,), (1,), (0, 1)])), max_size=6))
def test_what_was_given_out_by_the_rules_is_always_taken(
    given_out: list[tuple[int, tuple[int, ...]]],
) -> None:
    machine = hardware()
    state = memory_state(machine, *(block(size, *nodes) for size, nodes in given_out))
    assert memory_differences(starting(machine), state) == ()


def test_pods_of_a_file_that_has_to_go_are_named_with_what_they_have() -> None:
    both = KubeletCheckpoints(cpu=STATIC, memory=memory_state(hardware(), block(GIB, 0)))
    start = starting(checkpoints=both, cpuManagerPolicy="none", memoryManagerPolicy="None")
    losses = judge(start, names={"uid": "default/p"}).losses
    assert [(loss.pod, loss.what) for loss in losses] == [
        ("default/p", "CPUs 1,9 (container app)"),
        ("uid0", "1Gi memory of NUMA node 0 (container app)"),
    ]


def test_a_file_that_is_none_has_to_go() -> None:
    start = replace(starting(), malformed=(("cpu_manager_state", "expected JSON, found '{'"),))
    (found,) = judge(start).objections
    assert (found.check, found.evidence) == ("state-malformed", ("expected JSON, found '{'",))
