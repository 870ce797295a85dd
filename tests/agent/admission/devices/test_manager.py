from __future__ import annotations

from dataclasses import replace

import pytest

from agent.admission.devices.manager import Devices
from agent.admission.model import AllocationError, Books, DevicePlugin, Hint, Settings
from collectors.model.pod import ContainerRole, ContainerState, Pod, PodContainer
from tests.agent.admission.memory.builders import ANYWHERE, gpu, machine, pod, untouched, written_out

DEVICES = Devices(machine(1, 1), Settings())
NICS = gpu("n", 1, resource="x/nic"), gpu("m", 1, resource="x/nic")
GPUS = gpu("a", 0), gpu("b", 0), gpu("c", 1)
BOOKS = untouched(None, *GPUS, *NICS)
NODE_1 = Hint(0b10, True)


def wants(name: str = "app", role: ContainerRole = ContainerRole.APP, **limits: int) -> PodContainer:
    """A container that asks for devices: gpu=2 for two of x/gpu."""
    amounts = tuple((f"x/{kind}", number) for kind, number in limits.items())
    return PodContainer(name=name, role=role, requests=amounts, limits=amounts)


def admitted(books: Books, *containers: PodContainer, uid: str = "a", hint: Hint = ANYWHERE) -> Books:
    """The books after all containers of a pod got their devices."""
    one = pod(*containers, uid=uid)
    for each in one.containers:
        books = DEVICES.allocate(books, one, each, hint)
    return books


def held(books: Books, name: str = "app", uid: str = "a") -> str:
    return "".join(device.device_id for device in books.device_holders.get((uid, name), ()))


def test_every_resource_has_hints_of_its_own() -> None:
    one = wants(gpu=2, nic=1)
    found = DEVICES.hints(BOOKS, pod(one), one)
    assert written_out(found, "x/gpu") == {0b01: True, 0b11: False}
    assert written_out(found, "x/nic") == {0b10: True}


def test_older_kubelets_hint_at_nodes_without_such_devices_too() -> None:
    older = Devices(machine(1, 1), Settings(version=(1, 31)))
    one = wants(nic=1)
    assert written_out(older.hints(BOOKS, pod(one), one), "x/nic") == {0b10: True, 0b11: False}


def test_a_resource_of_nobody_is_left_to_the_predicates() -> None:
    one = wants(fpga=1)
    assert DEVICES.hints(BOOKS, pod(one), one) == {}
    assert not admitted(BOOKS, one).device_holders


def test_a_resource_without_topology_has_no_wish() -> None:
    one = wants(gpu=1)
    assert DEVICES.hints(untouched(None, gpu("a")), pod(one), one) == {"x/gpu": None}


def test_more_than_there_are_have_no_hint() -> None:
    one = wants(gpu=4)
    assert DEVICES.hints(BOOKS, pod(one), one) == {"x/gpu": ()}


def test_who_has_devices_hints_at_them_and_at_none_if_they_are_not_as_many() -> None:
    books = admitted(BOOKS, wants(gpu=1), hint=NODE_1)
    assert written_out(DEVICES.hints(books, pod(wants(gpu=1)), wants(gpu=1)), "x/gpu") == {
        0b10: True,
        0b11: False,
    }
    assert DEVICES.hints(books, pod(wants(gpu=2)), wants(gpu=2)) == {"x/gpu": ()}


def test_a_pods_hints_are_of_what_it_holds_at_a_time() -> None:
    one = pod(wants("i", ContainerRole.INIT, gpu=2), wants("one", gpu=1), wants("two", gpu=1))
    assert written_out(DEVICES.pod_hints(BOOKS, one), "x/gpu") == {0b01: True, 0b11: False}


def test_a_pod_that_has_devices_hints_at_all_of_them() -> None:
    books = admitted(BOOKS, wants("one", gpu=1), wants("two", gpu=2))
    one = pod(wants("one", gpu=1), wants("two", gpu=2))
    assert written_out(DEVICES.pod_hints(books, one), "x/gpu") == {0b11: True}


def test_hints_of_later_containers_have_the_init_containers_devices() -> None:
    books = admitted(BOOKS, wants("i", ContainerRole.INIT, gpu=1), hint=NODE_1)
    assert written_out(DEVICES.hints(books, pod(wants(gpu=1)), wants(gpu=1)), "x/gpu") == {
        0b10: True,
        0b11: False,
    }
    assert written_out(DEVICES.hints(books, pod(wants(gpu=3)), wants(gpu=3)), "x/gpu") == {0b11: True}


def test_a_container_gets_devices_of_every_resource() -> None:
    books = admitted(BOOKS, wants(gpu=1, nic=2), hint=NODE_1)
    assert held(books) == "cmn"


def test_a_replay_follows_what_is_known() -> None:
    one = wants(gpu=1)
    known = Devices(machine(1, 1), Settings(), known={("a", "app"): (GPUS[1].device,)})
    assert held(known.allocate(BOOKS, pod(one), one, ANYWHERE)) == "b"


def test_an_init_containers_devices_go_to_later_containers_once() -> None:
    books = admitted(BOOKS, wants("i", ContainerRole.INIT, gpu=2), wants("one", gpu=1), wants("two", gpu=2))
    assert (held(books, "i"), held(books, "one"), held(books, "two")) == ("ab", "a", "bc")


def test_a_sidecar_keeps_its_devices() -> None:
    books = admitted(BOOKS, wants("s", ContainerRole.SIDECAR, gpu=2), wants("app", gpu=1))
    assert (held(books, "s"), held(books)) == ("ab", "c")


def test_a_refusal_has_the_kubelets_words_and_keeps_what_was_given_before() -> None:
    with pytest.raises(AllocationError) as caught:
        admitted(BOOKS, wants(gpu=1, nic=3))
    assert str(caught.value) == (
        "Allocate failed due to requested number of devices unavailable for x/nic. Requested: 3, Available: 2, "
        "which is unexpected"
    )
    assert caught.value.books is not None
    assert held(caught.value.books) == "a"


def test_a_plugin_that_does_not_give_is_told_in_its_own_words() -> None:
    words = "rpc error: code = Unknown desc = out of order"
    books = replace(BOOKS, plugins=(DevicePlugin(resource="x/gpu", allocate_error=words),))
    with pytest.raises(AllocationError, match=f"^Allocate failed due to {words}, which is unexpected$"):
        admitted(books, wants(gpu=1))
    assert not admitted(books, wants(gpu=0)).device_holders


def test_lost_devices_are_taken_until_any_pod_is_gone() -> None:
    deaf = DevicePlugin(resource="x/gpu", preference=(), preference_error="rpc error: no")
    books = replace(admitted(BOOKS, wants(nic=1), uid="b"), plugins=(deaf,))
    with pytest.raises(AllocationError) as caught:
        admitted(books, wants(gpu=3), hint=NODE_1)
    lost = caught.value.books
    assert lost is not None
    one = pod(wants(gpu=3))
    assert DEVICES.hints(DEVICES.forget(lost, frozenset("b")), one, one.containers[0]) == {"x/gpu": ()}
    assert DEVICES.hints(DEVICES.forget(lost, frozenset()), one, one.containers[0]) != {"x/gpu": ()}


def test_a_starting_kubelet_takes_running_containers_as_they_are() -> None:
    before = admitted(BOOKS, wants(gpu=1))
    books = replace(before, starting=True, devices=(), plugins=(DevicePlugin(resource="x/gpu"),))
    running = replace(wants(gpu=1), state=ContainerState.RUNNING)
    assert admitted(books, running).device_holders == before.device_holders
    with pytest.raises(AllocationError, match="no healthy devices present"):
        admitted(books, wants(gpu=1))
    with pytest.raises(AllocationError, match="no healthy devices present"):
        admitted(replace(books, starting=False), running)


def test_pods_that_are_gone_give_their_devices_back() -> None:
    books = admitted(admitted(BOOKS, wants(gpu=1)), wants(gpu=1), uid="b")
    books = DEVICES.forget(books, frozenset("b"))
    assert (held(books), held(books, uid="b")) == ("", "b")
    assert DEVICES.forget(books, frozenset("b")) is books


def test_a_container_that_cannot_have_its_devices_does_not_start() -> None:
    one = pod(wants(gpu=9), whole=5)
    with pytest.raises(
        AllocationError, match=r"^requested number of devices unavailable for x/gpu"
    ) as caught:
        DEVICES.start(BOOKS, one, one.containers[0], ANYWHERE)
    assert caught.value.reason == "CreateContainerConfigError"


def test_a_pod_that_asks_as_a_whole_gets_its_devices_when_containers_start() -> None:
    one: Pod = pod(wants(gpu=1), whole=5)
    books = DEVICES.allocate_pod(BOOKS, one, NODE_1)
    assert not books.device_holders
    started = DEVICES.start(books, one, one.containers[0], NODE_1)
    assert held(started) == "c"
    assert DEVICES.start(started, one, one.containers[0], NODE_1) is started
