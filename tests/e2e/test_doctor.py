"""`numascope doctor` beside a real kubelet: does the scheduler trust what is published, and what is wrong with the node."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.bed.agent import AgentRun
from tests.e2e.bed.bed import API_PORT, NODE_NAME, Bed, start_bed
from tests.e2e.bed.machines import TWO_SOCKETS, make_machine
from tests.e2e.bed.processes import wait_until
from tests.e2e.bed.programs import Programs
from tests.e2e.pods import ENDS_LATE, ENDS_SOON, container, guaranteed, pod
from tests.e2e.scenario import delete_pods, run_pods
from tests.e2e.world import World

NUMASCOPE = str(Path(sys.executable).with_name("numascope"))
NOWHERE = "http://127.0.0.1:9"

Findings = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def agent(programs: Programs, machine_folder: Path) -> Iterator[AgentRun]:
    """On a node with one pod that runs."""
    with start_bed(programs, make_machine(TWO_SOCKETS, machine_folder)) as bed:
        world = World(bed, TWO_SOCKETS)
        world.start_agent(state_visible=False)
        assert world.agent is not None
        run_pods(bed, [pod("runs", guaranteed(cpu=2))])
        yield world.agent


def doctor(command: list[str], environment: Mapping[str, str] | None = None) -> tuple[int, Findings]:
    """Exit status, and the findings by their check."""
    done = subprocess.run(
        [*command, "-o", "json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, {each["check"]: each for each in json.loads(done.stdout)["findings"]}


def asked_outside(bed: Bed, *arguments: str) -> tuple[int, Findings]:
    """As an administrator at the node would ask."""
    kubeconfig = str(bed.credentials.kubeconfig)
    return doctor(
        [
            *(NUMASCOPE, "doctor", "--fingerprint", "--kubeconfig", kubeconfig, "--node-name", NODE_NAME),
            *(arguments or ("--kubelet-root", str(bed.kubelet_root))),
        ]
    )


def asked_inside(agent: AgentRun, *arguments: str) -> tuple[int, Findings]:
    """As in the agent's own container, with its rights."""
    bed = agent.bed
    environment = {
        "KUBERNETES_SERVICE_HOST": bed.address,
        "KUBERNETES_SERVICE_PORT": str(API_PORT),
        "NODE_IP": bed.address,
    }
    enter = ["nsenter", "--mount", "--target", str(agent.program.pid)]
    return doctor([*enter, NUMASCOPE, "doctor", *arguments], environment)


def test_the_scheduler_trusts_a_node_whose_pods_run(agent: AgentRun) -> None:
    def equal() -> bool:
        status, findings = asked_outside(agent.bed)
        return status == 0 and findings["fingerprint-shared"]["severity"] == "note"

    wait_until(equal, what="an equal fingerprint", seconds=20)


def test_a_listed_pod_that_is_still_pending_makes_the_difference_and_is_named(agent: AgentRun) -> None:
    first = guaranteed("first", cpu=1, image=ENDS_LATE)
    run_pods(agent.bed, [pod("waits", guaranteed(cpu=1), init=[first])])
    try:
        status, findings = asked_outside(agent.bed)
        of_agent, by_agent = asked_outside(agent.bed, "--kubelet-root", "/nonexistent", "--agent", agent.url)
        of_nobody, by_nobody = asked_outside(agent.bed, "--kubelet-root", "/nonexistent", "--agent", NOWHERE)
    finally:
        delete_pods(agent.bed, "waits")
    assert status == of_agent == of_nobody == 1
    for each in (findings, by_agent, by_nobody):
        evidence = each["fingerprint-shared"]["evidence"]
        assert "these pods make the difference: default/waits" in evidence
    assert (
        "default/waits: Pending at the API server, listed by the kubelet; not counted by the scheduler"
        in by_agent["fingerprint-shared"]["evidence"]
    )


def test_with_the_agents_own_rights_the_missing_one_is_named_and_the_kubelet_asked_instead(
    agent: AgentRun,
) -> None:
    status, findings = asked_inside(agent, "--fingerprint")
    assert "the right to list pods is missing" in findings["fingerprint-rights"]["what"]
    assert findings["fingerprint-rights"]["severity"] == "warning"
    assert (status, findings["fingerprint-shared"]["severity"]) == (0, "note")


def test_a_node_is_examined_with_its_kubelet(agent: AgentRun) -> None:
    status, findings = asked_inside(agent)
    assert findings["policies"]["what"] == "policies are from the kubelet's own /configz"
    assert findings["devices-without-topology"]["severity"] == "warning"
    assert (status, [each for each in findings.values() if each["severity"] == "error"]) == (0, [])


def test_pods_that_cannot_be_aligned_and_cpus_that_nobody_uses_are_named(agent: AgentRun) -> None:
    bed = agent.bed
    bigger = guaranteed("first", cpu=5, image=ENDS_SOON)
    run_pods(
        bed,
        [
            pod("init-was-bigger", guaranteed(cpu=2), init=[bigger]),
            pod("burstable", container(requests={"cpu": "1"}, limits={"example.com/gpu": 1})),
            pod("fraction", guaranteed(cpu="1500m")),
        ],
    )
    try:
        configuration = bed.folder / "kubelet.json"
        command = bed.inside([NUMASCOPE, "doctor", "--kubelet-config", configuration])
        status, findings = doctor(command)
    finally:
        delete_pods(bed, "init-was-bigger", "burstable", "fraction")
    held = findings["init-container-cpus"]
    assert held["what"].startswith("init containers that have ended hold 3 CPUs")
    assert held["evidence"][0].startswith("default/init-was-bigger, init container first: CPUs ")
    assert findings["pods-not-guaranteed"]["evidence"] == [
        "default/burstable: Burstable, asks for example.com/gpu"
    ]
    assert findings["cpus-fractional"]["evidence"] == ["default/fraction, container app: 1.5 CPUs"]
    assert status == 0, findings


def test_hugepages_that_went_after_the_kubelet_had_counted_them_are_an_error(agent: AgentRun) -> None:
    node = agent.bed.machine.root / "sys/devices/system/node/node1"
    pages = node / "hugepages/hugepages-2048kB/nr_hugepages"
    counted = pages.read_text()
    pages.write_text("1024\n")
    try:
        status, findings = asked_inside(agent)
    finally:
        pages.write_text(counted)
    assert status == 1
    assert findings["hugepages-changed"]["evidence"] == [
        "hugepages-2Mi of NUMA node 1: 4 GiB for the kubelet, 2 GiB now"
    ]
