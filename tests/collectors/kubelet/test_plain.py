"""The kubelet's answers in a capture."""

from __future__ import annotations

import contextlib
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.kubelet.answers import AnswerDecoder
from collectors.kubelet.plain import format_answers, parse_answers
from collectors.kubelet.wire import podresources_pb2 as wire
from collectors.model.kubelet import (
    Allocatable,
    ContainerAllocation,
    DeviceAllocation,
    KubeletAnswers,
    MemoryBlock,
    PodAllocation,
)
from collectors.parse import ParseError
from tests.collectors.kubelet.recordings import Recorded
from tests.collectors.kubelet.test_answers import pod_lists
from tests.collectors.test_strictjson import json_values

times = st.floats(min_value=0, max_value=1e11)
answers = st.builds(
    lambda pods, read_at: KubeletAnswers(
        pods=AnswerDecoder().pods(pods.SerializeToString()), read_at=read_at
    ),
    pod_lists,
    times,
)


@given(before=answers)
def test_what_is_written_is_read_back(before: KubeletAnswers) -> None:
    after = parse_answers(format_answers(before))
    assert after == before
    assert after.read_at == before.read_at


EXAMPLE = KubeletAnswers(
    read_at=1.5,
    allocatable=Allocatable(
        cpus=frozenset({0, 1, 2}),
        devices=(DeviceAllocation(resource="x/nic", device_id="a", numa_nodes=frozenset()),),
        memory=(MemoryBlock(type="memory", size_bytes=1 << 63),),
    ),
    pods=(
        PodAllocation(
            namespace="n", name="p", containers=(ContainerAllocation(name="c", cpus=frozenset({0})),)
        ),
    ),
)
PLAIN = {
    "api_version": "numascope.dev/v1",
    "kind": "KubeletAnswers",
    "read_at": 1.5,
    "allocatable": {
        "cpus": "0-2",
        "memory": [{"type": "memory", "size_bytes": 1 << 63, "numa_nodes": None}],
        "devices": [{"resource": "x/nic", "device_id": "a", "numa_nodes": ""}],
    },
    "pods": [
        {
            "namespace": "n",
            "name": "p",
            "cpus": "",
            "memory": [],
            "containers": [{"name": "c", "cpus": "0", "memory": [], "devices": [], "claims": []}],
        }
    ],
}


def test_the_form_is_the_models_own_names() -> None:
    assert json.loads(format_answers(EXAMPLE)) == PLAIN
    assert parse_answers(json.dumps(PLAIN)) == EXAMPLE


def test_a_key_that_we_do_not_know_is_passed_over() -> None:
    assert parse_answers(json.dumps({**PLAIN, "color": "blue"})) == EXAMPLE


def test_an_archive_in_another_order_reads_the_same() -> None:
    pods = [wire.Pod(namespace="n", name=name) for name in ("b", "a", "c")]
    before = KubeletAnswers(pods=AnswerDecoder().pods(wire.PodList(pods=pods).SerializeToString()), read_at=0)
    plain = json.loads(format_answers(before))
    random.Random(3).shuffle(plain["pods"])
    assert parse_answers(json.dumps(plain)) == before


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("kind", "Snapshot", "KubeletAnswers at"),
        ("api_version", "numascope.dev/v2", "numascope.dev/v1 at"),
        ("api_version", None, "a string at"),
        ("read_at", "now", "a number at"),
        ("read_at", 10**400, "a number at"),
        ("pods", {}, "an array at"),
        ("pods", [{}], r"a string at .*pods.0.*name"),
    ],
)
def test_a_malformed_archive_says_what_was_expected_where(key: str, value: object, words: str) -> None:
    with pytest.raises(ParseError, match=words):
        parse_answers(json.dumps({**PLAIN, key: value}))


def test_a_time_that_is_none_is_malformed() -> None:
    with pytest.raises(ParseError, match="a time"):
        parse_answers(json.dumps({**PLAIN, "read_at": 0}).replace('"read_at": 0', '"read_at": 1e999'))


@given(data=st.data())
def test_an_archive_with_one_part_replaced_is_answers_or_malformed(data: st.DataObject) -> None:
    document = json.loads(json.dumps(PLAIN))
    part: Any = document
    while True:
        key = data.draw(st.sampled_from(sorted(part) if isinstance(part, dict) else list(range(len(part)))))
        if not isinstance(part[key], dict | list) or not part[key] or data.draw(st.booleans()):
            break
        part = part[key]
    part[key] = data.draw(json_values)
    with contextlib.suppress(ParseError):
        format_answers(parse_answers(json.dumps(document)))


@pytest.mark.shared
def test_every_recorded_answer_survives_a_capture(recorded: Recorded) -> None:
    decoder = AnswerDecoder()
    for path in recorded("list.pb"):
        before = KubeletAnswers(
            pods=decoder.pods(path.read_bytes()),
            allocatable=decoder.allocatable((path.parent / "allocatable.pb").read_bytes()),
            read_at=0,
        )
        assert parse_answers(format_answers(before)) == before, path
