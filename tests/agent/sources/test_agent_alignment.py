"""What an agent serves of its pods, as another program reads it there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.alignment.model import (
    Alignment,
    ContainerAlignment,
    Cpuset,
    CpusetVerdict,
    Fit,
    HugePageBytes,
    Level,
    Pages,
    Part,
    PodAlignment,
    Source,
    Wish,
)
from agent.sources.agent_alignment import fetch_alignment, parse_alignment
from agent.sources.agent_snapshot import AgentError
from agent.views.alignment import plain_alignment
from collectors.model.cgroup import NodeBytes
from collectors.parse import IdSet, ParseError
from tests.agent.views.test_alignment import ALIGNMENT
from tests.fakes.apiserver import Answer, serve

_TEXT = st.text(st.characters(codec="utf-8"), max_size=10)
_IDS: st.SearchStrategy[IdSet] = st.frozensets(st.integers(0, 300), max_size=4)
_BYTES = st.lists(
    st.builds(NodeBytes, node=st.integers(0, 65_535), bytes=st.integers(0, 1 << 60)), max_size=3
).map(tuple)


def tuples(each: st.SearchStrategy[Any], most: int = 2) -> st.SearchStrategy[Any]:
    return st.lists(each, max_size=most).map(tuple)


_PARTS = tuples(
    st.builds(
        Part,
        source=st.none() | st.sampled_from(Source),
        amount=st.integers(0, 1 << 60),
        cpus=_IDS,
        nodes=st.none() | _IDS,
        devices=tuples(_TEXT),
        pci_addresses=tuples(_TEXT),
        resource=_TEXT,
        claim=st.none() | _TEXT,
    )
)
_LEVELS = st.none() | st.sampled_from(Level)
_FITS = st.builds(
    Fit,
    nodes=_IDS,
    aligned=st.none() | st.booleans(),
    level=_LEVELS,
    distance=st.none() | st.integers(0, 255),
)
_KNOWN = st.none() | _IDS
_CPUSETS = st.builds(
    Cpuset,
    cpus=_KNOWN,
    nodes=_KNOWN,
    kubelet_cpus=_KNOWN,
    kubelet_nodes=_KNOWN,
    verdict=st.none() | st.sampled_from(CpusetVerdict),
    extra=_IDS,
    missing=_IDS,
)
_CONTAINERS = st.builds(
    ContainerAlignment,
    name=_TEXT,
    role=st.none() | _TEXT,
    parts=_PARTS,
    fit=_FITS,
    cpu_level=_LEVELS,
    cpuset=st.none() | _CPUSETS,
    pages=st.none()
    | st.builds(
        Pages,
        by_node=_BYTES,
        anon=_BYTES,
        file=_BYTES,
        hugepages=tuples(st.builds(HugePageBytes, resource=_TEXT, by_node=_BYTES)),
        remote_bytes=st.none() | st.integers(0, 1 << 60),
        remote_share=st.none() | st.floats(0, 1),
    ),
)
_PODS = st.builds(
    PodAlignment,
    namespace=_TEXT,
    name=_TEXT,
    uid=st.none() | _TEXT,
    qos_class=st.none() | _TEXT,
    containers=tuples(_CONTAINERS),
    parts=_PARTS,
    fit=_FITS,
    wishes=tuples(
        st.builds(Wish, annotation=_TEXT, value=_TEXT, fulfilled=st.none() | st.booleans(), why=_TEXT)
    ),
)
_ALIGNMENTS = st.builds(
    Alignment,
    topology_manager_policy=st.none() | _TEXT,
    topology_manager_scope=st.none() | _TEXT,
    cpu_manager_policy=st.none() | _TEXT,
    memory_manager_policy=st.none() | _TEXT,
    cgroup_version=st.none() | st.sampled_from((1, 2)),
    pods=tuples(_PODS),
    unknown=tuples(_TEXT),
)


@given(_ALIGNMENTS)
def test_what_is_served_is_read_back(alignment: Alignment) -> None:
    assert parse_alignment(json.dumps(plain_alignment(alignment))) == alignment


@pytest.mark.asyncio
async def test_an_agent_is_asked_over_http() -> None:
    async with serve(Answer(body=plain_alignment(ALIGNMENT))) as agent:
        assert await fetch_alignment(f"{agent.url}/") == ALIGNMENT


@pytest.mark.asyncio
async def test_an_answer_that_is_something_else_is_named() -> None:
    async with serve(Answer(body={"kind": "Snapshot"})) as agent:
        with pytest.raises(AgentError, match=r"/api/v1/alignment: expected Alignment at"):
            await fetch_alignment(agent.url)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind": "Alignment", "pods": [3]}'])
def test_another_form_is_malformed(text: str) -> None:
    with pytest.raises(ParseError):
        parse_alignment(text)


def test_words_of_a_later_version_are_unknown_and_its_fields_passed_over() -> None:
    fit = {"nodes": "0", "level": "rack", "colour": "blue"}
    text = json.dumps({"kind": "Alignment", "pods": [{"namespace": "n", "name": "p", "fit": fit}]})
    (pod,) = parse_alignment(text.replace('"name": "p"', '"name": "p", "containers": null')).pods
    assert pod.fit == Fit(nodes=frozenset({0}))
