"""Every recorded kubelet ran, over the state files that it had written: so none of them is found not to start."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.admission.settings import settings_of
from agent.kubelet_config.model import Hardware, Start
from agent.kubelet_config.preflight import judge
from collectors.kubelet.checkpoints import parse_cpu_manager_state, parse_memory_manager_state
from collectors.kubelet.configuration import parse_configz
from collectors.model.kubelet import KubeletCheckpoints
from tests.agent.admission.replay import Replay
from tests.shared import shared_folder

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Start]]:
    """A start over the files of every moment of every recorded scenario."""
    folder = tmp_path_factory.mktemp("recordings")
    with tarfile.open(shared_folder("kubelet") / "recordings.tar.xz") as tar:
        tar.extractall(folder, filter="data")
    return [start for tree in sorted(folder.glob("*/tree.json")) for start in starts_of(Replay(tree.parent))]


def starts_of(replay: Replay) -> Iterator[tuple[str, Start]]:
    for configz in sorted(replay.folder.glob("*/configz.json")):
        moment = configz.parent
        if (moment / "cpu_manager_state").exists() and (moment / "memory_manager_state").exists():
            yield f"{replay.folder.name}/{moment.name}", start_of(replay, moment)


def start_of(replay: Replay, moment: Path) -> Start:
    text = (moment / "configz.json").read_text()
    config = parse_configz(text)
    checkpoints = KubeletCheckpoints(
        cpu=parse_cpu_manager_state((moment / "cpu_manager_state").read_text()),
        memory=parse_memory_manager_state((moment / "memory_manager_state").read_text()),
    )
    return Start(
        document={
            **json.loads(text)["kubeletconfig"],
            "enforceNodeAllocatable": [],
        },  # left out where it is empty
        config=config,
        settings=settings_of(config),
        hardware=Hardware(machine=replay.machine),
        checkpoints=checkpoints,
    )


def test_all_of_them_start(starts: list[tuple[str, Start]]) -> None:
    refused = {name: found for name, start in starts if (found := judge(start).objections)}
    assert refused == {}
    assert len(starts) > 80


def test_a_page_less_on_one_node_keeps_each_of_them_from_starting(starts: list[tuple[str, Start]]) -> None:
    for name, start in starts:
        node, amounts = start.hardware.machine.memory[0]
        less = tuple((kind, size - 4096 if kind == "memory" else size) for kind, size in amounts)
        memory = ((node, less), *start.hardware.machine.memory[1:])
        changed = replace(
            start, hardware=replace(start.hardware, machine=replace(start.hardware.machine, memory=memory))
        )
        static = start.config.memory_manager_policy == "Static"
        assert [each.check for each in judge(changed).objections] == ["memory-state"] * static, name
