"""What counts as a difference between the kubelet's answer and ours, without a kubelet: its answer is made up here."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.admission.model import Outcome
from collectors.parse import format_id_list
from tests.oracle.compare import compare, compare_machine
from tests.oracle.ours import Ours
from tests.oracle.scenario import (
    CpuSpec,
    DeviceSpec,
    KubeletSpec,
    MachineSpec,
    NodeSpec,
    Object,
    PluginSpec,
    Scenario,
    Step,
)

GIB = 1 << 30
MACHINE = MachineSpec(
    nodes=tuple(NodeSpec(id=node, memory=4 * GIB, distances=(10, 20)) for node in (0, 1)),
    cpus=tuple(CpuSpec(id=cpu, core=cpu, package=cpu // 4, node=cpu // 4, l3=cpu // 4) for cpu in range(8)),
)
KUBELET = KubeletSpec(topology_policy="best-effort", cpu_policy="static", reserved_cpus=(0,))
GPUS = PluginSpec(
    resource="example.com/gpu",
    devices=tuple(DeviceSpec(id=f"gpu{number}", nodes=(number // 2,)) for number in range(4)),
)
LIMITS = {"cpu": "2", "memory": "1Gi", "example.com/gpu": "1"}
POD = {
    "metadata": {"name": "pod-0", "namespace": "default", "uid": "pod-0"},
    "spec": {"containers": [{"name": "app", "resources": {"limits": LIMITS, "requests": LIMITS}}]},
}
ADMIT = Step(op="admit", pod=POD)
SCENARIO = Scenario(
    name="made/up",
    machine=MACHINE,
    kubelet=KUBELET,
    allocatable=(("cpu", "7"), ("memory", "7Gi"), ("pods", "110")),
    plugins=(GPUS,),
    steps=(ADMIT,),
)


@pytest.fixture
def ours() -> Ours:
    """Our side, once the pod has come."""
    ours = Ours.at(SCENARIO)
    ours.play(ADMIT, {})
    return ours


def told(ours: Ours, **changed: object) -> Object:
    """The kubelet's answer as it would be if it did as we do, but for what is changed."""
    books = ours.books
    state = {
        "sharedCpus": format_id_list(books.shared_cpus),
        "cpus": {"pod-0": {"app": format_id_list(books.cpus["pod-0", "app"])}},
        "podCpus": {},
        "memory": {},
        "podMemory": {},
        "table": {},
        "devices": {"pod-0": {"app": {"example.com/gpu": ["gpu0"]}}},
    }
    hints = {"app": {"nodes": [0], "preferred": True}}
    inner = {key: changed.pop(key) for key in list(changed) if key in state}
    return {"outcome": "admitted", "hints": hints, **changed, "state": {**state, **inner}}


def differences(ours: Ours, answer: Object) -> list[str]:
    return compare(SCENARIO, ADMIT, answer, ours, None)


def test_the_same_answer_is_no_difference(ours: Ours) -> None:
    assert differences(ours, told(ours)) == []


def test_another_outcome_is_told_with_both_reasons(ours: Ours) -> None:
    answer = told(ours, outcome="refused", reason="OutOfcpu", message="too few")
    assert differences(ours, answer)[0] == "the kubelet: refused OutOfcpu: too few; we: admitted None: None"


@pytest.mark.parametrize(
    ("changed", "beginning"),
    [
        ({"hints": {"app": {"nodes": [1], "preferred": True}}}, "hint of app"),
        ({"hints": {"app": {"nodes": [0], "preferred": False}}}, "hint of app"),
        ({"hints": {}}, "hint of app"),
        ({"cpus": {"pod-0": {"app": "5-6"}}}, "CPUs of pod-0/app"),
        ({"cpus": {}}, "CPUs of pod-0/app"),
        ({"sharedCpus": "0"}, "shared pool"),
        ({"podCpus": {"pod-0": "1-2"}}, "CPUs of the pod of pod-0"),
        (
            {"memory": {"pod-0": {"app": [{"type": "memory", "size": GIB, "nodes": [0]}]}}},
            "memory of pod-0/app",
        ),
        ({"table": {"0": {"cells": [0], "assignments": 1, "memory": {}}}}, "memory table of node 0"),
        ({"devices": {}}, "devices of pod-0/app"),
        ({"devices": {"pod-0": {"app": {"example.com/gpu": ["gpu2"]}}}}, "devices of pod-0/app"),
    ],
)
def test_whatever_differs_is_named(ours: Ours, changed: dict[str, object], beginning: str) -> None:
    (line,) = differences(ours, told(ours, **changed))
    assert line.startswith(beginning)


@pytest.mark.parametrize(("device", "same"), [("gpu1", True), ("gpu2", False)])
def test_ours_follows_the_kubelet_to_an_equal_device_and_to_no_other(
    ours: Ours, device: str, same: bool
) -> None:
    answer = told(ours, devices={"pod-0": {"app": {"example.com/gpu": [device]}}})
    following = Ours.at(SCENARIO)
    following.play(ADMIT, answer)
    assert (differences(following, answer) == []) is same


def test_what_the_dead_hold_is_looked_at_only_once_both_have_forgotten_it(ours: Ours) -> None:
    answer = told(ours, cpus={"pod-0": {"app": "1-2"}, "dead": {"app": "3"}}, sharedCpus="0,4-7")
    assert differences(ours, answer) == []


def test_a_panic_is_only_answered_by_a_panic(ours: Ours) -> None:
    answer = {"outcome": "panicked", "message": "index out of range"}
    assert differences(ours, answer) != []
    ((uid, decision),) = ours.decisions
    ours.decisions = [(uid, replace(decision, outcome=Outcome.PANIC))]
    assert differences(ours, answer) == []


def test_cpus_are_compared_as_the_kubelet_sees_them(ours: Ours) -> None:
    seen: Object = {
        str(place.cpu): {
            "core": place.core,
            "socket": place.socket,
            "node": place.numa_node,
            "uncore": place.uncore_cache,
        }
        for place in ours.node.machine.cpus
    }
    assert list(compare_machine(seen, ours)) == []
    seen["3"]["uncore"] = 9
    del seen["7"]
    assert [line.partition(":")[0] for line in compare_machine(seen, ours)] == ["CPU 3", "CPU 7"]
