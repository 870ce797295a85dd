"""Why a pod was refused, on a small node: which resource, what was free where, what would have fitted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.refusals.classify import Cause
from agent.refusals.explain import NOW_IT_FITS, ReplayOf, explain
from agent.refusals.replay import replay_of
from agent.refusals.signatures import Circumstances
from agent.refusals.state import SHARES
from collectors.model import Snapshot
from collectors.model.snapshot import Observed
from tests.agent.placement.building import app, init
from tests.agent.refusals.building import GIB, GPU, GPUS, MEMORY_MISFIT, holds, node, refused, why
from tests.agent.refusals.many import many_nodes

BOTH_WAYS = pytest.mark.parametrize("replay", [replay_of, None], ids=["rules", "figures"])


@BOTH_WAYS
def test_too_few_cpus_on_one_node_are_told_with_who_holds_them(replay: ReplayOf | None) -> None:
    before = node(holds("db", "1-4"), holds("job", "8-10", gib={(1,): 2}))
    said = why(refused("web-1", app(cpu=6, memory=GIB)), before, replay=replay)
    assert said.summary == "container app wants 6 CPUs on one NUMA node: node 0 has 3, node 1 has 5"
    assert (said.container, said.resources) == ("app", ("cpu",))
    assert said.fits == "5 CPUs would have fitted, on NUMA node 1"
    assert said.evidence[:2] == (
        "NUMA node 0: 3 of 7 CPUs free; default/db holds 4",
        "NUMA node 1: 5 of 8 CPUs free; default/job holds 3",
    )
    assert said.ways_out[:2] == (
        "ask for 5 CPUs at most",
        "it would fit if default/job were not here, which holds 3 CPUs on NUMA node 1",
    )


def test_with_the_rules_a_looser_policy_is_tried() -> None:
    said = why(refused("web-1", app(cpu=9, memory=GIB)), node(holds("db", "1-4")))
    assert said.replayed
    assert said.summary == (
        "container app wants 9 CPUs on one NUMA node, and no node of this machine gives more than 8 CPUs"
    )
    assert said.ways_out[-1].startswith("under topology policy best-effort this node would have taken it")


@BOTH_WAYS
def test_resources_that_are_free_on_different_nodes_are_told_together(replay: ReplayOf | None) -> None:
    before = node(holds("db", "1-6"), holds("train", "8", gpus=(2, 3)))
    said = why(refused("web-1", app(cpu=4, gpu=1, memory=GIB)), before, replay=replay)
    assert set(said.resources) >= {"cpu", GPU}
    assert "each could be had by itself, but nowhere together" in said.summary
    assert "of CPUs node 0 has 1, node 1 has 7" in said.summary
    assert f"of {GPU} node 0 has 2, node 1 has 0" in said.summary
    goes = f"it would fit if default/train were not here, which holds 2 {GPU} on NUMA node 1"
    assert (goes in said.ways_out) is (replay is not None)


@BOTH_WAYS
def test_memory_that_fits_nowhere_is_told_from_the_error_that_it_is_called(replay: ReplayOf | None) -> None:
    before = node(holds("db", "1", gib={(0,): 10}), holds("job", "8", gib={(1,): 9}))
    pod = refused(
        "web-1", app(cpu=1, memory=8 * GIB), reason="UnexpectedAdmissionError", message=MEMORY_MISFIT
    )
    said = why(pod, before, replay=replay)
    assert said.cause is Cause.MEMORY
    assert said.summary == (
        "container app wants 8 GiB memory on one NUMA node: node 0 has 5 GiB, node 1 has 6 GiB"
    )
    assert said.fits == "6 GiB memory would have fitted, on NUMA node 1"
    assert "a failure of alignment by another name" in " ".join(said.evidence)


@BOTH_WAYS
def test_what_a_container_before_it_took_is_not_free_any_more(replay: ReplayOf | None) -> None:
    pod = refused("web-1", app("one", cpu=5, memory=GIB), app("two", cpu=6, memory=GIB))
    said = why(pod, node(holds("db", "8-10")), replay=replay)
    assert said.container == "two"
    assert said.summary == (
        "container two wants 6 CPUs on one NUMA node: node 0 has 2, node 1 has 5, once container one had theirs"
    )


@BOTH_WAYS
def test_in_pod_scope_the_pod_is_seen_as_a_whole(replay: ReplayOf | None) -> None:
    pod = refused("web-1", app("one", cpu=5, memory=GIB), app("two", cpu=4, memory=GIB))
    said = why(pod, node(topology_manager_scope="pod"), replay=replay)
    assert said.container is None
    assert said.summary == (
        "the pod wants 9 CPUs on one NUMA node, and no node of this machine gives more than 8 CPUs"
    )


@BOTH_WAYS
def test_under_best_effort_the_whole_node_counts(replay: ReplayOf | None) -> None:
    message = (
        "Allocate failed due to not enough cpus available to satisfy request: requested=3, available=10, which is "
        "unexpected"
    )
    pod = refused("web-1", app(cpu=13, memory=GIB), reason="UnexpectedAdmissionError", message=message)
    said = why(pod, node(holds("db", "1-5"), topology_manager_policy="best-effort"), replay=replay)
    assert (
        said.summary == "container app wants 13 CPUs, and 10 CPUs are free in all: node 0 has 2, node 1 has 8"
    )
    assert said.fits == "10 CPUs would have fitted"
    assert "requested=3 is what was still missing" in " ".join(said.evidence)


@BOTH_WAYS
def test_restricted_insists_on_as_few_nodes_as_an_empty_machine_would_take(replay: ReplayOf | None) -> None:
    before = node(holds("db", "1-4"), holds("job", "8-11"), topology_manager_policy="restricted")
    said = why(refused("web-1", app(cpu=6, memory=GIB)), before, replay=replay)
    assert said.known_fault is not None
    assert said.known_fault.name == "restricted-insists"
    assert said.summary.startswith(
        "container app wants 6 CPUs: node 0 has 3, node 1 has 4; enough CPUs are free"
    )
    assert said.ways_out[0] == said.known_fault.way_out


@BOTH_WAYS
def test_restricted_takes_all_from_equally_many_nodes(replay: ReplayOf | None) -> None:
    said = why(
        refused("web-1", app(cpu=10, memory=GIB)), node(topology_manager_policy="restricted"), replay=replay
    )
    assert said.summary == (
        "container app wants 10 CPUs and 1 GiB memory, which takes 2 NUMA nodes for CPUs and 1 NUMA node for memory; "
        "policy restricted takes all of it from equally many"
    )


def test_full_cores_are_what_would_have_fitted_where_only_those_are_given() -> None:
    before = node(
        holds("db", "1-4"), holds("job", "8-10"), cpu_manager_options=(("full-pcpus-only", "true"),)
    )
    said = why(refused("web-1", app(cpu=6, memory=GIB)), before, replay=None)
    assert said.fits == "4 CPUs would have fitted, on NUMA node 1"


def test_devices_of_a_pod_that_is_not_guaranteed_decide_alone() -> None:
    pod = refused("web-1", app(cpu=20, gpu=3, memory=GIB), qos="Burstable")
    said = why(pod, node())
    assert said.resources == (GPU,)
    assert said.fits == f"2 {GPU} would have fitted, on NUMA node 0"


@BOTH_WAYS
def test_what_the_figures_do_not_explain_is_not_explained(replay: ReplayOf | None) -> None:
    said = why(refused("web-1", app(cpu=2, memory=GIB)), node(), replay=replay)
    assert "something decided that is not known here" in said.summary
    assert said.replayed is (None if replay is None else False)
    assert said.ways_out == ()


def test_a_pod_that_wants_nothing_of_a_numa_node_is_told_so() -> None:
    said = why(refused("web-1", app(memory=GIB), qos="Burstable"), node())
    assert said.summary == "the pod wants nothing that is known to come from NUMA nodes"


def test_the_refused_pod_itself_holds_nothing() -> None:
    pod = refused("web-1", app(cpu=6, memory=GIB))
    took = holds("web-1", "8-13")
    said = why(pod, node(holds("db", "1-4"), holds("job", "8-10"), took))
    assert said.fits == "5 CPUs would have fitted, on NUMA node 1"


def test_where_nothing_is_known_of_the_kubelet_only_the_words_are_left() -> None:
    nobody = replace(node(), kubelet=None)
    said = why(refused(), nobody)
    assert said.replayed is None
    assert said.evidence == ()


def test_rules_that_are_not_configured_are_not_replayed() -> None:
    before = node()
    assert before.kubelet is not None
    unknown = replace(before, kubelet=replace(before.kubelet, config=Observed()))
    assert why(refused(), unknown).replayed is None


def test_in_hindsight_it_is_said_so_and_what_fits_by_now_too() -> None:
    later = Circumstances(hindsight=True)
    said = explain(refused(), node(), circumstances=later, replay_of=replay_of)
    assert said.hindsight
    fits = explain(refused("a", app(cpu=2, memory=GIB)), node(), circumstances=later, replay_of=replay_of)
    assert fits.summary == "container app wants 2 CPUs and 1 GiB memory; as the node is now it would be taken"
    assert fits.ways_out == (NOW_IT_FITS,)
    assert "do not refuse this pod" not in " ".join(fits.evidence)


def test_a_plugin_that_is_away_is_named_and_not_the_figures() -> None:
    message = f"Allocate failed due to no healthy devices present; cannot allocate unhealthy devices {GPU}, which is unexpected"
    pod = refused("web-1", app(cpu=1, gpu=1, memory=GIB), reason="UnexpectedAdmissionError", message=message)
    said = why(pod, node(devices=()))
    assert (
        said.summary == f"the device plugin of {GPU} had no healthy device at the kubelet when the pod came"
    )
    assert (said.fits, said.resources) == (None, (GPU,))
    assert said.known_fault is not None
    assert said.known_fault.name == "plugin-not-back"


def test_how_long_a_plugin_takes_after_a_start_is_told() -> None:
    message = f"cannot allocate unregistered device {GPU}"
    pod = refused("web-1", app(cpu=1, gpu=1), reason="UnexpectedAdmissionError", message=message)
    around = Circumstances(kubelet_age=1.23, plugins_back={GPU: 7.0})
    said = explain(pod, node(devices=()), circumstances=around, replay_of=replay_of)
    assert said.evidence[:2] == (
        "the kubelet had started 1.2 s before",
        "the device plugin was back 7.0 s after that start",
    )
    away = explain(pod, node(devices=()), circumstances=Circumstances(kubelet_age=0.5), replay_of=replay_of)
    assert "the kubelet had started 0.5 s before" in away.evidence
    long_ago = explain(
        pod, node(devices=()), circumstances=replace(around, kubelet_age=1e6), replay_of=replay_of
    )
    assert "the kubelet had started" not in " ".join(long_ago.evidence)


def test_devices_without_a_node_are_told_not_to_count() -> None:
    nowhere = tuple(replace(each, numa_nodes=None) for each in node().kubelet.allocatable.facts.devices[2:])  # type: ignore[union-attr]
    pod = refused("web-1", app(cpu=1, gpu=3, memory=GIB))
    said = why(pod, node(devices=(*node().kubelet.allocatable.facts.devices[:2], *nowhere)))  # type: ignore[union-attr]
    assert f"{GPU} on no known NUMA node does not count where nodes are chosen" in said.evidence


def test_devices_that_are_all_on_no_known_node_are_counted_together() -> None:
    nowhere = tuple(replace(each, numa_nodes=None) for each in GPUS)
    message = f"requested number of devices unavailable for {GPU}. Requested: 5, Available: 4"
    pod = refused("web-1", app(cpu=1, gpu=5), reason="UnexpectedAdmissionError", message=message)
    said = why(pod, node(devices=nowhere))
    assert said.summary == f"container app wants 5 {GPU}, and 4 are free"
    assert said.fits == f"4 {GPU} would have fitted"


def test_init_containers_are_looked_at_in_their_turn() -> None:
    pod = refused("web-1", init("first", cpu=9, memory=GIB), app(cpu=1, memory=GIB))
    said = why(pod, node())
    assert said.container == "first"
    assert said.summary.startswith("init container first wants 9 CPUs")


def test_on_many_nodes_the_best_are_told(many: Snapshot) -> None:
    said = why(refused("web-1", app(cpu=6, memory=GIB)), many)
    assert said.summary == (
        "container app wants 6 CPUs on one NUMA node: the most is 4 on node 33, 3 on node 1 and 3 on node 2"
    )
    assert len([line for line in said.evidence if "CPUs free" in line]) == SHARES
    assert said.replayed


@pytest.mark.parametrize("policy", ["restricted", "best-effort"])
def test_on_many_nodes_other_policies_are_replayed_too(many: Snapshot, policy: str) -> None:
    pod = refused("web-1", app(cpu=1, gpu=1, memory=GIB))
    assert many.kubelet is not None
    assert many.kubelet.config.facts is not None
    config = replace(many.kubelet.config.facts, topology_manager_policy=policy)
    snapshot = replace(many, kubelet=replace(many.kubelet, config=Observed(facts=config)))
    said = why(pod, snapshot)
    assert said.resources == (GPU,)
    assert "no node has any" in said.summary


@pytest.fixture(scope="module")
def many() -> Snapshot:
    return many_nodes()
