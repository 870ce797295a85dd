from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from agent.admission.cpus.topology import ascending, derive_topology, ids_of_mask, mask_of_cpus, touching
from tests.agent.admission.cpus.builders import irregular, machine


def test_a_machine_with_a_node_per_socket_counts_nodes_as_the_larger_parts() -> None:
    topology = derive_topology(machine(sockets=2, cores=2))
    assert topology.nodes_outside
    assert topology.outer is topology.nodes
    assert topology.inner is topology.sockets


def test_a_machine_with_more_nodes_than_sockets_counts_sockets_as_the_larger_parts() -> None:
    topology = derive_topology(machine(sockets=2, nodes=4, cores=2))
    assert topology.outer is topology.sockets
    assert topology.inner is topology.nodes


def test_sizes_are_averages_rounded_down() -> None:
    topology = derive_topology(irregular((0, 0, 0, 0), (1, 0, 0, 0), (2, 2, 1, 0)))
    assert (topology.cpus_per_core, topology.cpus_per_socket, topology.cpus_per_cache) == (1, 1, 1)


def test_the_kubelets_own_counts_of_sockets_and_cpus_win() -> None:
    odd = dataclasses.replace(machine(cores=4), socket_count=2, cpu_count=16)
    topology = derive_topology(odd)
    assert (topology.socket_count, topology.cpus_per_socket, topology.cpus_per_core) == (2, 8, 4)


def test_touching_gives_the_siblings_too() -> None:
    topology = derive_topology(machine(cores=4))
    assert ids_of_mask(touching(topology.cores, mask_of_cpus({0, 6}))) == {0, 4, 2, 6}


@given(st.frozensets(st.integers(0, 1023)))
def test_a_mask_holds_the_ids_it_was_made_of(cpus: frozenset[int]) -> None:
    assert ids_of_mask(mask_of_cpus(cpus)) == cpus
    assert list(ascending(mask_of_cpus(cpus))) == sorted(cpus)
