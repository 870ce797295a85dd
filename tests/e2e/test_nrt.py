"""The published NodeResourceTopology equals what the kubelet's own books say: every policy, both scopes, odd machines.

Each class of pods that holds something runs, each that must not count has come and gone, and the agent follows it all
live with nothing mounted but the kubelet's two sockets; then it starts anew with the kubelet's directory mounted.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import get_args

import pytest

from tests.e2e.bed.bed import NODE_NAME, start_bed
from tests.e2e.bed.machines import MEMORY_ONLY, SPARSE, SUB_NUMA, TWO_SOCKETS, make_machine
from tests.e2e.bed.options import KubeletOptions, TopologyPolicy, TopologyScope
from tests.e2e.bed.processes import wait_until
from tests.e2e.bed.programs import Programs
from tests.e2e.pods import guaranteed, pod
from tests.e2e.scenario import delete_pods, holders, passing, refused, refused_by_some, run_pods
from tests.e2e.truth import scheduler_fingerprint, zones_of
from tests.e2e.world import RIGHT_SECONDS, World
from tests.hosts.machine import expected_snapshot
from tests.hosts.spec import MachineSpec

OF_TWO_SOCKETS = [
    KubeletOptions(topology_policy=policy, topology_scope=scope)
    for policy, scope in itertools.product(get_args(TopologyPolicy), get_args(TopologyScope))
] + [
    KubeletOptions(cpu_policy="none", memory_policy="None", topology_policy="none"),
    KubeletOptions(memory_policy="None"),
    KubeletOptions(cpu_options={"strict-cpu-reservation": "true"}),
    KubeletOptions(cpu_options={"full-pcpus-only": "true", "distribute-cpus-across-numa": "true"}),
    KubeletOptions(feature_gates={"PodLevelResourceManagers": True}, topology_scope="pod"),
    KubeletOptions(feature_gates={"PodLevelResourceManagers": True}, topology_scope="container"),
]
OF_ODD_MACHINES = [
    KubeletOptions(topology_policy="single-numa-node", topology_scope="container"),
    KubeletOptions(topology_policy="restricted", topology_scope="pod"),
]
WORLDS = [
    *((TWO_SOCKETS, options) for options in OF_TWO_SOCKETS),
    *((machine, options) for machine in (SUB_NUMA, SPARSE, MEMORY_ONLY) for options in OF_ODD_MACHINES),
]


def _name(world: tuple[MachineSpec, KubeletOptions]) -> str:
    spec, options = world
    extra = [f"cpu-{options.cpu_policy}"] * (options.cpu_policy != "static")
    extra += [f"memory-{options.memory_policy}"] * (options.memory_policy != "Static")
    words = (
        spec.name,
        options.topology_policy,
        options.topology_scope,
        *extra,
        *options.cpu_options,
        *options.feature_gates,
    )
    return "-".join(words).replace(" ", "-").replace(",", "")


class Worlds:
    """One world at a time: a bed for each machine, since beds are dear."""

    def __init__(self, programs: Programs, folders: pytest.TempPathFactory) -> None:
        self._programs, self._folders = programs, folders
        self._open = ExitStack()
        self._world: World | None = None

    def world(self, spec: MachineSpec, options: KubeletOptions) -> World:
        """The world of this machine, with a kubelet of these options."""
        if self._world is None or self._world.spec != spec:
            self.close()
            machine = make_machine(spec, self._folders.mktemp("machine"))
            self._world = World(self._open.enter_context(start_bed(self._programs, machine, options)), spec)
        self._world.configure(options)
        return self._world

    def close(self) -> None:
        """Ends the bed that is up."""
        self._open.close()
        self._world = None


@pytest.fixture(scope="module")
def worlds(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    made = Worlds(programs, tmp_path_factory)
    yield made
    made.close()


@pytest.fixture(scope="module", params=WORLDS, ids=_name)
def world(request: pytest.FixtureRequest, worlds: Worlds) -> World:
    """A node full of pods, whose agent has followed it from the start by the kubelet's sockets alone."""
    made = worlds.world(*request.param)
    made.start_agent(state_visible=False)
    run_pods(made.bed, [*holders(), *passing(), *refused(), *refused_by_some()])
    return made


def test_memory_over_two_nodes_is_counted_once(worlds: Worlds) -> None:
    world = worlds.world(TWO_SOCKETS, KubeletOptions(topology_policy="best-effort"))
    world.start_agent(state_visible=False)
    run_pods(
        world.bed,
        [
            pod("spans", guaranteed(cpu=2, memory="80Gi")),
            pod("no-single-node-is-left", guaranteed(cpu=2, memory="1Gi")),
        ],
    )
    assert world.bed.book("memory_manager_state")["machineState"]["0"]["cells"] == [0, 1]
    assert world.differences() == []
    world.start_agent(state_visible=True)
    assert world.differences() == []


def test_the_object_is_right_after_pods_of_every_kind(world: World) -> None:
    assert world.differences() == []


def test_everything_that_is_served_is_served_on_a_full_node(world: World) -> None:
    assert world.agent is not None
    for path in ("/metrics", "/api/v1/snapshot", "/healthz", "/readyz"):
        status, body = world.agent.get(path)
        assert status == 200, f"{path}: {body}"
    status, body = world.agent.get("/api/v1/nrt")
    assert zones_of(json.loads(body)) == zones_of(world.nrt())


def test_pods_were_refused_for_every_reason(world: World) -> None:
    reasons = set()
    for body in refused():
        status = world.bed.pod(body["metadata"]["name"])["status"]
        assert status["message"].startswith("Pod was rejected: ")
        reasons.add(status["reason"])
    wanted = {"UnexpectedAdmissionError", "OutOfcpu", "OutOfmemory", "NodeAffinity"}
    if world.bed.options.topology_policy in ("restricted", "single-numa-node"):
        wanted.add("TopologyAffinityError")
    if "full-pcpus-only" in world.bed.options.cpu_options:
        reasons.add(world.bed.pod("half-a-core")["status"]["reason"])
        wanted.add("SMTAlignmentError")
    assert reasons >= wanted


def test_policy_and_scope_are_told(world: World) -> None:
    told = {each["name"]: each["value"] for each in world.nrt()["attributes"]}
    assert told["topologyManagerPolicy"] == world.bed.options.topology_policy
    assert told["topologyManagerScope"] == world.bed.options.topology_scope


def test_costs_are_the_distances_between_the_zones(world: World) -> None:
    numa = expected_snapshot(world.spec, now=0.0).numa.facts
    assert numa is not None
    zones = world.nrt()["zones"]
    names = {zone["name"] for zone in zones}
    for node in numa.nodes:
        wanted = {f"node-{other}": distance for other, distance in node.distances if f"node-{other}" in names}
        costs = next(zone["costs"] for zone in zones if zone["name"] == f"node-{node.id}")
        assert {cost["name"]: cost["value"] for cost in costs} == wanted


def test_the_object_belongs_to_its_node(world: World) -> None:
    node = world.bed.api.get(f"/api/v1/nodes/{NODE_NAME}")["metadata"]
    (owner,) = world.nrt()["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("Node", NODE_NAME, node["uid"])
    assert not owner.get("blockOwnerDeletion")


def test_an_agent_that_starts_anew_finds_the_same_and_writes_nothing(world: World) -> None:
    before = world.nrt_at_rest()
    world.start_agent(state_visible=False)
    assert world.differences() == []
    after = world.nrt()
    assert (after["attributes"], after["zones"]) == (before["attributes"], before["zones"])
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


def test_the_kubelets_directory_tells_the_same(world: World) -> None:
    world.start_agent(state_visible=True)
    assert world.differences() == []


def test_pods_that_go_leave_what_they_held(world: World) -> None:
    delete_pods(world.bed, "whole", "init-was-bigger", "on-two-nodes", "budget-of-the-pod", "sidecar")
    assert world.differences() == []


def test_the_fingerprint_is_the_schedulers_own_as_soon_as_every_pod_runs(world: World) -> None:
    delete_pods(world.bed, "init-runs")

    def agree() -> bool:
        told = {each["name"]: each["value"] for each in world.nrt()["attributes"]}
        return bool(told["nodeTopologyPodsFingerprint"] == scheduler_fingerprint(world.bed))

    wait_until(agree, what="the fingerprint that the scheduler makes", seconds=RIGHT_SECONDS)
