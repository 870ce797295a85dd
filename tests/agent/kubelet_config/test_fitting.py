"""Which options fit a machine."""

from __future__ import annotations

import pytest

from agent.kubelet_config.fitting import Policies, fit_options
from agent.kubelet_config.model import Hardware, UnfitError
from agent.kubelet_config.versions import (
    ACROSS_CORES,
    ACROSS_NUMA,
    BY_SOCKET,
    CLOSEST,
    FULL_PCPUS,
    MAX_NODES,
    STRICT,
    UNCORE,
)
from tests.agent.kubelet_config.building import hardware

RESTRICTED = Policies(topology="restricted")
SINGLE = Policies(topology="single-numa-node")


def chosen(
    machine: Hardware, policies: Policies = RESTRICTED, version: tuple[int, int] = (1, 37)
) -> set[str]:
    options = fit_options(machine, policies, version)
    return {option.name for option in (*options.topology, *options.cpu, *options.gates)}


def test_options_by_the_hardware() -> None:
    assert chosen(hardware()) == {FULL_PCPUS}
    assert chosen(hardware(threads=1)) == set()
    assert chosen(hardware(threads=1, caches=2)) == {UNCORE}
    assert chosen(hardware(nodes=(0, 1, 2), threads=1)) == {CLOSEST}
    assert chosen(hardware(nodes=(0, 1, 3), threads=1)) == set()
    assert chosen(hardware(nodes=range(9), threads=1), SINGLE) == {MAX_NODES}


def test_an_option_that_is_alpha_in_that_version_is_not_there_unasked() -> None:
    assert chosen(hardware(threads=1, caches=2), version=(1, 33)) == set()
    assert chosen(hardware(threads=1, caches=2), version=(1, 34)) == {UNCORE}


def test_without_managers_there_are_no_options() -> None:
    assert chosen(hardware(nodes=range(9)), Policies(topology="none", cpu="none")) == set()


def test_what_is_asked_for_is_there_with_the_gate_that_it_needs() -> None:
    options = fit_options(hardware(), RESTRICTED, (1, 37), asked=[BY_SOCKET, STRICT])
    assert [option.name for option in options.cpu] == [BY_SOCKET, STRICT]
    assert [(gate.name, gate.why) for gate in options.gates] == [
        ("CPUManagerPolicyAlphaOptions", "align-by-socket is alpha and needs it.")
    ]


def test_the_number_of_numa_nodes_stands_there_whatever_is_asked_for() -> None:
    (option,) = fit_options(hardware(nodes=range(12)), SINGLE, (1, 37), asked=[]).topology
    assert (option.name, option.value) == (MAX_NODES, "12")
    (asked,) = fit_options(hardware(), SINGLE, (1, 37), asked=[MAX_NODES]).topology
    assert asked.value == "8"


@pytest.mark.parametrize(
    ("machine", "policies", "names", "words"),
    [
        (hardware(threads=1), SINGLE, [FULL_PCPUS], "one thread"),
        (hardware(threads=1), SINGLE, [ACROSS_CORES], "CPUs are cores already"),
        (hardware(), SINGLE, [UNCORE], "one L3 cache"),
        (hardware(), SINGLE, [BY_SOCKET], "choose restricted or best-effort"),
        (hardware(sockets=4), RESTRICTED, [BY_SOCKET], r"more sockets \(4\) than NUMA nodes with CPUs \(2\)"),
        (hardware(nodes=(0,)), RESTRICTED, [ACROSS_NUMA], "one NUMA node"),
        (hardware(), RESTRICTED, [CLOSEST], "fewer than three"),
        (hardware(nodes=(0, 1, 8)), RESTRICTED, [CLOSEST], r"gaps \(0-1,8\), and the kubelet panics"),
        (hardware(nodes=(0, 1, 2)), SINGLE, [CLOSEST], "no pod gets several"),
        (hardware(), Policies(topology="none"), [CLOSEST], "the topology manager is off"),
        (hardware(), Policies(topology="none", cpu="none"), [STRICT], "--cpu-manager static"),
        (hardware(), RESTRICTED, [FULL_PCPUS, ACROSS_CORES], "exclude each other"),
        (hardware(), RESTRICTED, ["numa"], "there is no such option; there are full-pcpus-only, "),
    ],
)
def test_what_does_not_fit_is_an_error_that_says_why(
    machine: Hardware, policies: Policies, names: list[str], words: str
) -> None:
    with pytest.raises(UnfitError, match=words):
        fit_options(machine, policies, (1, 37), asked=names)


def test_an_option_that_an_old_kubelet_does_not_know_is_an_error() -> None:
    with pytest.raises(UnfitError, match=r"Kubernetes 1\.31 does not know it"):
        fit_options(hardware(), RESTRICTED, (1, 31), asked=[STRICT])


def test_cores_that_are_unlike_are_not_kept_together() -> None:
    machine = hardware(nodes=(0,), cores=2)
    three = tuple(place for place in machine.machine.cpus if place.cpu != 3)
    uneven = Hardware(machine=type(machine.machine)(cpus=three, numa_nodes=(0,)))
    with pytest.raises(UnfitError, match="its cores have 1 or 2 threads, and the kubelet counts 1"):
        fit_options(uneven, SINGLE, (1, 37), asked=[FULL_PCPUS])


def test_without_distances_nothing_is_nearest() -> None:
    machine = hardware(nodes=(0, 1, 2)).machine
    blind = Hardware(machine=type(machine)(cpus=machine.cpus, numa_nodes=machine.numa_nodes))
    with pytest.raises(UnfitError, match="does not tell the distances"):
        fit_options(blind, RESTRICTED, (1, 37), asked=[CLOSEST])
