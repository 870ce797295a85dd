"""Every recorded refusal of a real kubelet: the rules refuse it too, and the resource that decided is named."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cli.terminal import print_page
from agent.refusals.classify import Cause
from agent.refusals.explain import ON_NODES, explain
from agent.refusals.model import Explanation
from agent.refusals.plain import plain_pod, plain_refusals
from agent.refusals.replay import replay_of
from agent.refusals.signatures import Circumstances
from agent.refusals.stories import Stories, story_key
from agent.views.refusal_page import refusal_page
from collectors.model import Snapshot
from collectors.model.pod import Pod
from collectors.model.refusals import RefusalCounts
from collectors.model.snapshot import Observed
from tests.agent.admission.replay import Replay, replays
from tests.agent.placement.recorded import snapshot_of
from tests.shared import shared_folder

pytestmark = pytest.mark.shared

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "refusals.md").read_text()
DOCUMENTED = (
    ("g4-frag-single", "x-cpu9-of-10-free"),
    ("g4-frag-single", "x-gpu1-cpu4"),
    ("g4-frag-single", "x-outofcpu-bu"),
    ("b2-restricted-container", "x-mem60gi"),
    ("f-full-pcpus-only", "gu-3cpu"),
)

DECIDING = {
    "cpu": ("cpu", "outofcpu", "gu-28cpu", "gu-32cpu", "gu-36cpu", "gu-40cpu", "gu-64cpu", "podlevel-40"),
    "memory": ("mem60gi", "mem100gi", "m15", "mem60gi-first"),
    "example.com/gpu": ("gpu5", "outofgpu", "gu-gpu5"),
    "example.com/odd": ("odd2", "odd5"),
    "hugepages-1Gi": ("huge1g-10",),
}
"""What each pod of the recordings is made to fail for, by what is in its name"""

BOTH = ("x-gpu1-cpu4", "gu-multi", "gu-sidecar", "gu-huge2m", "x-nic5", "x-gpu5-nic")


@pytest.fixture(scope="module")
def explanations(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Pod, Explanation]]:
    """(scenario, refused pod, why it was)"""
    folder = tmp_path_factory.mktemp("recordings")
    with tarfile.open(shared_folder("kubelet") / "recordings.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return list(explained(replays(folder)))


def just_before(scenario: Replay, pod: Pod) -> Snapshot:
    """The node with those pods alone that had come before, as the kubelet lists them, without its files."""
    picture, pods = scenario.recording.picture, tuple(scenario.pods)
    earlier = pods[: pods.index(pod)]
    names = {(each.namespace, each.name) for each in earlier}
    listed = picture.allocations.facts or ()
    picture = replace(
        picture,
        pods=Observed(facts=earlier),
        config=Observed(facts=scenario.config),
        allocations=Observed(facts=tuple(each for each in listed if (each.namespace, each.name) in names)),
        checkpoints=None,
    )
    machine = snapshot_of(scenario.numa, picture)
    return replace(machine, cpus=Observed(facts=scenario.cpus))


def explained(scenarios: list[Replay]) -> Iterator[tuple[str, Pod, Explanation]]:
    for scenario in scenarios:
        for pod in scenario.pods:
            if pod.refused:
                before = just_before(scenario, pod)
                said = explain(pod, before, circumstances=Circumstances(), replay_of=replay_of)
                yield scenario.folder.name, pod, said


def decides(pod: Pod) -> str | None:
    """The resource that a pod is made to fail for; None where it is several or another thing."""
    found = {resource for resource, parts in DECIDING.items() if any(part in pod.name for part in parts)}
    return found.pop() if len(found) == 1 and pod.name not in BOTH else None


def test_the_rules_refuse_what_the_kubelet_refused_and_the_right_resource_is_named(
    explanations: list[tuple[str, Pod, Explanation]],
) -> None:
    seen = 0
    for scenario, pod, said in explanations:
        where = f"{scenario}/{pod.name}: {said.summary}"
        assert said.cause is not Cause.OTHER, where
        if said.cause not in ON_NODES:
            continue
        seen += 1
        assert said.replayed, where
        assert said.ways_out, where
        expected = decides(pod)
        assert expected is None or expected in said.resources, where
    assert seen > 160


def test_the_samples_of_the_page_are_what_is_printed_of_recorded_refusals(
    explanations: list[tuple[str, Pod, Explanation]],
) -> None:
    found = {(scenario, pod.name): (pod, said) for scenario, pod, said in explanations}
    for sample in DOCUMENTED:
        assert f"```text\n{_printed(*found[sample])}```" in PAGE, sample


def _printed(pod: Pod, said: Explanation) -> str:
    stories = Stories()
    stories.add(pod, at=0.0, news=True)
    stories.explain(story_key(pod), said)
    out = io.StringIO()
    known = plain_pod(pod.namespace, pod.name, pod)
    found = plain_refusals(RefusalCounts(), stories.all(), pod=known)
    print_page(refusal_page(found), color="never", out=out, environ={})
    return out.getvalue()


def test_most_of_them_are_told_what_would_have_fitted(
    explanations: list[tuple[str, Pod, Explanation]],
) -> None:
    fits = [said.fits for _, _, said in explanations if said.fits is not None]
    assert len(fits) > 100
    assert "32 CPUs would have fitted, on NUMA node 1" in fits
