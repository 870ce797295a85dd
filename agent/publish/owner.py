"""Who owns what we publish: the Node, so that it goes when the Node goes.

The uid comes from our own token (`agent.kube.credentials.NodeIdentity`): no right to read Nodes is needed. But a Node
that was deleted and registered anew has another uid, and our token names the old one until the kubelet renews it. The
garbage collector then deletes what has the old owner, as often as we write it; so after the third time the owner is
left out until the token names another.
"""

from __future__ import annotations

import logging

from agent.clock import Clock
from agent.kube.client import Object
from agent.kube.credentials import NodeIdentity

log = logging.getLogger(__name__)

SOON_SECONDS = 5.0
"""Within which the garbage collector finds an object whose owner is gone; people are slower, three times running."""

DELETIONS = 3


def owned_by(node: NodeIdentity, wanted: Object) -> Object:
    """The same object, owned by the Node. The owner may be deleted before it (blockOwnerDeletion is false)."""
    owner = {
        "apiVersion": "v1",
        "kind": "Node",
        "name": node.name,
        "uid": node.uid,
        "blockOwnerDeletion": False,
    }
    return {**wanted, "metadata": {**wanted["metadata"], "ownerReferences": [owner]}}


class OwnerTrust:
    """Leaves an owner out whose name on an object makes it disappear."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made_at: float | None = None
        self._soon_deleted = 0
        self._distrusted: object = None

    def made(self) -> None:
        """The object was made anew just now."""
        self._made_at = self._clock.monotonic()

    def deleted(self, wanted: Object | None) -> None:
        """The object was deleted by somebody else; `wanted` is what it was."""
        soon = self._made_at is not None and self._clock.monotonic() - self._made_at < SOON_SECONDS
        self._soon_deleted = self._soon_deleted + 1 if soon else 0
        owners = wanted["metadata"].get("ownerReferences") if wanted else None
        if owners and owners != self._distrusted and self._soon_deleted >= DELETIONS:
            self._distrusted = owners
            log.warning(
                "what we publish was deleted %d times as soon as it was made: its owner, the Node with uid %s, seems to "
                "be gone; it is left out until our token names another",
                DELETIONS,
                owners[0].get("uid"),
            )

    def admit(self, wanted: Object) -> Object:
        """The object, without its owner where that is not believed in."""
        metadata = wanted["metadata"]
        if self._distrusted is None or metadata.get("ownerReferences") != self._distrusted:
            return wanted
        kept = {key: value for key, value in metadata.items() if key != "ownerReferences"}
        return {**wanted, "metadata": kept}
