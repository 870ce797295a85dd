"""An Event on a refused pod that says why it was refused: `kubectl describe pod` shows it beside the kubelet's own word.

Only with --explain-events, and few: one for a workload until its reason changes or an hour has passed, and however many
workloads there are not more than a handful at once and two a minute. The right to create Events is optional
(deploy/components/explain-events).
"""

from __future__ import annotations

import logging
from collections import OrderedDict

from agent.clock import Clock
from agent.kube.client import FIELD_MANAGER, Object
from agent.kube.errors import ForbiddenError, KubeError
from agent.publish.events import NOTE_BYTES, micro_time
from agent.publish.places import Client
from agent.refusals.classify import Cause
from agent.refusals.model import Explanation, Story
from agent.views.text import plural
from collectors.model.pod import Pod

log = logging.getLogger(__name__)

REASON = "RefusalExplained"
RIGHTS = "deploy/components/explain-events"

AGAIN_SECONDS = 3600.0
"""Until a workload that is refused for the same cause gets another Event. The API server keeps one for an hour."""

BURST = 5
REFILL_SECONDS = 30.0
"""Events of one node, whatever happens there"""

WORKLOADS = 256
"""That are remembered"""


class RefusalAnnouncer:
    """Creates those Events under our name. One that cannot be created is no failure of anything.

    Attributes:
        created: how many there were.
    """

    def __init__(self, client: Client, *, node_name: str, clock: Clock) -> None:
        self._client = client
        self._node_name = node_name
        self._clock = clock
        self._told: OrderedDict[str, tuple[Cause, float]] = OrderedDict()
        self._tokens = float(BURST)
        self._counted_at = clock.monotonic()
        self._forbidden = False
        self.created = 0

    async def announce(self, pod: Pod, story: Story, explanation: Explanation) -> None:
        """An Event on that pod, for all of its workload."""
        now = self._clock.monotonic()
        workload = story.workload
        cause, at = self._told.get(workload, (None, now))
        if (cause is explanation.cause and now - at < AGAIN_SECONDS) or not self._may_speak(now):
            return
        self._told[workload] = (explanation.cause, now)
        self._told.move_to_end(workload)
        while len(self._told) > WORKLOADS:
            self._told.popitem(last=False)
        await self._create(pod, note_of(story, explanation))

    def _may_speak(self, now: float) -> bool:
        self._tokens = min(self._tokens + (now - self._counted_at) / REFILL_SECONDS, float(BURST))
        self._counted_at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    async def _create(self, pod: Pod, note: str) -> None:
        event: Object = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"generateName": f"{pod.name[:200]}-", "namespace": pod.namespace},
            "eventTime": micro_time(self._clock.wall()),
            "type": "Warning",
            "reason": REASON,
            "action": "Admitting",
            "note": note,
            "reportingController": f"{FIELD_MANAGER}.dev/agent",
            "reportingInstance": self._node_name[:128],
            "regarding": {
                "apiVersion": "v1",
                "kind": "Pod",
                "namespace": pod.namespace,
                "name": pod.name,
                "uid": pod.uid,
            },
        }
        try:
            await self._client.create(f"/apis/events.k8s.io/v1/namespaces/{pod.namespace}/events", event)
        except ForbiddenError:
            if not self._forbidden:
                log.warning(
                    "no Event was created on a refused pod: the right to create events.events.k8s.io in its namespace is "
                    "missing; %s gives it, or leave --explain-events out",
                    RIGHTS,
                )
            self._forbidden = True
        except KubeError as error:
            log.info("no Event was created on a refused pod: %s", error)
        else:
            self.created += 1
            self._forbidden = False


def note_of(story: Story, explanation: Explanation) -> str:
    """What the Event says: why, what would have fitted, the nearest way out, and of how many pods it speaks."""
    said = [explanation.summary]
    if explanation.known_fault is not None:
        fault = explanation.known_fault
        said.append(f"known: {fault.what} ({fault.link})")
    if explanation.fits is not None:
        said.append(explanation.fits)
    said += [f"way out: {way}" for way in explanation.ways_out[:1]]
    if story.owner is not None:
        said.append(f"said once for all of {story.workload} ({plural(story.refused, 'pod')} so far)")
    return ". ".join(said).encode()[:NOTE_BYTES].decode(errors="ignore")
