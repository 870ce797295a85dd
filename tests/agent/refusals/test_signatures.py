"""Known faults of the kubelet, each by the case of its thread."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from agent.refusals.classify import Cause
from agent.refusals.model import Explanation
from agent.refusals.signatures import SIGNATURES
from collectors.model.pod import ContainerState, Pod, PodContainer
from tests.agent.placement.building import app, init
from tests.agent.refusals.building import GIB, GPU, MEMORY_MISFIT, holds, node, refused, why

AWAY = f"no healthy devices present; cannot allocate unhealthy devices {GPU}"
FEW = f"requested number of devices unavailable for {GPU}. Requested: 1, Available: 0"
CORES = (
    "SMT Alignment Error: not enough free physical CPUs: available physical CPUs = 2, requested CPUs = 8, CPUs per "
    "core = 2"
)
FULL_CORES = (("full-pcpus-only", "true"),)


def unexpected(*containers: PodContainer, message: str) -> Pod:
    return refused(
        "web-1",
        *containers,
        reason="UnexpectedAdmissionError",
        message=message
        if message == MEMORY_MISFIT
        else f"Allocate failed due to {message}, which is unexpected",
    )


def as_it_ran(pod: Pod) -> Pod:
    """The same pod before the kubelet started anew."""
    containers = tuple(replace(each, state=ContainerState.RUNNING) for each in pod.containers)
    return replace(pod, phase="Running", reason=None, message=None, containers=containers)


def name(said: Explanation) -> str | None:
    assert said.known_fault is None or said.known_fault.way_out in said.ways_out
    return None if said.known_fault is None else said.known_fault.name


def test_a_pod_that_had_completed_is_admitted_anew() -> None:
    """kubernetes#117955"""
    pod = unexpected(app(cpu=1, gpu=1), message=AWAY)
    done = replace(pod, phase="Succeeded")
    assert name(why(pod, node(devices=()), before=done)) == "completed-pod"


def test_an_init_containers_devices_are_asked_for_twice_after_a_restart() -> None:
    """kubernetes#138446"""
    pod = unexpected(init(gpu=1), app(cpu=1, gpu=1), message=FEW)
    before = node(holds("web-1", "2", gpus=(0,)), holds("a", gpus=(1,)), holds("b", gpus=(2, 3)))
    assert name(why(pod, before, before=as_it_ran(pod))) == "init-container-devices"
    assert name(why(pod, before)) is None


def test_a_plugin_has_not_come_back_since_the_kubelet_started() -> None:
    """kubernetes#128043"""
    assert name(why(unexpected(app(cpu=1, gpu=1), message=AWAY), node(devices=()))) == "plugin-not-back"


def test_full_cores_are_counted_without_those_that_the_pod_has_after_a_restart() -> None:
    """kubernetes#129078"""
    pod = refused("web-1", app(cpu=8, memory=GIB), reason="SMTAlignmentError", message=CORES)
    before = node(holds("web-1", "8-15"), topology_manager_policy="none", cpu_manager_options=FULL_CORES)
    assert name(why(pod, before, before=as_it_ran(pod))) == "cores-at-restart"
    assert name(why(pod, before)) is None


def test_an_init_container_binds_the_pod_to_a_node_without_room() -> None:
    """kubernetes#123816"""
    pod = refused("web-1", init(cpu=1, memory=GIB), app(cpu=6, memory=GIB))
    before = node(holds("web-0", "1-5"))
    said = why(pod, before)
    assert name(said) == "init-container-binds-node"
    assert said.replayed
    assert said.container == "app"
    assert "an init container took its CPUs from a NUMA node that has too few" in said.summary
    assert name(why(refused("web-1", init(cpu=1), app(cpu=9)), before)) is None


def test_nodes_that_give_memory_together_give_none_alone() -> None:
    """kubernetes#128669"""
    pod = refused("web-1", app(cpu=1, memory=4 * GIB))
    before = node(holds("big", "1", gib={(0, 1): 17}), topology_manager_policy="restricted")
    said = why(pod, before)
    assert name(said) == "memory-nodes-joined"
    assert said.replayed
    roomy = node(holds("big", "1", gib={(0,): 12}), topology_manager_policy="restricted")
    assert name(why(pod, roomy)) is None


def test_nodes_that_give_memory_alone_give_none_together() -> None:
    """kubernetes#128708"""
    pod = unexpected(app(cpu=1, memory=20 * GIB), message=MEMORY_MISFIT)
    before = node(holds("small", "1", gib={(0,): 1}), topology_manager_policy="restricted")
    said = why(pod, before)
    assert name(said) == "memory-nodes-apart"
    assert said.replayed
    single = node(holds("small", "1", gib={(0,): 1}))
    assert name(why(pod, single)) is None


def test_restricted_takes_no_more_nodes_than_an_empty_machine_would_need() -> None:
    """kubernetes#84597"""
    before = node(holds("a", "1-4"), holds("b", "8-12"), topology_manager_policy="restricted")
    assert name(why(refused("web-1", app(cpu=5, memory=GIB)), before)) == "restricted-insists"
    assert name(why(refused("web-1", app(cpu=7, memory=GIB)), before)) is None


def test_every_signature_has_a_thread_and_a_way_out() -> None:
    names = [fault.name for fault, _ in SIGNATURES]
    assert len(set(names)) == len(names)
    assert all(
        fault.link.startswith("https://github.com/kubernetes/kubernetes/issues/") for fault, _ in SIGNATURES
    )
    assert all(fault.way_out and fault.what for fault, _ in SIGNATURES)


def test_the_page_has_every_cause_and_every_known_fault_with_its_thread() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "refusals.md").read_text()
    assert [cause.value for cause in Cause if f"\n| `{cause.value}` |" not in page] == []
    assert [fault.name for fault, _ in SIGNATURES if f"\n| `{fault.name}` |" not in page] == []
    assert [fault.link for fault, _ in SIGNATURES if f"({fault.link})" not in page] == []
