"""A Kubernetes Event about an object: what `kubectl describe` shows of it.

The right to create Events is optional (deploy/base/rbac.yaml): without it the log and the metrics say the same.
Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
"""

from __future__ import annotations

import logging
import time
from typing import Final

from agent.clock import Clock
from agent.kube.client import FIELD_MANAGER, Object
from agent.kube.errors import ForbiddenError, KubeError
from agent.publish.places import Client, Kind

log = logging.getLogger(__name__)

NAMESPACE: Final = "default"
"""Where Events about cluster-scoped objects live"""

PATH = f"/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events"
NOTE_BYTES = 1024
"""The API's own limit"""


class Announcer:
    """Creates Events under our name. One that cannot be created is no failure of publishing."""

    def __init__(self, client: Client, *, node_name: str, clock: Clock) -> None:
        self._client = client
        self._node_name = node_name
        self._clock = clock

    async def warn(self, kind: Kind, found: Object, *, reason: str, note: str) -> None:
        """A warning about the object that was found; `reason` is one CamelCase word."""
        metadata = found.get("metadata", {})
        name = str(metadata.get("name", ""))
        event: Object = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"generateName": f"{name[:200]}-", "namespace": NAMESPACE},
            "eventTime": micro_time(self._clock.wall()),
            "type": "Warning",
            "reason": reason,
            "action": "Publishing",
            "note": note.encode()[:NOTE_BYTES].decode(errors="ignore"),
            "reportingController": f"{FIELD_MANAGER}.dev/agent",
            "reportingInstance": self._node_name[:128],
            "regarding": {
                "apiVersion": kind.api_version,
                "kind": kind.name,
                "name": name,
                **({"uid": metadata["uid"]} if "uid" in metadata else {}),
            },
        }
        try:
            await self._client.create(PATH, event)
        except ForbiddenError:
            log.info(
                "no Event was created: the right to create events.events.k8s.io is optional, and missing"
            )
        except KubeError as error:
            log.info("no Event was created: %s", error)


def micro_time(seconds: float) -> str:
    """An instant as Events carry it."""
    whole = int(seconds)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{int((seconds - whole) * 1e6):06d}Z"
