from __future__ import annotations

from dataclasses import replace

import pytest

from agent.placement.model import Basis, InferenceKind
from collectors.model import HugePagePool, NumaTopology, Observed
from collectors.model.kubelet import (
    AssignedMemory,
    KubeletCheckpoints,
    MemoryBlock,
    MemoryManagerState,
    MemoryNode,
    MemoryTable,
)
from collectors.model.pod import PodContainer
from tests.agent.placement.building import (
    CONFIG,
    TWO_NODES,
    app,
    block,
    container,
    figures,
    init,
    ledger,
    listed,
    node,
    on,
    picture,
    pool,
    sidecar,
    spec,
)
from tests.agent.placement.recorded import GIB, MIB

NO_MANAGER = replace(CONFIG, memory_manager_policy="None")


def book(*entries: tuple[str, MemoryBlock], **reserved: int) -> KubeletCheckpoints:
    """The memory manager's: blocks by uid and container, and GiB reserved on `n0` and `n1` of 15 each."""
    nodes = tuple(
        MemoryNode(
            id=number,
            assignments=0,
            group=on(number),
            tables=(
                MemoryTable(
                    type="memory",
                    total=16 * GIB,
                    system_reserved=GIB,
                    allocatable=15 * GIB,
                    reserved=reserved.get(f"n{number}", 0) * GIB,
                    free=0,
                ),
            ),
        )
        for number in (0, 1)
    )
    containers = tuple(AssignedMemory(pod_uid=uid, container="app", blocks=(held,)) for uid, held in entries)
    return KubeletCheckpoints(memory=MemoryManagerState(policy="Static", nodes=nodes, containers=containers))


def test_capacity_is_the_nodes_memory_without_its_hugepages() -> None:
    numa = NumaTopology(nodes=(node(0, "0-7", pages_2m=512), node(1, "8-15")), from_kernel=True)
    made = ledger(picture(allocatable=pool(gib={0: 14, 1: 15}, pages={0: 1024})), numa)
    assert figures(made, 0, "memory") == (15 * GIB, 14 * GIB, 14 * GIB)
    assert figures(made, 0, "hugepages-2Mi") == (GIB, GIB, GIB)
    assert figures(made, 1, "hugepages-2Mi") == (0, 0, 0)


def test_blocks_are_taken_from_their_nodes() -> None:
    pods = (
        listed("a", container(memory=[block(GIB, 0)])),
        listed("b", container(memory=[block(2 * GIB, 1)])),
    )
    made = ledger(picture(*pods))
    assert figures(made, 0, "memory")[2] == 14 * GIB
    assert figures(made, 1, "memory")[2] == 13 * GIB
    assert made.memory_basis is Basis.KUBELET


def test_memory_of_a_pod_contains_that_of_its_containers() -> None:
    pod = listed("a", container(memory=[block(GIB, 0)]), container("b"), memory=[block(3 * GIB, 0)])
    assert figures(ledger(picture(pod)), 0, "memory")[2] == 12 * GIB


def test_a_block_over_nodes_fills_the_lowest_first_beside_what_others_hold() -> None:
    big = listed("big", container(memory=[block(20 * GIB, 0, 1)]))
    made = ledger(picture(big, listed("big2", container(memory=[block(2 * GIB, 0, 1)]))))
    assert figures(made, 0, "memory")[2] == 0
    assert figures(made, 1, "memory")[2] == 8 * GIB
    assert {(each.holder, each.by_node) for each in made.spanning} == {
        ("default/big", ((0, 15 * GIB), (1, 5 * GIB))),
        ("default/big2", ((1, 2 * GIB),)),
    }


def test_more_held_than_there_is_is_a_contradiction_and_never_negative() -> None:
    pods = (
        listed("a", container(memory=[block(10 * GIB, 0)])),
        listed("b", container(memory=[block(6 * GIB, 0)])),
    )
    made = ledger(picture(*pods))
    assert figures(made, 0, "memory")[2] == 0
    assert [(each.node, each.amount, each.holders) for each in made.contradictions] == [
        (0, GIB, ("default/a", "default/b"))
    ]


def test_a_block_too_big_for_its_nodes_shows_on_the_highest() -> None:
    made = ledger(picture(listed("a", container(memory=[block(31 * GIB, 0, 1)]))))
    assert [(each.node, each.amount) for each in made.contradictions] == [(1, GIB)]


def test_a_kubelet_that_has_more_than_the_kernel_is_told() -> None:
    made = ledger(picture(allocatable=pool(pages={0: 64})))
    assert figures(made, 0, "hugepages-2Mi") == (64 * MIB, 64 * MIB, 64 * MIB)
    assert [(each.resource, each.node, each.amount) for each in made.contradictions] == [
        ("hugepages-2Mi", 0, 64 * MIB)
    ]


def test_memory_whose_node_nobody_says_is_taken_from_the_total_alone() -> None:
    lost = MemoryBlock(type="memory", size_bytes=GIB)
    made = ledger(picture(listed("a", container(memory=[lost]))))
    assert figures(made, 0, "memory")[2] == 15 * GIB
    assert [(each.resource, each.amount, each.holders) for each in made.unplaced] == [
        ("memory", GIB, ("default/a",))
    ]
    total = made.total("memory")
    assert total is not None
    assert total.available == 29 * GIB


def test_memory_of_a_node_that_is_not_there_is_in_no_zone() -> None:
    made = ledger(picture(allocatable=pool(gib={0: 15, 1: 15, 5: 2})))
    assert [zone.id for zone in made.zones] == [0, 1]
    assert [(each.resource, each.available) for each in made.unattributed] == [("memory", 2 * GIB)]
    assert [(each.node, each.amount) for each in made.contradictions] == [(5, 2 * GIB)]


def test_allocatable_memory_without_a_node_is_in_no_zone() -> None:
    lost = replace(pool(), memory=(MemoryBlock(type="memory", size_bytes=GIB),))
    made = ledger(picture(allocatable=lost))
    assert [(each.resource, each.available) for each in made.unattributed] == [("memory", GIB)]
    assert not made.contradictions


def test_init_containers_hold_their_memory_until_a_later_container_starts() -> None:
    held = listed("a", container(memory=[block(GIB, 1)]))
    running = spec("a", init(memory=4 * GIB, running=True), app(running=False, memory=GIB), phase="Pending")
    made = ledger(picture(held, specs=[running]))
    assert figures(made, 1, "memory")[2] == 11 * GIB
    assert [(each.kind, each.amount, each.nodes) for each in made.inferences] == [
        (InferenceKind.INIT_CONTAINER, 3 * GIB, on(1))
    ]
    made = ledger(picture(held, specs=[spec("a", init(memory=4 * GIB), app(memory=GIB))]))
    assert figures(made, 1, "memory")[2] == 14 * GIB


def test_a_started_sidecar_gives_back_what_the_init_containers_before_it_had() -> None:
    held = listed("a", container("side", memory=[block(GIB, 0)]), container(memory=[block(GIB, 0)]))
    pod = spec(
        "a",
        init("one", memory=8 * GIB),
        sidecar(memory=GIB),
        init("two", memory=4 * GIB, running=True),
        app(running=False, memory=GIB),
        phase="Pending",
    )
    # `one` had 8, of which the sidecar, `two` and the app took over all but 2. These 2 have been given back.
    assert figures(ledger(picture(held, specs=[pod])), 0, "memory")[2] == 9 * GIB


def test_memory_of_init_containers_lies_where_the_pods_other_memory_lies() -> None:
    held = listed("a", container(cpus="1", memory=[block(GIB, 0, 1)]))
    pod = spec("a", init(memory=4 * GIB, running=True), app(running=False, memory=GIB), phase="Pending")
    made = ledger(picture(held, specs=[pod]))
    assert figures(made, 0, "memory")[2] == 11 * GIB
    assert [each.nodes for each in made.inferences] == [on(0, 1)]


def test_pods_with_a_budget_of_their_own_hold_nothing_beyond_it() -> None:
    held = listed("a", container(), memory=[block(4 * GIB, 0)])
    pod = spec(
        "a", init(memory=2 * GIB, running=True), app(running=False), phase="Pending", cpu=2, memory=4 * GIB
    )
    assert figures(ledger(picture(held, specs=[pod])), 0, "memory")[2] == 11 * GIB


def test_so_do_such_pods_where_the_configuration_is_unknown() -> None:
    held = listed("a", container(), memory=[block(4 * GIB, 0)])
    pod = spec("a", init(memory=2 * GIB, running=True), app(running=False), phase="Pending", cpu=2)
    assert figures(ledger(picture(held, specs=[pod], config=None)), 0, "memory")[2] == 11 * GIB


@pytest.mark.parametrize(("gate", "left"), [(True, 13), (False, 14)])
def test_in_container_scope_the_gate_decides_about_init_containers_of_such_pods(
    gate: bool, left: int
) -> None:
    config = replace(CONFIG, feature_gates=(("PodLevelResourceManagers", gate),))
    held = listed("a", container(memory=[block(GIB, 0)]))
    pod = spec(
        "a",
        init(memory=2 * GIB, running=True),
        app(running=False, memory=GIB),
        phase="Pending",
        cpu=2,
        memory=4 * GIB,
    )
    assert figures(ledger(picture(held, specs=[pod], config=config)), 0, "memory")[2] == left * GIB


def test_without_memory_manager_each_node_keeps_what_the_kernel_shows() -> None:
    numa = NumaTopology(nodes=(node(0, "0-7", pages_2m=512), node(1, "8-15")), from_kernel=True)
    made = ledger(picture(listed("a", container()), allocatable=pool(gib={}), config=NO_MANAGER), numa)
    assert figures(made, 0, "memory") == (15 * GIB, 15 * GIB, 15 * GIB)
    assert figures(made, 0, "hugepages-2Mi") == (GIB, GIB, GIB)
    assert figures(made, 1, "hugepages-2Mi") == (0, 0, 0)
    assert made.memory_basis is Basis.MACHINE


def test_an_unknown_policy_is_told_by_whether_any_memory_is_allocatable() -> None:
    assert ledger(picture(config=None)).memory_basis is Basis.KUBELET
    off = picture(allocatable=replace(pool(), memory=()), config=None)
    assert ledger(off).memory_basis is Basis.MACHINE
    assert ledger(replace(off, allocatable=Observed())).memory_basis is None


def test_hugepages_of_unknown_nodes_are_in_no_zone() -> None:
    pages = (HugePagePool(page_size_bytes=2 * MIB, total=1024),)
    nodes = tuple(replace(each, hugepages=()) for each in TWO_NODES.nodes)
    numa = NumaTopology(
        nodes=nodes,
        from_kernel=True,
        hugepages_per_node=False,
        machine_hugepages=pages,
        memory_total_bytes=32 * GIB,
    )
    made = ledger(None, numa)
    assert [(each.resource, each.available) for each in made.unattributed] == [
        ("hugepages-2Mi", 2 * GIB),
        ("memory", 30 * GIB),
    ]


@pytest.mark.parametrize(
    ("containers", "amount"),
    [
        ((app(hugepages=64 * MIB), sidecar(hugepages=MIB)), 65 * MIB),
        ((init(hugepages=96 * MIB), app(hugepages=64 * MIB)), 96 * MIB),
        ((sidecar(hugepages=8 * MIB), init(hugepages=96 * MIB), app(hugepages=64 * MIB)), 104 * MIB),
    ],
)
def test_burstable_pods_may_use_hugepages_of_any_node(
    containers: tuple[PodContainer, ...], amount: int
) -> None:
    pod = replace(spec("a", qos="Burstable"), containers=containers)
    for config in (CONFIG, NO_MANAGER):
        made = ledger(picture(listed("a", container()), specs=[pod], config=config))
        assert [(each.kind, each.amount, each.nodes) for each in made.inferences] == [
            (InferenceKind.BURSTABLE_HUGEPAGES, amount, None)
        ]


def test_hugepages_of_a_burstable_pod_as_a_whole_count_once() -> None:
    pod = spec("a", app(hugepages=64 * MIB), qos="Burstable", hugepages=128 * MIB)
    made = ledger(picture(listed("a", container()), specs=[pod]))
    assert [each.amount for each in made.inferences] == [128 * MIB]


def test_the_book_of_the_memory_manager_is_exact() -> None:
    """It shows what came before: a block that was given back first from the lowest node."""
    kubelet = picture(
        listed("a", container(memory=[block(10 * GIB, 0, 1)])), specs=[spec("a", app(), uid="a")]
    )
    made = ledger(replace(kubelet, checkpoints=book(("a", block(10 * GIB, 0, 1)), n0=4, n1=6)))
    assert [figures(made, each, "memory")[2] for each in (0, 1)] == [11 * GIB, 9 * GIB]
    assert [each.by_node for each in made.spanning] == [((0, 4 * GIB), (1, 6 * GIB))]


def test_pods_that_have_ended_are_taken_out_of_the_book_from_the_lowest_node() -> None:
    ended = spec("b", app(), phase="Failed", uid="b")
    entries = (("a", block(GIB, 0)), ("b", block(6 * GIB, 0, 1)))
    for specs in ([spec("a", app(), uid="a"), ended], [spec("a", app(), uid="a")]):
        kubelet = replace(picture(specs=specs), checkpoints=book(*entries, n0=5, n1=2))
        made = ledger(kubelet)
        assert [figures(made, each, "memory")[2] for each in (0, 1)] == [15 * GIB, 14 * GIB]


def test_without_specs_as_many_entries_live_as_are_listed() -> None:
    """Replicas of one Deployment look alike: two entries, one of them of a pod that is gone."""
    kubelet = picture(listed("web-1", container(memory=[block(GIB, 0)])))
    made = ledger(replace(kubelet, checkpoints=book(("u1", block(GIB, 0)), ("u2", block(GIB, 0)), n0=2)))
    assert figures(made, 0, "memory")[2] == 14 * GIB


def test_the_book_serves_where_the_kubelet_does_not_answer() -> None:
    kubelet = replace(
        picture(specs=[spec("a", app(), uid="a")], config=None),
        allocatable=Observed(),
        allocations=Observed(),
    )
    made = ledger(replace(kubelet, checkpoints=book(("a", block(GIB, 1)), n1=1)))
    assert figures(made, 1, "memory") == (16 * GIB, 15 * GIB, 14 * GIB)


def test_what_was_never_read_is_unknown_and_not_nothing() -> None:
    made = ledger(replace(picture(), allocatable=Observed(), allocations=Observed()))
    assert figures(made, 0, "memory") == (16 * GIB, None, None)
    assert "how much memory the kubelet can give" in made.unknown
    made = ledger(replace(picture(), allocations=Observed()))
    assert figures(made, 0, "memory") == (16 * GIB, 15 * GIB, None)
    assert "who holds how much memory" in made.unknown
