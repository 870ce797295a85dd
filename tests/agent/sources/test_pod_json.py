"""Pods as the API server writes them, to facts."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sources.pod_json import pod_from_json
from collectors.kubelet.pod_answers import decode_pod
from collectors.model.pod import ContainerRole, ContainerState, Pod, PodContainer
from collectors.parse import ParseError
from tests.pods.as_json import pod_object
from tests.pods.as_wire import one_pod, pod_bytes
from tests.pods.secrets import SECRET, who_holds_secrets
from tests.pods.strategies import pods

POD = Pod(
    namespace="n",
    name="p",
    uid="u",
    phase="Running",
    containers=(PodContainer(name="c", role=ContainerRole.APP, state=ContainerState.RUNNING),),
)


@given(pods())
def test_a_pod_comes_back_as_it_was_written(pod: Pod) -> None:
    assert pod_from_json(pod_object(pod)) == pod


@given(pods())
def test_the_api_server_and_the_kubelet_tell_the_same_facts(pod: Pod) -> None:
    assert pod_from_json(pod_object(pod)) == decode_pod(one_pod(pod_bytes(pod)))


def test_a_pod_that_was_just_made_needs_no_status() -> None:
    told = pod_object(POD)
    del told["status"]
    del told["spec"]["resources"]
    assert pod_from_json(told).phase == "Unknown"
    assert pod_from_json(told).containers[0].state is None


def test_a_container_whose_state_says_nothing_waits() -> None:
    told = pod_object(POD)
    told["status"]["containerStatuses"] = [{"name": "c"}]
    assert pod_from_json(told).containers[0].state is ContainerState.WAITING


def test_a_person_may_write_whole_numbers() -> None:
    told = pod_object(POD)
    told["spec"]["containers"][0]["resources"] = {"limits": {"cpu": 2, "memory": "1Gi"}}
    assert pod_from_json(told).containers[0].limits == (("cpu", 2000), ("memory", 1 << 30))


@pytest.mark.parametrize("amount", ["two", True, 1.5, None, []])
def test_an_amount_that_is_no_quantity_is_malformed(amount: Any) -> None:
    told = pod_object(POD)
    told["spec"]["containers"][0]["resources"] = {"limits": {"cpu": amount}}
    with pytest.raises(ParseError, match=r"limits\.cpu"):
        pod_from_json(told)


@pytest.mark.parametrize("time", ["yesterday", 7, {}])
def test_a_start_that_is_no_time_is_malformed(time: Any) -> None:
    told = pod_object(POD)
    told["status"]["startTime"] = time
    with pytest.raises(ParseError, match=r"a time at .*startTime"):
        pod_from_json(told)


@pytest.mark.parametrize(
    ("told", "container_id"),
    [
        ("containerd://c0ffee", "c0ffee"),
        ("cri-o://c0ffee", "c0ffee"),
        ("containerd://", None),
        ("c0ffee", None),
        (f"containerd://{'c' * 129}", None),
    ],
)
def test_a_container_has_the_id_that_its_runtime_gave_it(told: str, container_id: str | None) -> None:
    pod = pod_object(POD)
    pod["status"]["containerStatuses"] = [{"name": "c", "containerID": told}]
    assert pod_from_json(pod).containers[0].container_id == container_id


def test_of_the_annotations_two_are_kept_and_not_at_any_length() -> None:
    pod = pod_object(POD)
    pod["metadata"]["annotations"] = {"kubernetes.io/topology-policy": "x" * 500, "note": SECRET}
    assert pod_from_json(pod).annotations == (("kubernetes.io/topology-policy", "x" * 64),)


@pytest.mark.parametrize("key", ["namespace", "name", "uid"])
@pytest.mark.parametrize("value", [None, 7, ""])
def test_a_pod_without_a_full_name_is_malformed(key: str, value: Any) -> None:
    told = pod_object(POD)
    told["metadata"][key] = value
    with pytest.raises(ParseError, match=key):
        pod_from_json(told)


def test_a_message_for_people_is_kept_in_part() -> None:
    told = pod_object(POD)
    told["status"]["message"] = "x" * 5000
    assert pod_from_json(told).message == "x" * 1024


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(pods(), _ANYTHING, st.integers())
def test_any_damage_gives_facts_or_is_malformed(pod: Pod, damage: Any, seed: int) -> None:
    told = pod_object(pod)
    source = random.Random(seed)
    holder: Any = told
    key: Any = source.choice(list(holder))
    while isinstance(holder[key], dict | list) and holder[key] and source.random() < 0.8:
        holder = holder[key]
        key = source.choice(list(holder)) if isinstance(holder, dict) else source.randrange(len(holder))
    holder[key] = damage
    try:
        assert isinstance(pod_from_json(told), Pod)
    except ParseError as error:
        assert SECRET not in str(error)  # noqa: PT017 - facts are as good as the error


def test_no_value_of_the_environment_is_left_in_the_facts() -> None:
    told = copy.deepcopy(pod_object(POD))
    assert who_holds_secrets(pod_from_json(told)) == []
