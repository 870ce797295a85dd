"""What annotations ask for, against what the pod has."""

from __future__ import annotations

import pytest

from agent.alignment.model import Fit, Wish
from agent.alignment.wishes import derive_wishes
from collectors.model.pod import NUMA_NODE_WISH, TOPOLOGY_POLICY_WISH, Pod
from collectors.parse import IdSet


def wish(annotation: str, value: str, held: set[int], runs_on: set[int] | None) -> Wish:
    pod = Pod(namespace="n", name="p", uid="u", phase="Running", annotations=((annotation, value),))
    on: IdSet | None = None if runs_on is None else frozenset(runs_on)
    (found,) = derive_wishes(pod, Fit(nodes=frozenset(held)), on)
    return found


@pytest.mark.parametrize(
    ("value", "held", "runs_on", "fulfilled"),
    [
        ("single-numa-node", {1}, {1}, True),
        ("single-numa-node", {0}, {1}, False),
        ("single-numa-node", set(), {0, 1}, False),
        ("single-numa-node", {0}, None, None),
        ("single-numa-node", {0, 1}, None, False),
        ("single-numa-node", set(), None, None),
        ("restricted", {1}, {1}, True),
        ("restricted", {0, 1}, {0, 1}, None),
        ("best-effort", set(), set(), None),
        ("none", {0, 1}, {0, 1}, True),
        ("together, please", {0}, {0}, None),
    ],
)
def test_a_policy_is_fulfilled_where_the_pod_is_as_it_would_have_been(
    value: str, held: set[int], runs_on: set[int] | None, fulfilled: bool | None
) -> None:
    assert wish(TOPOLOGY_POLICY_WISH, value, held, runs_on).fulfilled is fulfilled


@pytest.mark.parametrize(
    ("value", "held", "runs_on", "fulfilled"),
    [
        ("1", {1}, {1}, True),
        ("0-1", {1}, {0, 1}, True),
        ("1", {0}, {0}, False),
        ("1", {1}, {0, 1}, False),
        ("1", {1}, None, None),
        ("1", set(), set(), None),
        ("one", {1}, {1}, None),
        ("", {1}, {1}, None),
    ],
)
def test_a_numa_node_is_fulfilled_where_the_pod_is_nowhere_else(
    value: str, held: set[int], runs_on: set[int] | None, fulfilled: bool | None
) -> None:
    assert wish(NUMA_NODE_WISH, value, held, runs_on).fulfilled is fulfilled


def test_it_says_why() -> None:
    assert wish(NUMA_NODE_WISH, "1", {0}, {0}).why == "it is on NUMA node 0"
    assert wish(NUMA_NODE_WISH, "0", {0}, None).why == "it is on NUMA node 0, and perhaps elsewhere"
    assert wish(NUMA_NODE_WISH, "0", set(), None).why == "where it is is not known"
    assert wish(TOPOLOGY_POLICY_WISH, "restricted", {0, 1}, {0, 1}).why == (
        "it is on NUMA nodes 0-1; whether fewer would have done is not known"
    )


def test_without_a_spec_there_are_no_wishes() -> None:
    assert derive_wishes(None, Fit(), None) == ()
