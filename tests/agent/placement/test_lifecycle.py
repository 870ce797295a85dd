"""One kubelet through its day: pods come and go, it restarts, its plugin goes away and comes back. No specs are known."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from agent.placement.ledger import derive_ledger
from agent.placement.model import Ledger
from tests.agent.placement.building import figures
from tests.agent.placement.recorded import GIB, Recording, snapshot_of
from tests.shared import shared_folder

pytestmark = pytest.mark.shared

NODE_0 = 53_927_645_184
"""Bytes of memory that the kubelet can give from node 0"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    with tarfile.open(shared_folder("kubelet") / "recordings.tar.xz") as tar:
        tar.extractall(folder, filter="data")
    return folder


def ledger_at(folder: Path, moment: str) -> Ledger:
    machine = Recording(scenario=folder / "a-single-numa-node-container", moment=folder)
    recording = Recording(scenario=folder / "x-lifecycle", moment=folder / "x-lifecycle" / moment)
    return derive_ledger(snapshot_of(machine.numa, recording.picture))


def test_cpus_of_a_deleted_pod_are_free_when_the_cpu_manager_has_noticed(folder: Path) -> None:
    """It looks every few seconds; here it had, within the first."""
    assert figures(ledger_at(folder, "1-two-pods"), 0, "cpu")[2] == 22
    assert figures(ledger_at(folder, "2-p1-deleted-1s"), 0, "cpu")[2] == 26


@pytest.mark.parametrize("moment", ["2-p1-deleted-1s", "3-p1-deleted-11s"])
def test_memory_of_a_deleted_pod_is_free_though_it_stays_in_the_book(folder: Path, moment: str) -> None:
    assert figures(ledger_at(folder, moment), 0, "memory")[2] == NODE_0 - GIB


def test_devices_that_are_held_stay_capacity_while_their_plugin_is_away(folder: Path) -> None:
    gone = ledger_at(folder, "12-kubelet-restarted-no-plugin")
    assert figures(gone, 0, "example.com/gpu") == (1, 0, 0)
    back = ledger_at(folder, "13-plugin-back")
    assert figures(back, 0, "example.com/gpu") == (4, 4, 3)


@pytest.mark.parametrize(
    "moment",
    ["4-p3-created", "5-once-running", "6-once-succeeded", "7-crashloop", "8-after-a-rejection",
     "9-after-alloc-failure", "10-p4", "11-resize", "12-kubelet-restarted-no-plugin", "13-plugin-back"],
)  # fmt: skip
def test_nothing_contradicts_itself(folder: Path, moment: str) -> None:
    made = ledger_at(folder, moment)
    assert not made.contradictions
    assert not made.unknown
