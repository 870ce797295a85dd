"""Checksums of state files, against those that real kubelets wrote."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from collectors.hostfs import DirectoryFS
from collectors.kubelet.state_sums import WRONG_SUM, has_wrong_sum, note_wrong_sums, sum_of
from collectors.model.kubelet import CpuManagerState, KubeletCheckpoints
from collectors.reader import FactReader
from tests.shared import shared_folder

DATA = '{"policyName":"static","defaultCpuSet":"0-63"}'
STATE = KubeletCheckpoints(cpu=CpuManagerState(policy="static", shared_cpus=frozenset(range(64))))


def written(data: str = DATA, noted: int | None = 3931421591) -> str:
    return json.dumps({"data": data, "dataChecksum": noted})


def test_the_sum_is_the_kubelets() -> None:
    assert sum_of(DATA) == 3931421591
    assert not has_wrong_sum(written())


@pytest.mark.parametrize(
    "text", [written(noted=1), written(noted=None), written(data=DATA.replace("63", "62"))]
)
def test_another_sum_is_wrong(text: str) -> None:
    assert has_wrong_sum(text)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"policyName": "static", "checksum": 5}', '{"data": "x", "dataChecksum": "5"}']
)
def test_what_has_no_such_sum_is_not_judged(text: str) -> None:
    assert not has_wrong_sum(text)


def test_a_wrong_sum_is_a_problem_of_the_file_that_was_read(tmp_path: Path) -> None:
    (tmp_path / "cpu_manager_state").write_text(written(noted=1))
    reader = FactReader(DirectoryFS())
    note_wrong_sums(reader, STATE, root=str(tmp_path))
    (problem,) = reader.problems
    assert (problem.path, problem.reason) == (f"{tmp_path}/cpu_manager_state", WRONG_SUM)


def test_a_file_that_could_not_be_read_is_not_looked_at_again(tmp_path: Path) -> None:
    (tmp_path / "cpu_manager_state").write_text(written(noted=1))
    reader = FactReader(DirectoryFS())
    note_wrong_sums(reader, KubeletCheckpoints(), root=str(tmp_path))
    assert reader.problems == ()


@pytest.mark.shared
def test_every_recorded_file_has_the_right_sum() -> None:
    count = 0
    with tarfile.open(shared_folder("kubelet") / "recordings.tar.xz") as tar:
        for member in tar:
            if member.name.endswith(("cpu_manager_state", "memory_manager_state")):
                file = tar.extractfile(member)
                assert file is not None
                assert not has_wrong_sum(file.read().decode()), member.name
                count += 1
    assert count > 150
