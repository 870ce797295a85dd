"""One story for each workload, and not too many of either."""

from __future__ import annotations

from agent.refusals.classify import Cause
from agent.refusals.model import Explanation, ReasonCount
from agent.refusals.stories import PODS, REASONS, Stories, story_key
from tests.agent.refusals.building import refused


def test_a_storm_of_one_workload_is_one_story_that_names_the_last_few() -> None:
    stories = Stories()
    for number in range(300):
        stories.add(refused(f"web-{number}"), at=float(number), news=True)
    (story,) = stories.all()
    assert (story.refused, story.first_at, story.last_at) == (300, 0.0, 299.0)
    assert [pod.name for pod in story.pods] == [f"web-{number}" for number in range(299, 299 - PODS, -1)]
    assert story.workload == "ReplicaSet default/web"


def test_pods_without_a_controller_have_a_story_each() -> None:
    stories = Stories()
    stories.add(refused("a", owner=None), at=0.0, news=True)
    stories.add(refused("b", owner=None), at=1.0, news=True)
    assert [story.workload for story in stories.all()] == ["pod default/b", "pod default/a"]


def test_what_was_refused_before_we_looked_is_counted_apart() -> None:
    stories = Stories()
    stories.add(refused("old"), at=50.0, news=False)
    story = stories.add(refused("new"), at=10.0, news=True)
    assert (story.refused, story.refused_before) == (1, 1)
    assert (story.first_at, story.last_at) == (10.0, 50.0)


def test_reasons_are_told_apart_the_last_one_first_and_not_without_end() -> None:
    stories = Stories()
    for number in range(REASONS + 2):
        stories.add(refused(f"a-{number}", reason=f"OutOf{number}", message="?"), at=0.0, news=True)
    stories.add(refused("b", reason="OutOf4", message="?"), at=0.0, news=True)
    story = stories.all()[0]
    assert story.reasons[0] == ReasonCount(reason="OutOf4", cause=Cause.OTHER, pods=2)
    assert len(story.reasons) == REASONS


def test_the_stories_to_which_nothing_happened_for_longest_are_forgotten() -> None:
    stories = Stories(stories=2)
    for owner in ("a", "b", "a", "c"):
        stories.add(refused(owner, owner=owner), at=0.0, news=True)
    assert [story.owner and story.owner.name for story in stories.all()] == ["c", "a"]
    assert stories.forgotten == 1


def test_an_explanation_is_kept_while_more_pods_come() -> None:
    stories = Stories()
    key = story_key(refused("a"))
    stories.add(refused("a"), at=0.0, news=True)
    said = Explanation(pod="a", cause=Cause.ALIGNMENT, summary="because")
    assert stories.explain(key, said) == stories.get(key)
    assert stories.add(refused("b"), at=1.0, news=True).explanation is said
    assert stories.explain(("default", "ReplicaSet", "gone"), said) is None


def test_a_story_is_found_by_one_of_its_last_pods() -> None:
    stories = Stories()
    story = stories.add(refused("a"), at=0.0, news=True)
    assert stories.named("default", "a") is story
    assert stories.named("other", "a") is None
