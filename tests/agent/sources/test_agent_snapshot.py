"""The pods that an agent's kubelet lists, as another program reads them there."""

from __future__ import annotations

from typing import Any

import pytest

from agent.sources.agent_snapshot import AgentError, read_listed_pods
from agent.views.plain import plain_snapshot
from collectors.strictjson import MAX_BYTES
from tests.agent.views.kubelets import holds, on_two_nodes, picture
from tests.fakes.apiserver import Answer, serve


async def read(answer: Answer) -> frozenset[tuple[str, str]]:
    async with serve(answer) as agent:
        return await read_listed_pods(f"{agent.url}/")


@pytest.mark.asyncio
async def test_what_an_agent_serves_is_understood() -> None:
    served = plain_snapshot(on_two_nodes(picture(holds("p"), holds("q", namespace="other"))))
    assert await read(Answer(body=served)) == {("default", "p"), ("other", "q")}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"kubelet": None}, "the agent knows of no kubelet"),
        ({"kubelet": {"allocations": {"facts": None}}}, "the agent has no answer of the kubelet yet"),
        ({"kubelet": {"allocations": {"facts": [{"name": "p"}]}}}, "expected a string at"),
        ([], "expected an object at a snapshot"),
    ],
)
@pytest.mark.asyncio
async def test_what_has_no_list_is_said_to_have_none(body: Any, reason: str) -> None:
    with pytest.raises(AgentError, match=reason):
        await read(Answer(body=body))


@pytest.mark.asyncio
async def test_an_agent_that_is_not_ready_is_said_to_be() -> None:
    with pytest.raises(AgentError, match="the agent answered 503"):
        await read(Answer(status=503, body={}))


@pytest.mark.asyncio
async def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    half = b" " * (MAX_BYTES // 2)
    with pytest.raises(AgentError, match="an answer of more than"):
        await read(Answer(lines=(half, half, b" ")))


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "no url at all"])
@pytest.mark.asyncio
async def test_an_agent_that_is_not_there_is_named(url: str) -> None:
    with pytest.raises(AgentError, match=url):
        await read_listed_pods(url)
