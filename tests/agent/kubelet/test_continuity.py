"""What is believed of a kubelet that does not know its pods, or its devices, yet."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from agent.kubelet.continuity import (
    DOUBT_SECONDS,
    PLUGIN_SECONDS,
    RESTART_SECONDS,
    Continuity,
    by_name,
    unlisted,
)
from collectors.model.kubelet import Allocatable, DeviceAllocation, PodAllocation
from collectors.model.pod import ContainerState, Pod
from tests.agent.kubelet.building import GPU, asks, listed, told

WEB, DB = listed("web", 1, 2), listed("db")
NIC = "example.com/nic"


def named(*pods: PodAllocation) -> dict[tuple[str, str], PodAllocation]:
    return {(pod.namespace, pod.name): pod for pod in pods}


def settled(
    continuity: Continuity,
    now_listed: Iterable[PodAllocation],
    pods: tuple[Pod, ...] | None,
    *,
    now: float = 100.0,
    before: Iterable[PodAllocation] = (WEB, DB),
) -> set[str]:
    """Names of who is believed to be there."""
    return {name for _, name in continuity.settle(named(*now_listed), named(*before), pods, now)}


def test_an_empty_list_takes_nothing_from_pods_that_live() -> None:
    continuity = Continuity()
    assert settled(continuity, (), (told("web"), told("db"))) == {"web", "db"}
    assert continuity.doubted
    assert settled(continuity, (WEB, DB), (told("web"), told("db"))) == {"web", "db"}
    assert not continuity.doubted


def test_a_pod_that_is_listed_bare_keeps_what_it_had() -> None:
    continuity = Continuity()
    believed = continuity.settle(named(listed("web"), DB), named(WEB, DB), (told("web"), told("db")), 0.0)
    assert believed == named(WEB, DB)
    assert continuity.doubted


@pytest.mark.parametrize("pods", [(), (told("web", phase="Failed"),), (told("web", deleted=True),)])
def test_a_pod_that_is_gone_has_ended_or_is_ending_is_let_go(pods: tuple[Pod, ...]) -> None:
    continuity = Continuity()
    assert settled(continuity, (), pods, before=(WEB,)) == set()
    assert not continuity.doubted


def test_while_the_kubelet_starts_even_a_pod_that_is_ending_is_kept() -> None:
    continuity = Continuity()
    continuity.kubelet_started(100.0)
    ending = (told("web", deleted=True),)
    assert settled(continuity, (), ending, now=101.0, before=(WEB,)) == {"web"}
    assert settled(continuity, (), ending, now=100.0 + RESTART_SECONDS, before=(WEB,)) == set()


def test_the_kubelet_is_believed_in_the_end() -> None:
    continuity = Continuity()
    pods = (told("web"), told("db"))
    assert settled(continuity, (DB,), pods, now=100.0) == {"web", "db"}
    assert settled(continuity, (DB,), pods, now=99.9 + DOUBT_SECONDS) == {"web", "db"}
    assert settled(continuity, (DB,), pods, now=100.0 + DOUBT_SECONDS) == {"db"}
    assert not continuity.doubted


def test_doubts_begin_anew_once_a_pod_was_listed_again() -> None:
    continuity = Continuity()
    pods = (told("web"), told("db"))
    settled(continuity, (DB,), pods, now=100.0)
    settled(continuity, (DB, WEB), pods, now=110.0)
    assert settled(continuity, (DB,), pods, now=100.0 + DOUBT_SECONDS) == {"web", "db"}


def test_without_facts_about_pods_a_list_is_doubted_only_while_the_kubelet_starts() -> None:
    continuity = Continuity()
    assert settled(continuity, (), None) == set()
    continuity.kubelet_started(100.0)
    assert settled(continuity, (), None, now=101.0) == {"web", "db"}
    assert settled(continuity, (DB,), None, now=100.0 + RESTART_SECONDS) == {"db"}


def test_what_an_older_kubelet_lists_of_pods_that_have_ended_counts_for_nothing() -> None:
    assert settled(Continuity(), (WEB, DB), (told("web", phase="Succeeded"), told("db"))) == {"db"}


def test_a_new_pod_under_the_name_of_one_that_has_ended_counts() -> None:
    pods = (told("web", uid="old", phase="Failed"), told("web", uid="new"))
    assert settled(Continuity(), (WEB,), pods) == {"web"}
    assert by_name(pods)["default", "web"].uid == "new"
    assert by_name(reversed(pods))["default", "web"].uid == "new"


def test_what_did_not_change_stays_the_same_object() -> None:
    again = listed("web", 1, 2)
    assert Continuity().settle(named(again), named(WEB), (told("web"),), 0.0)["default", "web"] is WEB


def test_one_answer_is_doubted_as_a_list_is() -> None:
    continuity = Continuity()
    assert not continuity.is_gone(("default", "web"), (told("web"),), 100.0)
    assert continuity.doubted
    assert continuity.is_gone(("default", "web"), (), 100.0)


def test_a_pod_that_runs_and_is_not_listed_is_missed() -> None:
    waiting = told("new", asks(state=ContainerState.WAITING))
    assert unlisted((told("web"),), {})
    assert not unlisted((told("web"), waiting, told("over", phase="Failed")), named(WEB))


def pool(*resources: str) -> Allocatable:
    return Allocatable(
        cpus=frozenset({1, 2}),
        devices=tuple(DeviceAllocation(resource=each, device_id="0") for each in sorted(resources)),
    )


def test_devices_are_there_while_their_plugin_may_come_back() -> None:
    continuity = Continuity()
    continuity.kubelet_started(100.0)
    assert continuity.pool(pool(NIC), pool(GPU, NIC), 101.0) == pool(GPU, NIC)
    assert continuity.pool(pool(NIC), pool(GPU, NIC), 100.0 + PLUGIN_SECONDS) == pool(NIC)
    assert continuity.pool(pool(), None, 101.0) == pool()


def test_devices_that_go_at_another_time_are_gone_at_once() -> None:
    assert Continuity().pool(pool(), pool(GPU), 100.0) == pool()


def test_what_was_missed_and_is_no_longer_known_is_forgotten() -> None:
    continuity = Continuity()
    settled(continuity, (DB,), (told("web"), told("db")), now=100.0)
    assert settled(continuity, (DB,), (told("db"),), now=101.0, before=(DB,)) == {"db"}
    assert not continuity.doubted
    assert settled(continuity, (DB,), (told("web"), told("db")), now=129.0) == {"web", "db"}
    assert settled(continuity, (DB,), (told("web"), told("db")), now=131.0) == {"web", "db"}


def test_how_long_plugins_took_to_come_back_is_noted_for_the_last_start() -> None:
    continuity = Continuity()
    pool = Allocatable(devices=(DeviceAllocation(resource=GPU, device_id="gpu0"),))
    continuity.pool(pool, None, 5.0)
    assert (continuity.kubelet_age(5.0), continuity.plugins_back) == (None, {})
    continuity.kubelet_started(10.0)
    continuity.pool(Allocatable(), pool, 11.0)
    continuity.pool(pool, pool, 17.5)
    continuity.pool(pool, pool, 20.0)
    assert (continuity.kubelet_age(20.0), continuity.plugins_back) == (10.0, {GPU: 7.5})
    continuity.kubelet_started(30.0)
    assert continuity.plugins_back == {}
