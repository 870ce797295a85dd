"""What holds for any allocation, whatever it is."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from agent.placement.ledger import derive_ledger
from agent.placement.model import Amount, Ledger
from collectors.model import NumaTopology, Observed
from collectors.model.kubelet import Allocatable, DeviceAllocation, MemoryBlock, PodAllocation
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import Pod
from collectors.parse import IdSet, format_id_list
from tests.agent.placement.building import CONFIG, app, container, init, listed, node, picture, snapshot, spec
from tests.agent.placement.recorded import GIB

GPU, NIC = "example.com/gpu", "example.com/nic"
CPUS_EACH = 6


@dataclass(frozen=True)
class World:
    """A machine, what its kubelet can give, and pods that hold some of it; each CPU and device is held once."""

    numa: NumaTopology
    allocatable: Allocatable
    pods: tuple[tuple[PodAllocation, Pod], ...]

    def kubelet(self, count: int | None = None) -> KubeletPicture:
        """With all pods, or the first of them."""
        pods = self.pods[:count]
        return picture(
            *(held for held, _ in pods), specs=[told for _, told in pods], allocatable=self.allocatable
        )

    def ledger(self, count: int | None = None) -> Ledger:
        return derive_ledger(snapshot(self.kubelet(count), self.numa))


@st.composite
def devices_of(draw: st.DrawFn, nodes: list[int]) -> tuple[DeviceAllocation, ...]:
    """Up to ten, each on no node, one or several."""
    places = st.one_of(st.none(), st.frozensets(st.sampled_from(nodes), max_size=len(nodes)))
    kinds = draw(st.lists(st.tuples(st.sampled_from([GPU, NIC]), places), max_size=10))
    return tuple(
        DeviceAllocation(resource=resource, device_id=f"d{number}", numa_nodes=place)
        for number, (resource, place) in enumerate(kinds)
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    nodes = sorted(draw(st.sets(st.integers(0, 9), min_size=1, max_size=4)))
    cpus = {number: range(at * CPUS_EACH, (at + 1) * CPUS_EACH) for at, number in enumerate(nodes)}
    numa = NumaTopology(
        nodes=tuple(node(number, format_id_list(frozenset(cpus[number]))) for number in nodes),
        from_kernel=True,
    )
    free = draw(st.permutations([cpu for each in cpus.values() for cpu in each][1:]))
    devices = draw(devices_of(nodes))
    memory = tuple(MemoryBlock(type="memory", size_bytes=15 * GIB, numa_nodes=frozenset({n})) for n in nodes)
    pods: list[tuple[PodAllocation, Pod]] = []
    left = list(devices)
    for number in range(draw(st.integers(0, 6))):
        count = min(draw(st.integers(0, 3)), len(free))
        own, free = frozenset(free[:count]), free[count:]
        taken = draw(st.lists(st.sampled_from(left), unique=True, max_size=3)) if left else []
        left = [each for each in left if each not in taken]
        pods.append(draw(pod_of(f"p{number}", own, taken, nodes)))
    pool = Allocatable(cpus=frozenset(range(1, CPUS_EACH * len(nodes))), devices=devices, memory=memory)
    return World(numa=numa, allocatable=pool, pods=tuple(pods))


@st.composite
def pod_of(
    draw: st.DrawFn, name: str, cpus: IdSet, devices: list[DeviceAllocation], nodes: list[int]
) -> tuple[PodAllocation, Pod]:
    """A pod with these CPUs and devices, some memory, and perhaps an init container that had more."""
    places = draw(st.one_of(st.just(frozenset[int]()), st.frozensets(st.sampled_from(nodes), min_size=1)))
    blocks = [MemoryBlock(type="memory", size_bytes=draw(st.integers(1, 8)) * GIB, numa_nodes=places or None)]
    memory = blocks if draw(st.booleans()) else []
    held = listed(name, container(cpus=format_id_list(cpus), memory=memory, devices=devices))
    gpus = sum(each.resource == GPU for each in devices)
    first = init(
        cpu=draw(st.integers(0, 4)),
        gpu=draw(st.integers(0, 3)),
        memory=draw(st.integers(0, 4)) * GIB,
        running=True,
    )
    size = memory[0].size_bytes if memory else 0
    last = app(cpu=len(cpus), gpu=gpus, memory=size, running=False)
    phase = draw(st.sampled_from(["Pending", "Running"]))
    return held, spec(name, *((first, last) if draw(st.booleans()) else (last,)), phase=phase)


def sums(ledger: Ledger, resource: str, figure: Callable[[Amount], int | None]) -> int:
    """Zones, less what is in several of them, and what is in none."""
    parts = [(1, amount) for zone in ledger.zones for amount in zone.amounts]
    parts += [(1 - len(shared.nodes), shared.amount) for shared in ledger.shared]
    parts += [(1, amount) for amount in ledger.unattributed]
    return sum(times * (figure(amount) or 0) for times, amount in parts if amount.resource == resource)


@given(worlds())
def test_zones_and_what_is_in_none_make_the_total(world: World) -> None:
    made = world.ledger()
    for total in made.totals:
        unplaced = sum(each.amount for each in made.unplaced if each.resource == total.resource)
        assert sums(made, total.resource, lambda each: each.capacity) == total.capacity
        assert sums(made, total.resource, lambda each: each.allocatable) == total.allocatable
        assert max(sums(made, total.resource, lambda each: each.available) - unplaced, 0) == total.available


@given(worlds())
def test_available_is_never_more_than_allocatable_nor_that_than_capacity(world: World) -> None:
    made = world.ledger()
    zones = [amount for zone in made.zones for amount in zone.amounts]
    for amount in (*zones, *made.totals, *made.unattributed, *(each.amount for each in made.shared)):
        assert amount.available is not None
        assert amount.allocatable is not None
        assert 0 <= amount.available <= amount.allocatable <= amount.capacity


@given(worlds())
def test_what_is_listed_is_gone_exactly_once(world: World) -> None:
    """From the totals, by an account of its own; what is more gone is said to be inferred."""
    made = world.ledger()
    inferred = {each.resource for each in made.inferences if each.holder is not None}
    cpus = sum(len(each.cpus) for held, _ in world.pods for each in held.containers)
    gpus = sum(
        each.resource == GPU for held, _ in world.pods for one in held.containers for each in one.devices
    )
    size = sum(each.size_bytes for held, _ in world.pods for one in held.containers for each in one.memory)
    for resource, taken in (("cpu", cpus), (GPU, gpus), ("memory", size)):
        total = made.total(resource)
        if (
            resource in inferred
            or total is None
            or any(each.resource == resource for each in made.contradictions)
        ):
            continue
        assert total.allocatable is not None
        assert total.available == max(total.allocatable - taken, 0)


@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_facts_does_not_matter(world: World, shuffle: random.Random) -> None:
    kubelet = world.kubelet()
    listed_pods, specs = list(kubelet.allocations.facts or ()), list(kubelet.pods.facts or ())
    devices, memory = list(world.allocatable.devices), list(world.allocatable.memory)
    nodes = list(world.numa.nodes)
    for each in (listed_pods, specs, devices, memory, nodes):
        shuffle.shuffle(each)
    mixed = replace(
        kubelet,
        allocations=Observed(facts=tuple(listed_pods)),
        pods=Observed(facts=tuple(specs)),
        allocatable=Observed(facts=replace(world.allocatable, devices=tuple(devices), memory=tuple(memory))),
    )
    other = derive_ledger(snapshot(mixed, replace(world.numa, nodes=tuple(nodes))))
    assert other == world.ledger()


@given(worlds())
def test_another_pod_never_makes_more_available(world: World) -> None:
    for count in range(len(world.pods)):
        before, after = world.ledger(count), world.ledger(count + 1)
        for zone in before.zones:
            for amount in zone.amounts:
                later = after.zone(zone.id)
                assert later is not None
                now = later.amount(amount.resource)
                assert now is not None
                assert now.available is not None
                assert amount.available is not None
                assert now.available <= amount.available


@given(worlds())
def test_the_total_of_free_cpus_is_the_same_with_the_shared_pool(world: World) -> None:
    """A pool that agrees with what is listed and with the specs names CPUs, and changes no sum."""
    plain = world.ledger()
    assert plain.cpus is not None
    if "cpu" in {each.resource for each in plain.unplaced}:
        return
    pool = replace(world.kubelet(), own_cpus=plain.cpus.available | {0})
    made = derive_ledger(snapshot(pool, world.numa))
    assert made.total("cpu") == plain.total("cpu")
    assert made.cpus == plain.cpus


@given(worlds())
def test_without_a_kubelets_word_nothing_is_available_for_sure(world: World) -> None:
    silent = replace(world.kubelet(), allocations=Observed())
    made = derive_ledger(snapshot(silent, world.numa))
    assert made.unknown
    assert all(amount.available is None for zone in made.zones for amount in zone.amounts)
    assert CONFIG.cpu_manager_policy == "static"
