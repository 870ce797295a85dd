from __future__ import annotations

from dataclasses import replace

import pytest

from agent.placement.model import Basis, InferenceKind
from collectors.model import Observed
from collectors.model.kubelet import AssignedCpus, CpuManagerState, KubeletCheckpoints
from collectors.parse import parse_id_list
from tests.agent.placement.building import (
    CONFIG,
    app,
    container,
    figures,
    init,
    ledger,
    listed,
    picture,
    pool,
    sidecar,
    spec,
)


def book(shared: str, **entries: str) -> KubeletCheckpoints:
    """The CPU manager's: CPUs of the container `app` by uid."""
    containers = tuple(
        AssignedCpus(pod_uid=uid, container="app", cpus=parse_id_list(cpus)) for uid, cpus in entries.items()
    )
    state = CpuManagerState(policy="static", shared_cpus=parse_id_list(shared), containers=containers)
    return KubeletCheckpoints(cpu=state)


def test_reserved_cpus_are_not_allocatable_and_held_ones_not_available() -> None:
    made = ledger(picture(listed("a", container(cpus="1-3"))))
    assert figures(made, 0, "cpu") == (8, 7, 4)
    assert figures(made, 1, "cpu") == (8, 8, 8)
    assert made.cpu_basis is Basis.KUBELET


def test_cpus_of_a_pod_contain_those_of_its_containers() -> None:
    made = ledger(picture(listed("a", container(cpus="1-2"), cpus="1-4")))
    assert figures(made, 0, "cpu") == (8, 7, 3)


def test_under_policy_none_online_cpus_less_reserved_ones_stay_available() -> None:
    config = replace(CONFIG, cpu_manager_policy="none")
    made = ledger(picture(listed("a", container()), allocatable=pool(cpus=""), config=config))
    assert figures(made, 0, "cpu") == (8, 7, 7)
    assert made.cpu_basis is Basis.MACHINE
    assert made.cpus is None


@pytest.mark.parametrize(("cpus", "basis"), [("1-15", Basis.KUBELET), ("", Basis.MACHINE)])
def test_an_unknown_policy_is_told_by_whether_any_cpu_is_allocatable(cpus: str, basis: Basis) -> None:
    assert ledger(picture(allocatable=pool(cpus=cpus), config=None)).cpu_basis is basis


def test_an_unknown_policy_is_read_from_the_checkpoint_first() -> None:
    kubelet = replace(picture(config=None), checkpoints=book("0-15"), allocatable=Observed())
    assert ledger(kubelet).cpu_basis is Basis.KUBELET


def test_pods_that_have_ended_hold_nothing_though_they_are_listed() -> None:
    ended = spec("a", app(cpu=2), phase="Succeeded")
    made = ledger(picture(listed("a", container(cpus="1-2")), specs=[ended]))
    assert figures(made, 0, "cpu") == (8, 7, 7)


def test_a_new_pod_of_the_name_of_an_ended_one_counts() -> None:
    specs = [spec("a", app(cpu=2), phase="Failed", uid="old"), spec("a", app(cpu=2), uid="new")]
    for order in (specs, specs[::-1]):
        made = ledger(picture(listed("a", container(cpus="1-2")), specs=order))
        assert figures(made, 0, "cpu") == (8, 7, 5)


def test_what_an_init_container_left_behind_is_taken_where_its_pod_is() -> None:
    pod = spec("a", init(cpu=4), app(cpu=1))
    made = ledger(picture(listed("a", container(cpus="8")), specs=[pod]))
    assert figures(made, 1, "cpu") == (8, 8, 4)
    assert [(each.kind, each.amount, each.nodes) for each in made.inferences] == [
        (InferenceKind.INIT_CONTAINER, 3, frozenset({1}))
    ]


def test_sidecars_and_apps_take_over_from_init_containers_in_their_order() -> None:
    pod = spec("a", init("one", cpu=2), sidecar(cpu=1), init("two", cpu=3), app(cpu=3))
    made = ledger(picture(listed("a", container("side", cpus="1"), container(cpus="2-4")), specs=[pod]))
    assert figures(made, 0, "cpu") == (8, 7, 3)
    assert not made.inferences


def test_fractional_cpus_of_an_init_container_hold_none() -> None:
    pod = spec("a", replace(init(), requests=(("cpu", 1500),)), app(cpu=1))
    assert figures(ledger(picture(listed("a", container(cpus="1")), specs=[pod])), 0, "cpu") == (8, 7, 6)


@pytest.mark.parametrize("qos", ["Burstable", "BestEffort", None])
def test_init_containers_of_other_pods_hold_no_cpus(qos: str | None) -> None:
    pod = replace(spec("a", init(cpu=4, running=True), app(cpu=1)), qos_class=qos)
    assert figures(ledger(picture(listed("a", container()), specs=[pod])), 0, "cpu") == (8, 7, 7)


def test_a_pod_that_the_kubelet_still_looks_at_holds_nothing_yet() -> None:
    waiting = replace(init(cpu=4), state=None)
    pod = spec("a", waiting, app(running=False, cpu=1), phase="Pending")
    assert figures(ledger(picture(listed("a", container()), specs=[pod])), 0, "cpu") == (8, 7, 7)


def test_an_init_container_whose_pod_is_nowhere_is_taken_from_the_total_alone() -> None:
    pod = spec(
        "a", init(cpu=2, running=True), replace(app(running=False), requests=(("cpu", 500),)), phase="Pending"
    )
    made = ledger(picture(listed("a", container()), specs=[pod]))
    assert figures(made, 0, "cpu") == (8, 7, 7)
    assert [(each.amount, each.holders) for each in made.unplaced] == [(2, ("default/a",))]
    total = made.total("cpu")
    assert total is not None
    assert total.available == 13


def test_the_shared_pool_tells_which_cpus_an_init_container_holds() -> None:
    pod = spec("a", init(cpu=2), app(cpu=1))
    made = ledger(picture(listed("a", container(cpus="1")), specs=[pod], own_cpus="0,2-11,13-15"))
    assert figures(made, 0, "cpu") == (8, 7, 6)
    assert figures(made, 1, "cpu") == (8, 8, 7)
    assert [(each.kind, each.cpus) for each in made.inferences] == [
        (InferenceKind.UNLISTED_CPUS, frozenset({12}))
    ]


def test_the_shared_pool_may_lack_all_that_the_init_containers_had() -> None:
    """An app need not take over the CPUs of its init container: it may find a better fitting core."""
    pod = spec("a", init(cpu=2), app(cpu=1))
    made = ledger(picture(listed("a", container(cpus="1")), specs=[pod], own_cpus="0,2-3,6-15"))
    assert figures(made, 0, "cpu") == (8, 7, 4)


@pytest.mark.parametrize(
    "stale",
    ["0-15", "0,2-15", "0,5-15"],
    ids=["before the pod came", "before its init container came", "before another pod went"],
)
def test_a_shared_pool_that_is_late_is_not_believed(stale: str) -> None:
    pod = spec("a", init(cpu=2), app(cpu=1))
    made = ledger(picture(listed("a", container(cpus="1")), specs=[pod], own_cpus=stale))
    assert figures(made, 0, "cpu") == (8, 7, 5)


def test_freed_cpus_are_available_before_the_shared_pool_shows_them() -> None:
    made = ledger(picture(specs=[], own_cpus="0,8-15"))
    assert figures(made, 0, "cpu") == (8, 7, 7)


def test_without_specs_the_shared_pool_is_believed() -> None:
    made = ledger(picture(listed("a", container(cpus="1")), own_cpus="0,3-15"))
    assert figures(made, 0, "cpu") == (8, 7, 5)


def test_our_own_exclusive_cpus_are_no_shared_pool() -> None:
    made = ledger(picture(listed("us", container(cpus="1-2")), own_cpus="1-2"))
    assert figures(made, 0, "cpu") == (8, 7, 5)


@pytest.mark.parametrize("shared", ["0,3-15", "3-15"], ids=["with reserved", "strict-cpu-reservation"])
def test_the_checkpoint_is_exact(shared: str) -> None:
    kubelet = replace(picture(specs=[spec("a", app(cpu=2), uid="a")]), checkpoints=book(shared, a="1-2"))
    made = ledger(kubelet)
    assert figures(made, 0, "cpu") == (8, 7, 5)
    assert not made.inferences


def test_pods_that_have_ended_hold_nothing_though_the_checkpoint_has_them() -> None:
    ended = spec("a", app(cpu=2), phase="Failed", uid="a")
    for specs in ([ended], []):
        kubelet = replace(picture(specs=specs), checkpoints=book("0,3-15", a="1-2"))
        assert figures(ledger(kubelet), 0, "cpu") == (8, 7, 7)


def test_a_listed_pod_without_a_spec_lives() -> None:
    """Such as a static pod, which the API server shows under another uid."""
    kubelet = picture(listed("a", container(cpus="1")), specs=[])
    made = ledger(replace(kubelet, checkpoints=book("0,3-15", a="1-2")))
    assert figures(made, 0, "cpu") == (8, 7, 5)


def test_a_pod_that_the_checkpoint_does_not_have_yet_counts() -> None:
    kubelet = picture(listed("a", container(cpus="1-2")), specs=[spec("a", app(cpu=2))])
    assert figures(ledger(replace(kubelet, checkpoints=book("0-15"))), 0, "cpu") == (8, 7, 5)


def test_a_checkpoint_of_policy_none_says_nothing_of_a_kubelet_that_has_become_static() -> None:
    stale = KubeletCheckpoints(cpu=CpuManagerState(policy="none", shared_cpus=frozenset()))
    made = ledger(replace(picture(listed("a", container(cpus="1"))), checkpoints=stale))
    assert figures(made, 0, "cpu") == (8, 7, 6)


def test_a_cpu_that_two_pods_hold_is_a_contradiction() -> None:
    made = ledger(picture(listed("a", container(cpus="1-2")), listed("b", container(cpus="2"))))
    assert figures(made, 0, "cpu") == (8, 7, 5)
    assert [(each.amount, each.holders) for each in made.contradictions] == [(1, ("default/a", "default/b"))]


def test_cpus_that_are_held_but_not_allocatable_are_a_contradiction() -> None:
    made = ledger(picture(listed("a", container(cpus="0-1"))))
    assert figures(made, 0, "cpu") == (8, 7, 6)
    assert [(each.reason, each.holders) for each in made.contradictions] == [
        ("CPUs 0 are held, but are none that the kubelet can give", ("default/a",))
    ]


def test_allocatable_cpus_that_are_offline_lie_on_no_node() -> None:
    made = ledger(picture(allocatable=pool(cpus="1-17")))
    assert [(each.resource, each.available) for each in made.unattributed] == [("cpu", 2)]
    assert [each.amount for each in made.contradictions] == [2]
    total = made.total("cpu")
    assert total is not None
    assert (total.capacity, total.allocatable, total.available) == (18, 17, 17)


def test_init_containers_that_hold_more_than_is_free_are_a_contradiction() -> None:
    pod = spec("a", init(cpu=9), app(cpu=1))
    made = ledger(picture(listed("a", container(cpus="1")), specs=[pod]))
    assert figures(made, 0, "cpu") == (8, 7, 0)
    assert [(each.amount, each.holders) for each in made.contradictions] == [(2, ("default/a",))]


def test_what_was_never_read_is_unknown_and_not_nothing() -> None:
    nothing = replace(picture(), allocatable=Observed(), allocations=Observed())
    made = ledger(nothing)
    assert figures(made, 0, "cpu") == (8, None, None)
    assert "which CPUs the kubelet can give" in made.unknown
    made = ledger(replace(picture(), allocations=Observed()))
    assert figures(made, 0, "cpu") == (8, 7, None)
    assert "who holds which CPUs" in made.unknown
