"""What a pod's phase and message mean."""

from __future__ import annotations

import pytest

from collectors.model.pod import Pod


def pod(phase: str, message: str | None = None) -> Pod:
    return Pod(namespace="n", name="p", uid="u", phase=phase, message=message)


@pytest.mark.parametrize(
    ("phase", "ended"),
    [("Pending", False), ("Running", False), ("Unknown", False), ("Succeeded", True), ("Failed", True)],
)
def test_a_pod_that_succeeded_or_failed_has_ended(phase: str, ended: bool) -> None:
    assert pod(phase).ended is ended


def test_a_failed_pod_is_refused_where_the_kubelet_says_so() -> None:
    words = "Pod was rejected: Resources cannot be allocated with Topology locality"
    assert pod("Failed", words).refused
    assert not pod("Failed", "The node was low on resource: memory").refused
    assert not pod("Failed").refused
    assert not pod("Running", words).refused
