"""What is served at which path, as pure answers: no sockets here, and no I/O but what `prepare` waits for. docs/api.md
describes them."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

from agent import __version__
from agent.clock import Clock
from agent.surveyor import SurveyState
from agent.views.metrics import PublishHealth, SurveyHealth, derive_families
from agent.views.nrt import derive_nrt, missing_reason
from agent.views.plain import plain_snapshot
from agent.web.alignments import Alignments
from agent.web.exposition import Exposition
from agent.web.headrooms import Headrooms
from agent.web.health import liveness_problem, readiness_problem
from agent.web.negotiate import matches_etag, prefers, takes_gzip
from collectors.model import Snapshot

TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
JSON = "application/json"
YAML = "application/yaml"
_YAML_TYPES = ("application/yaml", "application/x-yaml", "text/yaml")

ONLY_HERE = (
    "only /metrics, /healthz and /readyz are served to other machines; ask over loopback (in a cluster: kubectl "
    "port-forward, or kubectl exec), or start the agent with --api-access anyone"
)

GZIP_FROM_BYTES = 1_000
"""A smaller body fits into a packet as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What of a request an answer depends on."""

    method: str
    path: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """Any mapping that finds names in the case used here"""
    has_body: bool = False
    local: bool = True
    """Whether it comes from this machine itself, over loopback"""

    def header(self, name: str) -> str:
        """The header's value, `""` where it is absent."""
        return self.headers.get(name, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response before it is sent."""

    body: bytes
    content_type: str
    status: HTTPStatus = HTTPStatus.OK
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A path and what it serves."""

    path: str
    summary: str
    answer: Callable[[Query], Answer]
    for_all: bool = False
    """Whether it is answered from everywhere: it tells nothing about pods that a scrape would not"""


class Published(Protocol):
    """What a node of a cluster publishes."""

    @property
    def statuses(self) -> Sequence[PublishHealth]:
        """How publishing each object goes."""
        ...

    def nrt(self) -> tuple[dict[str, Any] | None, str]:
        """The NodeResourceTopology as it is published, or None and why there is none."""
        ...

    def refusals(self, namespace: str, name: str | None) -> dict[str, Any]:
        """What is known of refused pods: of all of them, or of the one of that name."""
        ...

    def problem(self) -> str | None:
        """Why what is published may not be what it should be; None where it is known to be."""
        ...


class Endpoints:
    """Answers from the current state; keeps nothing but the last rendered snapshot."""

    def __init__(
        self,
        state: Callable[[], SurveyState],
        *,
        clock: Clock,
        node_name: str,
        period: float,
        deadline: float,
        published: Published | None = None,
        alignments: Alignments | None = None,
        loopback_only: bool = False,
    ) -> None:
        """Without `published` the machine is alone, and the NodeResourceTopology is what it would publish; without
        `alignments` nothing is known of pods. With `loopback_only` other machines get metrics and health alone."""
        self._state = state
        self._clock = clock
        self._node_name = node_name
        self._period = period
        self._deadline = deadline
        self._published = published
        self._alignments = alignments
        self._loopback_only = loopback_only
        self._headrooms = Headrooms()
        self._exposition = Exposition(self._families)
        self._rendered: tuple[Snapshot, bytes, str] | None = None
        self.table = (
            Endpoint(path="/", summary="this list", answer=self._index),
            Endpoint(path="/metrics", summary="metrics for Prometheus", answer=self._metrics, for_all=True),
            Endpoint(path="/api/v1/snapshot", summary="the machine as JSON", answer=self._snapshot),
            Endpoint(
                path="/api/v1/nrt",
                summary="the NodeResourceTopology that would be published, as JSON or YAML (?format=yaml)",
                answer=self._nrt,
            ),
            Endpoint(
                path="/api/v1/alignment",
                summary="what each pod holds, where it is, and what its cgroups leave to it, as JSON",
                answer=self._alignment,
            ),
            Endpoint(
                path="/api/v1/headroom",
                summary="the largest pods that still fit, here and on each NUMA node, and what is stranded, as JSON",
                answer=self._headroom,
            ),
            Endpoint(
                path="/api/v1/refusals",
                summary="pods that the kubelet refused, and why, as JSON (?namespace=NS&pod=NAME for one)",
                answer=self._refusals,
            ),
            Endpoint(path="/healthz", summary="whether the agent lives", answer=self._healthz, for_all=True),
            Endpoint(
                path="/readyz",
                summary="whether what is served is fresh and complete",
                answer=self._readyz,
                for_all=True,
            ),
        )
        self._by_path = {endpoint.path: endpoint for endpoint in self.table}

    async def prepare(self, query: Query) -> None:
        """Reads what the answer to a request needs beyond the current state; nothing for most of them."""
        snapshot = self._state().snapshot
        if (
            snapshot is None
            or query.method not in ("GET", "HEAD")
            or query.has_body
            or self._is_closed_to(query)
        ):
            return
        if query.path == "/api/v1/alignment" and self._alignments is not None:
            await self._alignments.refresh(snapshot)
        if query.path == "/api/v1/headroom" and self._published is not None:
            await self._headrooms.refresh(snapshot)

    def answer(self, query: Query) -> Answer:
        """The answer to any request; errors are answers too."""
        if self._is_closed_to(query):
            return _error(ONLY_HERE, HTTPStatus.FORBIDDEN)
        endpoint = self._by_path.get(query.path)
        if endpoint is None:
            return _json(
                {"error": "there is nothing here", "endpoints": [*self._by_path]}, status=HTTPStatus.NOT_FOUND
            )
        if query.method not in ("GET", "HEAD"):
            return _error(
                "only GET and HEAD", HTTPStatus.METHOD_NOT_ALLOWED, headers=(("Allow", "GET, HEAD"),)
            )
        if query.has_body:
            return _error("no endpoint takes a body", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return _compressed(endpoint.answer(query), query)

    def _is_closed_to(self, query: Query) -> bool:
        """Whether the one who asks may not have this; which paths there are is not told either."""
        if query.local or not self._loopback_only:
            return False
        endpoint = self._by_path.get(query.path)
        return endpoint is None or not endpoint.for_all

    def _index(self, query: Query) -> Answer:
        if prefers(query.header("Accept"), ("text/html",), over="text/plain"):
            items = "".join(
                f'<li><a href="{endpoint.path}">{endpoint.path}</a> {endpoint.summary}</li>\n'
                for endpoint in self.table
            )
            page = (
                '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>numascope</title></head>\n'
                f"<body><h1>numascope {__version__}</h1>\n<ul>\n{items}</ul></body></html>\n"
            )
            return Answer(body=page.encode(), content_type=HTML, headers=(("Vary", "Accept"),))
        width = max(len(path) for path in self._by_path)
        lines = (f"{endpoint.path:{width}}  {endpoint.summary}\n" for endpoint in self.table)
        text = f"numascope {__version__}\n\n{''.join(lines)}"
        return Answer(body=text.encode(), content_type=TEXT, headers=(("Vary", "Accept"),))

    def _metrics(self, query: Query) -> Answer:
        body, content_type = self._exposition.render(query.header("Accept"))
        return Answer(body=body, content_type=content_type, headers=(("Vary", "Accept"),))

    def _families(self) -> Any:
        state, now = self._state(), self._clock.monotonic()
        health = SurveyHealth(
            success=state.failure is None and state.completed_at is not None,
            completed=state.completed,
            failed=state.failed,
            duration_seconds=state.duration_seconds,
            age_seconds=None if state.completed_at is None else now - state.completed_at,
        )
        published = () if self._published is None else self._published.statuses
        return derive_families(state.snapshot, health, published)

    def _snapshot(self, query: Query) -> Answer:
        state = self._state()
        if state.snapshot is None:
            return self._unavailable(state.failure or "the first survey has not ended yet")
        body, etag = self._render(state.snapshot)
        headers = (("ETag", etag), ("Cache-Control", "no-cache"))
        if matches_etag(query.header("If-None-Match"), etag):
            return Answer(body=b"", content_type=JSON, status=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Answer(body=body, content_type=JSON, headers=headers)

    def _render(self, snapshot: Snapshot) -> tuple[bytes, str]:
        """The snapshot as JSON and its tag: made once for all who ask before the next survey."""
        if self._rendered is None or self._rendered[0] is not snapshot:
            text = json.dumps(plain_snapshot(snapshot), ensure_ascii=False, separators=(",", ":"))
            body = f"{text}\n".encode()
            # Weak, since the same version is sent plain and compressed.
            etag = f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
            self._rendered = (snapshot, body, etag)
        return self._rendered[1], self._rendered[2]

    def _nrt(self, query: Query) -> Answer:
        wanted = query.parameters.get("format")
        if wanted not in (None, "json", "yaml"):
            return _error("format is json or yaml", HTTPStatus.BAD_REQUEST)
        state = self._state()
        if state.snapshot is None:
            return self._unavailable(state.failure or "the first survey has not ended yet")
        nrt, reason = self._current_nrt(state.snapshot)
        if nrt is None:
            return self._unavailable(reason or "no zone is known")
        headers = (("Vary", "Accept"),)
        if wanted == "yaml" or (
            wanted is None and prefers(query.header("Accept"), _YAML_TYPES, over="application/json")
        ):
            return Answer(body=_yaml(nrt), content_type=YAML, headers=headers)
        return _json(nrt, headers=headers)

    def _current_nrt(self, snapshot: Snapshot) -> tuple[dict[str, Any] | None, str | None]:
        if self._published is not None:
            return self._published.nrt()
        nrt = derive_nrt(snapshot, node_name=self._node_name)
        return nrt, missing_reason(snapshot) if nrt is None else None

    def _alignment(self, query: Query) -> Answer:
        if self._alignments is None:
            return self._unavailable("there is no kubelet here")
        body = self._alignments.body
        if body is None:
            return self._unavailable("the containers' cgroups have not been read yet")
        return Answer(body=body, content_type=JSON, headers=(("Cache-Control", "no-cache"),))

    def _headroom(self, query: Query) -> Answer:
        if self._published is None:
            return self._unavailable("there is no kubelet here")
        made = self._headrooms.made
        if made.reason is not None:
            return self._unavailable(made.reason)
        return Answer(body=made.body, content_type=JSON, headers=(("Cache-Control", "no-cache"),))

    def _refusals(self, query: Query) -> Answer:
        if self._published is None:
            return self._unavailable("there is no kubelet here, so nothing is refused")
        pod = query.parameters.get("pod")
        found = self._published.refusals(query.parameters.get("namespace", "default"), pod)
        return _json(found, headers=(("Cache-Control", "no-cache"),))

    def _healthz(self, query: Query) -> Answer:
        return _health(
            liveness_problem(
                self._state(), now=self._clock.monotonic(), period=self._period, deadline=self._deadline
            )
        )

    def _readyz(self, query: Query) -> Answer:
        problem = readiness_problem(self._state(), now=self._clock.monotonic(), period=self._period)
        if problem is None and self._published is not None:
            problem = self._published.problem()
        return _health(problem)

    def _unavailable(self, reason: str) -> Answer:
        return _error(reason, HTTPStatus.SERVICE_UNAVAILABLE)


def _health(problem: str | None) -> Answer:
    status = HTTPStatus.OK if problem is None else HTTPStatus.SERVICE_UNAVAILABLE
    return Answer(
        body=f"{problem or 'ok'}\n".encode(),
        content_type=TEXT,
        status=status,
        headers=(("Cache-Control", "no-store"),),
    )


def _json(
    value: object, *, status: HTTPStatus = HTTPStatus.OK, headers: tuple[tuple[str, str], ...] = ()
) -> Answer:
    body = f"{json.dumps(value, ensure_ascii=False, indent=2)}\n".encode()
    return Answer(body=body, content_type=JSON, status=status, headers=headers)


def _error(reason: str, status: HTTPStatus, *, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    return _json({"error": reason}, status=status, headers=headers)


def _yaml(value: object) -> bytes:
    import yaml  # noqa: PLC0415 - half a megabyte that only who asks for YAML pays for

    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    return text.encode()


def _compressed(answer: Answer, query: Query) -> Answer:
    """The same answer, in gzip where the client asked for it and it pays."""
    headers = (*answer.headers, ("Vary", "Accept-Encoding"))
    if len(answer.body) < GZIP_FROM_BYTES or not takes_gzip(query.header("Accept-Encoding")):
        return Answer(
            body=answer.body, content_type=answer.content_type, status=answer.status, headers=headers
        )
    packer = zlib.compressobj(level=6, wbits=zlib.MAX_WBITS | 16)
    body = packer.compress(answer.body) + packer.flush()
    return Answer(
        body=body,
        content_type=answer.content_type,
        status=answer.status,
        headers=(*headers, ("Content-Encoding", "gzip")),
    )
