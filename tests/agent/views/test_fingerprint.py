from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.views.fingerprint import pod_fingerprint
from tests.shared import shared_folder

PODS = st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1)))


@pytest.mark.shared
def test_fingerprints_equal_those_of_the_reference_code() -> None:
    cases = json.loads((shared_folder("vectors") / "podfingerprint-v001.json").read_text())
    for case in cases:
        assert pod_fingerprint((pod["namespace"], pod["name"]) for pod in case["pods"]) == case["fingerprint"]
    assert len(cases) >= 10


def test_no_pods_have_a_fingerprint_too() -> None:
    assert pod_fingerprint([]) == "pfp0v001ef46db3751d8e999"


@given(PODS)
def test_order_does_not_matter(pods: list[tuple[str, str]]) -> None:
    assert pod_fingerprint(reversed(pods)) == pod_fingerprint(pods)


def test_a_pod_named_twice_counts_twice() -> None:
    assert pod_fingerprint([("a", "b")] * 2) != pod_fingerprint([("a", "b")])


def test_namespace_and_name_are_not_run_together() -> None:
    assert pod_fingerprint([("ab", "c")]) != pod_fingerprint([("a", "bc")])
