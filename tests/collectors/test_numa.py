from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.errors import HostError
from collectors.model import HugePagePool, IdSet, NumaKind, NumaNode, NumaTopology
from collectors.numa import MAX_NODES, read_numa
from collectors.reader import FactReader
from tests.collectors.trees import UNREADABLE, problem_paths, reader_of
from tests.fakes.memoryfs import MemoryFS
from tests.hosts.tree import Tree

NODES = "/sys/devices/system/node"
POOLS = "/sys/kernel/mm/hugepages"
CPUS = frozenset(range(64))
GIB = 1 << 30


def ids(*numbers: int) -> IdSet:
    return frozenset(numbers)


def meminfo(node: int, total_bytes: int = 8 * GIB) -> str:
    kib = total_bytes >> 10
    return f"Node {node} MemTotal:       {kib} kB\nNode {node} MemFree:        {kib // 2} kB\n"


def node_files(node: int, cpus: str = "0", total_bytes: int = 8 * GIB) -> dict[str, object]:
    """A node as most are: a list of CPUs and its memory."""
    folder = f"{NODES}/node{node}"
    return {f"{folder}/cpulist": f"{cpus}\n", f"{folder}/meminfo": meminfo(node, total_bytes)}


def two_nodes() -> dict[str, object]:
    return {f"{NODES}/online": "0-1\n", **node_files(0, "0-3"), **node_files(1, "4-7")}


def read(
    root: Path, files: Mapping[str, object], online: IdSet | None = CPUS
) -> tuple[NumaTopology, FactReader]:
    reader = reader_of(root, files)
    return read_numa(reader, online=online), reader


def read_node(
    root: Path, files: Mapping[str, object], node: int = 0, online: IdSet | None = CPUS
) -> NumaNode:
    found = read(root, files, online)[0].node(node)
    assert found is not None
    return found


# Which nodes there are


def test_ids_are_kept_with_their_gaps(tmp_path: Path) -> None:
    files = {**node_files(0), **node_files(8, "1"), **node_files(255, "")}
    numa, reader = read(tmp_path, {f"{NODES}/online": "0,8,255\n", **files})
    assert [node.id for node in numa.nodes] == [0, 8, 255]
    assert numa.from_kernel
    assert reader.problems == ()


def test_a_node_that_online_does_not_name_is_offline(tmp_path: Path) -> None:
    files = {f"{NODES}/online": "1\n", f"{NODES}/possible": "0-3\n", **node_files(0), **node_files(1, "1")}
    numa, _ = read(tmp_path, files)
    assert [node.id for node in numa.nodes] == [1]
    assert numa.offline == ids(0)
    assert numa.possible == ids(0, 1, 2, 3)


def test_without_an_online_file_every_directory_is_a_node(tmp_path: Path) -> None:
    numa, reader = read(tmp_path, {**node_files(0), **node_files(3, "1"), f"{NODES}/nodes/x": ""})
    assert [node.id for node in numa.nodes] == [0, 3]
    assert (numa.possible, numa.offline, reader.problems) == (None, ids(), ())


@pytest.mark.parametrize("online", ["", "\n\0", "none\n", "0-1024\n", UNREADABLE])
def test_an_online_file_that_cannot_be_believed_is_named_and_directories_count(
    tmp_path: Path, online: object
) -> None:
    numa, reader = read(tmp_path, {**two_nodes(), f"{NODES}/online": online})
    assert [node.id for node in numa.nodes] == [0, 1]
    assert problem_paths(reader) == [f"{NODES}/online"]


def test_nul_bytes_after_the_ids_do_no_harm(tmp_path: Path) -> None:
    numa, reader = read(tmp_path, {**two_nodes(), f"{NODES}/online": "0-1\n\0", f"{NODES}/possible": "0-1\0"})
    assert [node.id for node in numa.nodes] == [0, 1]
    assert reader.problems == ()


@pytest.mark.parametrize("number", [MAX_NODES, 99999])
def test_a_directory_beyond_what_kernels_have_is_no_node_and_named(tmp_path: Path, number: int) -> None:
    numa, reader = read(tmp_path, {**node_files(0), f"{NODES}/node{number}/cpulist": "1\n"})
    assert [node.id for node in numa.nodes] == [0]
    assert problem_paths(reader) == [f"{NODES}/node{number}"]


def test_a_node_without_directory_stays_with_everything_unknown(tmp_path: Path) -> None:
    numa, reader = read(tmp_path, {f"{NODES}/online": "0-1\n", **node_files(0)})
    assert numa.node(1) == NumaNode(id=1, kind=None, cpus=ids(), cpus_known=False)
    assert problem_paths(reader) == [f"{NODES}/node1"]


def test_a_directory_of_nodes_that_cannot_be_listed_fails_as_a_whole(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, {}, {NODES: "node"})
    with pytest.raises(HostError, match=NODES):
        read_numa(reader, online=CPUS)


# CPUs of a node


def test_the_map_goes_before_the_list(tmp_path: Path) -> None:
    files = {f"{NODES}/node0/cpumap": "00000000,0000000f\n", f"{NODES}/node0/cpulist": "0-63\n"}
    assert read_node(tmp_path, files).cpus == ids(0, 1, 2, 3)


def test_the_list_counts_where_there_is_no_map(tmp_path: Path) -> None:
    assert read_node(tmp_path, node_files(0, "0,2")).cpus == ids(0, 2)


def test_the_list_counts_where_the_map_is_malformed_and_the_map_is_named(tmp_path: Path) -> None:
    numa, reader = read(tmp_path, {**node_files(0, "0,2"), f"{NODES}/node0/cpumap": "xyz\n"})
    assert numa.nodes[0].cpus == ids(0, 2)
    assert problem_paths(reader) == [f"{NODES}/node0/cpumap"]


def test_cpus_that_nothing_tells_are_unknown_not_none(tmp_path: Path) -> None:
    files = {f"{NODES}/node0/meminfo": meminfo(0), f"{NODES}/node0/cpumap": UNREADABLE}
    numa, reader = read(tmp_path, files)
    assert (numa.nodes[0].cpus_known, numa.nodes[0].kind) == (False, None)
    assert problem_paths(reader) == [f"{NODES}/node0/cpumap", f"{NODES}/node0"]


def test_cpus_that_are_offline_or_do_not_exist_are_kept_apart(tmp_path: Path) -> None:
    node = read_node(tmp_path, node_files(0, "0-7"), online=ids(0, 1, 5, 9))
    assert node.cpus == ids(0, 1, 5)
    assert node.offline_cpus == ids(2, 3, 4, 6, 7)


def test_without_the_set_of_online_cpus_a_node_has_those_it_names(tmp_path: Path) -> None:
    node = read_node(tmp_path, node_files(0, "0-7"), online=None)
    assert (node.cpus, node.offline_cpus) == (frozenset(range(8)), ids())


def test_nodes_that_claim_the_same_cpus_are_told_as_they_are_and_named(tmp_path: Path) -> None:
    numa, reader = read(tmp_path, {**node_files(0, "0-3"), **node_files(1, "0-3"), **node_files(2, "3-4")})
    assert [node.cpus for node in numa.nodes] == [ids(0, 1, 2, 3), ids(0, 1, 2, 3), ids(3, 4)]
    assert [(problem.path[-5:], problem.reason.split(" are ")[0]) for problem in reader.problems] == [
        ("node1", "CPUs 0-3"),
        ("node2", "CPUs 3"),
    ]


# Memory of a node


def test_memory_is_told_in_bytes(tmp_path: Path) -> None:
    node = read_node(tmp_path, node_files(0, total_bytes=8 * GIB))
    assert (node.memory_total_bytes, node.memory_free_bytes) == (8 * GIB, 4 * GIB)


def test_memory_is_unknown_where_no_meminfo_tells_it(tmp_path: Path) -> None:
    files = {f"{NODES}/node0/cpulist": "0\n", **node_files(1, "1"), "/proc/meminfo": "MemTotal: 8 kB\n"}
    node = read_node(tmp_path, files)
    assert (node.memory_total_bytes, node.memory_free_bytes, node.kind) == (None, None, None)


@pytest.mark.parametrize("text", ["Node 0 MemTotal:   8387", "Node 0 MemFree: 4 kB\n", ""])
def test_a_meminfo_that_was_cut_off_leaves_the_total_unknown_and_is_named(tmp_path: Path, text: str) -> None:
    numa, reader = read(tmp_path, {**two_nodes(), f"{NODES}/node0/meminfo": text})
    assert numa.nodes[0].memory_total_bytes is None
    assert problem_paths(reader) == [f"{NODES}/node0/meminfo"]


def test_the_only_node_of_a_machine_has_all_its_memory(tmp_path: Path) -> None:
    files = {f"{NODES}/node0/cpulist": "0\n", "/proc/meminfo": "MemTotal: 8 kB\nMemFree: 2 kB\n"}
    node = read_node(tmp_path, files)
    assert (node.memory_total_bytes, node.memory_free_bytes) == (8192, 2048)
    assert node.kind is NumaKind.CPU_AND_MEMORY


def test_the_machines_memory_is_told_beside_its_nodes(tmp_path: Path) -> None:
    numa, _ = read(tmp_path, {**two_nodes(), "/proc/meminfo": "MemTotal: 8 kB\nMemFree: 2 kB\n"})
    assert (numa.memory_total_bytes, numa.memory_free_bytes) == (8192, 2048)


# Hugepages


def test_hugepages_are_told_by_node_and_for_the_machine(tmp_path: Path) -> None:
    files = {
        **two_nodes(),
        f"{NODES}/node0/hugepages/hugepages-2048kB/nr_hugepages": "6\n",
        f"{NODES}/node1/hugepages/hugepages-2048kB/nr_hugepages": "2\n",
        f"{POOLS}/hugepages-2048kB/nr_hugepages": "8\n",
    }
    numa, _ = read(tmp_path, files)
    assert [[pool.total for pool in node.hugepages] for node in numa.nodes] == [[6], [2]]
    assert [pool.total for pool in numa.machine_hugepages] == [8]
    assert numa.hugepages_per_node


def test_hugepages_that_are_not_told_by_node_are_told_for_the_machine_only(tmp_path: Path) -> None:
    numa, _ = read(tmp_path, {**two_nodes(), "/proc/meminfo": "HugePages_Total: 4\nHugepagesize: 2048 kB\n"})
    assert [node.hugepages for node in numa.nodes] == [(), ()]
    assert numa.machine_hugepages == (HugePagePool(page_size_bytes=2 << 20, total=4),)
    assert not numa.hugepages_per_node


def test_counts_in_a_nodes_meminfo_are_hugepages_of_the_default_size(tmp_path: Path) -> None:
    files = {
        **two_nodes(),
        f"{NODES}/node0/meminfo": meminfo(0) + "Node 0 HugePages_Total:     3\n",
        f"{NODES}/node1/meminfo": meminfo(1) + "Node 1 HugePages_Total:     1\n",
        "/proc/meminfo": "HugePages_Total: 4\nHugepagesize: 2048 kB\n",
    }
    numa, _ = read(tmp_path, files)
    assert [[pool.total for pool in node.hugepages] for node in numa.nodes] == [[3], [1]]
    assert numa.hugepages_per_node


def test_the_only_node_of_a_machine_has_all_its_hugepages(tmp_path: Path) -> None:
    folder = f"{POOLS}/hugepages-1048576kB"
    files = {**node_files(0), f"{folder}/nr_hugepages": "3\n", f"{folder}/resv_hugepages": "1\n"}
    numa, _ = read(tmp_path, files)
    assert numa.nodes[0].hugepages == (HugePagePool(page_size_bytes=GIB, total=3),)
    assert numa.hugepages_per_node


def test_a_machine_without_hugepages_lacks_nothing(tmp_path: Path) -> None:
    numa, reader = read(tmp_path, two_nodes())
    assert (numa.machine_hugepages, numa.hugepages_per_node, reader.problems) == ((), True, ())


# A kernel without NUMA


def test_without_nodes_the_machine_is_one_node_that_we_made(tmp_path: Path) -> None:
    files: dict[str, object] = {
        "/proc/meminfo": "MemTotal: 2053992 kB\nMemFree: 8 kB\n",
        f"{POOLS}/hugepages-1024kB/nr_hugepages": "5\n",
    }
    numa, reader = read(tmp_path, files, ids(0, 1))
    pool = HugePagePool(page_size_bytes=1 << 20, total=5)
    assert numa.nodes == (
        NumaNode(
            id=0,
            kind=NumaKind.CPU_AND_MEMORY,
            cpus=ids(0, 1),
            memory_total_bytes=2053992 << 10,
            memory_free_bytes=8192,
            hugepages=(pool,),
        ),
    )
    assert (numa.from_kernel, numa.hugepages_per_node, reader.problems) == (False, True, ())


def test_without_nodes_and_without_anything_else_all_is_unknown(tmp_path: Path) -> None:
    numa, _ = read(tmp_path, {}, None)
    node = numa.nodes[0]
    assert (node.cpus_known, node.memory_total_bytes, node.hugepages) == (False, None, ())
    assert numa.memory_total_bytes is None


# Sorts of nodes


@pytest.mark.parametrize(
    ("cpus", "total_bytes", "kind"),
    [
        ("0-3", GIB, NumaKind.CPU_AND_MEMORY),
        ("0-3", 0, NumaKind.CPU_ONLY),
        ("", GIB, NumaKind.MEMORY_ONLY),
        ("", 0, NumaKind.EMPTY),
    ],
)
def test_a_node_is_what_it_has(tmp_path: Path, cpus: str, total_bytes: int, kind: NumaKind) -> None:
    node = read_node(tmp_path, {**node_files(0, cpus, total_bytes), **node_files(1, "9")})
    assert (node.kind, node.memory_total_bytes) == (kind, total_bytes)


def test_a_node_whose_cpus_are_all_offline_is_memory_only(tmp_path: Path) -> None:
    assert read_node(tmp_path, node_files(0, "4-7"), online=ids(0)).kind is NumaKind.MEMORY_ONLY


@pytest.mark.parametrize(
    ("name", "nodes", "kind"),
    [
        ("has_memory", "0\n", NumaKind.CPU_AND_MEMORY),
        ("has_memory", "1\n", NumaKind.CPU_ONLY),
        ("has_memory", "\n", None),
        ("has_normal_memory", "0\n", NumaKind.CPU_AND_MEMORY),
        ("has_normal_memory", "1\n", None),
    ],
)
def test_without_meminfo_the_kernels_sets_tell_who_has_memory(
    tmp_path: Path, name: str, nodes: str, kind: NumaKind | None
) -> None:
    files = {f"{NODES}/node0/cpulist": "0\n", f"{NODES}/{name}": nodes, **node_files(1, "1")}
    assert read_node(tmp_path, files).kind is kind


def test_memory_of_a_gpu_is_told_apart_with_its_address(tmp_path: Path) -> None:
    gpu = {"/proc/driver/nvidia/gpus/0035:05:00.0/numa_status": "Node:      250\nStatus:    online\n"}
    node = read_node(tmp_path, {**node_files(0), **node_files(250, ""), **gpu}, 250)
    assert (node.kind, node.memory_device) == (NumaKind.DEVICE_MEMORY, "0035:05:00.0")


def test_memory_on_the_node_of_an_accelerator_is_the_accelerators(tmp_path: Path) -> None:
    files = {**node_files(0), **node_files(2, ""), f"{NODES}/has_generic_initiator": "1-2\n"}
    node = read_node(tmp_path, {**files, **node_files(1, "", 0)}, 2)
    assert (node.kind, node.memory_device) == (NumaKind.DEVICE_MEMORY, None)


def test_an_accelerator_without_memory_leaves_its_node_empty(tmp_path: Path) -> None:
    files = {**node_files(0), **node_files(1, "", 0), f"{NODES}/has_generic_initiator": "1\n"}
    assert read_node(tmp_path, files, 1).kind is NumaKind.EMPTY


def test_a_node_with_cpus_is_no_device_even_if_a_device_adds_memory(tmp_path: Path) -> None:
    gpu = {"/proc/driver/nvidia/gpus/0000:05:00.0/numa_status": "Node: 0\n"}
    assert read_node(tmp_path, {**node_files(0), **gpu}).kind is NumaKind.CPU_AND_MEMORY


# The whole


def test_one_unreadable_file_costs_its_fact_and_nothing_else(tmp_path: Path) -> None:
    path = f"{NODES}/node1/distance"
    numa, reader = read(tmp_path, {**two_nodes(), f"{NODES}/node0/distance": "10 21\n", path: UNREADABLE})
    assert [node.distances for node in numa.nodes] == [((0, 10), (1, 21)), ()]
    assert [node.kind for node in numa.nodes] == [NumaKind.CPU_AND_MEMORY] * 2
    assert problem_paths(reader) == [path]


@given(
    nodes=st.dictionaries(
        st.integers(min_value=0, max_value=MAX_NODES - 1),
        st.tuples(st.frozensets(st.integers(0, 1023), max_size=8), st.integers(0, 1 << 40)),
        min_size=1,
        max_size=6,
    )
)
@settings(deadline=None)
def test_any_nodes_that_are_written_are_read_back(nodes: dict[int, tuple[IdSet, int]]) -> None:
    online = sorted(nodes)
    files = {f"{NODES}/online": ",".join(map(str, online)).encode()}
    for row, (node, (cpus, kib)) in enumerate(sorted(nodes.items())):
        bits = sum(1 << cpu for cpu in cpus)
        words = [f"{bits >> shift & 0xFFFFFFFF:08x}" for shift in range(1024 - 32, -1, -32)]
        files[f"{NODES}/node{node}/cpumap"] = ",".join(words).encode()
        files[f"{NODES}/node{node}/meminfo"] = meminfo(node, kib << 10).encode()
        distances = (10 if column == row else 20 + column for column in range(len(online)))
        files[f"{NODES}/node{node}/distance"] = " ".join(map(str, distances)).encode()
    found = read_numa(FactReader(MemoryFS.of(Tree(files=files))), online=None).nodes
    assert {node.id: (node.cpus, (node.memory_total_bytes or 0) >> 10) for node in found} == nodes
    assert all([other for other, _ in node.distances] == online for node in found)
    assert all(node.distance_to(node.id) == 10 for node in found)
