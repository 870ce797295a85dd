from __future__ import annotations

from dataclasses import replace

from agent.admission.devices.hints import Stock, derive_rule, derive_stock, is_managed
from agent.admission.merging.rules import listed
from agent.admission.model import Books, DevicePlugin, HintRule, PluginDevice
from tests.agent.admission.memory.builders import gpu, untouched


def stock(*devices: PluginDevice) -> Stock:
    return derive_stock(untouched(None, *devices), "x/gpu")


def rule(
    which: Stock,
    request: int,
    *,
    reusable: str = "",
    machine: int = 0b11,
    narrow: bool = True,
    free: str | None = None,
) -> HintRule:
    return derive_rule(
        which,
        machine=machine,
        available=which.free if free is None else frozenset(free),
        reusable=frozenset(reusable),
        request=request,
        only_nodes_with_devices=narrow,
    )


def hints(made: HintRule) -> dict[int, bool]:
    return {hint.nodes or 0: hint.preferred for hint in listed(made)}


def held(books: Books, *names: str, uid: str = "b") -> Books:
    taken = tuple(each.device for each in books.devices if each.device.device_id in names)
    return replace(books, device_holders={(uid, "app"): taken})


def test_nodes_with_enough_free_devices_are_hints() -> None:
    four = stock(gpu("a", 0), gpu("b", 0), gpu("c", 1), gpu("d", 1))
    assert hints(rule(four, 2)) == {0b01: True, 0b10: True, 0b11: False}
    assert hints(rule(four, 3)) == {0b11: True}


def test_preferred_is_what_would_do_if_all_devices_were_free_and_well() -> None:
    three = stock(gpu("a", 0), gpu("b", 0, healthy=False), gpu("c", 1))
    assert hints(rule(three, 2)) == {0b11: False}


def test_a_device_on_two_nodes_is_there_for_either_and_counts_once() -> None:
    two = stock(gpu("a", 0, 1), gpu("b", 1))
    assert hints(rule(two, 1)) == {0b01: True, 0b10: True, 0b11: False}
    assert hints(rule(two, 2)) == {0b10: True, 0b11: False}


def test_devices_without_topology_are_in_no_hints_number() -> None:
    mixed = stock(gpu("a", 0), gpu("b"), gpu("c"))
    assert hints(rule(mixed, 1)) == {0b01: True}
    assert hints(rule(mixed, 2)) == {}


def test_sets_are_made_of_nodes_with_devices_or_in_older_versions_of_all() -> None:
    one = stock(gpu("a", 1))
    assert hints(rule(one, 1)) == {0b10: True}
    assert hints(rule(one, 1, narrow=False)) == {0b10: True, 0b11: False}


def test_nodes_that_the_machine_has_not_are_in_no_set() -> None:
    two = stock(gpu("a", 0), gpu("b", 7))
    assert hints(rule(two, 1)) == {0b01: True}
    assert hints(rule(stock(gpu("b", 7)), 1)) == {}


def test_devices_to_use_again_must_be_on_the_set_and_then_count() -> None:
    three = stock(gpu("a", 0), gpu("b", 0), gpu("c", 1))
    assert hints(rule(three, 1, reusable="c", free="ab")) == {0b10: True, 0b11: False}
    assert hints(rule(three, 3, reusable="c", free="ab")) == {0b11: True}


def test_a_device_to_use_again_without_topology_does_not_matter() -> None:
    assert hints(rule(stock(gpu("a", 0), gpu("b")), 1, reusable="b", free="a")) == {0b01: True}


def test_none_at_all_could_come_from_any_node_with_devices() -> None:
    assert hints(rule(stock(gpu("a", 0), gpu("b", 1)), 0)) == {0b01: True, 0b10: True, 0b11: False}


def test_sixteen_devices_on_sixteen_of_many_nodes_are_no_matter() -> None:
    made = rule(stock(*(gpu(f"{node}", node) for node in range(16))), 9, machine=(1 << 34) - 1)
    assert (made.preferred_size, made.nodes) == (9, (1 << 16) - 1)


def test_free_are_healthy_devices_that_nobody_holds() -> None:
    books = held(untouched(None, gpu("a", 0), gpu("b", 0), gpu("c", 0, healthy=False)), "a")
    assert derive_stock(books, "x/gpu").free == {"b"}


def test_a_resource_without_devices_is_managed_as_long_as_its_plugin_is_known() -> None:
    books = untouched()
    assert not is_managed(books, "x/gpu")
    assert is_managed(replace(books, plugins=(DevicePlugin(resource="x/gpu"),)), "x/gpu")
    assert is_managed(untouched(None, gpu("a")), "x/gpu")


def test_a_resource_that_is_forgotten_is_managed_as_long_as_somebody_holds_it() -> None:
    gone = (DevicePlugin(resource="x/gpu", registered=False),)
    books = replace(untouched(None, gpu("a", 0), gpu("b", 0)), plugins=gone)
    assert not is_managed(books, "x/gpu")
    assert is_managed(held(books, "a"), "x/gpu")
    assert derive_stock(held(books, "a"), "x/gpu").healthy == frozenset()
