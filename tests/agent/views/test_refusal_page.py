"""Why a pod was refused, as a person sees it."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest

from agent.cli.terminal import print_page
from agent.refusals.plain import plain_pod, plain_refusals
from agent.refusals.stories import Stories, story_key
from agent.views.refusal_page import not_explained, refusal_page
from collectors.model.pod import Pod
from collectors.model.refusals import RefusalCounts
from tests.agent.placement.building import app, init
from tests.agent.refusals.building import GIB, holds, node, refused, why

AT = 1_700_000_000.0


def answer(pod: Pod, *, others: int = 0, explained: bool = True, hindsight: bool = False) -> dict[str, Any]:
    """What is known of a pod that was refused after others of its workload."""
    stories = Stories()
    for number in range(others):
        stories.add(replace(pod, name=f"web-{number}", uid=str(number)), at=AT, news=True)
    stories.add(pod, at=AT + 60, news=True)
    if explained:
        said = replace(why(pod, node(holds("web-0", "1-5"), holds("job", "8-10"))), hindsight=hindsight)
        stories.explain(story_key(pod), said)
    return plain_refusals(RefusalCounts(), stories.all(), pod=plain_pod(pod.namespace, pod.name, pod))


def shown(found: dict[str, Any]) -> str:
    out = io.StringIO()
    print_page(refusal_page(found), color="never", out=out, environ={})
    return out.getvalue()


def test_a_refusal_is_shown_with_evidence_what_fits_and_the_ways_out() -> None:
    assert shown(answer(refused("web-9", app(cpu=6, memory=GIB)), others=299)) == (
        "default/web-9 was refused: TopologyAffinityError\n"
        "container app wants 6 CPUs on one NUMA node: node 0 has 2, node 1 has 5\n"
        "|-- NUMA node 0: 2 of 7 CPUs free; default/web-0 holds 5\n"
        "|-- NUMA node 1: 5 of 8 CPUs free; default/job holds 3\n"
        "|-- topology policy single-numa-node, scope container\n"
        "|-- 5 CPUs would have fitted, on NUMA node 1\n"
        "|-- way out: ask for 5 CPUs at most\n"
        "|-- way out: it would fit if default/job were not here, which holds 3 CPUs on NUMA node 1\n"
        "`-- way out: under topology policy best-effort this node would have taken it, spread over its NUMA nodes\n"
        "the kubelet said: Resources cannot be allocated with Topology locality\n"
        "ReplicaSet default/web: 300 pods refused, the first seen 2023-11-14T22:13:20.000Z, the last "
        "2023-11-14T22:14:20.000Z (TopologyAffinityError 300)\n"
    ).replace("|--", "+--")


def test_a_known_fault_is_shown_with_its_thread() -> None:
    found = answer(refused("web-9", init(cpu=1, memory=GIB), app(cpu=5, memory=GIB)))
    assert shown(found).count("an init container took its CPUs") == 1
    link = "https://github.com/kubernetes/kubernetes/issues/123816"
    assert f"known: [init-container-binds-node] {link}\n" in shown(found)


def test_a_known_fault_that_the_sentence_does_not_tell_is_told_beside_it() -> None:
    words = "cannot allocate unregistered device example.com/gpu"
    pod = refused("web-9", app(cpu=1, gpu=1), reason="UnexpectedAdmissionError", message=words)
    assert "known: the kubelet admitted the pod before the device plugin had registered" in shown(answer(pod))


def test_hindsight_is_said() -> None:
    assert "by the node as it is now" in shown(answer(refused("web-9"), hindsight=True))


def test_a_pod_that_is_gone_is_shown_by_its_story() -> None:
    found = answer(refused("web-9", app(cpu=6)))
    found["pod"] = plain_pod("default", "web-9", None)
    assert not_explained(found) is None
    assert shown(found).startswith("default/web-9 was refused: TopologyAffinityError\n")


@pytest.mark.parametrize(
    ("pod", "words"),
    [
        (None, "there is no pod default/web-9 on this node"),
        (
            replace(refused("web-9"), phase="Running", reason=None, message=None),
            "was not refused: it is Running",
        ),
        (refused("web-9"), "has forgotten the state of that time"),
    ],
)
def test_where_there_is_nothing_to_show_it_is_said_why(pod: Pod | None, words: str) -> None:
    found = plain_refusals(RefusalCounts(), (), pod=plain_pod("default", "web-9", pod))
    assert words in (not_explained(found) or "")


def test_an_explanation_that_is_still_to_come_is_asked_for_again() -> None:
    found = answer(refused("web-9"), explained=False)
    assert (not_explained(found) or "").endswith("has not explained it yet; ask again")
