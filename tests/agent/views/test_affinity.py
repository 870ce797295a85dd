"""How close PCI devices are to each other."""

from __future__ import annotations

import itertools

import pytest

from agent.views.affinity import (
    Affinity,
    AffinityMap,
    Neighbour,
    derive_neighbourhoods,
    device_affinity,
)
from collectors.model import (
    Devices,
    IdSet,
    NetworkInterface,
    NumaKind,
    NumaNode,
    NumaTopology,
    NvmeController,
    PciDevice,
    RdmaDevice,
)

BRIDGE, NIC, NVME, GPU, CONSOLE = 0x060400, 0x020000, 0x010802, 0x030200, 0x030000
NODE_0, NODE_1 = frozenset({0}), frozenset({1})


def function(
    path: str,
    *,
    class_code: int = NIC,
    node: int | None = None,
    physical: str | None = None,
    known: bool = True,
) -> PciDevice:
    """A function by its path, `pci0000:00/01.0/01:00.0`; what is left out of an address is 0000:00."""
    names = [name if name.startswith("pci") else _address(name) for name in path.split("/")]
    return PciDevice(
        address=names[-1],
        path=tuple(names),
        path_known=known,
        class_code=class_code,
        numa_node=node,
        physical_function=physical,
        vendor_id=0x1A03 if class_code == CONSOLE else None,
    )


def _address(short: str) -> str:
    return "0000:00:00.0"[: -len(short)] + short


def machine(*cpus: IdSet) -> NumaTopology:
    nodes = (NumaNode(id=number, kind=NumaKind.CPU_AND_MEMORY, cpus=mine) for number, mine in enumerate(cpus))
    return NumaTopology(nodes=tuple(nodes), from_kernel=True)


ONE_NODE = machine(frozenset({0, 1}))
TWO_NODES = machine(frozenset({0, 1}), frozenset({2, 3}))

ROOT = "pci0000:00"
SWITCH = f"{ROOT}/01.0/01:00.0"
"""A root port and the upstream port of a switch"""


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        # two ports of one switch
        (f"{SWITCH}/02:00.0/03:00.0", f"{SWITCH}/02:01.0/04:00.0", Affinity.PIX),
        # functions of one card, on the bus of one port
        (f"{SWITCH}/02:00.0/03:00.0", f"{SWITCH}/02:00.0/03:00.1", Affinity.PIX),
        (f"{ROOT}/01.0/01:00.0", f"{ROOT}/01.0/01:00.1", Affinity.PIX),
        # functions of one device on the root bus
        (f"{ROOT}/1f.2", f"{ROOT}/1f.3", Affinity.PIX),
        # a switch and the port of it, the bridges above
        (f"{SWITCH}/02:00.0/03:00.0", f"{SWITCH}/02:00.0", Affinity.PIX),
        (f"{SWITCH}/02:00.0/03:00.0", f"{ROOT}/01.0", Affinity.PIX),
        # a function beside the switch's ports
        (f"{SWITCH}/02:00.0/03:00.0", f"{SWITCH}/02:1f.0", Affinity.PIX),
        # two devices on the bus of one PCI bridge
        (f"{ROOT}/1e.0/09:03.0", f"{ROOT}/1e.0/09:04.0", Affinity.PIX),
        # one below a switch below the other's switch
        (f"{SWITCH}/02:00.0/03:00.0", f"{SWITCH}/02:01.0/04:00.0/05:00.0/06:00.0", Affinity.PXB),
        # each below a switch of its own, below a third
        (
            f"{SWITCH}/02:00.0/03:00.0/04:00.0/05:00.0",
            f"{SWITCH}/02:01.0/06:00.0/07:00.0/08:00.0",
            Affinity.PXB,
        ),
        # different root ports
        (f"{ROOT}/01.0/01:00.0", f"{ROOT}/02.0/02:00.0", Affinity.PHB),
        (f"{SWITCH}/02:00.0/03:00.0", f"{ROOT}/02.0/0a:00.0", Affinity.PHB),
        # on the root bus itself
        (f"{ROOT}/14.0", f"{ROOT}/1f.0", Affinity.PHB),
        (f"{ROOT}/14.0", f"{ROOT}/01.0/01:00.0", Affinity.PHB),
        # in the domain behind a bridge that makes one, each below a root port of it
        (
            f"{ROOT}/05.5/pci10000:00/02.0/01:00.0",
            f"{ROOT}/05.5/pci10000:00/03.0/02:00.0",
            Affinity.PHB,
        ),
        (f"{ROOT}/05.5/pci10000:00/02.0/01:00.0", f"{ROOT}/05.5", Affinity.PHB),
        (f"{ROOT}/05.5/pci10000:00/02.0/01:00.0", f"{ROOT}/05.5/pci10000:00/02.0/01:00.1", Affinity.PIX),
    ],
)
def test_within_a_root_complex_the_tree_alone_tells(one: str, other: str, expected: Affinity) -> None:
    first, second = function(one), function(other)

    assert device_affinity(first, second, None, None) is expected
    assert device_affinity(second, first, None, None) is expected
    assert device_affinity(first, second, NODE_0, NODE_1) is expected


@pytest.mark.parametrize(
    ("one_nodes", "other_nodes", "expected"),
    [
        (NODE_0, NODE_0, Affinity.NODE),
        (NODE_0, frozenset({0, 1}), Affinity.NODE),
        (NODE_0, NODE_1, Affinity.SYS),
        (NODE_0, None, None),
        (None, None, None),
    ],
)
def test_between_root_complexes_the_numa_nodes_tell(
    one_nodes: IdSet | None, other_nodes: IdSet | None, expected: Affinity | None
) -> None:
    first, second = function("pci0000:00/01.0/01:00.0"), function("pci0000:80/80:01.0/81:00.0")

    assert device_affinity(first, second, one_nodes, other_nodes) is expected
    assert device_affinity(second, first, other_nodes, one_nodes) is expected


def test_a_device_is_itself() -> None:
    card = function(f"{SWITCH}/02:00.0")

    assert device_affinity(card, card, None, None) is Affinity.X


def test_virtual_functions_are_as_close_as_their_physical_ones() -> None:
    physical = "0000:03:00.0"
    port = f"{SWITCH}/02:00.0"
    virtual = function(f"{port}/03:02.1", physical=physical)
    integrated = function(f"{ROOT}/6a.0"), function(f"{ROOT}/6b.1", physical="0000:00:6a.0")

    assert device_affinity(virtual, function(f"{port}/03:00.0"), None, None) is Affinity.PIX
    assert device_affinity(virtual, function(f"{SWITCH}/02:01.0/04:00.0"), None, None) is Affinity.PIX
    assert device_affinity(*integrated, None, None) is Affinity.PIX


def test_without_a_tree_only_what_cannot_be_otherwise_is_told() -> None:
    one, same_card, other = (
        function(f"pci0004:05/{address}", known=False) for address in ("05:00.0", "05:00.1", "06:00.0")
    )

    assert device_affinity(one, same_card, NODE_0, NODE_0) is Affinity.PIX
    assert device_affinity(one, other, NODE_0, NODE_1) is Affinity.SYS
    assert device_affinity(one, other, NODE_0, NODE_0) is None
    assert device_affinity(one, other, None, NODE_0) is None


def test_on_a_machine_with_one_node_everything_is_on_it() -> None:
    pci = [function("pci0000:00/01.0"), function("pci0000:80/80:01.0")]

    assert AffinityMap(pci, ONE_NODE).between("0000:00:01.0", "0000:80:01.0") is Affinity.NODE
    assert AffinityMap(pci, TWO_NODES).between("0000:00:01.0", "0000:80:01.0") is None
    assert AffinityMap(pci, None).between("0000:00:01.0", "0000:80:01.0") is None


def test_a_function_that_is_not_there_is_not_close_to_anything() -> None:
    affinities = AffinityMap([function(f"{ROOT}/01.0")], ONE_NODE)

    assert affinities.between("0000:00:01.0", "0000:00:02.0") is None
    assert affinities.between("0000:00:02.0", "0000:00:01.0") is None


def test_the_map_is_the_same_both_ways() -> None:
    pci = [
        function(f"{SWITCH}/02:00.0/03:00.0"),
        function(f"{SWITCH}/02:01.0/04:00.0", node=0),
        function("pci0000:80/80:01.0/81:00.0", node=0),
        function("pci0000:c0/c0:01.0/c1:00.0", node=1),
    ]
    affinities = AffinityMap(pci, TWO_NODES)

    for one, other in itertools.product([device.address for device in pci], repeat=2):
        assert affinities.between(one, other) is affinities.between(other, one)


SERVER = (
    function(f"{SWITCH}/02:00.0/03:00.0", class_code=GPU, node=0),
    function(f"{SWITCH}/02:01.0/04:00.0", node=0),
    function(f"{SWITCH}/02:01.0/04:00.1", node=0, physical="0000:04:00.0"),
    function(f"{SWITCH}/02:02.0/05:00.0", class_code=NVME, node=0),
    function(f"{ROOT}/02.0/06:00.0", class_code=NVME, node=0),
    function(f"{ROOT}/03.0/07:00.0", class_code=CONSOLE, node=0),
    function("pci0000:40/40:01.0/41:00.0", class_code=0x0C0600, node=0),
    function("pci0000:80/80:01.0/81:00.0", class_code=0x120000, node=1),
    function("pci0000:80/80:02.0/82:00.0", node=1),
    function("pci0000:c0/c0:01.0/c1:00.0"),
)
DEVICES = Devices(
    network=(
        NetworkInterface(name="ens1f0", pci_address="0000:04:00.0"),
        NetworkInterface(name="eth9", driver="soc"),
    ),
    rdma=(RdmaDevice(name="mlx5_0", pci_address="0000:04:00.0"),),
    nvme=(NvmeController(name="nvme3", pci_address="0000:06:00.0"),),
)


def test_what_feeds_a_gpu_is_listed_closest_first() -> None:
    gpu, _ = derive_neighbourhoods(SERVER, DEVICES, TWO_NODES)

    assert gpu.address == "0000:03:00.0"
    assert gpu.network == (
        Neighbour(address="0000:04:00.0", names=("ens1f0", "mlx5_0"), affinity=Affinity.PIX),
        Neighbour(address="0000:04:00.1", names=(), affinity=Affinity.PIX),
        Neighbour(address="0000:41:00.0", names=(), affinity=Affinity.NODE),
        Neighbour(address="0000:82:00.0", names=(), affinity=Affinity.SYS),
        Neighbour(address="0000:c1:00.0", names=(), affinity=None),
    )
    assert gpu.nvme == (
        Neighbour(address="0000:05:00.0", names=(), affinity=Affinity.PIX),
        Neighbour(address="0000:06:00.0", names=("nvme3",), affinity=Affinity.PHB),
    )


def test_accelerators_have_neighbours_and_the_servers_console_has_none() -> None:
    found = derive_neighbourhoods(SERVER, DEVICES, TWO_NODES)

    assert [each.address for each in found] == ["0000:03:00.0", "0000:81:00.0"]


def test_neighbours_are_found_without_classes_and_without_numa() -> None:
    gpu, _ = derive_neighbourhoods(SERVER, None, None)

    assert [each.affinity for each in gpu.network] == [Affinity.PIX, Affinity.PIX, None, None, None]
