from __future__ import annotations

from dataclasses import replace

from agent.placement.holders import live_holders, live_uids
from collectors.model import Observed
from collectors.model.kubelet import (
    AssignedCpus,
    AssignedDevices,
    AssignedMemory,
    CpuManagerState,
    DeviceManagerState,
    KubeletCheckpoints,
    MemoryManagerState,
)
from collectors.model.kubelet_picture import KubeletPicture
from tests.agent.placement.building import app, block, container, device, listed, on, picture, spec

CPUS = KubeletCheckpoints(
    cpu=CpuManagerState(
        policy="static",
        shared_cpus=on(),
        containers=(AssignedCpus(pod_uid="a", container="app", cpus=on(1, 2)),),
        pods=(AssignedCpus(pod_uid="b", container=None, cpus=on(3)),),
    )
)
MEMORY = KubeletCheckpoints(
    memory=MemoryManagerState(
        policy="Static",
        containers=(AssignedMemory(pod_uid="a", container="app", blocks=(block(5, 0),)),),
        pods=(AssignedMemory(pod_uid="b", container=None, blocks=(block(7, 0),)),),
    )
)
DEVICES = KubeletCheckpoints(
    devices=DeviceManagerState(
        containers=(
            AssignedDevices(pod_uid="a", container="app", devices=(device("g0", 0), device("g1", 0))),
            AssignedDevices(pod_uid="b", container="app", devices=(device("g2", 0),)),
        )
    )
)


def live(kubelet: KubeletPicture, checkpoints: KubeletCheckpoints) -> set[str]:
    kubelet = replace(kubelet, checkpoints=checkpoints)
    return set(live_uids(kubelet, live_holders(kubelet)))


def test_pods_come_by_name_each_with_its_spec() -> None:
    kubelet = picture(listed("b"), listed("a"), specs=[spec("b", app()), spec("c", app())])
    assert [(each.name, each.spec is None) for each in live_holders(kubelet)] == [
        ("default/a", True),
        ("default/b", False),
    ]


def test_of_two_live_pods_of_one_name_the_one_that_stays_counts() -> None:
    leaving = replace(spec("a", app(), uid="z"), deleted=True)
    specs = [leaving, spec("a", app(), uid="b")]
    for order in (specs, specs[::-1]):
        (holder,) = live_holders(picture(listed("a"), specs=order))
        assert holder.spec is not None
        assert holder.spec.uid == "b"


def test_without_checkpoints_no_uid_matters() -> None:
    assert live_uids(picture(specs=[spec("a", app())]), ()) == frozenset()


def test_a_pod_lives_until_it_has_ended() -> None:
    specs = [spec("a", app(), uid="a"), spec("b", app(), uid="b", phase="Failed")]
    for checkpoints in (CPUS, MEMORY, DEVICES):
        assert live(picture(specs=specs), checkpoints) == {"a"}


def test_a_pod_without_a_spec_lives_by_what_is_listed_for_its_containers() -> None:
    held = listed("x", container(cpus="2", memory=[block(5, 0)], devices=[device("g1", 0)]))
    for checkpoints in (CPUS, MEMORY, DEVICES):
        assert live(picture(held, specs=[]), checkpoints) == {"a"}


def test_a_pod_without_a_spec_lives_by_what_is_listed_for_it_as_a_whole() -> None:
    held = listed("x", container(), cpus="3", memory=[block(7, 0)])
    for checkpoints in (CPUS, MEMORY):
        assert live(picture(held, specs=[]), checkpoints) == {"b"}


def test_the_cpu_managers_book_is_believed_where_there_are_no_specs() -> None:
    assert live(picture(), CPUS) == {"a", "b"}
    assert live(picture(), replace(MEMORY, cpu=CPUS.cpu)) == {"a", "b"}
    assert live(picture(), MEMORY) == live(picture(), DEVICES) == set()


def test_a_listed_block_speaks_for_one_pod_only() -> None:
    twins = tuple(
        AssignedMemory(pod_uid=uid, container="app", blocks=(block(5, 0),)) for uid in ("u1", "u2", "u3")
    )
    book = KubeletCheckpoints(memory=MemoryManagerState(policy="Static", containers=twins))
    pods = [listed(name, container(memory=[block(5, 0)])) for name in ("x", "y")]
    assert live(picture(*pods, specs=[spec("x", app(), uid="u3")]), book) == {"u1", "u3"}
    assert live(replace(picture(*pods), pods=Observed()), book) == {"u1", "u2"}
