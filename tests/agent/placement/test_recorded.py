"""The ledger against the books of a real kubelet: its cpu_manager_state, memory_manager_state and device checkpoint."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.placement.ledger import derive_ledger
from agent.placement.model import InferenceKind, Ledger
from collectors.model import Observed
from collectors.model.kubelet_picture import KubeletPicture
from tests.agent.placement.recorded import GIB, MIB, Recording, recordings, snapshot_of
from tests.shared import shared_folder

OURS = recordings(Path(__file__).with_name("cases"))

UNPLACED = {"d2-none-none/pods", "d4-single-devices-only/pods"}
"""Where an init container holds a device and its pod is listed with nothing at all, because neither CPUs nor memory are
given out: the specs tell that one is gone, and nothing tells from which node."""

INIT_RUNS = {"init-containers/pods", *(f"{name}/pods" for name in (
    "a-single-numa-node-container", "a2-single-numa-node-pod", "b-restricted-pod", "b2-restricted-container",
    "c-best-effort-container", "c2-best-effort-pod", "d-none-static", "d3-single-cpu-only", "e7-uneven",
))}  # fmt: skip
"""Where an init container is running, and another has left CPUs behind"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> list[Recording]:
    folder = tmp_path_factory.mktemp("recordings")
    with tarfile.open(shared_folder("kubelet") / "recordings.tar.xz") as tar:
        tar.extractall(folder, filter="data")
    return [each for each in recordings(folder) if (each.moment / "pods.json").is_file()]


def cpus(ledger: Ledger) -> dict[int, int | None]:
    return {zone.id: each.available for zone in ledger.zones if (each := zone.amount("cpu"))}


def memory(ledger: Ledger) -> dict[tuple[int, str], int | None]:
    return {
        (zone.id, each.resource): each.available
        for zone in ledger.zones
        for each in zone.amounts
        if each.resource == "memory" or each.resource.startswith("hugepages-")
    }


def devices(ledger: Ledger) -> dict[tuple[int | None, str], int | None]:
    free: dict[tuple[int | None, str], int | None] = {
        (zone.id, each.resource): each.available
        for zone in ledger.zones
        for each in zone.amounts
        if "/" in each.resource
    }
    return free | {(None, each.resource): each.available for each in ledger.unattributed}


def ledger_of(recording: Recording, picture: KubeletPicture) -> Ledger:
    return derive_ledger(snapshot_of(recording.numa, picture))


def assert_books_agree(recording: Recording, ledger: Ledger) -> None:
    assert cpus(ledger) == recording.free_cpus() or not recording.free_cpus(), recording
    assert memory(ledger) == recording.free_memory() or not recording.free_memory(), recording
    assert not ledger.contradictions, recording
    assert not ledger.unknown, recording


def check_with_checkpoints(recording: Recording) -> None:
    ledger = ledger_of(recording, recording.picture)
    assert_books_agree(recording, ledger)
    assert devices(ledger) == recording.free_devices(), recording
    assert not [each for each in ledger.inferences if each.kind is InferenceKind.INIT_CONTAINER]


def check_with_specs_alone(recording: Recording) -> None:
    ledger = ledger_of(recording, replace(recording.picture, checkpoints=None))
    assert_books_agree(recording, ledger)
    if recording.name in UNPLACED:
        assert [(each.resource, each.amount) for each in ledger.unplaced] == [("example.com/nic", 1)]
    else:
        assert devices(ledger) == recording.free_devices(), recording
        assert not ledger.unplaced


def check_with_specs_and_pool(recording: Recording) -> None:
    picture = replace(recording.picture, checkpoints=None, own_cpus=recording.shared_pool or None)
    ledger = ledger_of(recording, picture)
    assert_books_agree(recording, ledger)
    if recording.free_cpus():
        assert ledger.cpus is not None
        assert ledger.cpus.available == recording.shared_pool & ledger.cpus.allocatable


def check_with_the_pool_alone(recording: Recording) -> None:
    """Without specs nothing tells of an init container's memory and devices. Its CPUs are missing from the pool."""
    picture = replace(
        recording.picture, checkpoints=None, pods=Observed(), own_cpus=recording.shared_pool or None
    )
    ledger = ledger_of(recording, picture)
    assert cpus(ledger) == recording.free_cpus() or not recording.free_cpus(), recording


def check_with_checkpoints_alone(recording: Recording) -> None:
    """A pod with an entry of its own that is listed with nothing cannot be told from one that has ended."""
    ledger = ledger_of(recording, replace(recording.picture, pods=Observed()))
    assert_books_agree(recording, ledger)
    assert recording.name in UNPLACED or devices(ledger) == recording.free_devices(), recording


def check_with_the_list_alone(recording: Recording) -> None:
    """What the kubelet lists leaves init containers out: 2 CPUs that a finished one has left behind, 1 CPU, 768 MiB (on
    top of what its pod's app has) and a network card of the running one."""
    ledger = ledger_of(recording, replace(recording.picture, checkpoints=None, pods=Observed()))
    running = recording.name in INIT_RUNS
    more = {node: (cpus(ledger)[node] or 0) - free for node, free in recording.free_cpus().items()}
    assert {count for count in more.values() if count} == ({3} if running else set()), recording
    more = {
        key[0]: (memory(ledger)[key] or 0) - free
        for key, free in recording.free_memory().items()
        if key[1] == "memory"
    }
    pinned = running and recording.free_memory()
    assert {size for size in more.values() if size} == ({768 * MIB} if pinned else set()), recording
    cards = devices(ledger)
    missed = {key for key, free in recording.free_devices().items() if cards[key] != free}
    assert bool(missed) == (running or recording.name in UNPLACED), recording


CHECKS = (
    check_with_checkpoints,
    check_with_specs_alone,
    check_with_specs_and_pool,
    check_with_the_pool_alone,
    check_with_checkpoints_alone,
    check_with_the_list_alone,
)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("recording", OURS, ids=str)
def test_the_ledger_agrees_with_the_kubelets_books(recording: Recording, check: object) -> None:
    assert callable(check)
    check(recording)


@pytest.mark.shared
@pytest.mark.parametrize("check", CHECKS)
def test_the_ledger_agrees_with_the_kubelets_books_in_every_scenario(
    shared: list[Recording], check: object
) -> None:
    assert callable(check)
    assert len(shared) > 80
    for recording in shared:
        check(recording)


def case(name: str) -> Iterator[Recording]:
    return (each for each in OURS if each.scenario.name == name)


def test_memory_over_two_nodes_fills_the_lower_one_first() -> None:
    (recording,) = case("memory-over-nodes")
    ledger = ledger_of(recording, replace(recording.picture, checkpoints=None))
    big = next(each for each in ledger.spanning if each.resource == "hugepages-1Gi")
    assert big.by_node == ((0, 8 * GIB), (1, 2 * GIB))
    assert (
        sum(each.size_bytes for each in ledger.spanning if each.resource == "memory") == 72 * GIB + 256 * MIB
    )


def test_spanning_memory_reads_the_same_from_the_kubelets_book() -> None:
    (recording,) = case("memory-over-nodes")
    with_book = ledger_of(recording, recording.picture)
    without = ledger_of(recording, replace(recording.picture, checkpoints=None))
    assert {(each.holder, each.resource, each.size_bytes) for each in with_book.spanning} == {
        (each.holder, each.resource, each.size_bytes) for each in without.spanning
    }


def test_hugepages_of_a_burstable_pod_are_told_and_taken_from_no_node() -> None:
    (recording,) = case("init-containers")
    ledger = ledger_of(recording, recording.picture)
    told = [each for each in ledger.inferences if each.kind is InferenceKind.BURSTABLE_HUGEPAGES]
    assert [(each.holder, each.resource, each.amount, each.nodes) for each in told] == [
        ("default/bu-huge2m", "hugepages-2Mi", 64 * MIB, None)
    ]


def test_what_init_containers_hold_is_marked_as_inferred() -> None:
    (recording,) = case("init-containers")
    ledger = ledger_of(recording, replace(recording.picture, checkpoints=None))
    found = {
        (each.holder, each.resource): each.amount
        for each in ledger.inferences
        if each.kind is InferenceKind.INIT_CONTAINER
    }
    assert found == {
        ("default/gu-init-running", "cpu"): 1,
        ("default/gu-init-running", "memory"): 768 * MIB,
        ("default/gu-init-running", "example.com/nic"): 1,
        ("default/gu-init-then-app", "cpu"): 2,
    }
    zone = ledger.zone(0)
    assert zone is not None
    assert {each.resource for each in zone.amounts if each.inferred} == {"cpu", "memory", "example.com/nic"}


def test_a_node_of_memory_alone_is_a_zone() -> None:
    (recording,) = case("memory-only-node")
    zone = ledger_of(recording, recording.picture).zone(2)
    assert zone is not None
    assert [(each.resource, each.available) for each in zone.amounts if each.capacity] == [
        ("memory", 125 * GIB)
    ]
