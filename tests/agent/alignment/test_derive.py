"""Every pod of a node: which containers there are, and what is known of each."""

from __future__ import annotations

import random
from dataclasses import replace

from agent.alignment.derive import derive_alignment, running_containers
from agent.alignment.model import Alignment, Fit, Level
from collectors.model import NumaTopology, Observed
from collectors.model.cgroup import ContainerCgroups
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import TOPOLOGY_POLICY_WISH, ContainerRole, ContainerState
from tests.agent.alignment.building import align, cgroup, machine, only_container, only_pod, runs
from tests.agent.placement.building import app, block, container, device, init, listed, picture, spec

TRAINER = listed("trainer", container(cpus="2-3", memory=[block(1, 0)], devices=[device("g", 0)]))


def test_a_container_is_aligned_with_its_cpuset_and_its_pages() -> None:
    kubelet = picture(TRAINER, specs=[spec("trainer", runs("t"))])
    found = only_container(align(kubelet, cgroup("t", "2-3", "0", pages=(90, 10))))
    assert found.fit == Fit(nodes=frozenset({0}), aligned=True, level=Level.NUMA, distance=10)
    assert found.cpu_level is Level.CORE
    assert [part.resource for part in found.parts] == ["cpu", "memory", "example.com/gpu"]
    assert found.cpuset is not None
    assert found.pages is not None
    assert found.pages.remote_share == 0.1


def test_a_pod_is_as_far_apart_as_its_containers() -> None:
    pods = picture(listed("p", container("one", cpus="2"), container("two", cpus="8")))
    found = only_pod(align(pods))
    assert [each.fit.aligned for each in found.containers] == [True, True]
    assert (found.fit.aligned, found.fit.distance) == (False, 21)


def test_what_a_pod_has_as_a_whole_is_its_own_part() -> None:
    found = only_pod(
        align(picture(listed("p", container("one", cpus="2"), cpus="2-3", memory=[block(5, 1)])))
    )
    assert [(part.resource, part.amount) for part in found.parts] == [("cpu", 2), ("memory", 5)]
    assert found.fit.nodes == {0, 1}


def test_containers_come_in_the_specs_order_and_ended_init_containers_do_not() -> None:
    containers = (init("ended"), runs("i", "runs", ContainerRole.INIT), runs("b", "b"), runs("a", "a"))
    kubelet = picture(
        listed("p", container("a"), container("b"), container("new")), specs=[spec("p", *containers)]
    )
    found = only_pod(align(kubelet)).containers
    assert [(each.name, each.role) for each in found] == [
        ("runs", "init"),
        ("b", "app"),
        ("a", "app"),
        ("new", None),
    ]


def test_without_specs_pods_are_as_the_kubelet_lists_them_and_cgroups_unknown() -> None:
    found = align(picture(TRAINER))
    assert (only_pod(found).uid, only_container(found).cpuset) == (None, None)
    assert found.unknown == (
        "the containers' cgroups, which only the pods' specs name: no source of pods' specs is open to us",
    )


def test_pages_are_near_the_cpus_that_the_kubelet_gave_where_the_cgroup_does_not_say() -> None:
    kubelet = picture(TRAINER, specs=[spec("trainer", runs("t"))])
    found = only_container(align(kubelet, cgroup("t", None, pages=(0, 10))))
    assert found.pages is not None
    assert found.pages.remote_share == 1.0


def test_a_wish_counts_where_all_containers_may_run() -> None:
    wanted = ((TOPOLOGY_POLICY_WISH, "single-numa-node"),)
    pod = replace(spec("trainer", runs("t"), runs("x", "shared")), annotations=wanted)
    both = listed("trainer", *TRAINER.containers, container("shared"))
    on_two = align(picture(both, specs=[pod]), cgroup("t", "2-3"), cgroup("x", "0-15"))
    unknown = align(picture(both, specs=[pod]), cgroup("t", "2-3"))
    alone = align(picture(TRAINER, specs=[replace(pod, containers=(runs("t"),))]))
    assert [only_pod(found).wishes[0].fulfilled for found in (on_two, unknown, alone)] == [False, None, True]


def test_cgroups_are_wanted_of_containers_that_run() -> None:
    ended = replace(runs("e", "ended"), state=ContainerState.TERMINATED)
    kubelet = picture(specs=[spec("p", runs("r"), ended, app("no-id-yet"))])
    assert running_containers(machine(kubelet)) == {"r"}
    assert running_containers(machine()) == frozenset()


def test_a_container_whose_cgroup_is_not_found_is_told_of() -> None:
    kubelet = picture(TRAINER, specs=[spec("trainer", runs("t"))])
    assert align(kubelet).unknown == ("the cgroups of 1 container that should run are not in sight",)
    two = picture(TRAINER, specs=[spec("trainer", runs("t"), runs("u", "u"))])
    assert align(two).unknown == ("the cgroups of 2 containers that should run are not in sight",)


def unknown_with(cgroups: Observed[ContainerCgroups]) -> Alignment:
    kubelet = picture(TRAINER, specs=[spec("trainer", runs("t"))])
    return derive_alignment(machine(kubelet), cgroups)


def test_cgroups_that_cannot_be_read_are_told_of() -> None:
    none = unknown_with(Observed(facts=ContainerCgroups()))
    failed = unknown_with(Observed(error="/sys/fs/cgroup: too many entries"))
    assert (none.unknown, none.cgroup_version) == (
        ("the containers' cgroups: none are in sight here",),
        None,
    )
    assert failed.unknown == ("the containers' cgroups: /sys/fs/cgroup: too many entries",)


def test_a_kubelet_that_has_not_answered_is_told_of() -> None:
    silent = align(KubeletPicture(pods=Observed(facts=())))
    failed = align(KubeletPicture(allocations=Observed(error="no such socket"), pods=Observed(facts=())))
    assert silent.unknown[0] == "what pods hold: the kubelet has not answered yet"
    assert failed.unknown[0] == "what pods hold: no such socket"


def test_a_machine_of_unknown_nodes_aligns_nothing() -> None:
    unread: Observed[NumaTopology] = Observed(error="no")
    nowhere = replace(machine(), numa=unread)
    found = align(picture(TRAINER, specs=[]), of=nowhere)
    assert only_container(found).fit.aligned is None
    assert "the NUMA nodes of this machine" in found.unknown


def test_without_a_kubelet_there_are_no_pods() -> None:
    assert align(None) == Alignment(unknown=("there is no kubelet",))


def test_the_order_of_facts_makes_no_difference() -> None:
    pods = [listed(f"p{number}", container(cpus=str(number))) for number in range(2, 9)]
    specs = [spec(f"p{number}", runs(f"c{number}")) for number in range(2, 9)]
    cgroups = [cgroup(f"c{number}", str(number), pages=(1, 2)) for number in range(2, 9)]
    expected = align(picture(*pods, specs=specs), *cgroups)
    for facts in (pods, specs, cgroups):
        random.Random(7).shuffle(facts)
    assert align(picture(*pods, specs=specs), *cgroups) == expected
