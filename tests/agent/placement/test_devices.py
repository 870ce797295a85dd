from __future__ import annotations

from dataclasses import replace

from agent.placement.model import InferenceKind, Ledger
from collectors.model import Observed
from collectors.model.kubelet import (
    AssignedDevices,
    ContainerAllocation,
    DeviceAllocation,
    DeviceManagerState,
    KubeletCheckpoints,
)
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pci import PciDevice
from tests.agent.placement.building import (
    app,
    container,
    device,
    figures,
    init,
    ledger,
    listed,
    on,
    picture,
    pool,
    sidecar,
    spec,
)

GPU = "example.com/gpu"
GPUS = (device("g0", 0), device("g1", 0), device("g2", 1), device("g3", 1))
BRIDGES = (device("b0", 0, 1), device("b1", 0, 1))


def holding(name: str, *devices: DeviceAllocation) -> ContainerAllocation:
    return container(name, devices=devices)


def totals(made: Ledger) -> tuple[int, int | None, int | None]:
    total = made.total(GPU)
    assert total is not None
    return total.capacity, total.allocatable, total.available


def book(*entries: tuple[str, DeviceAllocation]) -> KubeletCheckpoints:
    containers = tuple(
        AssignedDevices(pod_uid=uid, container="init", devices=(held,)) for uid, held in entries
    )
    return KubeletCheckpoints(devices=DeviceManagerState(containers=containers))


def test_devices_are_counted_on_their_nodes() -> None:
    made = ledger(picture(listed("a", holding("app", GPUS[0])), allocatable=pool(devices=GPUS)))
    assert figures(made, 0, GPU) == (2, 2, 1)
    assert figures(made, 1, GPU) == (2, 2, 2)
    assert totals(made) == (4, 4, 3)


def test_a_device_on_two_nodes_is_in_both_and_gone_from_both_and_counted_once() -> None:
    made = ledger(picture(listed("a", holding("app", BRIDGES[0])), allocatable=pool(devices=BRIDGES)))
    assert figures(made, 0, GPU) == figures(made, 1, GPU) == (2, 2, 1)
    assert totals(made) == (2, 2, 1)
    assert [(each.nodes, each.amount.capacity, each.amount.available) for each in made.shared] == [
        (on(0, 1), 2, 1)
    ]


def test_a_device_without_topology_is_in_no_zone() -> None:
    lost = (device("n0"), device("n1"))
    made = ledger(picture(listed("a", holding("app", lost[0])), allocatable=pool(devices=lost)))
    assert all(zone.amount(GPU) is None for zone in made.zones)
    assert [(each.capacity, each.available) for each in made.unattributed] == [(2, 1)]
    assert totals(made) == (2, 2, 1)


def test_a_device_without_topology_is_found_by_its_address() -> None:
    functions = [PciDevice(address="0000:3b:00.0", path=("pci0000:3a", "0000:3b:00.0"), numa_node=1)]
    made = ledger(picture(allocatable=pool(devices=(device("0000:3b:00.0"), device("x")))), pci=functions)
    assert figures(made, 1, GPU) == (1, 1, 1)
    assert [(each.kind, each.nodes, each.ids) for each in made.inferences] == [
        (InferenceKind.DEVICE_NODE, on(1), ("0000:3b:00.0",))
    ]
    zone = made.zone(1)
    assert zone is not None
    assert [each.resource for each in zone.amounts if each.inferred] == [GPU]
    assert [each.available for each in made.unattributed] == [1]


def test_a_held_device_of_a_plugin_that_is_away_still_is_capacity() -> None:
    made = ledger(picture(listed("a", holding("app", GPUS[0]))))
    assert figures(made, 0, GPU) == (1, 0, 0)


def test_a_held_device_that_is_unhealthy_still_is_capacity() -> None:
    made = ledger(picture(listed("a", holding("app", GPUS[0])), allocatable=pool(devices=GPUS[1:])))
    assert figures(made, 0, GPU) == (2, 1, 1)


def test_a_node_that_is_not_there_is_a_contradiction() -> None:
    made = ledger(picture(allocatable=pool(devices=(device("g0", 7), device("g1", 1, 7)))))
    assert figures(made, 1, GPU) == (1, 1, 1)
    assert [each.available for each in made.unattributed] == [1]
    assert [(each.node, each.amount) for each in made.contradictions] == [(7, 1), (7, 1)]


def test_a_device_that_two_pods_hold_is_a_contradiction() -> None:
    pods = (listed("a", holding("app", GPUS[0])), listed("b", holding("app", GPUS[0])))
    made = ledger(picture(*pods, allocatable=pool(devices=GPUS)))
    assert figures(made, 0, GPU) == (2, 2, 1)
    assert [(each.reason, each.holders) for each in made.contradictions] == [
        ("g0 is held by two pods", ("default/a", "default/b"))
    ]


def with_init(
    *, cpus: str = "8", left: int = 1, devices: tuple[DeviceAllocation, ...] = GPUS
) -> KubeletPicture:
    """A pod on some CPUs whose init container has had some GPUs more than its app."""
    pod = spec("a", init(gpu=left + 1), app(gpu=1), qos="Burstable")
    held = listed("a", container(cpus=cpus, devices=[devices[-1]]))
    return picture(held, specs=[pod], allocatable=pool(devices=devices))


def test_devices_of_an_init_container_stay_taken_near_its_pod() -> None:
    made = ledger(with_init())
    assert figures(made, 0, GPU) == (2, 2, 2)
    assert figures(made, 1, GPU) == (2, 2, 0)
    assert [(each.kind, each.amount, each.nodes) for each in made.inferences] == [
        (InferenceKind.INIT_CONTAINER, 1, on(1))
    ]


def test_devices_of_a_pod_on_no_known_node_are_taken_from_the_total_alone() -> None:
    pod = spec("a", init(gpu=1), app(), qos="BestEffort")
    made = ledger(picture(listed("a", container()), specs=[pod], allocatable=pool(devices=GPUS)))
    assert [figures(made, each, GPU)[2] for each in (0, 1)] == [2, 2]
    assert [(each.resource, each.amount) for each in made.unplaced] == [(GPU, 1)]
    assert totals(made) == (4, 4, 3)


def test_devices_that_can_only_be_in_one_place_are_taken_there() -> None:
    pod = spec("a", init(gpu=1), app(), qos="BestEffort")
    made = ledger(picture(listed("a", container()), specs=[pod], allocatable=pool(devices=GPUS[:2])))
    assert figures(made, 0, GPU) == (2, 2, 1)
    assert not made.unplaced


def test_a_device_on_one_node_is_thought_of_before_one_on_two() -> None:
    devices = (device("a-bridge", 0, 1), device("g0", 1), device("g1", 1))
    made = ledger(with_init(devices=devices))
    assert figures(made, 0, GPU) == (1, 1, 1)
    assert figures(made, 1, GPU) == (3, 3, 1)


def test_init_containers_that_hold_more_than_is_free_are_a_contradiction() -> None:
    made = ledger(with_init(left=4))
    assert [figures(made, each, GPU)[2] for each in (0, 1)] == [0, 0]
    assert [(each.amount, each.holders) for each in made.contradictions] == [(1, ("default/a",))]


def test_a_sidecar_takes_over_devices_for_good() -> None:
    pod = spec("a", init(gpu=1), sidecar(gpu=1), app())
    held = listed("a", holding("side", GPUS[0]), container())
    made = ledger(picture(held, specs=[pod], allocatable=pool(devices=GPUS)))
    assert totals(made) == (4, 4, 3)
    assert not made.inferences


def test_resources_that_no_plugin_offers_are_not_devices() -> None:
    """Such as extended resources that somebody wrote into the node's status."""
    pod = spec("a", init(gpu=1), app())
    made = ledger(picture(listed("a", container(cpus="1")), specs=[pod]))
    assert made.total(GPU) is None


def test_the_checkpoint_tells_which_devices_init_containers_hold() -> None:
    kubelet = replace(with_init(), checkpoints=book(("uid-a", GPUS[0])))
    made = ledger(kubelet)
    assert [figures(made, each, GPU)[2] for each in (0, 1)] == [1, 1]
    assert not made.inferences


def test_pods_that_have_ended_hold_nothing_though_the_checkpoint_has_them() -> None:
    kubelet = picture(specs=[], allocatable=pool(devices=GPUS))
    made = ledger(replace(kubelet, checkpoints=book(("gone", GPUS[0]))))
    assert totals(made) == (4, 4, 4)


def test_without_specs_a_pod_in_the_checkpoint_lives_where_something_of_it_is_listed() -> None:
    kubelet = picture(listed("a", holding("app", GPUS[0])), allocatable=pool(devices=GPUS))
    entries = (("a", GPUS[0]), ("a", GPUS[1]), ("gone", GPUS[2]))
    made = ledger(replace(kubelet, checkpoints=book(*entries)))
    assert [figures(made, each, GPU)[2] for each in (0, 1)] == [0, 2]


def test_what_was_never_read_is_unknown_and_not_nothing() -> None:
    held = listed("a", holding("app", GPUS[0]))
    made = ledger(replace(picture(held), allocatable=Observed()))
    assert figures(made, 0, GPU) == (1, None, None)
    assert "which devices the kubelet can give" in made.unknown
    made = ledger(replace(picture(allocatable=pool(devices=GPUS)), allocations=Observed()))
    assert figures(made, 0, GPU) == (2, 2, None)
    assert "who holds which devices" in made.unknown
