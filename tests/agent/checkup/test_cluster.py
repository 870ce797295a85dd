"""What the API server has of this node, and whether the agent may do there what it does."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from agent.checkup.cluster import NEEDED, check_cluster
from agent.kube.client import KubeClient
from agent.views.doctor_model import Finding, Severity
from tests.fakes import apiserver
from tests.fakes.apiserver import Answer

FORBIDDEN = Answer(
    status=403,
    body={
        "reason": "Forbidden",
        "message": 'noderesourcetopologies.topology.node.k8s.io is forbidden: User "agent" cannot list resource '
        '"noderesourcetopologies" in API group "topology.node.k8s.io" at the cluster scope',
    },
)
MISSING = Answer(status=404, body={"reason": "NotFound", "message": "the server could not find it"})


class _Nobody:
    def __init__(self, server: str) -> None:
        self.server = server

    def tls(self) -> ssl.SSLContext | None:
        return None

    def token(self) -> str | None:
        return None


def published(*objects: dict[str, Any]) -> Answer:
    return Answer(body={"metadata": {"resourceVersion": "1"}, "items": list(objects)})


def nrt(*resources: str, zone: str = "node-0", policy: str = "single-numa-node") -> dict[str, Any]:
    return {
        "metadata": {"name": "n"},
        "attributes": [{"name": "topologyManagerPolicy", "value": policy}],
        "zones": [{"name": zone, "type": "Node", "resources": [{"name": each} for each in resources]}],
    }


def reviewed(*allowed: bool) -> list[Answer]:
    """The answers to what it asks of its rights."""
    return [Answer(body={"status": {"allowed": each}}) for each in allowed]


async def found(*answers: Answer, as_agent: bool = False) -> dict[str, Finding]:
    async with (
        apiserver.serve(*answers) as server,
        KubeClient(_Nobody(server.url), user_agent="test") as client,
    ):
        return {each.check: each for each in await check_cluster(client, "n", as_agent=as_agent)}


@pytest.mark.asyncio
async def test_an_object_that_says_all_is_no_finding() -> None:
    assert await found(published(nrt("cpu", "memory"))) == {}


@pytest.mark.asyncio
async def test_no_object_is_an_error() -> None:
    findings = await found(published())
    assert findings["nrt-absent"].severity is Severity.ERROR


@pytest.mark.asyncio
async def test_an_object_without_memory_makes_the_scheduler_refuse_pods() -> None:
    findings = await found(published(nrt("cpu")))
    assert findings["scheduler-refuses"].what.startswith("no zone names memory: ")


@pytest.mark.asyncio
async def test_a_zone_that_ends_the_scheduler_is_an_error() -> None:
    findings = await found(published(nrt("cpu", "memory", zone="node-64")))
    assert findings["scheduler-crash"].evidence == ("node-64",)


@pytest.mark.asyncio
async def test_a_policy_that_the_plugin_does_not_filter_by_is_named() -> None:
    findings = await found(published(nrt("cpu", "memory", policy="restricted")))
    assert findings["scheduler-ignores"].severity is Severity.WARNING


@pytest.mark.asyncio
async def test_an_unknown_kind_is_a_missing_crd_with_the_command_that_installs_it() -> None:
    finding = (await found(MISSING))["crd-missing"]
    assert finding.way_out == "kubectl apply -k deploy/crds"


@pytest.mark.asyncio
async def test_who_may_not_list_is_told_which_right_is_missing() -> None:
    finding = (await found(FORBIDDEN))["rights-missing"]
    assert finding.what == "the right to list noderesourcetopologies.topology.node.k8s.io is missing"


@pytest.mark.asyncio
async def test_the_agents_own_rights_are_asked_for_one_by_one() -> None:
    rights = reviewed(*(right.verb != "patch" for right in NEEDED))
    findings = await found(*rights, published(nrt("cpu", "memory")), as_agent=True)
    assert findings["rights-missing"].what == "the right to patch noderesourcetopologies is missing"


@pytest.mark.asyncio
async def test_a_right_that_is_missing_is_said_once() -> None:
    rights = reviewed(False, *(True for _ in NEEDED[1:]))
    findings = await found(*rights, FORBIDDEN, as_agent=True)
    assert findings["rights-missing"].what == "the right to list noderesourcetopologies is missing"


@pytest.mark.asyncio
async def test_who_may_not_even_ask_is_told_by_what_fails() -> None:
    assert await found(FORBIDDEN, published(nrt("cpu", "memory")), as_agent=True) == {}


@pytest.mark.asyncio
async def test_an_api_server_that_is_not_there_is_a_finding() -> None:
    async with KubeClient(_Nobody("http://127.0.0.1:9"), user_agent="test") as client:
        (finding,) = await check_cluster(client, "n", as_agent=False)
    assert (finding.check, finding.severity) == ("api-unreachable", Severity.WARNING)
