"""What cgroups leave to containers, against what the kubelet says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.alignment.cpusets import Pool, derive_cpuset
from agent.alignment.model import Cpuset, CpusetVerdict
from collectors.model.cgroup import ContainerCgroup
from collectors.model.kubelet import AssignedCpus, CpuManagerState, KubeletCheckpoints
from collectors.model.kubelet_config import ConfigSource, KubeletConfig
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import ContainerRole, ContainerState
from collectors.parse import IdSet, parse_id_list
from tests.agent.alignment.building import align, cgroup, ids, runs
from tests.agent.placement.building import CONFIG, block, container, init, listed, picture, spec

SAME, SHARED, STALE, DIFFERS = (
    CpusetVerdict.SAME,
    CpusetVerdict.SHARED,
    CpusetVerdict.STALE,
    CpusetVerdict.DIFFERS,
)
OWNER = listed("owner", container(cpus="2-5"))
OTHER = listed("other", container())
SPECS = (spec("owner", runs("o")), spec("other", runs("x"), qos="BestEffort"))
BOOK = CpuManagerState(
    policy="static",
    shared_cpus=parse_id_list("0-1,6-15"),
    containers=(AssignedCpus(pod_uid="uid-owner", container="app", cpus=parse_id_list("2-5")),),
)


def cpusets(kubelet: KubeletPicture, *cgroups: ContainerCgroup) -> dict[str, Cpuset]:
    """By pod; each has one container with a cgroup."""
    return {
        pod.name: each.cpuset
        for pod in align(kubelet, *cgroups).pods
        for each in pod.containers
        if each.cpuset is not None
    }


def verdict(kubelet: KubeletPicture, of: str, *cgroups: ContainerCgroup) -> CpusetVerdict | None:
    return cpusets(kubelet, *cgroups)[of].verdict


def kubelet(config: KubeletConfig | None = CONFIG, book: CpuManagerState | None = None) -> KubeletPicture:
    """Two pods, one of which has CPUs 2-5."""
    made = picture(OTHER, OWNER, specs=SPECS, config=config)
    return made if book is None else replace(made, checkpoints=KubeletCheckpoints(cpu=book))


@pytest.mark.parametrize("book", [None, BOOK], ids=["by the list", "by the kubelet's book"])
@pytest.mark.parametrize(
    ("of", "cpus", "expected"),
    [
        ("owner", "2-5", SAME),
        ("owner", "0-15", DIFFERS),
        ("owner", "2-4", DIFFERS),
        ("other", "0-1,6-15", SHARED),
        ("other", "0-15", STALE),
        ("other", "6-15", STALE),
    ],
)
def test_a_cpuset_is_judged_by_whose_cpus_it_has(
    book: CpuManagerState | None, of: str, cpus: str, expected: CpusetVerdict
) -> None:
    assert verdict(kubelet(book=book), of, cgroup("o" if of == "owner" else "x", cpus)) is expected


def test_what_it_has_beyond_and_what_it_lacks_is_told() -> None:
    found = cpusets(kubelet(), cgroup("o", "4-7"))["owner"]
    assert (ids(found.kubelet_cpus), ids(found.extra), ids(found.missing)) == ("2-5", "6-7", "2-3")


@pytest.mark.parametrize("config", [None, replace(CONFIG, source=ConfigSource.SETTINGS)])
def test_without_certainty_about_the_pool_only_foreign_cpus_are_wrong(config: KubeletConfig | None) -> None:
    unsure = kubelet(config=config)  # whether reserved CPUs are in the pool is not known
    assert verdict(unsure, "other", cgroup("x", "6-7")) is SHARED
    found = cpusets(unsure, cgroup("x", "5-7"))["other"]
    assert (found.verdict, ids(found.kubelet_cpus), ids(found.extra)) == (STALE, None, "5")


def test_a_strict_reservation_leaves_reserved_cpus_out_of_the_pool() -> None:
    strict = replace(CONFIG, cpu_manager_options=(("strict-cpu-reservation", "true"),))
    assert verdict(kubelet(config=strict), "other", cgroup("x", "1,6-15")) is SHARED
    assert verdict(kubelet(config=strict), "other", cgroup("x", "0-1,6-15")) is STALE


def test_where_init_containers_may_hold_some_the_pool_is_not_certain() -> None:
    held = listed("late", container(cpus="6"))
    late = spec("late", init(cpu=3), runs("l"))
    made = picture(OTHER, OWNER, held, specs=(*SPECS, late))
    assert cpusets(made, cgroup("x", "0-1,9-15"))["other"].kubelet_cpus is None


def test_under_policy_none_nothing_is_wrong() -> None:
    off = replace(CONFIG, cpu_manager_policy="none", memory_manager_policy="None")
    assert verdict(picture(OTHER, specs=SPECS[1:], config=off), "other", cgroup("x", "3")) is None


def test_a_cgroup_that_does_not_say_is_not_judged() -> None:
    assert verdict(kubelet(), "owner", cgroup("o", None, None)) is None


@pytest.mark.parametrize(("nodes", "expected"), [("0", SAME), ("0-1", DIFFERS), (None, SAME)])
def test_memory_of_its_own_must_come_from_its_nodes(nodes: str | None, expected: CpusetVerdict) -> None:
    bound = listed("owner", container(cpus="2-5", memory=[block(1, 0), block(2, 0, kind="hugepages-2Mi")]))
    found = cpusets(picture(bound, specs=SPECS[:1]), cgroup("o", "2-5", nodes))["owner"]
    assert (found.verdict, ids(found.kubelet_nodes)) == (expected, "0")


def test_memory_that_the_kubelet_does_not_bind_may_come_from_anywhere() -> None:
    off = replace(CONFIG, memory_manager_policy="None")
    bound = listed("owner", container(cpus="2-5", memory=[block(1, 0)]))
    found = cpusets(picture(bound, specs=SPECS[:1], config=off), cgroup("o", "2-5"))["owner"]
    assert (found.verdict, found.kubelet_nodes) == (SAME, None)


def test_cpus_that_went_offline_are_not_missed() -> None:
    held = listed("owner", container(cpus="2-5,40"))
    assert verdict(picture(held, specs=SPECS[:1]), "owner", cgroup("o", "2-5")) is SAME


def init_that_runs(qos: str, assigned: Mapping[str, str]) -> KubeletPicture:
    """A pod whose init container runs, and the kubelet's book where anything is assigned by it."""
    first = runs("i", "first", ContainerRole.INIT)
    app = replace(runs("a"), state=ContainerState.WAITING, container_id=None)
    made = picture(listed("owner", container()), specs=[spec("owner", first, app, qos=qos, phase="Pending")])
    if not assigned:
        return made
    entries = tuple(
        AssignedCpus(pod_uid="uid-owner", container=name, cpus=parse_id_list(cpus))
        for name, cpus in assigned.items()
    )
    book = CpuManagerState(policy="static", shared_cpus=parse_id_list("0-1,6-15"), containers=entries)
    return replace(made, checkpoints=KubeletCheckpoints(cpu=book))


def test_an_init_container_of_a_guaranteed_pod_may_have_cpus_that_nobody_tells_of() -> None:
    assert verdict(init_that_runs("Guaranteed", {}), "owner", cgroup("i", "2-5")) is None


def test_the_kubelets_book_tells_of_an_init_containers_cpus() -> None:
    booked = init_that_runs("Guaranteed", {"first": "2-5"})
    assert verdict(booked, "owner", cgroup("i", "2-5")) is SAME
    assert verdict(booked, "owner", cgroup("i", "2-6")) is DIFFERS


def test_an_init_container_of_another_pod_runs_in_the_shared_pool() -> None:
    assert verdict(init_that_runs("Burstable", {}), "owner", cgroup("i", "0-15")) is SHARED


def test_a_container_without_cpus_of_its_own_shares_those_of_its_pod() -> None:
    held = listed("owner", container("app", cpus="2-3"), container("side"), cpus="2-5")
    owner = spec("owner", runs("o"), runs("s", "side"))
    found = align(picture(held, specs=[owner]), cgroup("o", "2-3"), cgroup("s", "4-5")).pods[0].containers
    assert [each.cpuset and each.cpuset.verdict for each in found] == [SAME, SAME]


_IDS = st.frozensets(st.integers(0, 15), max_size=6)


@given(_IDS, st.none() | _IDS, st.booleans(), _IDS)
def test_a_verdict_and_its_difference_say_the_same(
    cpus: IdSet, expected: IdSet | None, own: bool, exclusive: IdSet
) -> None:
    pool = Pool(gives_cpus=True, shared=expected, exclusive=exclusive)
    group = replace(cgroup("c", ""), cpus=cpus)
    found = derive_cpuset(group, expected=expected, own=own, nodes=None, pool=pool)
    if expected is not None:
        assert (cpus | found.missing) - found.extra == expected
        assert (found.verdict in (SAME, SHARED)) is (cpus == expected)
    elif own:
        assert (found.verdict, found.extra) == (None, frozenset())
    else:
        assert found.extra == cpus & exclusive
        assert (found.verdict is STALE) is bool(found.extra)
