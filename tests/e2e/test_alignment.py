"""Alignment beside a real kubelet whose cgroups are real too: cpusets, pages, and what people wished for.

The machine has a CPU on each of two NUMA nodes, of which the kernel knows nothing: all pages really lie on node 0.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.bed.agent import AgentRun
from tests.e2e.bed.bed import start_bed
from tests.e2e.bed.cgroups import MEMORY_BYTES, CgroupsUnavailableError, RealCgroups, real_cgroups
from tests.e2e.bed.kubelet import Reserved
from tests.e2e.bed.machines import make_machine
from tests.e2e.bed.options import KubeletOptions
from tests.e2e.bed.processes import wait_until
from tests.e2e.bed.programs import Programs
from tests.e2e.pods import container, guaranteed, pod
from tests.e2e.scenario import run_pods
from tests.e2e.world import World
from tests.hosts.spec import GIB, MIB, CpuSpec, HugePages, MachineSpec, MemorySpec

NUMASCOPE = Path(sys.executable).with_name("numascope")
TWO_CPUS = MachineSpec(
    name="a CPU on each of two nodes",
    cpus=CpuSpec(packages=2, cores=1, smt=1),
    memory=MemorySpec(bytes_per_node=16 * GIB, hugepages=(HugePages(size_bytes=2 * MIB, totals=(16,)),)),
)
WISHES = {
    "kubernetes.io/topology-policy": "single-numa-node",
    "cpu-set.kubernetes.io/numa-node": "0",
    "example.com/secret": "hunter2",
}


@pytest.fixture(scope="module")
def cgroups() -> Iterator[RealCgroups]:
    try:
        with real_cgroups() as made:
            yield made
    except CgroupsUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def agent(programs: Programs, machine_folder: Path, cgroups: RealCgroups) -> Iterator[AgentRun]:
    """On a node with a pod that has CPU 1 for itself, and one that shares CPU 0 with the system."""
    machine = replace(
        make_machine(TWO_CPUS, machine_folder), reserved=Reserved(cpus="0", memory_by_node={0: 512, 1: 512})
    )
    # Half a CPU for the system: the CPU manager keeps all of CPU 0 for it, and the other half is left for who shares.
    reserve = {"reservedSystemCPUs": "", "systemReserved": {"cpu": "500m", "memory": "512Mi"}}
    options = KubeletOptions(memory_policy="None", extra={**cgroups.options, **reserve})
    with start_bed(programs, machine, options) as bed:
        world = World(bed, TWO_CPUS)
        world.start_agent(state_visible=False)
        trainer = pod("trainer", guaranteed(cpu=1, example_com__gpu=1))
        trainer["metadata"]["annotations"] = WISHES
        run_pods(bed, [trainer, pod("web", container(requests={"cpu": "50m"}))])
        assert world.agent is not None
        yield world.agent


@pytest.fixture(scope="module")
def groups(agent: AgentRun, cgroups: RealCgroups) -> dict[str, Path]:
    """The cpuset directory of each pod's container."""
    return {name: cgroups.confine(agent.bed, name) for name in ("trainer", "web")}


def pods_of(plain: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in plain["pods"] if each["namespace"] == "default"}


def served(agent: AgentRun) -> dict[str, dict[str, Any]]:
    """Pods as the agent serves them."""
    status, body = agent.get("/api/v1/alignment")
    assert status == 200, body
    return pods_of(json.loads(body))


def cpuset(agent: AgentRun, name: str) -> dict[str, Any]:
    (only,) = served(agent)[name]["containers"]
    return dict(only["cpuset"] or {})


def beside_the_kubelet(agent: AgentRun, *command: str) -> subprocess.CompletedProcess[str]:
    """A command of ours where the kubelet's sockets are."""
    return subprocess.run(
        agent.bed.inside([NUMASCOPE, *command]), capture_output=True, text=True, timeout=60, check=False
    )


def doctor(agent: AgentRun) -> tuple[int, dict[str, dict[str, Any]]]:
    done = beside_the_kubelet(agent, "doctor", "-o", "json")
    return done.returncode, {each["check"]: each for each in json.loads(done.stdout)["findings"]}


def test_a_container_has_the_cpus_that_the_kubelet_gave_it(agent: AgentRun, groups: dict[str, Path]) -> None:
    (app,) = served(agent)["trainer"]["containers"]
    assert (app["fit"]["nodes"], app["fit"]["aligned"], app["cpu_level"]) == ("1", True, "core")
    assert (app["cpuset"]["cpus"], app["cpuset"]["kubelet_cpus"], app["cpuset"]["verdict"]) == (
        "1",
        "1",
        "same",
    )
    assert cpuset(agent, "web")["verdict"] == "shared"


def test_its_pages_are_where_the_kernel_has_them(agent: AgentRun, groups: dict[str, Path]) -> None:
    (app,) = served(agent)["trainer"]["containers"]
    (on_node_0,) = app["pages"]["by_node"]
    assert on_node_0["node"] == 0
    assert MEMORY_BYTES <= on_node_0["bytes"] < 4 * MEMORY_BYTES
    assert app["pages"]["remote_share"] == 1.0
    (web,) = served(agent)["web"]["containers"]
    assert web["pages"]["remote_share"] == 0.0


def test_the_kubelets_sockets_tell_the_same(agent: AgentRun, groups: dict[str, Path]) -> None:
    done = beside_the_kubelet(agent, "pods", "-n", "default", "-o", "json")
    assert done.returncode == 0, done.stderr
    asked, told = pods_of(json.loads(done.stdout)), served(agent)
    for name in ("trainer", "web"):
        for each in (asked, told):
            each[name]["containers"][0]["pages"] = None  # they grow meanwhile
    assert asked == told


def test_wishes_are_kept_and_no_other_annotation(agent: AgentRun, groups: dict[str, Path]) -> None:
    wishes = {each["annotation"]: each["fulfilled"] for each in served(agent)["trainer"]["wishes"]}
    assert wishes == {"kubernetes.io/topology-policy": True, "cpu-set.kubernetes.io/numa-node": False}
    assert "hunter2" not in json.dumps(agent.snapshot())
    found = doctor(agent)[1]["wish-without-effect"]
    assert found["severity"] == "warning"
    assert "default/trainer cpu-set.kubernetes.io/numa-node=0: it is on NUMA node 1" in found["evidence"]


def test_a_cpuset_that_somebody_changed_is_found(agent: AgentRun, groups: dict[str, Path]) -> None:
    assert not doctor(agent)[1].keys() & {"cpuset-differs", "cpuset-stale"}
    for group in groups.values():
        (group / "cpuset.cpus").write_text("0-1")
    wait_until(
        lambda: cpuset(agent, "trainer")["verdict"] == "differs", what="the agent to see it", seconds=5
    )
    assert cpuset(agent, "trainer")["extra"] == "0"
    assert (cpuset(agent, "web")["verdict"], cpuset(agent, "web")["extra"]) == ("stale", "1")
    status, found = doctor(agent)
    assert status == 1
    assert found["cpuset-differs"]["evidence"] == [
        "default/trainer/app: CPUs 0-1 in its cgroup, 1 by the kubelet"
    ]
    assert found["cpuset-stale"]["evidence"] == ["default/web/app: CPUs 0-1 in its cgroup, 0 by the kubelet"]


def test_a_person_is_shown_a_table(agent: AgentRun, groups: dict[str, Path]) -> None:
    done = beside_the_kubelet(agent, "pods", "-o", "wide")
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if line.startswith("default/trainer/app "))
    assert "1 (one core)" in row
    assert "example.com/gpu on 1" in row
