"""Where PCI devices are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.views.locality import UNKNOWN, Locality, LocalitySource, derive_localities, device_locality
from collectors.cpu import read_cpus
from collectors.hosts import open_host
from collectors.model import IdSet, NumaKind, NumaNode, NumaTopology, PciDevice
from collectors.numa import read_numa
from collectors.pci import read_pci
from collectors.reader import FactReader
from tests.shared import shared_folder


def ids(*numbers: int) -> IdSet:
    return frozenset(numbers)


def node(number: int, *cpus: int, offline: IdSet = frozenset(), known: bool = True) -> NumaNode:
    return NumaNode(
        id=number,
        kind=NumaKind.CPU_AND_MEMORY,
        cpus=frozenset(cpus),
        cpus_known=known,
        offline_cpus=offline,
    )


def machine(*nodes: NumaNode) -> NumaTopology:
    return NumaTopology(nodes=nodes, from_kernel=True)


def device(
    numa_node: int | None = None, local_cpus: IdSet | None = None, *, path: tuple[str, ...] = ()
) -> PciDevice:
    path = path or ("pci0000:00", "0000:00:01.0")
    return PciDevice(address=path[-1], path=path, numa_node=numa_node, local_cpus=local_cpus)


TWO = machine(node(0, 0, 1), node(1, 2, 3))
THREE = machine(node(0, 0, 1), node(1, 2, 3), node(4, 4, 5))
WITH_GPU_MEMORY = machine(node(0, 0, 1), node(1, 2, 3), node(250))


@pytest.mark.parametrize(
    ("numa", "numa_node", "local_cpus", "expected"),
    [
        # both agree: the usual case
        (TWO, 1, ids(2, 3), Locality(nodes=ids(1), cpus=ids(2, 3), source=LocalitySource.NUMA_NODE)),
        # -1, or no such file
        (TWO, None, ids(2, 3), Locality(nodes=ids(1), cpus=ids(2, 3), source=LocalitySource.LOCAL_CPUS)),
        (THREE, None, ids(0, 1, 2, 3), Locality(nodes=ids(0, 1), cpus=ids(0, 1, 2, 3), source=LocalitySource.LOCAL_CPUS)),
        # some CPUs of a node are near, not all
        (TWO, 1, ids(3), Locality(nodes=ids(1), cpus=ids(3), source=LocalitySource.NUMA_NODE)),
        (TWO, None, ids(3), Locality(nodes=ids(1), cpus=ids(3), source=LocalitySource.LOCAL_CPUS)),
        # the CPUs say nothing: absent, none, all of them, more than all, one of each node
        (TWO, 1, None, Locality(nodes=ids(1), cpus=ids(2, 3), source=LocalitySource.NUMA_NODE)),
        (TWO, 1, ids(), Locality(nodes=ids(1), cpus=ids(2, 3), source=LocalitySource.NUMA_NODE)),
        (TWO, 1, ids(0, 1, 2, 3), Locality(nodes=ids(1), cpus=ids(2, 3), source=LocalitySource.NUMA_NODE)),
        (TWO, 1, ids(*range(64)), Locality(nodes=ids(1), cpus=ids(2, 3), source=LocalitySource.NUMA_NODE)),
        (TWO, None, ids(0, 1, 2, 3), UNKNOWN),
        (TWO, None, ids(0, 2), UNKNOWN),
        (TWO, None, None, UNKNOWN),
        # the node is not online
        (TWO, 7, None, UNKNOWN),
        (TWO, 7, ids(0, 1), Locality(nodes=ids(0), cpus=ids(0, 1), source=LocalitySource.LOCAL_CPUS)),
        # they differ: the narrower one wins, and of two as narrow, the CPUs
        (THREE, 0, ids(0, 1, 2, 3), Locality(nodes=ids(0), cpus=ids(0, 1), source=LocalitySource.NUMA_NODE, contradicts=True)),
        (TWO, 0, ids(2, 3), Locality(nodes=ids(1), cpus=ids(2, 3), source=LocalitySource.LOCAL_CPUS, contradicts=True)),
        # a node without CPUs: memory of a device
        (WITH_GPU_MEMORY, 250, ids(), Locality(nodes=ids(250), cpus=ids(), source=LocalitySource.NUMA_NODE)),
        (WITH_GPU_MEMORY, 250, ids(0, 1), Locality(nodes=ids(0), cpus=ids(0, 1), source=LocalitySource.LOCAL_CPUS)),
    ],
)  # fmt: skip
def test_node_and_cpus_are_weighed(
    numa: NumaTopology, numa_node: int | None, local_cpus: IdSet | None, expected: Locality
) -> None:
    assert device_locality(device(numa_node, local_cpus), numa) == expected


def test_near_part_of_the_only_node_is_near_that_node() -> None:
    assert device_locality(device(None, ids(1)), machine(node(0, 0, 1))).nodes == ids(0)


def test_all_cpus_of_a_machine_with_one_node_say_nothing() -> None:
    assert device_locality(device(None, ids(0, 1)), machine(node(0, 0, 1))) == UNKNOWN


def test_cpus_that_are_all_offline_still_tell_their_node() -> None:
    numa = machine(node(0, 0, 1), node(1, offline=ids(2, 3)))

    locality = device_locality(device(None, ids(2, 3)), numa)

    assert (locality.nodes, locality.cpus) == (ids(1), ids())


def test_nodes_that_share_cpus_are_both_near() -> None:
    numa = machine(node(0, 0, 1), node(1, 2, 3), node(4, 2, 3))

    assert device_locality(device(None, ids(2, 3)), numa).nodes == ids(1, 4)


def test_cpus_of_a_node_that_does_not_tell_its_own_are_nowhere() -> None:
    numa = machine(node(0, 0, 1), node(1, known=False), node(2, 4, 5))

    assert device_locality(device(None, ids(0, 1, 2)), numa) == UNKNOWN
    assert device_locality(device(None, ids(0, 1)), numa).nodes == ids(0)


PORT = ("pci0000:00", "0000:00:01.0")
SWITCH = (*PORT, "0000:01:00.0")
CARD = (*SWITCH, "0000:02:00.0")


def test_a_device_that_says_nothing_is_where_its_nearest_bridge_is() -> None:
    pci = [
        device(0, path=PORT),
        device(1, ids(2, 3), path=SWITCH),
        device(None, ids(0, 1, 2, 3), path=CARD),
    ]

    assert derive_localities(pci, TWO)["0000:02:00.0"] == Locality(
        nodes=ids(1), cpus=ids(2, 3), source=LocalitySource.PARENT
    )


def test_bridges_that_say_nothing_or_are_not_there_are_passed_over() -> None:
    pci = {"0000:00:01.0": device(1, path=PORT), "0000:02:00.0": device(path=CARD)}

    assert device_locality(pci["0000:02:00.0"], TWO, pci).nodes == ids(1)
    assert device_locality(pci["0000:02:00.0"], TWO) == UNKNOWN


def test_a_virtual_function_that_says_nothing_is_where_its_physical_one_is() -> None:
    virtual = PciDevice(
        address="0000:02:00.1", path=(*PORT, "0000:02:00.1"), physical_function="0000:02:00.0"
    )
    pci = [device(0, path=PORT), device(1, path=CARD), virtual]

    assert derive_localities(pci, TWO)["0000:02:00.1"].nodes == ids(1)


def test_a_contradiction_is_told_of_devices_below_the_bridge_too() -> None:
    pci = [device(0, ids(2, 3), path=PORT), device(path=SWITCH)]

    assert derive_localities(pci, TWO)["0000:01:00.0"].contradicts


def devices_and_truth(archive: Path) -> tuple[NumaTopology, dict[str, Locality], list[dict[str, Any]]]:
    """What we derive of a captured machine, and what lstopo said of its devices."""
    fs = open_host(str(archive))()
    numa = read_numa(FactReader(fs), online=read_cpus(FactReader(fs)).online)
    truth = json.loads(archive.with_name(archive.name.replace(".tar.xz", ".truth.json")).read_text())
    return numa, derive_localities(read_pci(FactReader(fs)), numa), truth["pci"]


@pytest.mark.shared
def test_captured_machines_have_the_devices_of_lstopo_beside_the_same_nodes_and_cpus() -> None:
    compared = 0
    for archive in sorted(shared_folder("sysfs").glob("*.tar.xz")):
        numa, localities, truth = devices_and_truth(archive)
        with_cpus = frozenset(node.id for node in numa.nodes if node.cpus)
        everywhere = Locality(nodes=with_cpus, cpus=frozenset().union(*(node.cpus for node in numa.nodes)))
        found = {
            address: everywhere if locality.nodes is None else locality
            for address, locality in localities.items()
        }
        # lstopo counts the memory beside a socket as near too, and names everything where it knows nothing.
        nodes = {address: (locality.nodes or ids()) & with_cpus for address, locality in found.items()}
        assert nodes == {device["busid"]: with_cpus & set(device["numa_nodes"]) for device in truth}
        cpus = {address: locality.cpus for address, locality in found.items()}
        assert cpus == {device["busid"]: frozenset(device["cpuset"]) for device in truth}
        compared += len(truth)
    assert compared
