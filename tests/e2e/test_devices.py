"""Devices that come late, fall ill, recover and go: the published object follows without a restart of anything."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.bed.bed import start_bed
from tests.e2e.bed.machines import TWO_SOCKETS, make_machine
from tests.e2e.bed.processes import wait_until
from tests.e2e.bed.programs import Programs
from tests.e2e.pods import container, pod
from tests.e2e.scenario import run_pods
from tests.e2e.truth import published_zones
from tests.e2e.world import World

POLLED_SECONDS = 5.0
"""No event tells of a device: what the kubelet can give is read again every few seconds"""


@pytest.fixture(scope="module")
def world(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    machine = make_machine(TWO_SOCKETS, tmp_path_factory.mktemp("machine"))
    with start_bed(programs, machine) as bed:
        made = World(bed, TWO_SOCKETS)
        made.start_agent(state_visible=False)
        yield made


def registered(world: World, resource: str) -> list[str]:
    book = world.bed.checkpoint("device-plugins/kubelet_internal_checkpoint")["Data"]["RegisteredDevices"]
    return sorted(book.get(resource) or ())


def offer(world: World, resource: str, *devices: dict[str, object]) -> None:
    """Offers these devices of a resource, and returns when the kubelet has written them down."""
    world.bed.offer_devices({**world.bed.devices, resource: list(devices)})
    healthy = sorted(str(device["id"]) for device in devices if not device.get("unhealthy"))
    wait_until(lambda: registered(world, resource) == healthy, what=f"{resource} at the kubelet")


def test_a_plugin_that_comes_late_is_published(world: World) -> None:
    offer(world, "example.com/late", {"id": "late0", "numa": [1]}, {"id": "late1", "numa": [0, 1]})
    assert world.differences(seconds=POLLED_SECONDS) == []
    assert published_zones(world.bed)["node-1"]["example.com/late"].available == 2


def test_a_device_that_falls_ill_is_not_available_and_one_that_recovers_is(world: World) -> None:
    gpus = list(world.bed.devices["example.com/gpu"])
    offer(world, "example.com/gpu", {**gpus[0], "unhealthy": True}, *map(dict, gpus[1:]))
    assert world.differences(seconds=POLLED_SECONDS) == []
    assert published_zones(world.bed)["node-0"]["example.com/gpu"].available == 3
    offer(world, "example.com/gpu", *map(dict, gpus))
    assert world.differences(seconds=POLLED_SECONDS) == []


def test_a_device_that_falls_ill_in_somebodys_hands_stays_theirs(world: World) -> None:
    run_pods(world.bed, [pod("holds", container(limits={"example.com/nic": 4}))])
    nics = list(world.bed.devices["example.com/nic"])
    offer(world, "example.com/nic", {**nics[0], "unhealthy": True}, *map(dict, nics[1:]))
    assert world.differences(seconds=POLLED_SECONDS) == []


def test_a_resource_whose_devices_all_go_is_not_published_any_more(world: World) -> None:
    offer(world, "example.com/bridge")
    assert world.differences(seconds=POLLED_SECONDS) == []
    assert "example.com/bridge" not in published_zones(world.bed)["node-0"]
