"""The fuzzer's judge finds what it is there to find: each test plants one defect in an otherwise right survey."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import TypeVar

from collectors.model import NumaNode, Observed, PciDevice, Problem, Snapshot
from tests.fakes.memoryfs import MemoryFS
from tests.fuzz.bases import Base, make_base
from tests.fuzz.mutations import CANARY, Kind, Mutation
from tests.fuzz.oracle import check, unnamed
from tests.fuzz.trial import Trial, run_in_memory, shrink, survey_in_time
from tests.hosts import shapes
from tests.hosts.machine import build_tree

T = TypeVar("T")

CPU1_PACKAGE = "/sys/devices/system/cpu/cpu1/topology/physical_package_id"
NODE1_MEMINFO = "/sys/devices/system/node/node1/meminfo"


@cache
def sound() -> Base:
    return make_base("two nodes", build_tree(shapes.CXL))


def removed(path: str) -> Mutation:
    return Mutation(kind=Kind.REMOVED, path=path)


def facts_of(observed: Observed[T]) -> T:
    assert observed.facts is not None
    return observed.facts


def with_node_1(snapshot: Snapshot, change: Callable[[NumaNode], NumaNode]) -> Snapshot:
    numa = facts_of(snapshot.numa)
    nodes = tuple(change(node) if node.id == 1 else node for node in numa.nodes)
    return replace(snapshot, numa=replace(snapshot.numa, facts=replace(numa, nodes=nodes)))


def complaints(snapshot: Snapshot, *mutations: Mutation) -> str:
    return "\n".join(check(sound().facts, snapshot, mutations))


def test_the_survey_of_the_sound_machine_is_well() -> None:
    assert complaints(sound().snapshot, removed(NODE1_MEMINFO)) == ""


def test_a_fact_that_turns_into_another_is_invented() -> None:
    spoilt = with_node_1(sound().snapshot, lambda node: replace(node, memory_total_bytes=0))

    assert "invented: numa.nodes[1].memory_total_bytes is 0" in complaints(spoilt, removed(NODE1_MEMINFO))


def test_a_fact_that_becomes_unknown_is_well() -> None:
    spoilt = with_node_1(sound().snapshot, lambda node: replace(node, memory_total_bytes=None, kind=None))

    assert complaints(spoilt, removed(NODE1_MEMINFO)) == ""


def test_a_node_without_cpus_is_invented_unless_they_are_said_to_be_unknown() -> None:
    lost = removed("/sys/devices/system/node/node1/cpumap")
    claimed = with_node_1(sound().snapshot, lambda node: replace(node, cpus=frozenset()))
    honest = with_node_1(
        sound().snapshot, lambda node: replace(node, cpus=frozenset(), cpus_known=False, kind=None)
    )

    assert "invented: numa.nodes[1].cpus" in complaints(claimed, lost)
    assert complaints(honest, lost) == ""


def test_what_may_mislead_is_not_held_against_a_reader() -> None:
    spoilt = with_node_1(sound().snapshot, lambda node: replace(node, memory_total_bytes=0))

    assert complaints(spoilt, Mutation(kind=Kind.NUMBER, path=NODE1_MEMINFO, payload=b"0")) == ""


def test_a_fact_of_another_subject_must_stay() -> None:
    spoilt = replace(sound().snapshot, pci=Observed(facts=(), read_at=1.0))

    assert "lost beside the spoilt: pci[" in complaints(spoilt, removed(NODE1_MEMINFO))


def test_a_fact_of_another_cpu_must_stay() -> None:
    cpus = facts_of(sound().snapshot.cpus)
    lost = tuple(replace(cpu, package_id=None) if cpu.id == 2 else cpu for cpu in cpus.cpus)
    spoilt = replace(sound().snapshot, cpus=Observed(facts=replace(cpus, cpus=lost), read_at=1.0))

    assert "lost of another: cpus.cpus[2].package_id" in complaints(spoilt, removed(CPU1_PACKAGE))


def test_a_defect_is_found_and_so_is_a_subject_without_a_word() -> None:
    broken = replace(sound().snapshot, pci=Observed(error="defect: KeyError: 'x'"), devices=Observed())

    found = complaints(broken, removed("/sys/bus/pci"))

    assert "pci: defect: KeyError" in found
    assert "devices has neither facts nor an error" in found


def test_what_lies_outside_is_recognised_wherever_it_shows() -> None:
    leak: Observed[tuple[PciDevice, ...]] = Observed(
        problems=(Problem(path="/sys/x", reason=f"found '{CANARY}'"),), error="none"
    )

    assert "outside" in complaints(replace(sound().snapshot, pci=leak), removed("/sys/bus/pci"))


def test_a_refused_file_must_be_named() -> None:
    refusal = Mutation(kind=Kind.IO_ERROR, path=NODE1_MEMINFO)
    assert run_in_memory(sound(), (refusal,)).complaints == ()

    silent = sound().snapshot
    assert list(unnamed(silent, {NODE1_MEMINFO})) == [f"not named among the problems: {NODE1_MEMINFO}"]


def test_a_failure_shrinks_to_the_mutation_that_matters() -> None:
    culprit, bystander = removed(NODE1_MEMINFO), removed(CPU1_PACKAGE)

    def again(mutations: tuple[Mutation, ...]) -> Trial:
        bad = ("bad",) if culprit in mutations else ()
        return Trial(base="two nodes", mutations=mutations, complaints=bad)

    assert shrink(again((bystander, culprit, bystander)), again).mutations == (culprit,)


def test_a_survey_that_does_not_end_is_stopped() -> None:
    class Endless(MemoryFS):
        def entries(self, path: str) -> tuple[str, ...] | None:
            while True:
                pass

    assert survey_in_time(Endless({}, {}), seconds=0.05) is None
