from __future__ import annotations

import dataclasses

import pytest

from agent.admission.cpus.requests import EmptySharedPoolError, check_shared_pool, exclusive_cpus, pod_cpus
from tests.agent.admission.cpus.builders import app, init, pod, sidecar


def test_whole_cpus_of_a_guaranteed_pod_are_exclusive() -> None:
    assert exclusive_cpus(pod(app(3)), app(3), pod_level=False) == 3


def test_a_fraction_of_a_cpu_keeps_a_container_in_the_shared_pool() -> None:
    assert exclusive_cpus(pod(app(1.5)), app(1.5), pod_level=False) == 0


def test_a_burstable_pod_gets_no_cpus_for_itself() -> None:
    burstable = dataclasses.replace(app(2), limits=())
    assert exclusive_cpus(pod(burstable), burstable, pod_level=False) == 0


def test_in_a_pod_managed_as_a_whole_a_container_needs_limits_of_its_own() -> None:
    requests_only = dataclasses.replace(app(2), limits=())
    whole = pod(requests_only, cpus=4)
    assert exclusive_cpus(whole, requests_only, pod_level=True) == 0
    assert exclusive_cpus(whole, requests_only, pod_level=False) == 2
    assert exclusive_cpus(whole, app(2), pod_level=True) == 2


def test_a_pod_needs_the_sum_of_its_app_containers_and_sidecars() -> None:
    assert pod_cpus(pod(sidecar(1), app(2, "a"), app(3, "b")), pod_level=False) == 6


def test_a_pod_needs_what_its_largest_init_container_needs_beside_earlier_sidecars() -> None:
    assert pod_cpus(pod(sidecar(2), init(4), app(1)), pod_level=False) == 6
    assert pod_cpus(pod(init(4), sidecar(2), app(1)), pod_level=False) == 4


def test_a_pod_managed_as_a_whole_gets_what_it_asks_for_as_a_whole() -> None:
    assert pod_cpus(pod(app(1), cpus=6), pod_level=True) == 6
    assert pod_cpus(pod(app(1), cpus=6.5), pod_level=True) == 0


def test_a_burstable_pod_managed_as_a_whole_gets_nothing_for_itself() -> None:
    burstable = dataclasses.replace(pod(app(1), cpus=6), limits=())
    assert pod_cpus(burstable, pod_level=True) == 0


def test_containers_may_share_what_others_leave() -> None:
    check_shared_pool(pod(sidecar(1), app(2, "a"), app(0.5, "b"), cpus=4))


def test_containers_cannot_share_nothing() -> None:
    with pytest.raises(EmptySharedPoolError) as caught:
        check_shared_pool(pod(app(4, "a"), app(0.5, "b"), cpus=4))
    assert str(caught.value) == (
        "pod rejected, sum of exclusive container cpu requests equals pod budget, leaving no cpus for shared containers"
    )


def test_a_sidecar_cannot_share_nothing_either() -> None:
    with pytest.raises(EmptySharedPoolError):
        check_shared_pool(pod(sidecar(0.5), app(4), cpus=4))


def test_an_init_container_cannot_share_what_sidecars_before_it_have_all() -> None:
    with pytest.raises(EmptySharedPoolError) as caught:
        check_shared_pool(pod(sidecar(4), init(0.5), cpus=4))
    assert str(caught.value) == "pod rejected, pod has shared init containers but no cpus available for them"


def test_an_init_container_shares_what_app_containers_have_later() -> None:
    check_shared_pool(pod(init(0.5), app(4), cpus=4))
