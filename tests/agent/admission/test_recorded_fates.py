"""Every pod's fate in the recorded scenarios, from our rules alone: refused or not, why, and what it was given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from agent.admission.model import Books
from collectors.kubelet.checkpoints import (
    parse_cpu_manager_state,
    parse_device_manager_state,
    parse_memory_manager_state,
)
from collectors.model.kubelet import DeviceAllocation
from collectors.model.pod import REFUSED
from tests.agent.admission.replay import Replay
from tests.shared import shared_folder

pytestmark = pytest.mark.shared

Fate = tuple[str | None, str | None]
"""(reason, message); of an admitted pod (None, None)"""


def written(folder: Path) -> dict[tuple[str, str], Fate]:
    """(scenario, pod) to its fate, from the summary."""
    fates: dict[tuple[str, str], Fate] = {}
    for line in (folder / "SUMMARY.tsv").read_text().splitlines():
        scenario, pod, phase, _, reason, message = line.split("\t")
        if phase in ("Running", "Pending"):
            fates[scenario, pod] = None, None
        elif phase == "Failed":
            fates[scenario, pod] = reason, message.removeprefix(REFUSED)
    return fates


def test_every_recorded_fate_comes_out(recorded: list[Replay]) -> None:
    expected = written(shared_folder("kubelet"))
    found = {
        (replay.folder.name, pod.name): (decision.reason, decision.message)
        for replay in recorded
        for pod, decision, _ in replay.fates()
    }
    assert {key: fate for key, fate in found.items() if fate != expected[key]} == {}
    assert found.keys() == expected.keys()


def test_the_last_books_are_those_of_the_recorded_kubelet(recorded: list[Replay]) -> None:
    for replay in recorded:
        *_, (_, _, books) = replay.fates()
        assert cpus_of(books) == cpus_written(replay), replay.folder.name
        assert memory_of(books) == memory_written(replay), replay.folder.name
        assert devices_of(replay, books) == devices_written(replay, books), replay.folder.name


def cpus_of(books: Books) -> Mapping[tuple[str, str], frozenset[int]]:
    living = {pod.uid for pod in books.pods}
    return {holder: cpus for holder, cpus in books.cpus.items() if holder[0] in living}


def cpus_written(replay: Replay) -> Mapping[tuple[str, str], frozenset[int]]:
    state = parse_cpu_manager_state((replay.folder / "pods" / "cpu_manager_state").read_text())
    assert state is not None
    return {(each.pod_uid, each.container or ""): each.cpus for each in state.containers}


def memory_of(books: Books) -> object:
    return books.memory_nodes, books.memory


def memory_written(replay: Replay) -> object:
    state = parse_memory_manager_state((replay.folder / "pods" / "memory_manager_state").read_text())
    assert state is not None
    return state.nodes, {(each.pod_uid, each.container or ""): each.blocks for each in state.containers}


Devices = Counter[tuple[str, str, str, frozenset[int] | None]]
"""How many by pod, container, resource and, where that is no chance, NUMA nodes: those of a resource whose devices all
sit on one node, under a policy that binds them"""

ON_ONE_NODE = ("example.com/gpu", "example.com/nic")


def devices_of(replay: Replay, books: Books) -> Devices:
    return Counter(
        (uid, container, device.resource, nodes_told(replay, device))
        for (uid, container), devices in books.device_holders.items()
        for device in devices
    )


def devices_written(replay: Replay, books: Books) -> Devices:
    """Of living pods: the file keeps others until somebody is given devices again."""
    living = {pod.uid for pod in books.pods}
    state = parse_device_manager_state((replay.folder / "pods" / "kubelet_internal_checkpoint").read_text())
    assert state is not None
    return Counter(
        (each.pod_uid, each.container, device.resource, nodes_told(replay, device))
        for each in state.containers
        if each.pod_uid in living
        for device in each.devices
    )


def nodes_told(replay: Replay, device: DeviceAllocation) -> frozenset[int] | None:
    bound = replay.settings.topology_policy == "single-numa-node" and device.resource in ON_ONE_NODE
    return device.numa_nodes if bound else None
