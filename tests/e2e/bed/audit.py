"""What service accounts ask of the API server, as its own audit log has it: the only count that a client cannot miss.

The log's form: https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})

POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "rules": [{"level": "Metadata", "userGroups": ["system:serviceaccounts"]}, {"level": "None"}],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, from the moment that the API server received it."""

    verb: str
    """get, list, watch, create, patch, …"""
    resource: str
    """`noderesourcetopologies`, `nodes/configz`; empty for what is no object"""
    uri: str
    user: str
    received: str
    """`2026-08-01T12:00:00.123456Z`"""
    status: int | None
    """None while it has not been answered"""

    @property
    def writes(self) -> bool:
        """Whether it asks for a change. A review of somebody's rights is made by `create`, and changes nothing."""
        return self.verb in WRITES and not self.resource.endswith("reviews")


class AuditLog:
    """The audit log of one API server."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "audit.jsonl"
        policy = folder / "audit-policy.json"
        policy.write_text(json.dumps(POLICY))
        self.arguments = (f"--audit-policy-file={policy}", f"--audit-log-path={self._log}")
        """For kube-apiserver"""

    def mark(self) -> int:
        """This moment, for `since`."""
        return self._log.stat().st_size if self._log.exists() else 0

    def since(self, mark: int = 0) -> list[Request]:
        """The requests that began since `mark`; a long watch counts once."""
        requests: dict[str, Request] = {}
        for event in self._events(mark):
            begins = event["stage"] == "RequestReceived"
            if begins or event["auditID"] in requests:
                requests[event["auditID"]] = _request(event)
        return list(requests.values())

    def writes_since(self, mark: int = 0) -> list[Request]:
        """Those among them that ask for a change."""
        return [request for request in self.since(mark) if request.writes]

    def _events(self, mark: int) -> Iterator[dict[str, Any]]:
        if not self._log.exists():
            return
        with self._log.open("rb") as lines:
            lines.seek(mark)
            for line in lines:
                if line.endswith(b"\n"):
                    yield json.loads(line)


def _request(event: dict[str, Any]) -> Request:
    reference = event.get("objectRef", {})
    parts = (reference.get("resource", ""), reference.get("subresource", ""))
    return Request(
        verb=event["verb"],
        resource="/".join(part for part in parts if part),
        uri=event["requestURI"],
        user=event["user"]["username"],
        received=event["requestReceivedTimestamp"],
        status=event.get("responseStatus", {}).get("code"),
    )
