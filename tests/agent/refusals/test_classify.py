"""What really happened, by the kubelet's words."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.refusals.classify import Cause, Verdict, classify
from collectors.model.pod import REFUSED
from tests.shared import shared_folder

MEMORY = "Allocate failed due to [memorymanager] failed to find NUMA nodes to extend the current topology hint, which is unexpected"


def cause(reason: str, message: str) -> Cause:
    return classify(reason, f"{REFUSED}{message}").cause


def test_memory_that_fits_nowhere_is_told_from_an_unexpected_error() -> None:
    assert cause("UnexpectedAdmissionError", MEMORY) is Cause.MEMORY


def test_the_numbers_of_missing_cpus_are_read() -> None:
    message = (
        "Allocate failed due to not enough cpus available to satisfy request: requested=37, available=32, "
        "which is unexpected"
    )
    assert classify("UnexpectedAdmissionError", f"{REFUSED}{message}") == Verdict(
        cause=Cause.CPUS, resource="cpu", requested=37, available=32
    )


def test_a_device_that_is_lacking_is_named() -> None:
    message = (
        "Allocate failed due to requested number of devices unavailable for example.com/gpu. Requested: 5, "
        "Available: 0, which is unexpected"
    )
    assert classify("UnexpectedAdmissionError", message) == Verdict(
        cause=Cause.DEVICES, resource="example.com/gpu", requested=5, available=0
    )


@pytest.mark.parametrize(
    "words",
    [
        "no healthy devices present; cannot allocate unhealthy devices example.com/gpu",
        "previously allocated devices are no longer healthy; cannot allocate unhealthy devices example.com/gpu",
        "cannot allocate unregistered device example.com/gpu",
        "unknown Device Plugin example.com/gpu",
    ],
)
def test_a_plugin_that_is_away_is_told_from_one_that_fails(words: str) -> None:
    message = f"Allocate failed due to {words}, which is unexpected"
    assert classify("UnexpectedAdmissionError", message) == Verdict(
        cause=Cause.PLUGIN_AWAY, resource="example.com/gpu"
    )


def test_a_plugins_own_words_are_kept() -> None:
    message = "Allocate failed due to rpc error: code = Unknown desc = no card today, which is unexpected"
    assert classify("UnexpectedAdmissionError", message) == Verdict(
        cause=Cause.PLUGIN_ERROR, detail="rpc error: code = Unknown desc = no card today"
    )


def test_both_failures_of_whole_cores_are_told_apart() -> None:
    odd = "SMT Alignment Error: requested 3 cpus not multiple cpus per core = 2"
    few = (
        "SMT Alignment Error: not enough free physical CPUs: available physical CPUs = 2, requested CPUs = 4, "
        "CPUs per core = 2"
    )
    assert classify("SMTAlignmentError", odd) == Verdict(
        cause=Cause.PARTIAL_CORE, resource="cpu", requested=3, per_core=2
    )
    assert classify("SMTAlignmentError", few) == Verdict(
        cause=Cause.WHOLE_CORES, resource="cpu", requested=4, available=2, per_core=2
    )
    assert cause("SMTAlignmentError", "other words") is Cause.WHOLE_CORES


def test_what_the_node_lacks_as_a_whole_is_read_with_what_is_left() -> None:
    message = "Node didn't have enough resource: cpu, requested: 40000, used: 29850, capacity: 60000"
    assert classify("OutOfcpu", message) == Verdict(
        cause=Cause.CAPACITY, resource="cpu", requested=40000, available=30150, capacity=60000
    )


@pytest.mark.parametrize(
    ("words", "resource"),
    [
        (
            "pod rejected, sum of exclusive container cpu requests equals pod budget, leaving no cpus for shared containers",
            "cpu",
        ),
        ("pod rejected, pod has shared init containers but no cpus available for them", "cpu"),
        ("pod rejected, pod has shared init containers but no memory available for them", "memory"),
    ],
)
def test_a_budget_that_leaves_nothing_to_share_names_the_resource(words: str, resource: str) -> None:
    assert classify("EmptyPodSharedPoolError", words).resource == resource
    assert cause("EmptyPodSharedPoolError", words) is Cause.NO_SHARED_POOL


@pytest.mark.parametrize(
    ("reason", "message", "expected"),
    [
        ("NodeAffinity", "Predicate NodeAffinity failed: node(s) didn't match", Cause.PLACEMENT),
        ("TaintToleration", "Predicate TaintToleration failed: no", Cause.PLACEMENT),
        ("NodeShutdown", "Pod was rejected as the node is shutting down.", Cause.NODE_STATE),
        ("Evicted", "The node had condition: [MemoryPressure]. ", Cause.NODE_STATE),
        ("SysctlForbidden", 'forbidden sysctl: "a" not allowlisted', Cause.UNSUPPORTED),
        ("VolumeAttachmentLimitExceeded", "no more", Cause.VOLUMES),
        ("UnexpectedAdmissionError", "something new", Cause.OTHER),
        ("", "", Cause.OTHER),
    ],
)
def test_other_reasons_mean_what_they_say(reason: str, message: str, expected: Cause) -> None:
    assert cause(reason, message) is expected


def test_a_predicates_own_sentence_is_kept_and_an_empty_phrase_is_not() -> None:
    assert classify("NodeAffinity", "Predicate NodeAffinity failed: labels").detail == "labels"
    assert classify("Evicted", f"{REFUSED}The node had condition: [DiskPressure]. ").detail == (
        "The node had condition: [DiskPressure]."
    )
    locality = "Resources cannot be allocated with Topology locality"
    assert classify("TopologyAffinityError", f"{REFUSED}{locality}").detail is None


@given(st.text(), st.text())
def test_any_words_are_taken(reason: str, message: str) -> None:
    assert isinstance(classify(reason, message).cause, Cause)


@pytest.mark.shared
def test_every_recorded_refusal_is_understood() -> None:
    rows = list(
        csv.reader((shared_folder("kubelet") / "SUMMARY.tsv").read_text().splitlines(), dialect="excel-tab")
    )
    causes = {classify(row[4], row[5]).cause for row in rows if row[5].startswith(REFUSED)}
    assert causes == {
        Cause.ALIGNMENT,
        Cause.CPUS,
        Cause.PARTIAL_CORE,
        Cause.MEMORY,
        Cause.DEVICES,
        Cause.PLUGIN_ERROR,
        Cause.CAPACITY,
        Cause.PLACEMENT,
    }
