"""The kubelet's own notes, from files to facts."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.kubelet.checkpoints import (
    parse_cpu_manager_state,
    parse_device_manager_state,
    parse_memory_manager_state,
    read_checkpoints,
)
from collectors.model.kubelet import (
    AssignedCpus,
    AssignedDevices,
    AssignedMemory,
    CpuManagerState,
    DeviceAllocation,
    DeviceManagerState,
    KubeletCheckpoints,
    MemoryBlock,
    MemoryManagerState,
    MemoryNode,
    MemoryTable,
    RegisteredDevices,
)
from collectors.parse import ParseError, parse_id_list
from tests.collectors.kubelet.recordings import Recorded, pod_of
from tests.collectors.test_strictjson import json_values
from tests.collectors.trees import reader_of

CPUS = {
    "policyName": "static",
    "defaultCpuSet": "0-1,6",
    "entries": {"uid-b": {"app": "4-5", "prep": "4"}, "uid-a": {"app": "2-3"}},
    "checksum": 1,
}
BLOCK = {"numaAffinity": [1, 0], "type": "memory", "size": 5}
MEMORY = {
    "policyName": "Static",
    "machineState": {
        "8": {"numberOfAssignments": 0, "memoryMap": {}, "cells": [8]},
        "0": {
            "numberOfAssignments": 2,
            "memoryMap": {
                "memory": {"total": 9, "systemReserved": 1, "allocatable": 8, "reserved": 5, "free": 3},
            },
            "cells": [1, 0],
        },
    },
    "entries": {"uid": {"app": [BLOCK]}},
    "checksum": 1,
}
ENTRY = {
    "PodUID": "uid",
    "ContainerName": "app",
    "ResourceName": "x/nic",
    "DeviceIDs": {"0": ["b", "a"], "1": ["b"], "-1": ["c"]},
    "AllocResp": "c2VjcmV0",
}
DEVICES = {"Data": {"PodDeviceEntries": [ENTRY], "RegisteredDevices": {"x/nic": ["b", "a"]}}, "Checksum": 1}


def test_cpus_are_told_by_owner() -> None:
    assert parse_cpu_manager_state(json.dumps(CPUS)) == CpuManagerState(
        policy="static",
        shared_cpus=frozenset({0, 1, 6}),
        containers=(
            AssignedCpus(pod_uid="uid-a", container="app", cpus=frozenset({2, 3})),
            AssignedCpus(pod_uid="uid-b", container="app", cpus=frozenset({4, 5})),
            AssignedCpus(pod_uid="uid-b", container="prep", cpus=frozenset({4})),
        ),
    )


def test_policy_none_has_an_empty_pool() -> None:
    state = parse_cpu_manager_state('{"policyName":"none","defaultCpuSet":"","checksum":1353318690}')
    assert state == CpuManagerState(policy="none", shared_cpus=frozenset())


def test_pods_as_a_whole_and_baselines_are_told_apart_from_containers() -> None:
    more = {
        "podEntries": {"uid": {"cpuSet": "2-5"}, "none": {}},
        "baselines": {"uid": {"app": {"baseline": "2"}}},
    }
    state = parse_cpu_manager_state(json.dumps({**CPUS, **more}))
    assert state.pods == (
        AssignedCpus(pod_uid="none", container=None, cpus=frozenset()),
        AssignedCpus(pod_uid="uid", container=None, cpus=frozenset({2, 3, 4, 5})),
    )
    assert state.baselines == (AssignedCpus(pod_uid="uid", container="app", cpus=frozenset({2})),)


@pytest.mark.parametrize(
    ("parse", "content"), [(parse_cpu_manager_state, CPUS), (parse_memory_manager_state, MEMORY)]
)
def test_what_stands_in_data_counts(parse: Callable[[str], Any], content: dict[str, Any]) -> None:
    newer = {
        **content,
        "policyName": "stale",
        "entries": None,
        "data": json.dumps(content),
        "dataChecksum": 1,
    }
    assert parse(json.dumps(newer)) == parse(json.dumps(content))


def test_memory_is_told_by_node_and_owner() -> None:
    assert parse_memory_manager_state(json.dumps(MEMORY)) == MemoryManagerState(
        policy="Static",
        nodes=(
            MemoryNode(
                id=0,
                assignments=2,
                group=frozenset({0, 1}),
                tables=(
                    MemoryTable(type="memory", total=9, system_reserved=1, allocatable=8, reserved=5, free=3),
                ),
            ),
            MemoryNode(id=8, assignments=0, group=frozenset({8})),
        ),
        containers=(
            AssignedMemory(
                pod_uid="uid",
                container="app",
                blocks=(MemoryBlock(type="memory", size_bytes=5, numa_nodes=frozenset({0, 1})),),
            ),
        ),
    )


def test_memory_of_pods_as_a_whole_is_told() -> None:
    state = parse_memory_manager_state(
        json.dumps({**MEMORY, "podEntries": {"uid": {"memoryBlocks": [BLOCK]}}})
    )
    assert [(each.pod_uid, each.container, each.blocks) for each in state.pods] == [
        ("uid", None, state.containers[0].blocks)
    ]


def test_devices_are_told_by_owner_each_once_with_all_its_nodes() -> None:
    assert parse_device_manager_state(json.dumps(DEVICES)) == DeviceManagerState(
        containers=(
            AssignedDevices(
                pod_uid="uid",
                container="app",
                devices=(
                    DeviceAllocation(resource="x/nic", device_id="a", numa_nodes=frozenset({0})),
                    DeviceAllocation(resource="x/nic", device_id="b", numa_nodes=frozenset({0, 1})),
                    DeviceAllocation(resource="x/nic", device_id="c"),
                ),
            ),
        ),
        registered=(RegisteredDevices(resource="x/nic", device_ids=frozenset({"a", "b"})),),
    )


def test_a_device_with_and_without_a_node_has_the_node_in_either_order() -> None:
    for keys in (("-1", "0"), ("0", "-1")):
        entry = {**ENTRY, "DeviceIDs": {key: ["a"] for key in keys}}
        state = parse_device_manager_state(json.dumps({"Data": {"PodDeviceEntries": [entry]}}))
        assert state.containers[0].devices[0].numa_nodes == frozenset({0})


def test_what_plugins_hand_into_containers_is_not_kept() -> None:
    assert "c2VjcmV0" not in repr(parse_device_manager_state(json.dumps(DEVICES)))


def test_nothing_assigned_is_written_as_null() -> None:
    text = '{"Data":{"PodDeviceEntries":null,"RegisteredDevices":{}},"Checksum":1}'
    assert parse_device_manager_state(text) == DeviceManagerState()


def edited(content: dict[str, Any], key: str, value: object) -> str:
    return json.dumps({**content, key: value})


@pytest.mark.parametrize(
    ("parse", "text", "words"),
    [
        (parse_cpu_manager_state, "{}", "a string at a checkpoint of the CPU manager.policyName"),
        (parse_cpu_manager_state, edited(CPUS, "defaultCpuSet", "0-"), "a list of ids at .*defaultCpuSet"),
        (parse_cpu_manager_state, edited(CPUS, "entries", {"uid": "0-1"}), "an object at .*entries.uid"),
        (parse_cpu_manager_state, edited(CPUS, "data", "{"), "a checkpoint of the CPU manager in its data"),
        (parse_cpu_manager_state, edited(CPUS, "data", {}), "a string at .*data"),
        (
            parse_memory_manager_state,
            edited(MEMORY, "machineState", {"x": {}}),
            "the id of a NUMA node as key",
        ),
        (parse_memory_manager_state, edited(MEMORY, "machineState", {"99999": {}}), "the id of a NUMA node"),
        (
            parse_memory_manager_state,
            edited(MEMORY, "entries", {"u": {"c": [{**BLOCK, "numaAffinity": [-1]}]}}),
            "an integer up to 65535",
        ),
        (parse_device_manager_state, "[]", "an object at a checkpoint of the device manager"),
        (parse_device_manager_state, '{"Data":{"PodDeviceEntries":[{}]}}', "a string at .*ResourceName"),
        (
            parse_device_manager_state,
            json.dumps({"Data": {"PodDeviceEntries": [{**ENTRY, "DeviceIDs": {"one": ["a"]}}]}}),
            "the id of a NUMA node as key",
        ),
    ],
)
def test_a_malformed_file_says_what_was_expected_where(
    parse: Callable[[str], object], text: str, words: str
) -> None:
    with pytest.raises(ParseError, match=words):
        parse(text)


@given(text=st.text(max_size=40) | json_values.map(json.dumps))
@pytest.mark.parametrize(
    "parse", [parse_cpu_manager_state, parse_memory_manager_state, parse_device_manager_state]
)
def test_any_text_is_facts_or_malformed(parse: Callable[[str], object], text: str) -> None:
    with contextlib.suppress(ParseError):
        parse(text)


@given(data=st.data())
@pytest.mark.parametrize(
    ("parse", "content"),
    [
        (parse_cpu_manager_state, CPUS),
        (parse_memory_manager_state, MEMORY),
        (parse_device_manager_state, DEVICES),
    ],
)
def test_a_file_with_one_part_replaced_is_facts_or_malformed(
    parse: Callable[[str], object], content: dict[str, Any], data: st.DataObject
) -> None:
    document = json.loads(json.dumps(content))
    part: Any = document
    while True:
        key = data.draw(st.sampled_from(sorted(part) if isinstance(part, dict) else list(range(len(part)))))
        if not isinstance(part[key], dict | list) or not part[key] or data.draw(st.booleans()):
            break
        part = part[key]
    part[key] = data.draw(json_values)
    with contextlib.suppress(ParseError):
        hash(parse(json.dumps(document)))


def test_files_are_read_below_the_kubelets_root(tmp_path: Path) -> None:
    files = {
        "/k/cpu_manager_state": json.dumps(CPUS),
        "/k/memory_manager_state": "{",
        "/k/device-plugins/kubelet_internal_checkpoint": json.dumps(DEVICES),
    }
    reader = reader_of(tmp_path, files)
    assert read_checkpoints(reader, root="/k") == KubeletCheckpoints(
        cpu=parse_cpu_manager_state(json.dumps(CPUS)), devices=parse_device_manager_state(json.dumps(DEVICES))
    )
    assert [(problem.path, problem.reason) for problem in reader.problems] == [
        ("/k/memory_manager_state", "expected a checkpoint of the memory manager, found '{'")
    ]


def test_absent_files_are_no_problem(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, {})
    assert read_checkpoints(reader) == KubeletCheckpoints()
    assert reader.problems == ()


def test_a_file_longer_than_others_may_be_is_read_whole(tmp_path: Path) -> None:
    registered = {"x/nic": [f"device-{number:060}" for number in range(30_000)]}
    text = json.dumps({"Data": {"RegisteredDevices": registered}})
    reader = reader_of(tmp_path, {"/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint": text})
    devices = read_checkpoints(reader).devices
    assert len(text) > 1 << 20
    assert devices is not None
    assert len(devices.registered[0].device_ids) == 30_000


@pytest.mark.shared
def test_every_recorded_cpu_state_partitions_the_cpus_of_the_recorded_answers(recorded: Recorded) -> None:
    for path in recorded("cpu_manager_state"):
        state = parse_cpu_manager_state(path.read_text())
        document = json.loads(path.read_text())
        assert state.shared_cpus == parse_id_list(document["defaultCpuSet"]), path
        assert len(state.containers) == sum(map(len, document.get("entries", {}).values())), path
        assert all(not each.cpus & state.shared_cpus for each in state.containers), path


@pytest.mark.shared
def test_every_recorded_memory_state_adds_up(recorded: Recorded) -> None:
    for path in recorded("memory_manager_state"):
        state = parse_memory_manager_state(path.read_text())
        for table in (table for node in state.nodes for table in node.tables):
            assert table.reserved + table.free == table.allocatable, path
        assert all(each.blocks for each in state.containers), path


@pytest.mark.shared
def test_every_recorded_device_state_holds_what_the_answers_show(recorded: Recorded) -> None:
    for path in recorded("kubelet_internal_checkpoint"):
        state = parse_device_manager_state(path.read_text())
        answer = next(
            each
            for each in (path.parent / "podresources/list.json", path.parent / "list.json")
            if each.exists()
        )
        pods = map(pod_of, json.loads(answer.read_text()).get("podResources", []))
        held = {device for owner in state.containers for device in owner.devices}
        assert {device for pod in pods for each in pod.containers for device in each.devices} <= held, path
