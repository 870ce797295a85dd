"""The stories of refused pods: one for each workload, and not too many of either."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

from agent.refusals.classify import verdict_of
from agent.refusals.model import Explanation, ReasonCount, RefusedPod, Story
from collectors.model.pod import REFUSED, Pod

STORIES = 64
"""Some 3 KiB each with its explanation"""

PODS = 5
"""Of a story that are named"""

REASONS = 4
"""Of a story that are told apart. A workload is refused for one reason or two, by turns"""

StoryKey = tuple[str, str, str]
"""(namespace, kind, name) of the owner; the kind is `Pod` for a pod without one"""


def story_key(pod: Pod) -> StoryKey:
    """To which story a refused pod belongs."""
    if pod.owner is None:
        return (pod.namespace, "Pod", pod.name)
    return (pod.namespace, pod.owner.kind, pod.owner.name)


class Stories:
    """Keeps the stories to which something happened last."""

    def __init__(self, *, stories: int = STORIES) -> None:
        self._most = stories
        self._stories: OrderedDict[StoryKey, Story] = OrderedDict()
        self.forgotten = 0

    def add(self, pod: Pod, *, at: float, news: bool) -> Story:
        """One more refused pod, at that time; `news` is False where it had been refused before we looked."""
        key = story_key(pod)
        known = self._stories.get(key)
        if known is None:
            known = Story(namespace=pod.namespace, owner=pod.owner, first_at=at, last_at=at)
        story = replace(
            known,
            first_at=min(known.first_at, at),
            last_at=max(known.last_at, at),
            refused=known.refused + news,
            refused_before=known.refused_before + (not news),
            reasons=_counted(known.reasons, pod),
            message=(pod.message or "").removeprefix(REFUSED) or None,
            pods=(RefusedPod(name=pod.name, uid=pod.uid, at=at), *known.pods[: PODS - 1]),
        )
        self._stories[key] = story
        self._stories.move_to_end(key)
        while len(self._stories) > self._most:
            self._stories.popitem(last=False)
            self.forgotten += 1
        return story

    def explain(self, key: StoryKey, explanation: Explanation) -> Story | None:
        """Adds what was worked out of it; returns the story, None where it has been forgotten since."""
        story = self._stories.get(key)
        if story is None:
            return None
        story = self._stories[key] = replace(story, explanation=explanation)
        return story

    def get(self, key: StoryKey) -> Story | None:
        """One story."""
        return self._stories.get(key)

    def named(self, namespace: str, name: str) -> Story | None:
        """The story of which this pod is one of the last few."""
        return next(
            (
                story
                for story in reversed(self._stories.values())
                if story.namespace == namespace and any(pod.name == name for pod in story.pods)
            ),
            None,
        )

    def all(self) -> tuple[Story, ...]:
        """Every story, that of the last refusal first."""
        return tuple(reversed(self._stories.values()))


def _counted(reasons: tuple[ReasonCount, ...], pod: Pod) -> tuple[ReasonCount, ...]:
    reason, cause = pod.reason or "", verdict_of(pod).cause
    before = 0
    others = []
    for each in reasons:
        if (each.reason, each.cause) == (reason, cause):
            before = each.pods
        else:
            others.append(each)
    return (ReasonCount(reason=reason, cause=cause, pods=before + 1), *others[: REASONS - 1])
