"""Refusals that need no NUMA node to be explained."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.refusals.classify import Cause
from agent.refusals.model import Explanation
from collectors.model.pod import Pod
from tests.agent.placement.building import app, asks
from tests.agent.refusals.building import GIB, GPU, holds, node, refused, why


def said_of(reason: str, message: str, pod: Pod | None = None) -> Explanation:
    pod = pod or refused("web-1")
    told = refused("web-1", *pod.containers, reason=reason, message=message)
    return why(
        replace(told, requests=pod.requests, limits=pod.limits), node(holds("db", "1-4"), holds("job", "8"))
    )


def test_a_number_of_cpus_that_fills_no_cores_is_told_with_its_neighbours() -> None:
    message = "SMT Alignment Error: requested 3 cpus not multiple cpus per core = 2"
    said = said_of("SMTAlignmentError", message, refused("x", app("side", cpu=2), app("main", cpu=3)))
    assert said.summary == (
        "container main wants 3 CPUs, and CPU manager option full-pcpus-only gives whole cores of 2 CPUs only"
    )
    assert (said.container, said.ways_out) == ("main", ("ask for 2 or 4 CPUs",))
    unknown = said_of("SMTAlignmentError", message, refused("x", app(cpu=2)))
    assert unknown.summary.startswith("the pod wants 3 CPUs")
    one = said_of("SMTAlignmentError", message.replace("3", "1", 1), refused("x", app(cpu=1)))
    assert one.ways_out == ("ask for 2 CPUs",)


def test_what_the_node_lacks_is_told_with_who_asks_for_most() -> None:
    message = "Node didn't have enough resource: cpu, requested: 4000, used: 13500, capacity: 15000"
    said = said_of("OutOfcpu", message)
    assert said.summary == (
        "the pod asks for 4 CPUs, and the node has 1.5 CPUs of 15 CPUs left by what its pods ask for"
    )
    assert said.evidence == ("default/db asks for 4 CPUs", "default/job asks for 1 CPU")
    assert said.ways_out[0] == "ask for 1.5 CPUs at most"


def test_a_node_that_is_too_small_at_all_is_told_so() -> None:
    said = said_of(
        "OutOfmemory",
        f"Node didn't have enough resource: memory, requested: {40 * GIB}, used: 0, capacity: {30 * GIB}",
    )
    assert said.ways_out[-1] == "another node: this one is too small for it"
    assert "30 GiB memory of 30 GiB memory left" in said.summary


def test_a_node_with_as_many_pods_as_it_takes() -> None:
    said = said_of(
        "OutOfpods", "Node didn't have enough resource: pods, requested: 1, used: 110, capacity: 110"
    )
    assert said.summary == "the node takes 110 pods, and has them"
    assert said.evidence == ()


def test_storage_is_told_in_bytes() -> None:
    message = (
        f"Node didn't have enough resource: ephemeral-storage, requested: {2 * GIB}, used: 0, capacity: {GIB}"
    )
    assert "asks for 2 GiB ephemeral storage" in said_of("OutOfephemeral-storage", message).summary


@pytest.mark.parametrize(
    ("containers", "whose"),
    [
        ((app(cpu=1, gpu=1),), f"the device plugin of {GPU} answered"),
        ((app(cpu=1),), "the device plugin answered"),
    ],
)
def test_a_plugins_own_error_is_told_in_its_words(containers: tuple[object, ...], whose: str) -> None:
    message = "Allocate failed due to rpc error: code = Unknown desc = no card, which is unexpected"
    said = said_of("UnexpectedAdmissionError", message, refused("x", *containers))  # type: ignore[arg-type]
    assert said.summary == f"{whose} with an error: rpc error: code = Unknown desc = no card"


def test_of_several_plugins_it_is_not_said_which() -> None:
    both = replace(app(cpu=1), requests=(*asks(cpu=1, gpu=1), ("example.com/nic", 1)))
    message = "Allocate failed due to rpc error: code = Unknown desc = no card, which is unexpected"
    said = said_of("UnexpectedAdmissionError", message, refused("x", both))
    assert said.summary.startswith(f"the device plugin of one of {GPU} and example.com/nic answered")


def test_a_budget_that_is_used_up_names_who_wants_to_share() -> None:
    whole = replace(refused("x", app("pinned", cpu=2), app("shares")), requests=asks(cpu=2))
    said = said_of("EmptyPodSharedPoolError", "exclusive container cpu requests equals pod budget", whole)
    assert said.cause is Cause.NO_SHARED_POOL
    assert "nothing is left for those that share (shares)" in said.summary
    by_another_name = said_of("TopologyAffinityError", "Pod Scope pod with pod-level resources failed", whole)
    assert by_another_name.cause is Cause.NO_SHARED_POOL
    assert by_another_name.summary == said.summary


def test_pod_level_resources_with_something_left_are_a_matter_of_alignment() -> None:
    whole = replace(refused("x", app("pinned", cpu=2), app("shares")), requests=asks(cpu=20))
    assert said_of("TopologyAffinityError", "failed", whole).cause is Cause.ALIGNMENT


@pytest.mark.parametrize(
    ("reason", "message", "words"),
    [
        (
            "NodeAffinity",
            "Predicate NodeAffinity failed: labels",
            "the pod does not belong on this node: labels",
        ),
        ("NodeShutdown", "shutting down", "the node took no pods at that moment: shutting down"),
        ("AppArmor", "no profile", "the node cannot do what the pod asks for: no profile"),
        ("VolumeAttachmentLimitExceeded", "8 of 8", "no more volumes can be attached to the node: 8 of 8"),
        ("Odd", "new words", "the kubelet says: new words"),
    ],
)
def test_the_kubelets_other_words_are_put_plainly(reason: str, message: str, words: str) -> None:
    said = said_of(reason, message)
    assert said.summary == words
    assert said.state is None
