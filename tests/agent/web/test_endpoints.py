"""What each path answers, without a socket."""

from __future__ import annotations

import dataclasses
import gzip
import json
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import parser as text_parser
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser as openmetrics_parser

from agent.surveyor import SurveyState
from agent.views.nrt import derive_nrt
from agent.views.plain import plain_snapshot
from agent.web.endpoints import Answer, Endpoints, Published, Query
from collectors.model import Observed, Snapshot
from tests.agent.views.machines import snapshot
from tests.documents import api_document
from tests.fakes.clock import FakeClock
from tests.hosts.machine import expected_snapshot
from tests.hosts.shapes import DESKTOP, TWO_SOCKETS

MACHINE = expected_snapshot(TWO_SOCKETS, now=1_700_000_000.0)
DOCS = Path(__file__).resolve().parents[3] / "docs"
GOLDEN = Path(__file__).resolve().parents[2] / "golden"


def parse_text(body: bytes) -> list[Metric]:
    return list(text_parser.text_string_to_metric_families(body.decode()))


def parse_openmetrics(body: bytes) -> list[Metric]:
    return list(openmetrics_parser.text_string_to_metric_families(body.decode()))  # type: ignore[no-untyped-call]


class Served:
    """Endpoints over a state that the test sets."""

    def __init__(
        self,
        machine: Snapshot | None = MACHINE,
        *,
        published: Published | None = None,
        loopback_only: bool = False,
        **state: Any,
    ) -> None:
        self.clock = FakeClock()
        if machine is not None:
            state = {"completed_at": 995.0, "completed": 1, "duration_seconds": 0.25} | state
        self.state = SurveyState(ticked_at=1000.0, snapshot=machine, **state)
        self.endpoints = Endpoints(
            lambda: self.state,
            clock=self.clock,
            node_name="worker-1",
            period=60.0,
            deadline=20.0,
            published=published,
            loopback_only=loopback_only,
        )

    def get(self, target: str, method: str = "GET", *, has_body: bool = False, **headers: str) -> Answer:
        path, _, query = target.partition("?")
        parameters = dict([query.split("=")]) if query else {}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.endpoints.answer(
            Query(method=method, path=path, parameters=parameters, headers=named, has_body=has_body)
        )


class InCluster:
    """What a node of a cluster publishes."""

    def __init__(self, nrt: dict[str, Any] | None, problem: str | None = None) -> None:
        self._nrt = nrt
        self._problem = problem
        self.statuses = ()

    def nrt(self) -> tuple[dict[str, Any] | None, str]:
        return self._nrt, "the kubelet has not answered yet"

    def refusals(self, namespace: str, name: str | None) -> dict[str, Any]:
        return {"kind": "Refusals", "asked": [namespace, name]}

    def problem(self) -> str | None:
        return self._problem


def header(answer: Answer, name: str) -> list[str]:
    return [value for known, value in answer.headers if known == name]


def test_the_index_names_every_endpoint_as_text_or_as_a_page() -> None:
    served = Served()
    text, page = served.get("/"), served.get("/", Accept="text/html,*/*;q=0.8")
    assert text.content_type.startswith("text/plain")
    assert page.content_type.startswith("text/html")
    for endpoint in served.endpoints.table:
        assert endpoint.path in text.body.decode()
        assert f'<a href="{endpoint.path}">' in page.body.decode()


def test_an_unknown_path_is_told_which_there_are() -> None:
    answer = Served().get("/api/v2/snapshot")
    assert answer.status is HTTPStatus.NOT_FOUND
    assert json.loads(answer.body)["endpoints"] == [
        "/",
        "/metrics",
        "/api/v1/snapshot",
        "/api/v1/nrt",
        "/api/v1/alignment",
        "/api/v1/headroom",
        "/api/v1/refusals",
        "/healthz",
        "/readyz",
    ]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
def test_another_method_is_told_which_are_allowed(method: str) -> None:
    answer = Served().get("/metrics", method)
    assert answer.status is HTTPStatus.METHOD_NOT_ALLOWED
    assert header(answer, "Allow") == ["GET, HEAD"]


def test_refused_pods_are_served_of_all_or_of_one() -> None:
    served = Served(published=InCluster(None))
    assert json.loads(served.get("/api/v1/refusals").body)["asked"] == ["default", None]
    assert json.loads(served.get("/api/v1/refusals?pod=web").body)["asked"] == ["default", "web"]


def test_a_machine_alone_refuses_nothing() -> None:
    answer = Served().get("/api/v1/refusals")
    assert answer.status is HTTPStatus.SERVICE_UNAVAILABLE
    assert "there is no kubelet here" in json.loads(answer.body)["error"]


def test_a_body_is_refused() -> None:
    assert Served().get("/metrics", has_body=True).status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_the_snapshot_is_the_plain_form() -> None:
    answer = Served().get("/api/v1/snapshot")
    assert answer.content_type == "application/json"
    assert json.loads(answer.body) == plain_snapshot(MACHINE)


def test_who_has_the_snapshot_already_is_told_so_until_there_is_another() -> None:
    served = Served()
    (tag,) = header(served.get("/api/v1/snapshot"), "ETag")
    same = served.get("/api/v1/snapshot", If_None_Match=tag)
    assert (same.status, same.body) == (HTTPStatus.NOT_MODIFIED, b"")
    assert header(same, "ETag") == [tag]
    served.state = dataclasses.replace(served.state, snapshot=expected_snapshot(DESKTOP, now=0.0))
    other = served.get("/api/v1/snapshot", If_None_Match=tag)
    assert other.status is HTTPStatus.OK
    assert header(other, "ETag") != [tag]


def test_the_same_machine_has_the_same_tag_in_another_process() -> None:
    assert header(Served().get("/api/v1/snapshot"), "ETag") == header(
        Served(expected_snapshot(TWO_SOCKETS, now=1_700_000_000.0)).get("/api/v1/snapshot"), "ETag"
    )


@pytest.mark.parametrize("path", ["/api/v1/snapshot", "/metrics"])
def test_a_large_answer_is_compressed_for_who_asks(path: str) -> None:
    served = Served()
    small, large = served.get(path, Accept_Encoding="gzip"), served.get(path)
    assert header(small, "Content-Encoding") == ["gzip"]
    assert gzip.decompress(small.body) == large.body
    assert len(small.body) < len(large.body) / 2
    assert "Accept-Encoding" in header(large, "Vary")


def test_a_small_answer_is_not_compressed() -> None:
    assert header(Served().get("/healthz", Accept_Encoding="gzip"), "Content-Encoding") == []


def test_the_nrt_is_json_by_default() -> None:
    answer = Served().get("/api/v1/nrt")
    assert answer.content_type == "application/json"
    assert json.loads(answer.body) == derive_nrt(MACHINE, node_name="worker-1")


@pytest.mark.parametrize(
    ("target", "accept"),
    [
        ("/api/v1/nrt?format=yaml", ""),
        ("/api/v1/nrt?format=yaml", "application/json"),
        ("/api/v1/nrt", "application/yaml"),
    ],
)
def test_the_nrt_is_yaml_for_who_asks(target: str, accept: str) -> None:
    answer = Served().get(target, Accept=accept)
    assert answer.content_type == "application/yaml"
    assert yaml.safe_load(answer.body) == derive_nrt(MACHINE, node_name="worker-1")


def test_in_a_cluster_the_nrt_is_the_one_that_is_published() -> None:
    published = {"kind": "NodeResourceTopology", "zones": []}
    assert json.loads(Served(published=InCluster(published)).get("/api/v1/nrt").body) == published
    answer = Served(published=InCluster(None)).get("/api/v1/nrt")
    assert answer.status is HTTPStatus.SERVICE_UNAVAILABLE
    assert json.loads(answer.body) == {"error": "the kubelet has not answered yet"}


def test_in_a_cluster_it_is_ready_once_what_is_published_is_known_to_be_right() -> None:
    assert Served(published=InCluster({})).get("/readyz").status is HTTPStatus.OK
    answer = Served(published=InCluster({}, "the API server is away")).get("/readyz")
    assert (answer.status, answer.body) == (HTTPStatus.SERVICE_UNAVAILABLE, b"the API server is away\n")
    late = Served(published=InCluster({}), completed_at=0.0).get("/readyz")
    assert late.status is HTTPStatus.SERVICE_UNAVAILABLE


def test_the_nrt_has_no_other_form() -> None:
    assert Served().get("/api/v1/nrt?format=xml").status is HTTPStatus.BAD_REQUEST
    assert Served().get("/api/v1/nrt?format=json", Accept="text/yaml").content_type == "application/json"


@pytest.mark.parametrize("path", ["/api/v1/snapshot", "/api/v1/nrt"])
def test_before_the_first_survey_there_is_a_reason(path: str) -> None:
    answer = Served(None).get(path)
    assert answer.status is HTTPStatus.SERVICE_UNAVAILABLE
    assert json.loads(answer.body) == {"error": "the first survey has not ended yet"}
    stuck = Served(None, failure="the survey is stuck at /sys/a").get(path)
    assert json.loads(stuck.body) == {"error": "the survey is stuck at /sys/a"}


def test_without_known_zones_the_nrt_has_a_reason() -> None:
    answer = Served(dataclasses.replace(snapshot(), numa=Observed(error="gone"))).get("/api/v1/nrt")
    assert answer.status is HTTPStatus.SERVICE_UNAVAILABLE
    assert json.loads(answer.body) == {"error": "the NUMA nodes are unknown: gone"}


def test_health_is_a_word_or_a_reason() -> None:
    served = Served()
    assert (served.get("/healthz").status, served.get("/healthz").body) == (HTTPStatus.OK, b"ok\n")
    assert (served.get("/readyz").status, served.get("/readyz").body) == (HTTPStatus.OK, b"ok\n")
    served.state = dataclasses.replace(served.state, ticked_at=0.0, completed_at=0.0)
    assert served.get("/healthz").status is HTTPStatus.SERVICE_UNAVAILABLE
    assert served.get("/healthz").body == b"the survey loop has not shown itself for 1000 s\n"
    assert served.get("/readyz").status is HTTPStatus.SERVICE_UNAVAILABLE


def test_metrics_are_in_the_form_that_the_scraper_asks_for() -> None:
    served = Served()
    text = served.get("/metrics")
    assert text.content_type.startswith("text/plain; version=0.0.4")
    names = {family.name for family in parse_text(text.body)}
    openmetrics = served.get("/metrics", Accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert openmetrics.content_type.startswith("application/openmetrics-text; version=1.0.0")
    families = parse_openmetrics(openmetrics.body)
    assert "numascope_numa_memory_total_bytes" in names
    assert {family.type for family in families} == {"gauge", "counter", "info"}


def test_both_forms_hold_the_same_samples() -> None:
    served = Served()
    text = served.get("/metrics").body
    openmetrics = served.get("/metrics", Accept="application/openmetrics-text").body
    found = [
        {
            (sample.name, tuple(sorted(sample.labels.items())), sample.value)
            for family in families
            for sample in family.samples
        }
        for families in (parse_text(text), parse_openmetrics(openmetrics))
    ]
    assert found[0] == found[1] != set()


def test_metrics_of_a_machine_change_only_on_purpose(golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN / "metrics.txt", Served().get("/metrics").body.decode())


def test_what_is_gone_leaves_no_sample_behind() -> None:
    served = Served()
    assert b'numa_node="1"' in served.get("/metrics").body
    served.state = dataclasses.replace(served.state, snapshot=expected_snapshot(DESKTOP, now=0.0))
    assert b'numa_node="1"' not in served.get("/metrics").body


def test_metrics_are_served_before_the_first_survey() -> None:
    assert b"numascope_survey_success 0.0" in Served(None).get("/metrics").body


def test_the_document_names_every_endpoint() -> None:
    text = (DOCS / "api.md").read_text()
    for endpoint in Served().endpoints.table:
        assert f"`{endpoint.path}`" in text


def test_the_document_says_what_the_model_says(golden: Callable[[Path, str], None]) -> None:
    golden(DOCS / "api.md", api_document())


@pytest.mark.asyncio
async def test_other_machines_get_metrics_and_health_where_the_rest_is_for_this_one() -> None:
    served = Served(loopback_only=True)

    async def status(path: str, *, local: bool) -> int:
        query = Query(method="GET", path=path, local=local)
        await served.endpoints.prepare(query)
        return served.endpoints.answer(query).status

    open_paths = {"/metrics", "/healthz", "/readyz"}
    for endpoint in served.endpoints.table:
        assert (await status(endpoint.path, local=False) == 403) == (endpoint.path not in open_paths)
        assert await status(endpoint.path, local=True) != 403
    assert await status("/nothing", local=False) == 403
    assert await status("/nothing", local=True) == 404
    refused = served.endpoints.answer(Query(method="GET", path="/api/v1/snapshot", local=False))
    assert "--api-access anyone" in json.loads(refused.body)["error"]
