"""`numascope capture` where there is a kubelet: its answers come along, what is private does not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.bed.bed import Bed, start_bed
from tests.e2e.bed.machines import TWO_SOCKETS, make_machine
from tests.e2e.bed.programs import Programs
from tests.e2e.pods import ENDS_LATE, container, guaranteed, pod

SECRET = "hunter2-correct-horse"


@pytest.fixture(scope="module")
def bed(programs: Programs, machine_folder: Path) -> Iterator[Bed]:
    with start_bed(programs, make_machine(TWO_SOCKETS, machine_folder)) as running:
        running.create_pod(
            pod("holds", guaranteed(cpu=4, memory="2Gi", example_com__gpu=2, hugepages_2Mi="512Mi"))
        )
        running.create_pod(
            pod("private", container(environment={"PASSWORD": SECRET}, limits={"cpu": "100m"}))
        )
        running.create_pod(
            pod("starts", guaranteed(cpu=1), init=[guaranteed("long", cpu=2, image=ENDS_LATE)])
        )
        for name in ("holds", "private"):
            running.wait_for_phase(name, "Running")
        yield running


def numascope(bed: Bed, *words: str | Path) -> str:
    """What the command prints, run where the synthetic server is the machine."""
    command = bed.inside([sys.executable, "-m", "agent", *words])
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_the_kubelets_answers_come_along(bed: Bed, tmp_path: Path) -> None:
    archive = tmp_path / "machine.tar.xz"
    said = numascope(bed, "capture", "-o", archive)
    assert "kubelet: 3 pods" in said
    with tarfile.open(archive) as members:
        answers = json.load(members.extractfile("kubelet/podresources.json") or pytest.fail("no answers"))
        names = members.getnames()
    assert {"kubelet/cpu_manager_state", "kubelet/memory_manager_state"} <= set(names)
    holds = next(each for each in answers["pods"] if each["name"] == "holds")
    assert (
        sorted(device["resource"] for device in holds["containers"][0]["devices"]) == ["example.com/gpu"] * 2
    )


def test_nothing_private_is_in_the_archive(bed: Bed, tmp_path: Path) -> None:
    archive = tmp_path / "machine.tar"
    numascope(bed, "capture", "-o", archive)
    assert SECRET.encode() not in archive.read_bytes()


def test_the_captured_server_is_the_one_that_the_kubelet_sees(bed: Bed, tmp_path: Path) -> None:
    archive = tmp_path / "machine.tar.gz"
    numascope(bed, "capture", "-o", archive)
    shown = json.loads(numascope(bed, "show", "--host", archive, "-o", "json"))
    assert shown["cpus"]["facts"]["online"] == "0-63"
    assert [node["id"] for node in shown["numa"]["facts"]["nodes"]] == [0, 1]


def test_a_kubelet_that_hangs_is_said_and_the_capture_goes_on(bed: Bed, tmp_path: Path) -> None:
    bed.program("kubelet").send(signal.SIGSTOP)
    try:
        said = numascope(bed, "capture", "-o", tmp_path / "machine.tar")
    finally:
        bed.program("kubelet").send(signal.SIGCONT)
    assert "no answer" in said
    assert (tmp_path / "machine.tar").stat().st_size > 10_000
