"""Bytes of the kubelet's Pods API to facts, against bytes that were written without our .proto file."""

from __future__ import annotations

import random
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.kubelet.pod_answers import (
    MAX_ITEMS,
    PodEvent,
    PodEventType,
    decode_event,
    decode_pod,
    decode_pods,
)
from collectors.model.pod import ContainerRole, ContainerState, Pod, PodContainer
from collectors.parse import ParseError
from tests.pods.as_wire import event, field, name_bytes, one_pod, pod_bytes, pod_list
from tests.pods.secrets import SECRET, who_holds_secrets
from tests.pods.strategies import pods

POD = Pod(
    namespace="n",
    name="p",
    uid="u",
    phase="Running",
    containers=(
        PodContainer(name="i", role=ContainerRole.INIT, state=ContainerState.TERMINATED),
        PodContainer(name="s", role=ContainerRole.SIDECAR, state=ContainerState.RUNNING),
        PodContainer(name="a", role=ContainerRole.APP, limits=(("cpu", 2000), ("memory", 1 << 30))),
    ),
)


@given(pods())
def test_a_pod_comes_back_as_it_was_written(pod: Pod) -> None:
    assert decode_pod(one_pod(pod_bytes(pod))) == pod


@given(st.lists(pods(), max_size=3))
def test_a_list_keeps_its_order(written: list[Pod]) -> None:
    assert decode_pods(pod_list(pod_bytes(pod) for pod in written)) == tuple(written)


@given(st.sampled_from([(1, PodEventType.ADDED), (2, PodEventType.MODIFIED)]), pods())
def test_an_event_says_what_happened_to_which_pod(kind: tuple[int, PodEventType], pod: Pod) -> None:
    assert decode_event(event(kind[0], pod_bytes(pod))) == PodEvent(type=kind[1], pod=pod)


def test_a_deleted_pod_needs_no_more_than_its_name() -> None:
    told = decode_event(event(3, name_bytes(POD)))
    assert told == PodEvent(
        type=PodEventType.DELETED, pod=Pod(namespace="n", name="p", uid="u", phase="Unknown")
    )


def test_the_end_of_the_initial_sync_has_no_pod() -> None:
    assert decode_event(event(4)) == PodEvent(type=PodEventType.INITIAL_SYNC_COMPLETE)


def test_an_event_of_a_later_kubelet_is_passed_over() -> None:
    assert decode_event(event(9, pod_bytes(POD))) is None
    assert decode_event(b"") is None


def test_a_container_whose_state_says_nothing_waits() -> None:
    status = field(8, field(1, "a") + field(2, b""))
    pod = decode_pod(one_pod(pod_bytes(POD) + field(3, status)))
    assert pod.containers[-1].state is ContainerState.WAITING


def test_a_message_for_people_is_kept_in_part_and_may_hold_half_a_letter() -> None:
    words = field(3, b"\xc3" + b"x" * 5000)
    message = decode_pod(one_pod(pod_bytes(POD) + field(3, words))).message
    assert message == "�" + "x" * 1023


@pytest.mark.parametrize("number", [1, 3, 5])
def test_a_pod_without_a_full_name_is_malformed(number: int) -> None:
    with pytest.raises(ParseError, match="expected a pod with namespace, name and uid"):
        decode_pod(one_pod(pod_bytes(POD) + field(1, field(number, ""))))


def test_an_amount_that_is_no_quantity_is_malformed() -> None:
    container = field(2, field(1, "c") + field(8, field(1, field(1, "cpu") + field(2, field(1, "two")))))
    with pytest.raises(ParseError, match="'two'"):
        decode_pod(one_pod(pod_bytes(POD) + field(2, container)))


def test_bytes_that_are_no_message_are_malformed_and_not_repeated() -> None:
    with pytest.raises(ParseError, match="expected the kubelet's list of pods, found '5 bytes'"):
        decode_pods(b"\x0a\x7fabc")


@pytest.mark.parametrize("number", [2, 20])
def test_a_short_answer_of_a_million_empty_containers_is_refused(number: int) -> None:
    spec = field(2, field(number, b"") * (MAX_ITEMS + 1))
    with pytest.raises(ParseError, match=f"more than {MAX_ITEMS} items"):
        decode_pod(one_pod(pod_bytes(POD) + spec))


@given(st.binary(max_size=60))
def test_any_bytes_are_facts_or_malformed(data: bytes) -> None:
    for decode in (decode_event, decode_pods, decode_pod):
        try:
            decode(data)
        except ParseError:
            continue


def test_damaged_answers_are_facts_or_malformed() -> None:
    whole = bytearray(pod_list([pod_bytes(POD)] * 3))
    source = random.Random(4)
    outcomes: set[type] = set()
    for _ in range(3000):
        data = bytearray(whole)
        for _ in range(source.randint(1, 4)):
            data[source.randrange(len(data))] = source.randrange(256)
        try:
            outcomes.add(type(decode_pods(bytes(data))))
        except ParseError as error:
            outcomes.add(type(error))
    assert outcomes == {tuple, ParseError}


def test_no_value_of_the_environment_is_left_in_what_is_kept() -> None:
    data = pod_list([pod_bytes(POD)])
    assert SECRET.encode() in data
    assert who_holds_secrets(data) == ["bytes"]
    assert who_holds_secrets(decode_pods(data), decode_event(event(1, pod_bytes(POD)))) == []


@pytest.mark.parametrize("damage", [b"\xff", field(1, field(1, field(5, "")))])
def test_no_value_of_the_environment_is_told_by_an_error(damage: bytes) -> None:
    with pytest.raises(ParseError) as caught:
        decode_pod(one_pod(pod_bytes(POD) + damage) + damage)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert who_holds_secrets(caught.value.args) == []
