"""What counts as the wanted object; nothing that a server answers can make it write without end."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.publish.likeness import fulfilment, likeness
from agent.publish.ownership import (
    applied_by_us,
    fields_below,
    last_other_manager,
    reaches_beyond,
)
from tests.agent.publish.keeping import keeping, nrt
from tests.fakes.cluster import FakeCluster

NAMES = st.sampled_from(
    ["a", "b", "metadata", "name", "labels", "zones", "ownerReferences", "uid", "managedFields"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "1Ki", "1024", "u1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
VALUES = st.integers(0, 2) | st.lists(st.sampled_from([{}, "1Ki", {"name": "node-0"}]), max_size=2)
OBJECTS = st.dictionaries(NAMES, JSON, max_size=5)
WANTED = st.dictionaries(st.sampled_from(["a", "b", "zones"]), JSON, max_size=3).map(
    lambda body: {**body, "metadata": {"name": "numa0"}}
)


def entry(
    fields: Any, *, manager: str = "numascope", operation: str = "Apply", **more: Any
) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "fieldsV1": fields, **more}


def managed(*entries: Any) -> dict[str, Any]:
    return {"metadata": {"managedFields": list(entries)}}


@given(WANTED, OBJECTS)
def test_an_object_is_what_is_wanted_whatever_stands_beside_it(
    wanted: dict[str, Any], more: dict[str, Any]
) -> None:
    metadata = {"name": "numa0", "uid": "u", "resourceVersion": "7"}
    assert likeness({**more, **wanted, "metadata": metadata}, wanted) == fulfilment(wanted)


@given(OBJECTS, WANTED)
def test_nothing_that_a_server_sends_is_too_odd_to_be_compared(
    found: dict[str, Any], wanted: dict[str, Any]
) -> None:
    likeness(found, wanted)
    last_other_manager(found)


@given(st.lists(st.dictionaries(NAMES, JSON, max_size=4) | JSON, max_size=4), OBJECTS)
def test_no_tree_of_fields_is_too_odd(entries: list[Any], wanted: dict[str, Any]) -> None:
    found = managed(*(entry(each) if isinstance(each, dict) else each for each in entries))
    for fields in applied_by_us(found):
        reaches_beyond(fields, wanted)
        fields_below(fields, "metadata", "labels")


@settings(max_examples=60, deadline=None)
@given(
    st.sets(st.sampled_from(["attributes", "zones", "topologyPolicies"])),
    st.dictionaries(st.sampled_from(["attributes", "zones", "extra"]), VALUES, max_size=2),
)
def test_no_schema_and_no_webhook_makes_one_wish_into_two_writes(
    dropped: set[str], changed: dict[str, Any]
) -> None:
    def make(body: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in {**body, **changed}.items() if key not in dropped}

    async def writes() -> int:
        cluster = FakeCluster()
        cluster.makes = make
        async with keeping(cluster) as scene:
            await scene.want(nrt())
            for _ in range(3):
                await scene.clock.advance(60)
                cluster.end_watches()
            assert scene.keeper.status.known_equal
            return scene.keeper.status.writes

    assert asyncio.run(writes()) == 1


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ({"zones": [{"name": "a", "more": 1}]}, {"zones": [{"name": "a"}]}),
        ({"zones": [1, 2]}, {"zones": [2, 1]}),
        ({"a": "1Ki"}, {"a": "1024"}),
        ({}, {"a": None}),
        ({"a": 1}, {"a": {"b": 1}}),
        (
            {"ownerReferences": [{"uid": "u1", "name": "x"}]},
            {"ownerReferences": [{"uid": "u1", "name": "y"}]},
        ),
        (
            {"metadata": {"ownerReferences": [{"uid": ["u1"]}, 7]}},
            {"metadata": {"ownerReferences": [{"uid": "u1"}]}},
        ),
    ],
)
def test_a_difference_is_one(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert likeness(found, wanted) != fulfilment(wanted)


def test_a_field_that_we_own_and_no_longer_want_is_a_difference() -> None:
    wanted = {"metadata": {"name": "numa0"}, "spec": {"a": 1}}
    owned: dict[str, Any] = {"f:spec": {".": {}, "f:a": {}, "f:b": {}}}
    assert likeness({**wanted, **managed(entry(owned))}, wanted).surplus
    theirs = managed(
        entry(owned, manager="kubectl"), entry(owned, operation="Update"), entry(owned, subresource="status")
    )
    assert not likeness({**wanted, **theirs}, wanted).surplus


@pytest.mark.parametrize(
    ("fields", "beyond"),
    [
        ({"f:owners": {'k:{"uid":"u1"}': {"f:name": {}}}}, False),
        ({"f:owners": {'k:{"uid":"u1"}': {"f:kind": {}}}}, True),
        ({"f:owners": {'k:{"uid":"u2"}': {}}}, True),
        ({"f:owners": {"k:nonsense": {}}}, True),
        ({"f:set": {'v:"a"': {}}}, False),
        ({"f:set": {'v:"b"': {}}}, True),
        ({"f:set": {"i:3": {}}}, False),
        ({"f:set": {"f:a": {}}}, True),
    ],
)
def test_trees_of_fields_are_followed_into_lists(fields: dict[str, Any], beyond: bool) -> None:
    wanted = {"owners": [{"uid": "u1", "name": "n"}, 7], "set": ["a"]}
    assert reaches_beyond(fields, wanted) is beyond


def test_the_last_other_manager_is_the_one_that_wrote_last() -> None:
    found = managed(
        entry({}, manager="kubectl", time="2026-01-02T00:00:00Z"),
        entry({}, manager="rte", time="2026-01-03T00:00:00Z"),
        entry({}, manager="status-writer", time="2026-01-04T00:00:00Z", subresource="status"),
        entry({}, time="2026-01-05T00:00:00Z"),
        entry({}, manager=""),
    )
    assert last_other_manager(found) == "rte"
    assert last_other_manager(managed(entry({}))) is None
    assert last_other_manager({"metadata": json.loads("[]")}) is None
