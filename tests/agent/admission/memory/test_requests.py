from __future__ import annotations

import pytest

from agent.admission.memory.requests import (
    EmptySharedPoolError,
    check_shared_pool,
    container_request,
    is_managed,
    pod_request,
)
from agent.admission.model import Settings
from agent.admission.versions import Version
from collectors.model.pod import ContainerRole, Pod, PodContainer
from tests.agent.admission.memory.builders import GATES, container, init, pod, sidecar


def test_only_memory_and_hugepages_are_asked_for() -> None:
    one = container(memory=10, pages=4)
    assert container_request(one, whole=False) == {"memory": 10, "hugepages-2Mi": 4}


def test_hugepages_of_zero_bytes_are_asked_for() -> None:
    amounts = (("cpu", 1), ("hugepages-1Gi", 0), ("memory", 5))
    one = PodContainer(name="app", role=ContainerRole.APP, requests=amounts, limits=amounts)
    assert container_request(one, whole=False) == {"hugepages-1Gi": 0, "memory": 5}


@pytest.mark.parametrize(
    ("one", "managed"),
    [
        (pod(container(memory=1)), True),
        (pod(container(memory=1), qos="Burstable"), False),
        (pod(container(memory=1), whole=2), False),
    ],
)
def test_guaranteed_pods_are_managed_unless_they_ask_as_a_whole(one: Pod, managed: bool) -> None:
    assert is_managed(one, Settings(gates=frozenset(("PodLevelResources",)))) is managed


@pytest.mark.parametrize(
    ("version", "gates", "managed"),
    [
        ((1, 33), frozenset(("PodLevelResources",)), True),
        ((1, 34), frozenset(("PodLevelResources",)), False),
        ((1, 35), frozenset(), True),
        ((1, 36), frozenset(), False),
        ((1, 36), frozenset(("PodLevelResourceManagers",)), False),
        ((1, 36), GATES, True),
    ],
)
def test_whether_pods_that_ask_as_a_whole_are_managed_is_a_matter_of_version_and_gates(
    version: Version, gates: frozenset[str], managed: bool
) -> None:
    settings = Settings(version=version, gates=gates)
    assert is_managed(pod(container(memory=1), whole=2), settings) is managed


def test_a_container_of_such_a_pod_shares_unless_it_fixes_cpu_and_memory() -> None:
    loose = PodContainer(
        name="app", role=ContainerRole.APP, requests=(("memory", 3),), limits=(("memory", 3),)
    )
    assert container_request(loose, whole=True) == {}
    fixed = container(memory=3)
    assert container_request(fixed, whole=True) == {"memory": 3}


def test_a_pod_asks_for_what_runs_side_by_side_or_for_its_largest_init_container() -> None:
    apps = container("one", 3), container("two", 4)
    assert pod_request(pod(init("i", 5), sidecar("s", 2), *apps), whole=False) == {"memory": 9}
    assert pod_request(pod(init("i", 50), sidecar("s", 2), *apps), whole=False) == {"memory": 50}
    assert pod_request(pod(sidecar("s", 2), init("i", 50), *apps), whole=False) == {"memory": 52}


def test_hugepages_of_init_containers_only_are_forgotten() -> None:
    assert pod_request(pod(init("i", 5, pages=2), container(memory=9)), whole=False) == {"memory": 9}


def test_a_pod_that_asks_as_a_whole_asks_for_that() -> None:
    assert pod_request(pod(container(memory=3), whole=9), whole=True) == {"memory": 9}


def test_containers_that_share_need_something_to_share() -> None:
    check_shared_pool(pod(container("one", 8), container("two"), whole=9))
    with pytest.raises(
        EmptySharedPoolError, match=r"^pod rejected, sum of exclusive container memory requests equals "
    ):
        check_shared_pool(pod(container("one", 9), container("two"), whole=9))


def test_an_init_container_that_shares_needs_what_earlier_sidecars_leave() -> None:
    app = container("app", 1)
    check_shared_pool(pod(init("i", 0), sidecar("s", 9), app, whole=9))
    with pytest.raises(
        EmptySharedPoolError, match=r"^pod rejected, pod has shared init containers but no memory avail"
    ):
        check_shared_pool(pod(sidecar("s", 9), init("i", 0), app, whole=9))


def test_nobody_shares_where_every_container_has_its_own() -> None:
    check_shared_pool(pod(container("one", 9), whole=9))
