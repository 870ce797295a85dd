"""What an agent serves of a refused pod, as another program reads it there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sources.agent_refusals import _parsed, read_refusal
from agent.sources.agent_snapshot import AgentError
from agent.views.refusal_page import not_explained, refusal_page
from tests.agent.placement.building import app
from tests.agent.refusals.building import refused
from tests.agent.views.test_refusal_page import answer
from tests.fakes.apiserver import Answer, serve

GOOD = answer(refused("web-9", app(cpu=6)), others=2)
EARLY = answer(refused("web-9", app(cpu=6)), explained=False)


def paths(value: object, above: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """The way to each value within."""
    inner: list[tuple[object, object]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    below = [path for key, each in inner for path in paths(each, (*above, key))]
    return [above, *below] if above else below


@pytest.mark.asyncio
async def test_the_agent_is_asked_for_one_pod_and_again_while_it_is_explaining() -> None:
    async with serve(Answer(body=EARLY), Answer(body=GOOD)) as server:
        found = await read_refusal(server.url, "a b", "web-9", looks=3, pause_seconds=0)
    assert found == GOOD
    assert [request.path for request in server.requests] == ["/api/v1/refusals"] * 2
    assert server.requests[0].query == {"namespace": "a b", "pod": "web-9"}


@pytest.mark.asyncio
async def test_it_is_not_waited_for_without_end() -> None:
    async with serve(Answer(body=EARLY), Answer(body=EARLY)) as server:
        found = await read_refusal(server.url, "default", "web-9", looks=2, pause_seconds=0)
    assert found == EARLY


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind": "Refusals", "pod": {}}', "[" * 100_000])
def test_another_answer_is_none_on_a_refused_pod(text: str) -> None:
    with pytest.raises(AgentError, match="none on a refused pod"):
        _parsed("http://a", text)


@given(st.sampled_from(paths(GOOD)), st.none() | st.integers() | st.text() | st.just([]) | st.just({}))
def test_whatever_is_taken_can_be_shown(path: tuple[Any, ...], value: object) -> None:
    damaged: Any = json.loads(json.dumps(GOOD))
    at = damaged
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    try:
        found = _parsed("http://a", json.dumps(damaged))
    except AgentError:
        return
    assert not_explained(found) or refusal_page(found)
