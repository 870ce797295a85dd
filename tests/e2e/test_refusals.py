"""Refused pods beside a real kubelet: each explained by the resource and the NUMA node that decided, a storm told once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.bed.agent import AgentRun
from tests.e2e.bed.api import Object
from tests.e2e.bed.bed import NODE_NAME, Bed, start_bed
from tests.e2e.bed.machines import TWO_SOCKETS, make_machine
from tests.e2e.bed.manifests import DEPLOY, apply_manifests
from tests.e2e.bed.options import KubeletOptions
from tests.e2e.bed.processes import wait_until
from tests.e2e.bed.programs import Programs
from tests.e2e.pods import guaranteed, pod
from tests.e2e.scenario import delete_pods, run_pods
from tests.e2e.world import World

NUMASCOPE = str(Path(sys.executable).with_name("numascope"))
RIGHTS = DEPLOY / "components" / "explain-events" / "rbac.yaml"
EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"
WITH_EVENTS = {"NUMASCOPE_EXPLAIN_EVENTS": "on"}

GPU, NIC = "example.com/gpu", "example.com/nic"
SECONDS = 30.0

STORM = 100
STORM_BYTES = 10 << 20
"""By which the agent may grow for a storm, the code that explains it among that"""

POLICIES = {
    "single-numa-node": KubeletOptions(topology_policy="single-numa-node", topology_scope="container"),
    "restricted": KubeletOptions(topology_policy="restricted", topology_scope="pod"),
}


def holders() -> list[Object]:
    """One on each node: 10 CPUs and 2 GPUs are left on node 0, 12 CPUs, 2 GPUs and no NIC on node 1."""
    return [
        pod("holder-0", guaranteed(cpu=20, memory="20Gi", example_com__gpu=2)),
        pod("holder-1", guaranteed(cpu=18, memory="20Gi", example_com__gpu=2, example_com__nic=2)),
    ]


def refused() -> list[Object]:
    """One for each reason."""
    return [
        pod("cpus", guaranteed(cpu=16)),
        pod("memory", guaranteed(cpu=1, memory="40Gi")),
        pod("devices", guaranteed(cpu=1, example_com__gpu=3)),
        pod("together", guaranteed(cpu=11, example_com__nic=1)),
        pod("broken", guaranteed(cpu=1, example_com__broken=1)),
        pod("elsewhere", guaranteed(cpu=1), nodeSelector={"kubernetes.io/hostname": "another"}),
    ]


@pytest.fixture(scope="module")
def world(programs: Programs, machine_folder: Path) -> Iterator[World]:
    with start_bed(programs, make_machine(TWO_SOCKETS, machine_folder)) as bed:
        world = World(bed, TWO_SOCKETS)
        apply_manifests(bed.api, RIGHTS)
        yield world


def agent_of(world: World) -> AgentRun:
    """The one that runs."""
    assert world.agent is not None
    return world.agent


def refusals(agent: AgentRun, name: str | None = None) -> dict[str, Any]:
    """What the agent serves of all refused pods, or of one."""
    status, body = agent.get(f"/api/v1/refusals{f'?pod={name}' if name else ''}")
    assert status == 200, body
    found: dict[str, Any] = json.loads(body)
    return found


def explained(agent: AgentRun, name: str) -> dict[str, Any]:
    """The explanation of one pod, once there is one."""
    found: dict[str, Any] = {}

    def is_there() -> bool:
        found.clear()
        found.update(refusals(agent, name))
        return bool(found["stories"]) and found["stories"][0]["explanation"] is not None

    wait_until(is_there, what=f"{name} to be explained", seconds=SECONDS)
    said: dict[str, Any] = found["stories"][0]["explanation"]
    return said


def free(said: dict[str, Any], resource: str) -> list[int]:
    """What was free of it on each node."""
    return [
        share["free"]
        for share in said["state"]["shares"]
        if share["resource"] == resource and share["node"] is not None
    ]


def events(bed: Bed) -> list[Object]:
    """Ours on refused pods."""
    return [each for each in bed.api.get(EVENTS)["items"] if each["reason"] == "RefusalExplained"]


@pytest.fixture(params=list(POLICIES))
def node(world: World, request: pytest.FixtureRequest) -> World:
    """A node whose kubelet has refused those pods before the agent's eyes."""
    world.configure(POLICIES[request.param])
    world.start_agent(state_visible=False)
    run_pods(world.bed, [*holders(), *refused()])
    return world


def test_each_refusal_is_explained_by_what_decided(node: World) -> None:
    agent = agent_of(node)
    cpus = explained(agent, "cpus")
    assert (cpus["cause"], cpus["resources"], free(cpus, "cpu")) == ("alignment", ["cpu"], [10, 12])
    assert cpus["fits"] == "12 CPUs would have fitted, on NUMA node 1"
    assert "default/holder-1 holds 18" in " ".join(cpus["evidence"])
    memory = explained(agent, "memory")
    assert (memory["cause"], memory["resources"]) == ("memory", ["memory"])
    devices = explained(agent, "devices")
    assert (devices["cause"], devices["resources"], free(devices, GPU)) == ("alignment", [GPU], [2, 2])
    together = explained(agent, "together")
    assert set(together["resources"]) == {"cpu", NIC}
    assert (free(together, "cpu"), free(together, NIC)) == ([10, 12], [2, 0])
    assert explained(agent, "broken")["cause"] == "plugin-error"
    assert explained(agent, "elsewhere")["cause"] == "placement"
    assert all(said["replayed"] for said in (cpus, memory, devices, together))
    assert refusals(agent)["counts"]["refused"] == len(refused())


def test_the_command_explains_by_the_agent_and_by_the_kubelet_alone(node: World) -> None:
    agent = agent_of(node)
    explained(agent, "cpus")
    wish = f"{'the pod' if node.bed.options.topology_scope == 'pod' else 'container app'} wants 16 CPUs"
    by_agent = explain("cpus", "--agent", agent.url)
    by_kubelet = explain(
        *("cpus", "--agent", "http://127.0.0.1:9", "--kubelet-root", str(node.bed.kubelet_root)),
        *("--kubelet-config", str(node.bed.write_configuration(node.bed.options))),
        inside=node.bed,
    )
    for status, out in (by_agent, by_kubelet):
        assert status == 0, out
        assert wish in out
        assert "NUMA node 1: 12 of 30 CPUs free; default/holder-1 holds 18" in out
    assert explain("holder-0", "--agent", agent.url)[0] == 1


def explain(*arguments: str, inside: Bed | None = None) -> tuple[int, str]:
    """Exit status and what was printed; inside the bed's machine where it has to read that itself."""
    command = [NUMASCOPE, "explain", *arguments]
    done = subprocess.run(
        command if inside is None else inside.inside(command),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def storm(bed: Bed) -> None:
    """A hundred pods of one ReplicaSet, none of which fits."""
    for number in range(STORM):
        body = pod(f"storm-{number}", guaranteed(cpu=40))
        body["metadata"]["ownerReferences"] = [
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "name": "storm",
                "uid": "8f14e45f-ceea-467f-a8d4-000000000001",
                "controller": True,
            }
        ]
        bed.create_pod(body)


def of_storm(agent: AgentRun) -> dict[str, Any]:
    """The stories of that ReplicaSet, of which there is one."""
    (story,) = [each for each in refusals(agent)["stories"] if (each["owner"] or {}).get("name") == "storm"]
    return dict(story)


def test_a_storm_is_one_story_and_one_event_and_no_restart_counts_it_again(world: World) -> None:
    world.configure(POLICIES["single-numa-node"])
    world.start_agent(state_visible=False, environment=WITH_EVENTS)
    agent = agent_of(world)
    before, rss = len(events(world.bed)), agent.rss_bytes()
    storm(world.bed)
    wait_until(
        lambda: refusals(agent)["counts"]["refused"] == STORM, what="all to be counted", seconds=SECONDS
    )
    wait_until(lambda: len(events(world.bed)) > before, what="the Event", seconds=SECONDS)
    story = of_storm(agent)
    assert (story["refused"], len(story["pods"])) == (STORM, 5)
    assert agent.rss_bytes() - rss < STORM_BYTES
    (event,) = events(world.bed)[before:]
    assert event["regarding"]["name"].startswith("storm-")
    assert "wants 40 CPUs on one NUMA node" in event["note"]

    world.bed.stop_part("kubelet", signal.SIGKILL)
    world.bed.start_kubelet()
    world.bed.wait_for_devices()
    world.differences(seconds=SECONDS)
    assert refusals(agent)["counts"]["refused"] == STORM

    world.start_agent(state_visible=False, environment=WITH_EVENTS)
    agent = agent_of(world)
    wait_until(
        lambda: refusals(agent)["counts"]["present"] == STORM, what="what lies around", seconds=SECONDS
    )
    story = of_storm(agent)
    assert (refusals(agent)["counts"]["refused"], story["refused"], story["refused_before"]) == (0, 0, STORM)
    assert explained(agent, "storm-0")["hindsight"]
    assert len(events(world.bed)) == before + 1
    snapshot = agent.snapshot()["kubelet"]["refusals"]
    assert [(each["owner_name"], each["present"]) for each in snapshot["by_workload"]] == [("storm", STORM)]
    delete_pods(world.bed)
    assert NODE_NAME in event["reportingInstance"]
