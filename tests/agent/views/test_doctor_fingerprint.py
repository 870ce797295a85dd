"""Whose fingerprint is whose, and which pods make them differ."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.views.doctor_fingerprint import ANNOTATION, Evidence, explain, fingerprint_findings, is_equal
from agent.views.doctor_model import Finding, Severity
from agent.views.fingerprint import pod_fingerprint
from agent.views.fingerprinted import PodName
from collectors.model.pod import Pod
from tests.agent.views.kubelets import GPU, spec

ALL = "all"
EXCLUSIVE = "with-exclusive-resources"


def named(*names: str) -> frozenset[PodName]:
    return frozenset(("default", name) for name in names)


def object_of(*names: str, method: str | None = ALL, resources: Iterable[str] = ()) -> dict[str, Any]:
    """A NodeResourceTopology made of these pods."""
    attributes = [{"name": "nodeTopologyPodsFingerprint", "value": pod_fingerprint(named(*names))}]
    if method is not None:
        attributes.append({"name": "nodeTopologyPodsFingerprintMethod", "value": method})
    zone = {"name": "node-0", "resources": [{"name": resource} for resource in resources]}
    return {"attributes": attributes, "zones": [zone]}


def look(nrt: dict[str, Any] | None, *pods: Pod, listed: Iterable[str] | None = ()) -> dict[str, Finding]:
    """The findings by their check; without `listed` the kubelet cannot be asked."""
    evidence = Evidence(
        node_name="node",
        nrt=nrt,
        pods=pods,
        listed=None if listed is None else named(*listed),
        listed_from="no such socket",
    )
    return {found.check: found for found in fingerprint_findings(evidence)}


def differing(found: Finding) -> list[str]:
    """What is said of the pods, without the fingerprints."""
    assert found.severity is Severity.ERROR
    return list(found.evidence[1:])


def test_a_node_whose_listed_pods_all_run_is_trusted_either_way() -> None:
    findings = look(object_of("p", "q"), spec("p"), spec("q"), listed=["p", "q"])
    assert [found.severity for found in findings.values()] == [Severity.NOTE] * 2
    assert is_equal(findings.values())
    assert findings["fingerprint-shared"].evidence[0].endswith("(all), of 2 pods")


def test_a_pod_that_ended_counts_for_the_dedicated_informer_only() -> None:
    findings = look(object_of("p"), spec("p"), spec("gone", phase="Succeeded"), listed=["p"])
    assert is_equal(findings.values())
    other = findings["fingerprint-dedicated"]
    assert other.severity is Severity.NOTE
    assert "these pods make the difference: default/gone" in other.evidence


def test_a_listed_pod_that_is_pending_is_named() -> None:
    findings = look(object_of("p", "new"), spec("p"), spec("new", phase="Pending"), listed=["p", "new"])
    assert differing(findings["fingerprint-shared"]) == [
        "these pods make the difference: default/new",
        "default/new: Pending at the API server, listed by the kubelet; not counted by the scheduler",
    ]
    assert not is_equal(findings.values())


def test_a_pod_that_runs_and_that_the_kubelet_does_not_list_is_named() -> None:
    findings = look(object_of("p"), spec("p"), spec("lost"), listed=["p"])
    assert differing(findings["fingerprint-shared"]) == [
        "these pods make the difference: default/lost",
        "default/lost: Running at the API server, not listed by the kubelet; counted by the scheduler",
    ]


def test_a_pod_that_the_api_server_does_not_know_is_named() -> None:
    findings = look(object_of("p", "static"), spec("p"), listed=["p", "static"])
    assert differing(findings["fingerprint-shared"])[1] == (
        "default/static: unknown to the API server, listed by the kubelet; not counted by the scheduler"
    )


def test_both_sides_may_have_pods_of_their_own() -> None:
    findings = look(object_of("p", "new"), spec("p"), spec("old"), listed=["p", "new"])
    assert (
        differing(findings["fingerprint-shared"])[0]
        == "these pods make the difference: default/new, default/old"
    )


def test_without_the_kubelets_list_the_pods_at_the_api_server_are_tried() -> None:
    findings = look(object_of("p", "new"), spec("p"), spec("new", phase="Pending"), listed=None)
    assert differing(findings["fingerprint-shared"]) == [
        "these pods make the difference: default/new",
        "the kubelet's list is not known: no such socket",
        "default/new: Pending at the API server; not counted by the scheduler",
    ]


def test_an_object_of_other_pods_is_said_to_be_older_and_what_may_differ_is_shown() -> None:
    findings = look(object_of("gone", "too"), spec("p"), listed=[f"l{number}" for number in range(9)])
    lines = differing(findings["fingerprint-shared"])
    assert (len(lines), lines[8]) == (10, "and 2 more")
    assert lines[-1].startswith("none of them makes the published one")


def test_pods_that_hold_nothing_of_their_own_do_not_count_by_the_other_method() -> None:
    nrt = object_of("cpus", "gpu", method=EXCLUSIVE, resources=["cpu", GPU])
    pods = (
        spec("cpus", requests=(("cpu", 2000),)),
        spec("gpu", qos="Burstable", requests=((GPU, 1),)),
        spec("shares", requests=(("cpu", 1500),)),
        spec("other", qos="BestEffort", requests=(("example.com/other", 1),)),
    )
    assert is_equal(look(nrt, *pods, listed=["cpus", "gpu", "shares", "other"]).values())


def test_an_annotation_without_a_method_is_a_fingerprint_of_all() -> None:
    nrt = {"metadata": {"annotations": {ANNOTATION: pod_fingerprint(named("p"))}}, "zones": [3, {}]}
    assert is_equal(look(nrt, spec("p")).values())


@pytest.mark.parametrize(
    "nrt", [None, {}, {"attributes": "odd", "zones": [3]}, object_of("p", method="a-newer-one")]
)
def test_without_a_fingerprint_there_is_nothing_to_compare(nrt: dict[str, Any] | None) -> None:
    findings = look(nrt, spec("p"))
    assert [(found.check, found.severity) for found in findings.values()] == [
        ("fingerprint-absent", Severity.ERROR)
    ]
    assert not is_equal(findings.values())


@given(st.sets(st.integers(0, 5)), st.sets(st.integers(0, 5), min_size=1), st.sets(st.integers(6, 9)))
def test_whichever_pods_one_side_alone_counted_are_found(
    counted: set[int], differ: set[int], others: set[int]
) -> None:
    names = {number: ("default", f"p{number}") for number in range(10)}
    base = frozenset(names[number] for number in counted)
    differing = frozenset(names[number] for number in differ)
    published = pod_fingerprint(base ^ differing)
    doubtful = differing | {names[number] for number in others}
    assert explain(published, base, doubtful) == differing
