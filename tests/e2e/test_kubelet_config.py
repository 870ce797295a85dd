"""`numascope kubelet-config` and `preflight` against a real kubelet: it starts with the one, and refuses as the other says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.bed.bed import Bed, start_bed
from tests.e2e.bed.machines import SPARSE, TWO_SOCKETS, make_machine
from tests.e2e.bed.options import KubeletOptions
from tests.e2e.bed.processes import wait_until
from tests.e2e.bed.programs import Programs
from tests.e2e.configurations import CHANGED, ON, REFUSED, WISHES
from tests.e2e.pods import guaranteed, pod
from tests.e2e.scenario import delete_pods, run_pods
from tests.hosts.spec import MachineSpec

NUMASCOPE = str(Path(sys.executable).with_name("numascope"))
STATE_FILES = ("cpu_manager_state", "memory_manager_state")


@dataclass
class Place:
    """A bed whose machine and kubelet's configuration change."""

    bed: Bed
    folder: Path
    made: int = 0

    def be(self, spec: MachineSpec) -> None:
        """Gives the next kubelet this machine, as it was made first."""
        self.bed.stop_part("kubelet")
        self.bed.forget_allocations()
        self.made += 1
        root = self.folder / str(self.made)
        root.mkdir()
        machine = make_machine(spec, root)
        self.bed.machine = machine
        self.bed.paths = replace(self.bed.paths, machine=root)

    def configuration(self, options: KubeletOptions) -> Path:
        """The configuration file of a kubelet with these options."""
        return self.bed.write_configuration(options)

    def preflight(self, options: KubeletOptions) -> dict[str, Any]:
        """The verdict on a kubelet with these options over the state files that are there."""
        captured = self.bed.machine.root / "var/lib/kubelet"
        shutil.rmtree(captured, ignore_errors=True)
        captured.mkdir(parents=True)
        for name in STATE_FILES:
            if (self.bed.kubelet_root / name).exists():
                shutil.copy(self.bed.kubelet_root / name, captured)
        done = numascope(
            *("preflight", "--config", self.configuration(options)),
            *self.drop_ins(),
            *("--host", self.bed.machine.root, "-o", "json"),
        )
        assert done.returncode in (0, 1), done.stderr
        verdict: dict[str, Any] = json.loads(done.stdout)
        assert verdict["starts"] is (done.returncode == 0)
        return verdict

    def drop_ins(self) -> tuple[str | Path, ...]:
        directory = self.bed.folder / "kubelet.conf.d"
        return ("--config-dir", directory) if directory.exists() else ()

    def start(self, options: KubeletOptions) -> str | None:
        """What the kubelet printed where it did not start."""
        self.bed.stop_part("kubelet")
        return self.bed.try_kubelet(options)


@pytest.fixture(scope="module")
def place(programs: Programs, machine_folder: Path) -> Iterator[Place]:
    """Without a kubelet yet."""
    first = machine_folder / "first"
    first.mkdir()
    machine = make_machine(TWO_SOCKETS, first)
    with start_bed(programs, machine, kubelet=False) as bed:
        bed.start_runtime()
        yield Place(bed=bed, folder=machine_folder)


def numascope(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """One command, as somebody types it."""
    return subprocess.run(
        [NUMASCOPE, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )


# What is made


@pytest.mark.parametrize(
    ("spec", "wish"), WISHES, ids=[f"{spec.name}: {' '.join(wish)}" for spec, wish in WISHES]
)
def test_a_real_kubelet_starts_with_what_is_made_for_the_machine(
    place: Place, spec: MachineSpec, wish: tuple[str, ...]
) -> None:
    place.be(spec)
    base = KubeletOptions(
        topology_policy="none",
        cpu_policy="none",
        memory_policy="None",
        extra={"enforceNodeAllocatable": ["none"]},  # an empty list would not outlive a drop-in
    )
    made = numascope(
        "kubelet-config", *wish, "--host", place.bed.machine.root, "--config", place.configuration(base)
    )
    assert made.returncode == 0, made.stderr
    options = base.but(drop_in=made.stdout)
    assert place.start(options) is None
    assert place.preflight(options)["objections"] == []
    pool = {name: place.bed.book(name)["policyName"] for name in STATE_FILES}
    assert pool == {
        "cpu_manager_state": "none" if "--cpu-manager" in wish else "static",
        "memory_manager_state": "None" if "--memory-manager" in wish else "Static",
    }


# What a kubelet refuses


@pytest.mark.parametrize("name", REFUSED)
def test_what_preflight_says_does_not_start_a_real_kubelet_refuses_with_the_same_words(
    place: Place, name: str
) -> None:
    refused = REFUSED[name]
    place.be(refused.spec)
    _agrees(place, refused.options, refused.check)


def _agrees(place: Place, options: KubeletOptions, check: str | None) -> dict[str, Any]:
    """Preflight and the kubelet say the same: it starts (None), or why it does not; gives the verdict."""
    verdict = place.preflight(options)
    printed = place.start(options)
    first = next(iter(verdict["objections"]), None)
    assert (first and first["check"]) == check, verdict
    if first is None:
        assert printed is None, printed
    else:
        assert printed is not None
        assert first["says"] in printed.replace('\\"', '"'), printed[-3000:]
    return verdict


@pytest.mark.parametrize("share", ["3%", "7.3%"])
def test_a_share_of_the_memory_comes_to_the_byte_that_the_kubelet_counts(place: Place, share: str) -> None:
    place.be(TWO_SOCKETS)
    thresholds = {"memory.available": share}
    verdict = place.preflight(KubeletOptions(extra={"evictionHard": thresholds}))
    total = verdict["objections"][0]["evidence"][0].rpartition("= ")[2]
    reserved = [{"numaNode": 0, "limits": {"memory": total}}]
    _agrees(place, KubeletOptions(extra={"evictionHard": thresholds, "reservedMemory": reserved}), None)


# Over the state files of a kubelet that had pods


PODS = (
    pod("two", guaranteed(cpu=2, memory="2Gi", hugepages_2Mi="64Mi")),
    pod("three", guaranteed(cpu=3, memory="1Gi")),
)


@pytest.fixture(scope="module")
def pods_ran(place: Place) -> dict[str, str]:
    """State files of a kubelet whose pods have CPUs, memory and hugepages."""
    place.be(TWO_SOCKETS)
    place.bed.start_kubelet(KubeletOptions())
    run_pods(place.bed, list(PODS))
    written = {name: (place.bed.kubelet_root / name).read_text() for name in STATE_FILES}
    delete_pods(place.bed)
    place.bed.stop_part("kubelet")
    return written


@pytest.mark.parametrize("name", CHANGED)
def test_over_state_files_with_pods_preflight_and_the_kubelet_agree(
    place: Place, pods_ran: dict[str, str], name: str
) -> None:
    changed = CHANGED[name]
    place.be(TWO_SOCKETS)
    for file, text in changed.files.items():
        (place.bed.machine.root / file).write_text(text)
    for file, text in pods_ran.items():
        (place.bed.kubelet_root / file).write_text(text)
    verdict = _agrees(place, changed.options, changed.check)
    lost = [loss["what"] for loss in verdict["losses"]]
    assert bool(lost) == (changed.check is not None)
    if changed.check == "cpu-state":
        assert sum(1 for each in lost if each.startswith("CPUs ") and "container app" in each) == len(PODS)


@pytest.mark.parametrize("broken", ["{", "another sum"])
@pytest.mark.parametrize("name", STATE_FILES)
def test_a_state_file_that_is_none_keeps_the_kubelet_from_starting(
    place: Place, pods_ran: dict[str, str], name: str, broken: str
) -> None:
    place.be(TWO_SOCKETS)
    for file, text in pods_ran.items():
        (place.bed.kubelet_root / file).write_text(text)
    other_sum = {**json.loads(pods_ran[name]), "dataChecksum": 1}
    (place.bed.kubelet_root / name).write_text("{" if broken == "{" else json.dumps(other_sum))
    _agrees(place, KubeletOptions(), "state-malformed")


# What becomes of pods


def test_a_kubelet_that_prefers_the_nearest_nodes_ends_with_the_first_pod_where_ids_have_gaps(
    place: Place,
) -> None:
    place.be(SPARSE)
    options = KubeletOptions(
        topology_policy="best-effort", topology_options={"prefer-closest-numa-nodes": ON}
    )
    verdict = place.preflight(options)
    assert (verdict["starts"], verdict["cautions"][0]["check"]) == (True, "sparse-ids")
    place.bed.start_kubelet(options)
    place.bed.create_pod(pod("any", guaranteed(cpu=2, memory="1Gi")))
    kubelet = place.bed.program("kubelet")
    wait_until(lambda: not kubelet.running, what="the kubelet's end")
    assert "index out of range" in kubelet.log.read_text()
    place.bed.api.delete("/api/v1/namespaces/default/pods/any", grace_seconds=0)


def test_pods_that_a_stricter_policy_would_not_have_are_named_and_refused_when_the_kubelet_starts(
    place: Place,
) -> None:
    place.be(TWO_SOCKETS)
    bed = place.bed
    bed.start_kubelet(KubeletOptions(topology_policy="best-effort"))
    run_pods(bed, [pod("narrow", guaranteed(cpu=4)), pod("wide", guaranteed(cpu=40))])
    stricter = KubeletOptions(topology_policy="single-numa-node")
    asked = bed.inside([NUMASCOPE, "preflight", "--config", place.configuration(stricter), "-o", "json"])
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    losses = json.loads(done.stdout)["losses"]
    assert [loss["pod"] for loss in losses] == ["default/wide"]
    bed.stop_part("kubelet")
    bed.start_kubelet(stricter)
    bed.wait_for_phase("wide", "Failed", "Succeeded")  # as its killed container says it
    assert "TopologyAffinityError" in _reasons(bed, "wide")
    assert "TopologyAffinityError" in losses[0]["what"]
    assert bed.pod("narrow")["status"]["phase"] == "Running"
    delete_pods(bed)


def _reasons(bed: Bed, pod_name: str) -> set[str]:
    """Of the events about a pod."""
    events = bed.api.get("/api/v1/namespaces/default/events")["items"]
    return {event["reason"] for event in events if event["involvedObject"]["name"] == pod_name}
