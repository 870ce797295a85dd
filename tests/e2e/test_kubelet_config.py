"""`numascope kubelet-config` and `preflight` against a real kubelet: it starts with the one, and refuses as the other says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.bed.bed import Bed, start_bed
from tests.e2e.bed.machines import MEMORY_ONLY, SPARSE, SUB_NUMA, TWO_SOCKETS, make_machine
from tests.e2e.bed.options import KubeletOptions
from tests.e2e.bed.processes import wait_until
from tests.e2e.bed.programs import Programs
from tests.e2e.pods import guaranteed, pod
from tests.e2e.scenario import delete_pods, run_pods
from tests.hosts.spec import GIB, MIB, CpuSpec, HugePages, MachineSpec, MemorySpec

NUMASCOPE = str(Path(sys.executable).with_name("numascope"))
STATE_FILES = ("cpu_manager_state", "memory_manager_state")

FEW_PAGES = HugePages(size_bytes=2 * MIB, totals=(64,))

NINE_NODES = MachineSpec(
    name="nine nodes of a few CPUs",
    cpus=CpuSpec(packages=9, cores=2, smt=2),
    memory=MemorySpec(bytes_per_node=4 * GIB, hugepages=(FEW_PAGES,)),
)
SEVERAL_CACHES = MachineSpec(
    name="two sockets with four L3 caches each, one thread a core",
    cpus=CpuSpec(packages=2, cores=16, cores_per_l3=4),
    memory=MemorySpec(bytes_per_node=31 * GIB, hugepages=(FEW_PAGES,)),
)
UNEVEN = MachineSpec(
    name="four nodes, of which one is nearly all hugepages",
    cpus=CpuSpec(packages=4, cores=4, smt=2),
    memory=MemorySpec(bytes_per_node=2 * GIB, hugepages=(HugePages(size_bytes=2 * MIB, totals=(900, 0)),)),
)
ONE_NODE = MachineSpec(
    name="one node", cpus=CpuSpec(cores=4), memory=MemorySpec(bytes_per_node=8 * GIB, hugepages=(FEW_PAGES,))
)


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


WISHES: tuple[tuple[MachineSpec, tuple[str, ...]], ...] = (
    (TWO_SOCKETS, ("--policy", "single-numa-node")),
    (
        TWO_SOCKETS,
        ("--policy", "restricted", "--scope", "pod", "--reserve-cpus", "3", "--reserve-memory", "4Gi"),
    ),
    (TWO_SOCKETS, ("--policy", "none")),
    (TWO_SOCKETS, ("--policy", "best-effort", "--options", "align-by-socket,strict-cpu-reservation")),
    (TWO_SOCKETS, ("--policy", "best-effort", "--cpu-manager", "none", "--memory-manager", "None")),
    (SUB_NUMA, ("--policy", "restricted")),
    (SUB_NUMA, ("--policy", "restricted", "--options", "align-by-socket,distribute-cpus-across-numa")),
    (SPARSE, ("--policy", "restricted")),
    (MEMORY_ONLY, ("--policy", "best-effort", "--scope", "pod")),
    (NINE_NODES, ("--policy", "single-numa-node")),
    (SEVERAL_CACHES, ("--policy", "single-numa-node", "--options", "prefer-align-cpus-by-uncorecache")),
    (TWO_SOCKETS, ("--policy", "restricted", "--options", "distribute-cpus-across-cores")),
    (UNEVEN, ("--policy", "single-numa-node", "--reserve-memory", "1000001Ki")),
    (ONE_NODE, ("--policy", "single-numa-node")),
)


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


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A configuration that no kubelet starts with."""

    check: str
    options: KubeletOptions = field(default_factory=KubeletOptions)
    spec: MachineSpec = TWO_SOCKETS


def _with(**extra: object) -> KubeletOptions:
    return KubeletOptions(extra=extra)


def _reserving(*entries: tuple[int, Mapping[str, str]]) -> KubeletOptions:
    return _with(reservedMemory=[{"numaNode": node, "limits": dict(limits)} for node, limits in entries])


ALPHA = {"CPUManagerPolicyAlphaOptions": True}
ON = "true"
HALF = {"memory": "512Mi"}

NOTHING_NEW = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"

REFUSED: dict[str, Refused] = {
    "policy": Refused(check="policy-unknown", options=_with(topologyManagerPolicy="strict")),
    "scope": Refused(check="policy-unknown", options=_with(topologyManagerScope="node")),
    "cpu policy": Refused(check="policy-unknown", options=_with(cpuManagerPolicy="dynamic")),
    "memory policy": Refused(check="policy-unknown", options=_with(memoryManagerPolicy="static")),
    "best-effort memory": Refused(check="policy-unknown", options=_with(memoryManagerPolicy="BestEffort")),
    "gate of old": Refused(
        check="gate-unknown", options=KubeletOptions(feature_gates={"MemoryManager": True})
    ),
    "gate of older": Refused(
        check="gate-unknown", options=KubeletOptions(feature_gates={"CPUManager": True})
    ),
    "gate of oldest": Refused(
        check="gate-unknown", options=KubeletOptions(feature_gates={"TopologyManager": True})
    ),
    "locked gate": Refused(
        check="gate-locked", options=KubeletOptions(feature_gates={"CPUManagerPolicyOptions": False})
    ),
    "other locked gate": Refused(
        check="gate-locked", options=KubeletOptions(feature_gates={"TopologyManagerPolicyOptions": False})
    ),
    "cgroups": Refused(check="reserved-cpus-and-cgroup", options=_with(systemReservedCgroup="/system.slice")),
    "kube cgroup": Refused(check="reserved-cpus-and-cgroup", options=_with(kubeReservedCgroup="/kube.slice")),
    "memory twice": Refused(check="reserved-memory-twice", options=_reserving((0, HALF), (0, HALF))),
    "zero memory": Refused(
        check="reserved-memory-zero", options=_reserving((0, {"memory": "1Gi"}), (1, {"memory": "0"}))
    ),
    "cpu as memory": Refused(check="reserved-memory-unknown", options=_reserving((0, {"cpu": "1"}))),
    "enforced": Refused(check="enforced-without-qos", options=_with(enforceNodeAllocatable=["pods"])),
    "lost list": Refused(check="enforced-without-qos", options=KubeletOptions(drop_in=NOTHING_NEW)),
    "enforced cgroup": Refused(
        check="enforced-without-cgroup", options=_with(enforceNodeAllocatable=["system-reserved"])
    ),
    "enforced what": Refused(check="policy-unknown", options=_with(enforceNodeAllocatable=["cpus"])),
    "offline": Refused(check="reserved-cpus-missing", options=_with(reservedSystemCPUs="0,64")),
    "reserved hugepages": Refused(
        check="reserve-unknown", options=_with(systemReserved={"memory": "512Mi", "hugepages-2Mi": "1Gi"})
    ),
    "eviction signal": Refused(
        check="eviction-unknown", options=_with(evictionHard={"memory.free": "100Mi"})
    ),
    "eviction of nothing": Refused(
        check="eviction-zero", options=_with(evictionHard={"memory.available": "0"})
    ),
    "topology option": Refused(
        check="option-unknown", options=KubeletOptions(topology_options={"prefer-nearest": ON})
    ),
    "topology value": Refused(
        check="option-value", options=KubeletOptions(topology_options={"prefer-closest-numa-nodes": "yes"})
    ),
    "few nodes": Refused(
        check="option-value", options=KubeletOptions(topology_options={"max-allowable-numa-nodes": "7"})
    ),
    "no number": Refused(
        check="option-value", options=KubeletOptions(topology_options={"max-allowable-numa-nodes": ON})
    ),
    "nine nodes": Refused(check="too-many-numa-nodes", spec=NINE_NODES),
    "cpu option": Refused(check="option-unknown", options=KubeletOptions(cpu_options={"full-cpus-only": ON})),
    "cpu value": Refused(check="option-value", options=KubeletOptions(cpu_options={"full-pcpus-only": "on"})),
    "alpha option": Refused(
        check="option-gated",
        options=KubeletOptions(topology_policy="restricted", cpu_options={"align-by-socket": ON}),
    ),
    "beta option": Refused(
        check="option-gated",
        options=KubeletOptions(
            cpu_options={"distribute-cpus-across-numa": ON},
            feature_gates={"CPUManagerPolicyBetaOptions": False},
        ),
    ),
    "options of none": Refused(
        check="options-without-policy",
        options=KubeletOptions(cpu_policy="none", cpu_options={"full-pcpus-only": ON}),
    ),
    "excluding": Refused(
        check="options-exclude",
        options=KubeletOptions(
            cpu_options={"full-pcpus-only": ON, "distribute-cpus-across-cores": ON}, feature_gates=ALPHA
        ),
    ),
    "excluding too": Refused(
        check="options-exclude",
        options=KubeletOptions(
            cpu_options={"prefer-align-cpus-by-uncorecache": ON, "distribute-cpus-across-numa": ON}
        ),
    ),
    "by socket": Refused(
        check="align-by-socket",
        options=KubeletOptions(cpu_options={"align-by-socket": ON}, feature_gates=ALPHA),
    ),
    "no cpu": Refused(check="no-cpu-reserved", options=_with(reservedSystemCPUs="")),
    "many cpus": Refused(
        check="too-many-cpus-reserved",
        options=_with(reservedSystemCPUs="", systemReserved={"cpu": "65", "memory": "512Mi"}),
    ),
    "memory of nobody": Refused(check="reserved-memory-node", options=_reserving((0, HALF), (7, HALF))),
    "memory short": Refused(check="reserved-memory", options=_reserving((0, HALF), (1, {"memory": "511Mi"}))),
    "memory missing": Refused(check="reserved-memory", options=_with(reservedMemory=[])),
    "hugepages": Refused(
        check="reserved-hugepages",
        options=_reserving((0, {"memory": "1Gi", "hugepages-2Mi": "2Mi"})),
    ),
    "share of memory": Refused(
        check="reserved-memory", options=_with(evictionHard={"memory.available": "1%"})
    ),
    "no memory": Refused(
        check="no-memory-reserved",
        options=_with(systemReserved={}, kubeReserved={}, reservedMemory=[], evictionHard={}),
    ),
    "over capacity": Refused(
        check="reserve-over-capacity",
        options=_with(
            systemReserved={"memory": "500Gi"},
            reservedMemory=[{"numaNode": 0, "limits": {"memory": "512512Mi"}}],
        ),
    ),
}


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


# Over the state files of a kubelet that had pods


@dataclass(frozen=True, kw_only=True)
class Changed:
    """What changed since, and what comes of it."""

    check: str | None
    options: KubeletOptions = field(default_factory=KubeletOptions)
    files: Mapping[str, str] = field(default_factory=dict)
    """Of the machine, with their new text"""


NODE = "sys/devices/system/node"
CPU = "sys/devices/system/cpu"

CHANGED: dict[str, Changed] = {
    "nothing": Changed(check=None),
    "topology policy": Changed(check=None, options=KubeletOptions(topology_policy="best-effort")),
    "no topology policy": Changed(check=None, options=KubeletOptions(topology_policy="none")),
    "whole cores": Changed(check=None, options=KubeletOptions(cpu_options={"full-pcpus-only": ON})),
    "cpu policy": Changed(check="state-policy", options=KubeletOptions(cpu_policy="none")),
    "memory policy": Changed(check="state-policy", options=KubeletOptions(memory_policy="None")),
    "reserved cpus that are held": Changed(check="cpu-state", options=_with(reservedSystemCPUs="0,1,16")),
    "reserved cpus that are free": Changed(check=None, options=_with(reservedSystemCPUs="0,15")),
    "strictly reserved": Changed(
        check="cpu-state", options=KubeletOptions(cpu_options={"strict-cpu-reservation": ON})
    ),
    "reserved memory": Changed(
        check="memory-state", options=_reserving((0, {"memory": "600Mi"}), (1, {"memory": "424Mi"}))
    ),
    "hugepages": Changed(
        check="memory-state",
        files={f"{NODE}/node1/hugepages/hugepages-2048kB/nr_hugepages": "1024\n"},
    ),
    "memory": Changed(
        check="memory-state",
        files={f"{NODE}/node0/meminfo": f"Node 0 MemTotal:       {62 * GIB // 1024} kB\n"},
    ),
    "cpu offline": Changed(
        check="cpu-state", files={f"{CPU}/online": "0-62\n", f"{CPU}/cpu63/online": "0\n"}
    ),
}


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
