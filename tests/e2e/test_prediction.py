"""What is predicted of a pod before it is bound is what the real kubelet then does with it.

Random pods come one by one, and some go again. Each is predicted from what the agent serves at that moment; then it is
bound, and the kubelet's answer is read from the API server, its CPUs from cpu_manager_state. The last bed gives the agent
the kubelet's two sockets and no state files.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from agent.admission.model import Decision, Outcome
from agent.headroom.derive import derive_headroom
from agent.prediction.node import KnownNode, node_of
from agent.prediction.predict import predict
from agent.sources.snapshot_form import parse_snapshot
from agent.views.headroom_page import plain_headroom
from agent.workloads.manifest import parse_manifest
from collectors.hostfs import DirectoryFS
from collectors.kubelet.checkpoints import read_checkpoints
from collectors.model import Snapshot
from collectors.model.pod import REFUSED
from collectors.reader import FactReader
from tests.e2e.bed.api import Object
from tests.e2e.bed.bed import Bed, start_bed
from tests.e2e.bed.machines import MEMORY_ONLY, SPARSE, SUB_NUMA, TWO_SOCKETS, make_machine
from tests.e2e.bed.options import KubeletOptions
from tests.e2e.bed.processes import wait_until
from tests.e2e.bed.programs import Programs
from tests.e2e.pods import container, pod
from tests.e2e.random_pods import random_pod
from tests.e2e.scenario import delete_pods, is_settled, wait_until_settled
from tests.e2e.truth import ids
from tests.e2e.world import World
from tests.hosts.spec import MachineSpec

PODS = 50
"""On each bed"""

SEED = os.environ.get("E2E_SEED", "e2e")
"""Another one makes other pods"""

SECONDS = 30.0

NUMASCOPE = str(Path(sys.executable).with_name("numascope"))

pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One bed."""

    name: str
    spec: MachineSpec
    options: KubeletOptions
    state_visible: bool = True


SETTINGS = (
    Setting(name="single-numa-node", spec=TWO_SOCKETS, options=KubeletOptions()),
    Setting(
        name="restricted-pod-whole-cores",
        spec=TWO_SOCKETS,
        options=KubeletOptions(
            topology_policy="restricted", topology_scope="pod", cpu_options={"full-pcpus-only": "true"}
        ),
    ),
    Setting(
        name="best-effort-four-nodes",
        spec=SUB_NUMA,
        options=KubeletOptions(
            topology_policy="best-effort",
            topology_options={"prefer-closest-numa-nodes": "true"},
            feature_gates={"PodLevelResourceManagers": True},
        ),
    ),
    Setting(name="without-state-files", spec=TWO_SOCKETS, options=KubeletOptions(), state_visible=False),
)


ALPHA = {"CPUManagerPolicyAlphaOptions": True}
MORE = tuple(
    Setting(name=name, spec=spec, options=options)
    for name, spec, options in (
        ("none", TWO_SOCKETS, KubeletOptions(topology_policy="none")),
        ("restricted-four-nodes", SUB_NUMA, KubeletOptions(topology_policy="restricted")),
        (
            "by-socket-and-shared-out",
            SUB_NUMA,
            KubeletOptions(
                topology_policy="restricted",
                cpu_options={"align-by-socket": "true", "distribute-cpus-across-numa": "true"},
                feature_gates=ALPHA,
            ),
        ),
        (
            "best-effort-pod-across-cores",
            TWO_SOCKETS,
            KubeletOptions(
                topology_policy="best-effort",
                topology_scope="pod",
                cpu_options={"distribute-cpus-across-cores": "true", "strict-cpu-reservation": "true"},
                feature_gates={**ALPHA, "PodLevelResourceManagers": True},
            ),
        ),
        ("ids-with-gaps", SPARSE, KubeletOptions(topology_policy="single-numa-node", topology_scope="pod")),
        ("memory-alone", MEMORY_ONLY, KubeletOptions(topology_policy="restricted", topology_scope="pod")),
        ("no-managers", TWO_SOCKETS, KubeletOptions(cpu_policy="none", memory_policy="None")),
    )
)
"""With E2E_MORE set only"""


@pytest.fixture(params=SETTINGS + MORE * ("E2E_MORE" in os.environ), ids=lambda setting: setting.name)
def setting(request: pytest.FixtureRequest) -> Setting:
    found: Setting = request.param
    return found


@pytest.fixture
def world(programs: Programs, setting: Setting, tmp_path: Path) -> Iterator[World]:
    machine = make_machine(setting.spec, tmp_path)
    with start_bed(programs, machine, setting.options) as bed:
        made = World(bed, setting.spec)
        made.start_agent(state_visible=setting.state_visible)
        yield made


def test_every_pod_meets_the_fate_that_was_predicted_before_it_was_bound(
    world: World, setting: Setting
) -> None:
    random = Random(f"{SEED}/{setting.name}")
    wrong: list[str] = []
    admitted = 0
    for number in range(PODS):
        _let_some_go(world.bed, random)
        body = random_pod(random, number)
        known = node_under_rules(world)
        decision = predicted(known, body)
        world.bed.create_pod(body)
        found = wait_for_fate(world.bed, body["metadata"]["name"])
        admitted += decision.outcome is Outcome.ADMITTED
        wrong += differences(world.bed, body, decision, found, cpus=setting.state_visible)
    assert not wrong, "\n".join(wrong)
    assert PODS // 5 < admitted < PODS - PODS // 10, "pods of which all fit, or none, prove little"


def test_the_largest_pod_of_the_headroom_fits_and_one_more_cpu_does_not(
    world: World, setting: Setting
) -> None:
    for body in filling(setting):
        world.bed.create_pod(body)
    wait_until_settled(world.bed)
    known = node_under_rules(world)
    headroom = derive_headroom(known.node)
    assert world.agent is not None
    status, text = world.agent.get("/api/v1/headroom")
    assert (status, json.loads(text)["largest"]) == (
        200,
        plain_headroom(headroom, known, source="")["largest"],
    )
    for kind in ("cpu", "cpu+memory"):
        fits = dict(next(each for each in headroom.largest if each.kind == kind).amounts)
        memory = fits["memory"] if kind == "cpu" else fits["memory"] * (fits["cpu"] + 1) // fits["cpu"]
        larger = pod("larger", container(limits={"cpu": fits["cpu"] + 1, "memory": memory}))
        assert (predicted_by_command(world.agent.url, larger), phase_of(world.bed, larger)) == (1, "Failed")
        largest = pod("largest", container(limits=fits))
        assert (predicted_by_command(world.agent.url, largest), phase_of(world.bed, largest)) == (
            0,
            "Running",
        )


def phase_of(bed: Bed, body: Object) -> str:
    """What becomes of a pod. It is gone afterwards."""
    name = body["metadata"]["name"]
    bed.create_pod(body)
    try:
        phase: str = wait_for_fate(bed, name)["status"]["phase"]
        return phase
    finally:
        delete_pods(bed, name)


def predicted_by_command(agent_url: str, body: Object) -> int:
    """The exit status of `numascope predict`."""
    return subprocess.run(
        [NUMASCOPE, "predict", "-f", "-", "--agent", agent_url],
        input=json.dumps(body).encode(),
        stdout=subprocess.DEVNULL,
        timeout=60,
        check=False,
    ).returncode


def filling(setting: Setting) -> list[Object]:
    """Pods that leave the nodes unequal."""
    sizes = (4, 6, 2, 10) if "cores" in setting.name else (3, 6, 2, 9)
    return [
        pod(f"fills-{number}", container(limits={"cpu": cpus, "memory": f"{cpus}Gi"}))
        for number, cpus in enumerate(sizes)
    ]


# The prediction


def node_under_rules(world: World) -> KnownNode:
    """The node as the agent knows it, once it knows of every pod what the kubelet does."""
    found: list[Snapshot] = []
    behind = [""]

    def knows() -> bool:
        assert world.agent is not None
        status, text = world.agent.get("/api/v1/snapshot")
        if status != 200:
            return False
        found[:] = [parse_snapshot(text)]
        behind[:] = [_behind(world.bed, found[0], state_visible=world.agent.state_visible)]
        return not behind[0]

    try:
        wait_until(knows, what="the agent to know all pods", seconds=SECONDS)
    except TimeoutError as error:
        raise AssertionError(f"the agent does not know {behind[0]}") from error
    known = node_of(found[0])
    assert known.unknown == ()
    return known


def _behind(bed: Bed, snapshot: Snapshot, *, state_visible: bool) -> str:
    """What the agent does not know yet; empty where it knows all."""
    picture = snapshot.kubelet
    if picture is None or picture.pods.facts is None or picture.allocations.facts is None:
        return "the kubelet"
    phases = {
        each["metadata"]["uid"]: each["status"]["phase"] for each in bed.api.get("/api/v1/pods")["items"]
    }
    known = {each.uid: each.phase for each in picture.pods.facts}
    if known != phases:
        return f"pods: it has {known}, the API server {phases}"
    if state_visible:
        written = read_checkpoints(FactReader(DirectoryFS()), root=str(bed.kubelet_root))
        return "" if picture.checkpoints == written else f"{written}: it has {picture.checkpoints}"
    alive = {each.name for each in picture.pods.facts if not each.ended}
    listed = {each.name for each in picture.allocations.facts}
    return "" if listed == alive else f"{alive}: it lists {listed}"


def predicted(known: KnownNode, body: Object) -> Decision:
    """The fate of one pod, from its manifest."""
    manifest = parse_manifest(json.dumps(body))
    (fate,) = predict(known.node, manifest.workloads).fates
    return fate.decision


# What the kubelet did


def wait_for_fate(bed: Bed, name: str) -> Object:
    """The pod, once the kubelet has settled on it."""
    wait_until(
        lambda: is_settled(bed.pod(name)),
        what=f"the fate of {name}",
        seconds=SECONDS,
        watching=[bed.program("kubelet")],
    )
    return bed.pod(name)


def differences(bed: Bed, body: Object, decision: Decision, found: Object, *, cpus: bool) -> list[str]:
    """A line for each thing that came out otherwise."""
    status = found["status"]
    name = body["metadata"]["name"]
    if status["phase"] == "Failed":
        was = (status.get("reason"), str(status.get("message", "")).removeprefix(REFUSED))
        foretold = {(decision.reason, decision.message), *decision.also}
        return [] if was in foretold else [f"{name}: {was}, predicted {foretold}: {json.dumps(body['spec'])}"]
    if decision.outcome is not Outcome.ADMITTED:
        return [
            f"{name}: admitted, predicted {decision.reason} {decision.message}: {json.dumps(body['spec'])}"
        ]
    held = cpus_held(bed, found["metadata"]["uid"])
    wanted = {each.name: each.cpus for each in decision.containers if each.cpus}
    if cpus and held != wanted:
        return [f"{name}: has CPUs {held}, predicted {wanted}: {json.dumps(body['spec'])}"]
    return []


def cpus_held(bed: Bed, uid: str) -> dict[str, frozenset[int]]:
    """CPUs of the pod's containers, by the kubelet's book."""
    entries = bed.book("cpu_manager_state").get("entries", {}).get(uid, {})
    return {name: ids(text) for name, text in entries.items() if text}


def _let_some_go(bed: Bed, random: Random) -> None:
    """Now and then pods go: those that were refused, and some of the others."""
    there = bed.api.get("/api/v1/namespaces/default/pods")["items"]
    gone = [
        each["metadata"]["name"]
        for each in there
        if random.random() < (0.3 if each["status"]["phase"] == "Failed" else 0.12)
    ]
    if gone:
        delete_pods(bed, *gone)
