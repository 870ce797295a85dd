from __future__ import annotations

from dataclasses import replace

import pytest

from agent.admission.devices.choice import NoDevicesError, Wanted, choose_devices
from agent.admission.devices.hints import Stock, derive_stock
from agent.admission.model import DevicePlugin, PluginDevice
from tests.agent.admission.memory.builders import gpu, untouched

FOUR = gpu("a", 0), gpu("b", 1), gpu("c", 1), gpu("d")


def stock(*devices: PluginDevice, plugin: DevicePlugin | None = None) -> Stock:
    books = untouched(None, *devices)
    return derive_stock(replace(books, plugins=(plugin,) if plugin else ()), "x/gpu")


def prefers(order: str | None, error: str | None = None) -> DevicePlugin:
    preference = None if order is None else tuple(order)
    return DevicePlugin(resource="x/gpu", preference=preference, preference_error=error)


def chosen(which: Stock, number: int, *, nodes: int | None = None, reusable: str = "") -> str:
    wanted = Wanted(pod_uid="a", container="app", number=number)
    return "".join(sorted(choose_devices(which, wanted, reusable=frozenset(reusable), nodes=nodes)))


def test_devices_on_the_hints_nodes_come_first_then_those_elsewhere_then_those_nowhere() -> None:
    assert [chosen(stock(*FOUR), number, nodes=0b10) for number in (1, 2, 3, 4)] == ["b", "bc", "abc", "abcd"]


def test_without_a_hint_the_lowest_ids_are_taken() -> None:
    assert chosen(stock(*FOUR), 2) == "ab"


def test_what_the_kubelet_is_known_to_have_given_is_taken_where_any_would_do() -> None:
    wanted = Wanted(pod_uid="a", container="app", number=3, known=frozenset("cd"))
    assert choose_devices(stock(*FOUR), wanted, reusable=frozenset(), nodes=None) == set("acd")
    assert choose_devices(stock(*FOUR), wanted, reusable=frozenset(), nodes=0b10) == set("abc")


def test_without_any_topology_nodes_do_not_matter() -> None:
    assert chosen(stock(gpu("a"), gpu("b")), 1, nodes=0b10) == "a"


def test_a_device_on_two_nodes_is_on_the_hints_node() -> None:
    assert chosen(stock(gpu("a", 0), gpu("b", 0, 1)), 1, nodes=0b10) == "b"


def test_a_plugin_is_heard_among_more_devices_than_needed() -> None:
    assert chosen(stock(*FOUR, plugin=prefers("dcba")), 1, nodes=0b10) == "c"


def test_a_plugin_is_heard_on_what_the_hints_nodes_do_not_have() -> None:
    assert chosen(stock(*FOUR, plugin=prefers("dcba")), 3, nodes=0b10) == "bcd"


def test_a_plugin_that_names_too_few_is_completed() -> None:
    assert chosen(stock(*FOUR, plugin=prefers("d")), 2) == "ad"
    assert chosen(stock(*FOUR, plugin=prefers("")), 1, nodes=0b10) == "b"


def test_devices_of_init_containers_are_used_first() -> None:
    assert chosen(stock(*FOUR), 1, reusable="d") == "d"
    assert chosen(stock(*FOUR), 3, nodes=0b10, reusable="a") == "abc"


def test_a_plugin_is_told_of_devices_that_are_used_again() -> None:
    assert chosen(stock(*FOUR, plugin=prefers("cab")), 2, nodes=0b10, reusable="d") == "cd"


def test_too_few_free_devices_are_told_with_what_is_missing() -> None:
    with pytest.raises(NoDevicesError) as caught:
        chosen(stock(*FOUR), 6, reusable="d")
    assert (
        str(caught.value) == "requested number of devices unavailable for x/gpu. Requested: 5, Available: 3"
    )


def test_a_resource_without_healthy_devices_is_told_even_to_who_wants_none() -> None:
    with pytest.raises(NoDevicesError) as caught:
        chosen(stock(gpu("a", 0, healthy=False)), 0)
    assert str(caught.value) == "no healthy devices present; cannot allocate unhealthy devices x/gpu"


def test_a_forgotten_resource_is_told() -> None:
    with pytest.raises(NoDevicesError, match=r"^cannot allocate unregistered device x/gpu$"):
        chosen(stock(*FOUR, plugin=DevicePlugin(resource="x/gpu", registered=False)), 1)


def test_a_failing_preference_is_told_and_aligned_devices_are_lost_where_more_were_needed() -> None:
    failing = stock(*FOUR, plugin=prefers("", error="rpc error: no"))
    words = "^device plugin GetPreferredAllocation rpc failed with err: rpc error: no$"
    with pytest.raises(NoDevicesError, match=words) as caught:
        chosen(failing, 1, nodes=0b10)
    assert caught.value.lost == frozenset()
    with pytest.raises(NoDevicesError, match=words) as caught:
        chosen(failing, 3, nodes=0b10)
    assert caught.value.lost == {"b", "c"}


def test_a_plugin_that_is_not_asked_does_not_fail() -> None:
    assert chosen(stock(*FOUR, plugin=prefers(None, error="rpc error: no")), 1) == "a"


@pytest.mark.parametrize(("held", "number"), [("ab", 3), ("ab", 1)])
def test_who_has_devices_cannot_ask_for_another_number(held: str, number: int) -> None:
    wanted = Wanted(pod_uid="uid", container="app", number=number, held=frozenset(held))
    with pytest.raises(NoDevicesError) as caught:
        choose_devices(stock(*FOUR), wanted, reusable=frozenset(), nodes=None)
    assert str(caught.value) == (
        f'pod "uid" container "app" changed request for resource "x/gpu" from 2 to {number}'
    )


def test_who_has_healthy_devices_gets_no_more() -> None:
    wanted = Wanted(pod_uid="a", container="app", number=2, held=frozenset("ab"))
    assert choose_devices(stock(*FOUR), wanted, reusable=frozenset(), nodes=None) == frozenset()


def test_who_has_a_device_that_fell_ill_is_refused_unless_it_runs_already() -> None:
    sick = stock(gpu("a", 0, healthy=False), gpu("b", 0))
    wanted = Wanted(pod_uid="a", container="app", number=1, held=frozenset("a"))
    with pytest.raises(
        NoDevicesError, match=r"^previously allocated devices are no longer healthy; cannot allocate "
    ):
        choose_devices(sick, wanted, reusable=frozenset(), nodes=None)
    assert not choose_devices(sick, replace(wanted, running=True), reusable=frozenset(), nodes=None)
