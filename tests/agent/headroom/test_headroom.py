"""The largest pods that fit, what is stranded, how far the rest is in one piece: on a small node, and against a search of
every size on random ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.admission.admit import NodeUnderRules, admit
from agent.admission.model import Books, Outcome
from agent.headroom.derive import derive_headroom
from agent.headroom.free import NodeFree, free_by_node, with_settled_books
from agent.headroom.kinds import Kind, cpus_at_once, kinds_of, page_bytes, pod_asking
from agent.headroom.model import Headroom, Stranded
from agent.headroom.one_node import only_on
from agent.headroom.search import largest_of, largest_steps
from agent.prediction.node import node_of
from collectors.model import Observed, Snapshot
from collectors.model.kubelet import DeviceAllocation
from tests.agent.placement.building import app, spec
from tests.agent.refusals.building import GIB, GPU, GPUS, holds, node
from tests.oracle.generate import random_scenario
from tests.oracle.ours import Ours

MIB = 1 << 20


def headroom_of(snapshot: Snapshot) -> Headroom:
    return derive_headroom(node_of(snapshot).node)


def whole(snapshot: Snapshot) -> Snapshot:
    """The same with the memory of the whole machine known."""
    numa = snapshot.numa.facts
    assert numa is not None
    return replace(snapshot, numa=Observed(facts=replace(numa, memory_total_bytes=32 * GIB)))


def largest(headroom: Headroom, kind: str, numa: int | None = None) -> dict[str, int]:
    """What the largest pod of a kind asks for, on the node or on one of its NUMA nodes."""
    found = (
        headroom.largest
        if numa is None
        else next(each.largest for each in headroom.numa_nodes if each.node == numa)
    )
    return dict(next(each for each in found if each.kind == kind).amounts)


def fits(under_rules: NodeUnderRules, amounts: dict[str, int]) -> bool:
    decision, _ = admit(under_rules, pod_asking(amounts))
    return decision.outcome is Outcome.ADMITTED


def test_an_empty_node_gives_all_but_what_is_reserved() -> None:
    headroom = headroom_of(node())
    assert [largest(headroom, "cpu", numa)["cpu"] for numa in (0, 1)] == [7, 8]
    assert largest(headroom, "cpu") == {"cpu": 8, "memory": MIB}
    assert largest(headroom, "memory", 1)["memory"] == 15 * GIB
    assert largest(headroom, GPU)[GPU] == 2
    assert largest(headroom, f"cpu with {GPU}", 0) == {"cpu": 7, "memory": MIB, GPU: 1}


def test_the_reason_why_no_larger_one_fits_is_the_kubelets() -> None:
    headroom = headroom_of(node(topology_manager_policy="best-effort"))
    beyond = {each.kind: each.beyond for each in headroom.largest}
    assert (beyond["cpu"], beyond["memory"]) == ("UnexpectedAdmissionError", "UnexpectedAdmissionError")
    assert headroom.numa_nodes[0].largest[0].beyond == "TopologyAffinityError"


def test_cpus_and_memory_grow_in_the_machines_proportion() -> None:
    headroom = headroom_of(node(holds("p", "8-13")))
    pod = largest(headroom, "cpu+memory", 1)
    assert pod["cpu"] == 2
    assert 2 * GIB < pod["memory"] < 5 * GIB


def test_under_best_effort_a_pod_may_span_nodes_and_one_more_cpu_is_too_many() -> None:
    under_rules = node_of(node(topology_manager_policy="best-effort")).node
    pod = largest(derive_headroom(under_rules), "cpu")
    assert pod["cpu"] == 15
    assert (fits(under_rules, pod), fits(under_rules, {**pod, "cpu": 16})) == (True, False)


def test_under_restricted_the_largest_is_found_behind_sizes_that_do_not_fit() -> None:
    half = (holds("p", "1-4", gib={(0,): 1}), holds("q", "8-11", gib={(1,): 1}))
    under_rules = node_of(
        node(*half, topology_manager_policy="restricted", memory_manager_policy="None")
    ).node
    assert largest(derive_headroom(under_rules), "cpu")["cpu"] == 4
    few = node_of(
        node(holds("p", "1"), topology_manager_policy="restricted", memory_manager_policy="None")
    ).node
    pod = largest(derive_headroom(few), "cpu")
    assert pod["cpu"] == 14
    assert fits(few, {**pod, "cpu": 8})


def test_whole_cores_alone_are_given_under_full_pcpus_only() -> None:
    options = (("full-pcpus-only", "true"),)
    under_rules = node_of(node(holds("p", "8"), cpu_manager_options=options)).node
    headroom = derive_headroom(under_rules)
    assert cpus_at_once(under_rules) == 2
    assert [largest(headroom, "cpu", numa)["cpu"] for numa in (0, 1)] == [6, 6]
    assert Stranded(resource="cpu", amount=1, lack="whole cores") in headroom.numa_nodes[1].stranded


def test_devices_beside_no_cpus_are_stranded() -> None:
    headroom = headroom_of(node(holds("p", "8-15", gib={(1,): 1})))
    stranded = {each.resource: each for each in headroom.numa_nodes[1].stranded}
    assert stranded[GPU] == Stranded(resource=GPU, amount=2, lack="cpu")
    assert stranded["memory"] == Stranded(resource="memory", amount=14 * GIB, lack="cpu")
    assert headroom.numa_nodes[0].stranded == ()


def test_cpus_beside_no_memory_are_stranded() -> None:
    headroom = headroom_of(node(holds("p", gib={(1,): 15})))
    assert Stranded(resource="cpu", amount=8, lack="memory") in headroom.numa_nodes[1].stranded


def test_memory_of_a_node_that_gives_together_with_another_is_stranded() -> None:
    headroom = headroom_of(node(holds("p", "1", gib={(0, 1): 20}), topology_manager_policy="best-effort"))
    assert {each.lack for each in headroom.numa_nodes[1].stranded if each.resource == "memory"} == {"group"}


def test_what_other_pods_asked_of_the_whole_node_is_nobody_elses() -> None:
    greedy = spec("greedy", app(cpu=14), qos="Burstable")
    headroom = headroom_of(whole(node(specs=(greedy,))))
    assert largest(headroom, "cpu")["cpu"] == 1
    assert Stranded(resource="cpu", amount=7, lack="node") in headroom.numa_nodes[1].stranded


def test_in_one_piece_is_the_largest_request_by_what_is_free() -> None:
    pieces = {
        each.resource: each for each in headroom_of(node(holds("p", "8-13", gib={(1,): 9}))).fragmentation
    }
    assert (pieces["cpu"].free, pieces["cpu"].largest) == (9, 7)
    assert pieces[GPU].in_one_piece == 0.5
    assert (pieces["memory"].free, pieces["memory"].largest) == (21 * GIB, 15 * GIB)


def test_of_what_is_gone_nothing_is_in_one_piece() -> None:
    pieces = {each.resource: each for each in headroom_of(node(holds("p", gpus=(0, 1, 2, 3)))).fragmentation}
    assert pieces[GPU].in_one_piece is None


def test_a_device_that_sits_on_two_nodes_counts_once() -> None:
    bridge = DeviceAllocation(resource="example.com/bridge", device_id="b", numa_nodes=frozenset({0, 1}))
    headroom = headroom_of(node(devices=(*GPUS, bridge)))
    pieces = {each.resource: each for each in headroom.fragmentation}
    assert (pieces["example.com/bridge"].free, pieces["example.com/bridge"].largest) == (1, 1)


def test_devices_without_topology_are_free_on_no_node_and_fit_everywhere() -> None:
    loose = DeviceAllocation(resource="example.com/loose", device_id="l")
    snapshot = node(devices=(loose,))
    assert free_by_node(node_of(snapshot).node)[-1] == NodeFree(
        node=None, amounts=(("example.com/loose", 1),)
    )
    assert largest(headroom_of(snapshot), "example.com/loose")["example.com/loose"] == 1


def test_where_the_kubelet_takes_nothing_from_numa_nodes_only_devices_are_there() -> None:
    headroom = headroom_of(whole(node(cpu_manager_policy="none", memory_manager_policy="None")))
    assert {kind for each in headroom.numa_nodes for kind in (found.kind for found in each.largest)} == {GPU}
    assert largest(headroom, "cpu")["cpu"] == 15
    assert largest(headroom, "memory")["memory"] == 32 * GIB


def test_without_devices_too_there_are_no_numa_nodes() -> None:
    headroom = headroom_of(node(cpu_manager_policy="none", memory_manager_policy="None", devices=()))
    assert headroom.numa_nodes == ()


@pytest.mark.parametrize(
    ("resource", "size"),
    [
        ("hugepages-2Mi", 2 * MIB),
        ("hugepages-1Gi", GIB),
        ("hugepages-64Ki", 64 << 10),
        ("hugepages-odd", MIB),
    ],
)
def test_the_size_of_a_page_is_in_its_name(resource: str, size: int) -> None:
    assert page_bytes(resource) == size


def test_a_core_is_one_cpu_where_no_cores_are_asked_for() -> None:
    assert cpus_at_once(node_of(node()).node) == 1


# Random nodes: the search finds what trying every size finds

TRIED = 100
"""Sizes of a kind at the most; what has more is left out"""


def random_node(number: int) -> NodeUnderRules:
    """A random machine with random pods on it."""
    scenario = random_scenario("headroom", number, without=("restart",))
    ours = Ours.at(scenario)
    for step in scenario.steps:
        if step.op in ("admit", "health"):
            ours.play(step, {})
    return with_settled_books(ours.node)


def largest_by_trying(under_rules: NodeUnderRules, here: tuple[int, ...]) -> dict[str, dict[str, int]]:
    found = {}
    for kind in kinds_of(under_rules, here):
        if kind.most <= TRIED:
            sizes = range(kind.most + 2, 0, -1)
            best = next(
                (kind.amounts(steps) for steps in sizes if fits(under_rules, kind.amounts(steps))), {}
            )
            found[kind.name] = best
    return found


@pytest.mark.parametrize("number", range(24))
def test_the_search_finds_what_trying_every_size_finds(number: int) -> None:
    under_rules = random_node(number)
    everywhere = under_rules.machine.numa_nodes
    views = [(under_rules, everywhere), *((only_on(under_rules, each), (each,)) for each in everywhere)]
    for view, here in views:
        tried = largest_by_trying(view, here)
        searched = {kind.name: dict(largest_of(view, kind).amounts) for kind in kinds_of(view, here)}
        assert {name: searched[name] for name in tried} == tried


def kind_of(most: int, *edges: int) -> Kind:
    return Kind(name="cpu", most=most, amounts=lambda steps: {"cpu": steps}, edges=edges)


@pytest.mark.parametrize(("islands", "found"), [(64, 13), (4, 13), (0, 0)])
def test_an_island_between_ends_that_do_not_fit_is_found_by_trying(islands: int, found: int) -> None:
    assert largest_steps(kind_of(20), lambda steps: steps in (11, 12, 13), islands=islands) == found


def test_of_many_pieces_the_smallest_eight_and_the_largest_are_tried() -> None:
    tried: list[int] = []

    def fits(steps: int) -> bool:
        tried.append(steps)
        return False

    assert largest_steps(kind_of(100, *range(5, 100, 5)), fits, islands=0) == 0
    assert tried[:2] == [100, 96]
    assert max(tried[2:]) == 40


@pytest.mark.parametrize("number", range(24, 36))
def test_one_node_alone_is_that_node_with_the_others_empty(number: int) -> None:
    under_rules = random_node(number)
    for each in under_rules.machine.numa_nodes:
        alone = only_on(under_rules, each)
        rest = replace(
            under_rules,
            settings=replace(
                under_rules.settings,
                topology_policy="single-numa-node",
                topology_scope="container",
                prefer_closest_numa_nodes=False,
            ),
            books=_emptied_but(under_rules, each),
        )
        for kind in kinds_of(alone, (each,)):
            assert dict(largest_of(alone, kind).amounts) == dict(largest_of(rest, kind).amounts)


def _emptied_but(under_rules: NodeUnderRules, kept: int) -> Books:
    books = under_rules.books
    cpus = frozenset(place.cpu for place in under_rules.machine.cpus if place.numa_node == kept)
    tables = tuple(
        each
        if each.id == kept
        else replace(
            each, tables=tuple(replace(table, reserved=table.allocatable, free=0) for table in each.tables)
        )
        for each in books.memory_nodes
    )
    devices = tuple(
        replace(each, healthy=each.healthy and (not each.device.numa_nodes or kept in each.device.numa_nodes))
        for each in books.devices
    )
    return replace(books, shared_cpus=books.shared_cpus & cpus, memory_nodes=tables, devices=devices)
