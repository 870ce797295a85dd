"""A snapshot from what an agent serves: the same facts again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sources.snapshot_form import parse_snapshot
from agent.views.plain import plain_snapshot
from collectors.model import Problem, Snapshot
from collectors.model.kubelet import (
    AssignedCpus,
    AssignedDevices,
    CpuManagerState,
    DeviceManagerState,
    KubeletCheckpoints,
    MemoryManagerState,
    RegisteredDevices,
)
from collectors.model.kubelet_config import ConfigSource, KubeletConfig
from collectors.model.pod import ContainerRole, Owner, PodContainer
from collectors.parse import ParseError
from tests.agent.placement.building import CONFIG, block, spec
from tests.agent.refusals.building import GIB, GPUS, holds, node
from tests.hosts.machine import expected_snapshot
from tests.hosts.shapes import SHAPES
from tests.hosts.spec import MachineSpec


def again(snapshot: Snapshot) -> Snapshot:
    return parse_snapshot(json.dumps(plain_snapshot(snapshot)))


@pytest.mark.parametrize("spec", SHAPES, ids=lambda spec: spec.name)
def test_every_shape_of_machine_comes_back(spec: MachineSpec) -> None:
    machine = expected_snapshot(spec, now=1_700_000_000.0)
    assert again(machine) == machine


CONFIGURED: KubeletConfig = replace(
    CONFIG,
    source=ConfigSource.FILE,
    topology_manager_options=(("prefer-closest-numa-nodes", "true"),),
    feature_gates=(("PodsAPI", True),),
    eviction_hard=(("memory.available", "100Mi"),),
    system_reserved=(("cpu", 500),),
    reserved_memory=((0, (("memory", GIB),)),),
    defaulted=("cpuManagerPolicy",),
)

CHECKPOINTS = KubeletCheckpoints(
    cpu=CpuManagerState(
        policy="static",
        shared_cpus=frozenset({0, 4}),
        containers=(AssignedCpus(pod_uid="u", container="app", cpus=frozenset({1, 2})),),
        pods=(),
    ),
    memory=MemoryManagerState(policy="None", nodes=(), containers=(), pods=()),
    devices=DeviceManagerState(
        registered=(RegisteredDevices(resource="example.com/gpu", device_ids=frozenset({"b", "a"})),),
        containers=(AssignedDevices(pod_uid="u", container="app", devices=GPUS[:1]),),
    ),
)


def test_a_kubelet_with_pods_settings_and_checkpoints_comes_back() -> None:
    pod = replace(
        spec("p", PodContainer(name="app", role=ContainerRole.SIDECAR, requests=(("cpu", 1500),))),
        started_at=12.5,
        owner=Owner(kind="Job", name="j"),
        annotations=(("kubernetes.io/topology-policy", "x"),),
    )
    snapshot = node(holds("p", "1-3", gib={(0, 1): 3}, gpus=(0,)), specs=(pod,), config=CONFIGURED)
    assert snapshot.kubelet is not None
    known = replace(
        snapshot,
        kubelet=replace(snapshot.kubelet, checkpoints=CHECKPOINTS, own_cpus=frozenset({0})),
        pci=replace(snapshot.pci, error="gone", problems=(Problem(path="/sys/x", reason="no"),)),
    )
    assert again(known) == known


def test_fields_that_a_later_agent_adds_are_passed_over() -> None:
    plain = plain_snapshot(node())
    plain["kubelet"]["weather"] = {"sunny": True}
    plain["cpus"]["facts"]["colour"] = [1]
    assert parse_snapshot(json.dumps(plain)) == node()


def test_fields_that_an_earlier_agent_does_not_know_have_their_default() -> None:
    plain = plain_snapshot(node())
    del plain["kubelet"]["own_cpus"]
    del plain["kubelet"]["refusals"]
    assert parse_snapshot(json.dumps(plain)) == node()


def changed(path: tuple[Any, ...], value: Any) -> str:
    plain = plain_snapshot(node(holds("p", "1-3", gpus=(0,))))
    at: Any = plain
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return json.dumps(plain)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("kind",), "Alignment", "Snapshot at a snapshot.kind"),
        (("taken_at",), "yesterday", "a time"),
        (("cpus", "facts", "online"), "0-", "a list of ids"),
        (("cpus", "facts", "online"), None, "a string"),
        (("cpus", "facts", "cpus", 0, "id"), "zero", "a hexadecimal number"),
        (("cpus", "facts", "cpus", 0, "online"), 1, "true or false"),
        (("cpus", "facts", "cpus"), 7, "an array"),
        (("kubelet", "config", "facts", "source"), "hearsay", "one of configz, file"),
        (("kubelet", "allocations", "facts", 0, "name"), 1, "a string"),
        (("kubelet",), [], "an object"),
        (("numa", "facts", "nodes", 0, "distances"), {"x": 10}, "an object by numbers"),
        (("cpus", "facts", "cpus", 0), None, "an object at"),
    ],
)
def test_what_is_not_in_the_form_is_named(path: tuple[Any, ...], value: Any, words: str) -> None:
    with pytest.raises(ParseError, match=words):
        parse_snapshot(changed(path, value))


def test_a_field_that_cannot_be_left_out_is_named() -> None:
    plain = plain_snapshot(node())
    del plain["taken_at"]
    with pytest.raises(ParseError, match="taken_at"):
        parse_snapshot(json.dumps(plain))


@given(st.text(max_size=40))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_snapshot(text)


def test_memory_blocks_keep_their_nodes() -> None:
    snapshot = node(holds("p", gib={(0, 1): 3}))
    kubelet = again(snapshot).kubelet
    assert kubelet is not None
    assert kubelet.allocations.facts is not None
    assert kubelet.allocations.facts[0].containers[0].memory == (block(3 * GIB, 0, 1),)
