"""What a pod asks for as a whole, and its QoS class."""

from __future__ import annotations

import pytest

from agent.admission.whole_node.requirements import (
    amount_of,
    has_pod_level_resources,
    is_scalar,
    pod_limits,
    pod_requests,
    qos_class,
)
from collectors.model.pod import Amounts, ContainerRole, Pod, PodContainer

APP, INIT, SIDECAR = ContainerRole.APP, ContainerRole.INIT, ContainerRole.SIDECAR
BOTH: Amounts = (("cpu", 1000), ("memory", 64))


def pod(
    *containers: PodContainer, requests: Amounts = (), limits: Amounts = (), qos: str | None = None
) -> Pod:
    return Pod(
        namespace="team",
        name="a",
        uid="a",
        phase="Pending",
        containers=containers,
        requests=requests,
        limits=limits,
        qos_class=qos,
    )


def container(role: ContainerRole, requests: Amounts = (), limits: Amounts = ()) -> PodContainer:
    return PodContainer(name=f"{role.value}", role=role, requests=requests, limits=limits)


def cpus(role: ContainerRole, amount: int) -> PodContainer:
    return container(role, (("cpu", amount),), (("cpu", 2 * amount),))


@pytest.mark.parametrize(
    ("containers", "total"),
    [
        ((cpus(APP, 1), cpus(APP, 2)), 3),
        ((cpus(INIT, 5), cpus(APP, 2)), 5),
        ((cpus(INIT, 1), cpus(INIT, 2), cpus(APP, 4)), 4),
        ((cpus(SIDECAR, 1), cpus(APP, 4)), 5),
        ((cpus(SIDECAR, 1), cpus(INIT, 5), cpus(APP, 4)), 6),
        ((cpus(INIT, 5), cpus(SIDECAR, 1), cpus(APP, 4)), 5),
        ((cpus(SIDECAR, 3), cpus(SIDECAR, 4), cpus(APP, 1)), 8),
    ],
)
def test_init_containers_count_where_they_need_most(containers: tuple[PodContainer, ...], total: int) -> None:
    assert pod_requests(pod(*containers)) == {"cpu": total}
    assert pod_limits(pod(*containers)) == {"cpu": 2 * total}


def test_pod_level_resources_replace_and_overhead_adds() -> None:
    asking = pod(cpus(APP, 1), requests=(("cpu", 7), ("example.com/gpu", 1)), limits=(("memory", 9),))
    assert pod_requests(asking, overhead=(("cpu", 2), ("memory", 1))) == {"cpu": 9, "memory": 1}
    assert pod_requests(asking, pod_level=False) == {"cpu": 1}
    assert pod_limits(asking) == {"cpu": 2, "memory": 9}
    assert pod_limits(asking, pod_level=False) == {"cpu": 2}


def test_what_is_not_mentioned_is_nothing() -> None:
    assert amount_of(BOTH, "memory") == 64
    assert amount_of(BOTH, "hugepages-2Mi") == 0


@pytest.mark.parametrize(
    ("resource", "scalar"),
    [
        ("cpu", False),
        ("ephemeral-storage", False),
        ("hugepages-1Gi", True),
        ("nvidia.com/gpu", True),
        ("requests.nvidia.com/gpu", False),
        ("attachable-volumes-csi", True),
        ("example.kubernetes.io/thing", True),
    ],
)
def test_resources_that_are_compared_by_number(resource: str, scalar: bool) -> None:
    assert is_scalar(resource) is scalar


@pytest.mark.parametrize(
    ("containers", "qos"),
    [
        ((), "BestEffort"),
        ((container(APP),), "BestEffort"),
        ((container(APP, BOTH, BOTH),), "Guaranteed"),
        ((container(APP, BOTH, BOTH), container(INIT)), "Burstable"),
        ((container(APP, BOTH),), "Burstable"),
        ((container(APP, BOTH[:1], BOTH[:1]),), "Burstable"),
        ((container(APP, (("example.com/gpu", 1),), (("example.com/gpu", 1),)),), "BestEffort"),
    ],
)
def test_qos_follows_from_containers(containers: tuple[PodContainer, ...], qos: str) -> None:
    assert qos_class(pod(*containers)) == qos


def test_qos_follows_from_the_pod_as_a_whole_where_it_asks() -> None:
    assert qos_class(pod(container(APP), requests=BOTH, limits=BOTH)) == "Guaranteed"
    assert qos_class(pod(container(APP, BOTH, BOTH), requests=BOTH)) == "Burstable"


def test_the_status_has_the_last_word_on_qos() -> None:
    assert qos_class(pod(container(APP), qos="Guaranteed")) == "Guaranteed"


def test_only_cpu_memory_and_hugepages_make_pod_level_resources() -> None:
    assert not has_pod_level_resources(pod(limits=(("example.com/gpu", 1),)))
    assert has_pod_level_resources(pod(limits=(("hugepages-2Mi", 1),)))
