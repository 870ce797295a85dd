"""What a kubelet does not start with. That a real one says the same is tested in tests/e2e/test_kubelet_config.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from agent.kubelet_config.model import Hardware
from agent.kubelet_config.preflight import judge
from tests.agent.kubelet_config.building import GIB, hardware, starting

ON = "true"
ALPHA = {"CPUManagerPolicyAlphaOptions": True}


def checks(machine: Hardware | None = None, version: tuple[int, int] = (1, 37), **fields: Any) -> list[str]:
    """Of every objection, in the kubelet's order."""
    return [found.check for found in judge(starting(machine, version=version, **fields)).objections]


def limits(*entries: tuple[int, Mapping[str, str]]) -> list[dict[str, Any]]:
    return [{"numaNode": node, "limits": dict(amounts)} for node, amounts in entries]


def test_a_configuration_that_fits_has_none() -> None:
    assert checks() == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"topologyManagerPolicy": "strict"}, ["policy-unknown"]),
        ({"topologyManagerScope": "node"}, ["policy-unknown"]),
        ({"cpuManagerPolicy": "dynamic"}, ["policy-unknown"]),
        ({"memoryManagerPolicy": "static"}, ["policy-unknown"]),
        ({"memoryManagerPolicy": "BestEffort"}, ["policy-unknown"]),
        ({"enforceNodeAllocatable": ["cpus"]}, ["policy-unknown"]),
        ({"enforceNodeAllocatable": ["none"], "cgroupsPerQOS": False}, []),
        ({"cgroupsPerQOS": False}, ["enforced-without-qos"]),
        ({"enforceNodeAllocatable": ["kube-reserved"]}, ["enforced-without-cgroup"]),
        ({"systemReservedCgroup": "/system"}, ["reserved-cpus-and-cgroup"]),
        ({"featureGates": {"MemoryManager": True}}, ["gate-unknown"]),
        ({"featureGates": {"CPUManagerPolicyOptions": False}}, ["gate-locked"]),
        ({"featureGates": {"CPUManagerPolicyOptions": True, "SomeOther": True}}, []),
        ({"systemReserved": {"memory": "612Mi", "hugepages-2Mi": "1Gi"}}, ["reserve-unknown", "reserved-memory"]),
        ({"evictionHard": {"memory.free": "1Gi"}}, ["eviction-unknown", "reserved-memory"]),
        ({"evictionHard": {"memory.available": "0"}}, ["eviction-zero", "reserved-memory"]),
        ({"reservedSystemCPUs": "0,99"}, ["reserved-cpus-missing"]),
        ({"reservedSystemCPUs": ""}, ["no-cpu-reserved"]),
        ({"reservedSystemCPUs": "", "kubeReserved": {"cpu": "17", "memory": "412Mi"}}, ["too-many-cpus-reserved", "reserve-over-capacity"]),
        ({"cpuManagerPolicyOptions": {"whole": ON}}, ["option-unknown"]),
        ({"cpuManagerPolicyOptions": {"full-pcpus-only": "on"}}, ["option-value"]),
        ({"cpuManagerPolicyOptions": {"distribute-cpus-across-cores": ON}}, ["option-gated"]),
        ({"cpuManagerPolicyOptions": {"distribute-cpus-across-cores": ON}, "featureGates": ALPHA}, []),
        ({"cpuManagerPolicyOptions": {"distribute-cpus-across-cores": ON}, "featureGates": {"AllAlpha": True}}, []),
        ({"cpuManagerPolicyOptions": {"distribute-cpus-across-numa": ON}, "featureGates": {"AllBeta": False}}, ["option-gated"]),
        ({"cpuManagerPolicyOptions": {"prefer-align-cpus-by-uncorecache": ON, "distribute-cpus-across-numa": ON}}, ["options-exclude"]),
        ({"cpuManagerPolicyOptions": {"align-by-socket": ON}, "featureGates": ALPHA}, ["align-by-socket"]),
        ({"cpuManagerPolicyOptions": {"full-pcpus-only": ON}, "cpuManagerPolicy": "none"}, ["options-without-policy"]),
        ({"cpuManagerPolicyOptions": {"full-pcpus-only": ON}}, []),
        ({"topologyManagerPolicyOptions": {"prefer-nearest": ON}}, ["option-unknown"]),
        ({"topologyManagerPolicyOptions": {"prefer-closest-numa-nodes": "yes"}}, ["option-value"]),
        ({"topologyManagerPolicyOptions": {"max-allowable-numa-nodes": "7"}}, ["option-value"]),
        ({"topologyManagerPolicyOptions": {"max-allowable-numa-nodes": "many"}}, ["option-value"]),
        ({"topologyManagerPolicyOptions": {"prefer-nearest": ON}, "topologyManagerPolicy": "none"}, []),
        ({"reservedMemory": []}, ["reserved-memory"]),
        ({"reservedMemory": limits((0, {"memory": "1Gi"}))}, []),
        ({"reservedMemory": limits((0, {"memory": "512Mi"}), (0, {"memory": "512Mi"}))}, ["reserved-memory-twice", "reserved-memory"]),
        ({"reservedMemory": limits((0, {"memory": "1Gi"}), (1, {"memory": "0"}))}, ["reserved-memory-zero"]),
        ({"reservedMemory": limits((0, {"memory": "1Gi", "cpu": "1"}))}, ["reserved-memory-unknown", "reserved-memory"]),
        ({"reservedMemory": limits((0, {"memory": "1Gi"}), (7, {"memory": "1Mi"}))}, ["reserved-memory-node"]),
        ({"reservedMemory": limits((0, {"memory": "1Gi", "hugepages-1Gi": "1Gi"}))}, ["reserved-hugepages"]),
        ({"reservedMemory": [], "memoryManagerPolicy": "None"}, []),
        ({"reservedMemory": [], "systemReserved": {}, "kubeReserved": {}, "evictionHard": {}}, ["no-memory-reserved"]),
    ],
)  # fmt: skip
def test_each_thing_that_does_not_fit_is_one(fields: dict[str, Any], expected: list[str]) -> None:
    assert checks(**fields) == expected


def test_the_right_reserved_memory_is_in_the_way_out() -> None:
    (found,) = judge(starting(reservedMemory=limits((0, {"memory": "1023Mi"})))).objections
    assert found.what == "reservedMemory comes to 1023Mi, and must come to 1Gi"
    assert found.evidence == (
        "systemReserved 512Mi + kubeReserved 412Mi + evictionHard memory.available 100Mi = 1Gi",
    )
    assert found.way_out == (
        "reservedMemory: [{numaNode: 0, limits: {memory: 512Mi}}, {numaNode: 1, limits: {memory: 512Mi}}]"
    )


def test_where_the_memory_is_unknown_a_share_of_it_is_not_held_against_anything() -> None:
    machine = hardware(total=None)
    assert checks(machine, evictionHard={"memory.available": "1%"}) == []


def test_more_than_eight_numa_nodes_need_an_option() -> None:
    machine = hardware(nodes=range(9))
    assert checks(machine) == ["too-many-numa-nodes"]
    assert checks(machine, topologyManagerPolicyOptions={"max-allowable-numa-nodes": "9"}) == []
    assert checks(machine, topologyManagerPolicy="none") == []


def test_the_nearest_nodes_cannot_be_preferred_where_nobody_knows_them() -> None:
    machine = hardware()
    blind = Hardware(
        machine=type(machine.machine)(
            cpus=machine.machine.cpus, numa_nodes=(0, 1), memory=machine.machine.memory
        ),
        memory_bytes=128 * GIB,
    )
    options = {"prefer-closest-numa-nodes": ON}
    assert checks(blind, topologyManagerPolicyOptions=options) == ["distances-missing"]


@pytest.mark.parametrize(
    ("fields", "version", "expected"),
    [
        ({"cpuManagerPolicyOptions": {"strict-cpu-reservation": ON}}, (1, 31), ["option-unknown"]),
        ({"cpuManagerPolicyOptions": {"strict-cpu-reservation": ON}}, (1, 32), ["option-gated"]),
        ({"cpuManagerPolicyOptions": {"strict-cpu-reservation": ON}}, (1, 33), []),
        ({"cpuManagerPolicyOptions": {"distribute-cpus-across-numa": ON}}, (1, 32), ["option-gated"]),
        ({"featureGates": {"PodLevelResourceManagers": True}}, (1, 35), ["gate-unknown"]),
        ({"featureGates": {"MemoryManager": True}}, (1, 32), []),
    ],
)
def test_versions_differ(fields: dict[str, Any], version: tuple[int, int], expected: list[str]) -> None:
    assert checks(version=version, **fields) == expected


def test_what_is_no_quantity_is_no_zero() -> None:
    memory = [{"numaNode": 0, "limits": {"memory": "1Gi"}}]
    assert (
        checks(reservedMemory=memory, evictionHard={"memory.available": "100Mi", "nodefs.available": "x"})
        == []
    )


# What does not keep the kubelet from starting


@pytest.mark.parametrize(
    ("machine", "fields", "expected"),
    [
        (hardware(nodes=(0, 2)), {"topologyManagerPolicy": "restricted"}, "sparse-ids"),
        (hardware(nodes=(0, 64)), {}, "numa-ids-too-high"),
        (hardware(memory=GIB // 4), {}, "reserve-over-node"),
        (hardware(nodes=range(8)), {"topologyManagerPolicy": "best-effort"}, "hint-merge"),
    ],
)
def test_what_harms_afterwards_is_a_caution(machine: Hardware, fields: dict[str, Any], expected: str) -> None:
    start = starting(
        machine,
        topologyManagerPolicyOptions={"prefer-closest-numa-nodes": ON},
        reservedMemory=limits((0, {"memory": "1Gi"})),
        **fields,
    )
    assert expected in [found.check for found in judge(start).cautions]


def test_a_good_configuration_has_no_cautions() -> None:
    assert judge(starting()).cautions == ()
