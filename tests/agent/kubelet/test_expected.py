"""When a pod has shown all that it will be given."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.kubelet.expected import (
    has_init_containers,
    has_started,
    holds_something,
    is_certain,
    listed_cpus,
    shows_all,
)
from collectors.model.kubelet import ClaimAllocation, ContainerAllocation, MemoryBlock, PodAllocation
from collectors.model.kubelet_config import KubeletConfig
from collectors.model.pod import ContainerRole, ContainerState, Pod
from tests.agent.kubelet.building import GPU, STATIC, asks, listed, told


def shown(pod: Pod, allocation: PodAllocation | None, config: KubeletConfig | None = STATIC) -> bool:
    return shows_all(pod, allocation, config=config, resources={GPU})


def test_a_pod_that_is_not_listed_has_shown_nothing() -> None:
    assert not shown(told("web"), None)


def test_a_pod_that_asks_for_nothing_has_shown_all_once_its_containers_are_listed() -> None:
    assert shown(told("web"), listed("web"))
    assert not shown(told("web", asks("app"), asks("log")), listed("web"))


def test_whole_cpus_of_a_guaranteed_pod_are_waited_for() -> None:
    pod = told("web", asks(cpus=2))
    assert not shown(pod, listed("web"))
    assert shown(pod, listed("web", 4, 5))


@pytest.mark.parametrize(
    ("pod", "config"),
    [
        (told("web", asks(cpus=2), qos="Burstable"), STATIC),
        (told("web", asks(cpus=1.5)), STATIC),
        (told("web", asks(cpus=2)), replace(STATIC, cpu_manager_policy="none")),
        (told("web", asks(cpus=2)), None),
        (replace(told("web", asks(cpus=2)), requests=(("cpu", 2000),)), STATIC),
        (told("web", asks("first", cpus=2, role=ContainerRole.INIT), asks()), STATIC),
    ],
    ids=[
        "burstable",
        "a part of a CPU",
        "policy none",
        "policy unknown",
        "a budget of the pod",
        "init container",
    ],
)
def test_cpus_that_may_never_come_are_not(pod: Pod, config: KubeletConfig | None) -> None:
    assert shown(pod, listed("web"), config)


def test_memory_and_hugepages_are_waited_for_where_the_kubelet_binds_them() -> None:
    binds = replace(STATIC, memory_manager_policy="Static")
    pod = told("web", replace(asks(), requests=(("hugepages-2Mi", 2 << 20), ("memory", 1 << 30))))
    bare = listed("web").containers[0]
    blocks = tuple(MemoryBlock(type=kind, size_bytes=1) for kind in ("hugepages-2Mi", "memory"))
    some = replace(listed("web"), containers=(replace(bare, memory=blocks[1:]),))
    every = replace(listed("web"), containers=(replace(bare, memory=blocks),))
    assert shown(pod, listed("web"))
    assert not shown(pod, listed("web"), binds)
    assert not shown(pod, some, binds)
    assert shown(pod, every, binds)


def test_more_may_come_of_pods_with_a_budget_and_where_the_policies_are_unknown() -> None:
    assert is_certain(told("web"), STATIC)
    assert not is_certain(told("web"), None)
    assert not is_certain(told("web"), replace(STATIC, cpu_manager_policy=None))
    assert not is_certain(replace(told("web"), requests=(("cpu", 2000),)), STATIC)


def test_devices_are_waited_for_where_a_plugin_offers_them() -> None:
    pod = told("web", asks(gpus=1))
    assert not shown(pod, listed("web"))
    assert shown(pod, listed("web", gpus=("gpu0",)))
    assert shows_all(pod, listed("web"), config=STATIC, resources=())


def test_a_pod_has_started_when_one_of_its_containers_has_run_and_it_goes_on() -> None:
    assert has_started(told("web"))
    assert not has_started(told("web", asks(state=ContainerState.WAITING)))
    assert not has_started(told("web", phase="Succeeded"))


def test_what_holds_something_holds_cpus_memory_devices_or_claims() -> None:
    claim = ContainerAllocation(name="app", claims=(ClaimAllocation(namespace="default", name="gpu"),))
    memory = MemoryBlock(type="memory", size_bytes=1)
    assert not holds_something(listed("web"))
    assert holds_something(listed("web", 3))
    assert holds_something(listed("web", gpus=("gpu0",)))
    assert holds_something(replace(listed("web"), containers=(claim,)))
    assert holds_something(replace(listed("web"), memory=(memory,)))
    assert holds_something(replace(listed("web"), cpus=frozenset({1})))


def test_listed_cpus_are_those_of_the_pod_and_of_its_containers() -> None:
    assert listed_cpus(replace(listed("web", 1), cpus=frozenset({1, 2}))) == {1, 2}


def test_ordinary_init_containers_may_hold_more_than_is_listed() -> None:
    assert has_init_containers(told("web", asks("first", role=ContainerRole.INIT), asks()))
    assert not has_init_containers(told("web", asks("beside", role=ContainerRole.SIDECAR), asks()))
