"""What keeps a kubelet from starting, as doctor finds it: one machine for each finding."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.admission.machine import derive_machine
from agent.admission.memory.table import derive_table
from agent.admission.settings import settings_of
from agent.views.doctor import diagnose
from agent.views.doctor_harm import ORDER
from agent.views.doctor_model import Examined, Finding, Severity
from collectors.model import Cpu, CpuTopology, Observed, Snapshot
from collectors.model.kubelet import CpuManagerState, KubeletCheckpoints, MemoryManagerState
from collectors.model.kubelet_config import ConfigSource, KubeletConfig
from tests.agent.views.kubelets import CONFIG, picture
from tests.agent.views.machines import GIB, ids, node, numa, snapshot

MIB = 1 << 20
CPUS = CpuTopology(
    online=ids(0, 7),
    cpus=tuple(Cpu(id=cpu, online=True, core_id=cpu % 4, package_id=cpu // 4) for cpu in range(8)),
)
NODES = numa(
    node(0, ids(0, 3), distances=((0, 10), (1, 21))),
    node(1, ids(4, 7), distances=((0, 21), (1, 10))),
    memory_total_bytes=128 * GIB,
)
GOOD = replace(
    CONFIG,
    system_reserved=(("memory", GIB - 100 * MIB),),
    eviction_hard=(("memory.available", "100Mi"),),
    reserved_memory=((0, (("memory", GIB),)),),
)
POOL = CpuManagerState(policy="static", shared_cpus=ids(0, 7))


def book(config: KubeletConfig = GOOD, memory: int = 64 * GIB) -> MemoryManagerState:
    """The memory manager's file of a kubelet that started on such a machine."""
    nodes = numa(*(replace(each, memory_total_bytes=memory) for each in NODES.nodes))
    return MemoryManagerState(
        policy="Static", nodes=derive_table(derive_machine(CPUS, nodes), settings_of(config))
    )


def machine(
    config: KubeletConfig = GOOD,
    *,
    cpu: CpuManagerState | None = POOL,
    memory: MemoryManagerState | None = None,
) -> Snapshot:
    kubelet = replace(
        picture(config=config),
        checkpoints=KubeletCheckpoints(cpu=cpu, memory=book() if memory is None else memory),
    )
    return replace(snapshot(cpus=CPUS, memory=NODES), kubelet=kubelet)


def found(looked_at: Snapshot) -> dict[str, Finding]:
    return {each.check: each for each in diagnose(Examined(snapshot=looked_at))}


def errors(looked_at: Snapshot) -> list[str]:
    return [check for check, finding in found(looked_at).items() if finding.severity is Severity.ERROR]


def test_a_kubelet_that_would_start_again_has_no_error() -> None:
    assert errors(machine()) == []


def test_a_cpu_state_of_another_policy_is_an_error_with_the_file_and_the_steps() -> None:
    finding = found(machine(cpu=CpuManagerState(policy="none", shared_cpus=frozenset())))["state-policy"]
    assert (
        "cpuManagerPolicy is static, and /var/lib/kubelet/cpu_manager_state is of policy none" in finding.what
    )
    assert finding.way_out is not None
    assert "rm /var/lib/kubelet/cpu_manager_state" in finding.way_out


def test_a_memory_state_of_another_policy_is_an_error_even_where_only_policies_are_known() -> None:
    config = replace(GOOD, source=ConfigSource.SETTINGS)
    assert errors(machine(config, memory=MemoryManagerState(policy="None"))) == ["state-policy"]


def test_a_cpu_state_that_does_not_fit_the_machine_is_an_error() -> None:
    finding = found(machine(cpu=CpuManagerState(policy="static", shared_cpus=ids(0, 6))))["cpu-state"]
    assert finding.evidence[0] == "online or to be shared, and not in the file: 7"


def test_a_memory_state_of_a_machine_with_other_memory_is_an_error() -> None:
    finding = found(machine(memory=book(memory=64 * GIB - 2 * MIB)))["memory-state"]
    assert finding.evidence[0] == "NUMA node 0, memory total: 65534Mi in the file, 64Gi now"
    assert finding.evidence[-1].startswith("its log says: ... [memorymanager] the expected machine state")


@pytest.mark.parametrize(("memory", "expected"), [(64 * GIB, []), (64 * GIB - 2 * MIB, ["memory-state"])])
def test_where_nobody_tells_the_reserve_the_memory_state_tells_it_for_itself(
    memory: int, expected: list[str]
) -> None:
    unknown = KubeletConfig(
        source=ConfigSource.CHECKPOINTS, cpu_manager_policy="static", memory_manager_policy="Static"
    )
    assert errors(machine(unknown, memory=book(memory=memory))) == expected


@pytest.mark.parametrize(
    ("fields", "check"),
    [
        ({"reserved_memory": ((0, (("memory", GIB - MIB),)),)}, "reserved-memory"),
        ({"reserved_memory": ((0, (("memory", GIB), ("hugepages-2Mi", MIB))),)}, "reserved-hugepages"),
        ({"reserved_memory": ((7, (("memory", GIB),)),)}, "reserved-memory-node"),
        (
            {"reserved_memory": (), "system_reserved": (), "eviction_hard": ()},
            "no-memory-reserved",
        ),
        ({"reserved_cpus": frozenset({8})}, "reserved-cpus-missing"),
        ({"reserved_cpus": None}, "no-cpu-reserved"),
        ({"cpu_manager_options": (("align-by-socket", "true"),)}, "option-gated"),
        ({"topology_manager_options": (("max-allowable-numa-nodes", "4"),)}, "option-value"),
    ],
)
def test_each_thing_in_the_configuration_that_no_kubelet_takes_is_an_error(
    fields: dict[str, Any], check: str
) -> None:
    finding = found(machine(replace(GOOD, **fields)))[check]
    assert finding.severity is Severity.ERROR
    assert finding.what.startswith("the kubelet does not start again: ")


def test_a_reserve_beyond_a_nodes_memory_is_an_error() -> None:
    config = replace(
        GOOD,
        system_reserved=(("memory", 70 * GIB),),
        eviction_hard=(),
        reserved_memory=((0, (("memory", 70 * GIB),)),),
    )
    assert "reserve-over-node" in found(machine(config, memory=book(config)))


def test_of_a_machine_whose_cpus_are_unknown_nothing_is_said() -> None:
    blind = replace(machine(replace(GOOD, reserved_cpus=frozenset({9}))), cpus=Observed(error="broken"))
    assert "reserved-cpus-missing" not in found(blind)


def test_without_a_configuration_nothing_is_said() -> None:
    kubelet = replace(picture(config=None), checkpoints=KubeletCheckpoints(cpu=POOL))
    assert "state-policy" not in found(replace(snapshot(cpus=CPUS, memory=NODES), kubelet=kubelet))


def test_what_keeps_the_kubelet_from_starting_comes_first() -> None:
    both = machine(
        replace(GOOD, cpu_manager_policy="none"), cpu=POOL, memory=MemoryManagerState(policy="None")
    )
    checks = list(found(both))
    assert checks[0] == "state-policy"
    assert [check for check in checks if check in ORDER] == checks[: len(checks) - 1]
    assert checks[-1] == "policies"
