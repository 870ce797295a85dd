"""What we read of the very machine that the tests run on, beside what lscpu, numactl, lstopo and lspci say of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterable
from xml.etree import ElementTree

import pytest

from agent.survey import survey
from collectors.hostfs import DirectoryFS
from collectors.model import CacheType, CpuTopology, IdSet, NumaTopology, PciDevice, Snapshot
from collectors.parse import parse_id_mask

MIB = 1 << 20

CACHE_NAMES = {
    "L1d": (1, CacheType.DATA),
    "L1i": (1, CacheType.INSTRUCTION),
    "L1": (1, CacheType.UNIFIED),
    "L2": (2, CacheType.UNIFIED),
    "L3": (3, CacheType.UNIFIED),
}


def output_of(program: str, *arguments: str) -> str:
    """What a program prints; skips the test where it is not installed."""
    if shutil.which(program) is None:
        pytest.skip(f"needs {program} to compare with, which is not installed")
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=True, timeout=60
    ).stdout


@pytest.fixture(scope="module")
def machine() -> Snapshot:
    return survey(DirectoryFS("/"), now=time.time())


@pytest.fixture(scope="module")
def cpus(machine: Snapshot) -> CpuTopology:
    assert machine.cpus.facts is not None
    return machine.cpus.facts


@pytest.fixture(scope="module")
def numa(machine: Snapshot) -> NumaTopology:
    assert machine.numa.facts is not None
    return machine.numa.facts


@pytest.fixture(scope="module")
def pci(machine: Snapshot) -> dict[str, PciDevice]:
    assert machine.pci.facts is not None
    return {function.address: function for function in machine.pci.facts}


def in_between(numa: NumaTopology) -> dict[int, tuple[int, int]]:
    """Least and most memory of each node from the first reading until now: virtual machines grow while they run."""
    now = survey(DirectoryFS("/"), now=time.time()).numa.facts
    assert now is not None
    totals = defaultdict(list)
    for node in (*numa.nodes, *now.nodes):
        assert node.memory_total_bytes is not None
        totals[node.id].append(node.memory_total_bytes)
    return {node: (min(sizes), max(sizes)) for node, sizes in totals.items()}


def sets(groups: Iterable[IdSet]) -> list[list[int]]:
    return sorted(sorted(group) for group in groups)


def lscpu_columns() -> dict[str, list[list[int]]]:
    """For each of lscpu's columns the CPUs that have the same number there; columns without numbers are left out."""
    text = output_of("lscpu", "-p=CPU,CORE,SOCKET,NODE,CACHE").replace(":", ",")
    comments = [line for line in text.splitlines() if line.startswith("# CPU,")]
    names = [name for name in comments[-1].removeprefix("# ").split(",") if name]
    columns: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        cells = line.split(",")
        numbers = cells[:4] + [cell for cell in cells[4:] if cell]
        for name, number in zip(names, numbers, strict=False):
            if number:
                columns[name][number].add(int(cells[0]))
    return {name: sorted(sorted(group) for group in groups.values()) for name, groups in columns.items()}


def lstopo_objects(kind: str) -> list[ElementTree.Element]:
    tree = ElementTree.fromstring(output_of("lstopo-no-graphics", "--whole-system", "--of", "xml"))
    return [element for element in tree.iter("object") if element.get("type") == kind]


def lstopo_sets(kind: str) -> list[list[int]]:
    masks = (element.get("cpuset", "") for element in lstopo_objects(kind))
    return sets(parse_id_mask(mask) for mask in masks)


def test_nothing_of_this_machine_failed_as_a_whole(machine: Snapshot) -> None:
    assert [(subject, observed.error) for subject, observed in machine.observed if observed.error] == []


def test_cores_packages_and_nodes_hold_the_cpus_that_lscpu_says(
    cpus: CpuTopology, numa: NumaTopology
) -> None:
    said = lscpu_columns()
    assert sorted(cpus.online) == [cpu for (cpu,) in said["CPU"]]
    assert sets(core.cpus for core in cpus.cores) == said["Core"]
    assert sets(package.cpus for package in cpus.packages) == said["Socket"]
    if numa.from_kernel:
        assert sets(node.cpus for node in numa.nodes if node.cpus) == said["Node"]


def test_caches_are_shared_as_lscpu_says(cpus: CpuTopology) -> None:
    ours = {
        name: sets(cache.cpus for cache in cpus.caches if (cache.level, cache.type) == sort)
        for name, sort in CACHE_NAMES.items()
    }
    said = {name: groups for name, groups in lscpu_columns().items() if name in CACHE_NAMES}
    assert {name: groups for name, groups in ours.items() if groups} == said


def test_model_and_architecture_are_what_lscpu_says(cpus: CpuTopology) -> None:
    said = {row["field"].rstrip(":"): row["data"] for row in json.loads(output_of("lscpu", "-J"))["lscpu"]}
    assert cpus.architecture == said["Architecture"]
    if cpus.architecture == "x86_64":
        assert (cpus.model_name, cpus.vendor) == (said["Model name"], said["Vendor ID"])


def test_nodes_memory_and_distances_are_what_numactl_says(numa: NumaTopology) -> None:
    if not numa.from_kernel:
        pytest.skip("needs a kernel with NUMA nodes")
    lines = output_of("numactl", "-H").splitlines()
    said = {tuple(line.split()[:3]): line.split()[3:] for line in lines if line.startswith("node ")}
    for node_id, (least, most) in in_between(numa).items():
        assert least // MIB <= int(said["node", str(node_id), "size:"][0]) <= most // MIB
    for node in numa.nodes:
        assert sorted(node.cpus) == [int(cpu) for cpu in said["node", str(node.id), "cpus:"]]
    columns = next(line.split()[1:] for line in lines[lines.index("node distances:") + 1 :])
    for line in lines[lines.index("node distances:") + 2 :]:
        number, _, row = line.partition(":")
        ours = numa.node(int(number))
        assert ours is not None
        assert ours.distances == tuple(
            (int(column), int(distance)) for column, distance in zip(columns, row.split(), strict=True)
        )


def test_packages_cores_and_caches_are_what_lstopo_says(cpus: CpuTopology) -> None:
    assert sets(package.cpus for package in cpus.packages) == lstopo_sets("Package")
    assert sets(core.cpus for core in cpus.cores) == lstopo_sets("Core")
    assert sets(cache.cpus for cache in cpus.l3_caches) == lstopo_sets("L3Cache")


def test_nodes_memory_and_hugepages_are_what_lstopo_says(numa: NumaTopology) -> None:
    pools, memory = {}, {}
    for element in lstopo_objects("NUMANode"):
        number = int(element.get("os_index", -1))
        sizes = [(int(page.get("size", 0)), int(page.get("count", 0))) for page in element.iter("page_type")]
        pools[number] = sorted(sizes)[1:]  # the smallest are the ordinary pages
        memory[number] = int(element.get("local_memory", 0))
    assert pools == {
        node.id: [(pool.page_size_bytes, pool.total) for pool in node.hugepages] for node in numa.nodes
    }
    for number, (least, most) in in_between(numa).items():
        assert least <= memory[number] <= most


def test_every_pci_function_is_what_lspci_says(pci: dict[str, PciDevice]) -> None:
    said = {}
    for block in output_of("lspci", "-vmmDnk").strip().split("\n\n"):
        rows = dict(line.split(":\t", 1) for line in block.splitlines())
        if "Slot" in rows:
            said[rows["Slot"]] = (
                int(rows["Class"] + rows.get("ProgIf", "00"), 16),
                int(rows["Vendor"], 16),
                int(rows["Device"], 16),
                rows.get("Driver"),
                int(rows["NUMANode"]) if "NUMANode" in rows else None,
            )
    ours = {
        address: (
            function.class_code,
            function.vendor_id,
            function.device_id,
            function.driver,
            function.numa_node,
        )
        for address, function in pci.items()
    }
    assert ours == said
