"""The sound machines that are spoilt: synthetic ones, and captured ones where their folder lies beside the checkout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.survey import survey
from collectors.model import Snapshot
from collectors.parse import parse_id_list, parse_id_mask
from tests.fakes.faultyfs import FaultyFS
from tests.fakes.memoryfs import MemoryFS
from tests.fuzz.mutations import Targets
from tests.hosts import shapes
from tests.hosts.leaves import Leaf, leaves
from tests.hosts.machine import build_tree
from tests.hosts.tree import Tree
from tests.shared import SHARED

NOW = 1_700_000_000.0

SPOILT_SHAPES = (
    shapes.DESKTOP,
    shapes.HYBRID,
    shapes.CLUSTERS,
    shapes.SPARSE,
    shapes.OFFLINE_CPUS,
    shapes.HUGEPAGE_MIX,
    shapes.CXL,
    shapes.ACCELERATORS,
    shapes.NEW_NAMES_LISTS_ONLY,
    shapes.NO_NUMA,
    shapes.NO_NODE_HUGEPAGES,
    shapes.SMALL_OLD_KERNEL,
    shapes.SMALL_SRIOV,
    shapes.GB200,
    shapes.HGX,
)

CONTRADICTING = {
    "16em64t-4s2c2t-offlines": ("/proc/cpuinfo", "/proc/stat"),
    "2arm-2c": ("/proc/hwloc-nofile-info",),
    "2i386-2t-hugepagesizecount": ("/proc/meminfo",),
    "2pa-pcidomain32bits": ("/proc/meminfo",),
    "64amd64-4s2n4ca2co": ("/proc/cpuinfo",),
    "8em64t-2s4c-asymcaches": ("/proc/meminfo",),
    "fakememinitiators-1np2c+1npp+gi": ("/proc/cpuinfo",),
    "nvidia-dgx-gb10": ("/proc/meminfo",),
}
"""Files of a capture that disagree with others: they stand in when those are lost, and say something else"""

NUMERIC_NAMES = frozenset(
    {
        "base_frequency",
        "book_id",
        "carrier",
        "class",
        "cluster_cpus",
        "cluster_cpus_list",
        "cluster_id",
        "core_cpus",
        "core_cpus_list",
        "core_id",
        "core_siblings",
        "core_siblings_list",
        "cpu_capacity",
        "cpuinfo_max_freq",
        "cpulist",
        "cpumap",
        "current_link_speed",
        "current_link_width",
        "device",
        "die_cpus",
        "die_cpus_list",
        "die_id",
        "distance",
        "drawer_id",
        "free_hugepages",
        "has_generic_initiator",
        "has_memory",
        "id",
        "isolated",
        "level",
        "local_cpulist",
        "local_cpus",
        "logical_block_size",
        "max_link_speed",
        "max_link_width",
        "meminfo",
        "nodelist",
        "nohz_full",
        "nr_hugepages",
        "numa_node",
        "numa_status",
        "numastat",
        "online",
        "package_cpus",
        "package_cpus_list",
        "physical_package_id",
        "possible",
        "present",
        "rate",
        "read_bandwidth",
        "read_latency",
        "resv_hugepages",
        "rotational",
        "shared_cpu_list",
        "shared_cpu_map",
        "size",
        "speed",
        "sriov_totalvfs",
        "subsystem_device",
        "subsystem_vendor",
        "surplus_hugepages",
        "target_node",
        "thread_siblings",
        "thread_siblings_list",
        "vendor",
        "write_bandwidth",
        "write_latency",
    }
)
"""Names of files in which the kernel writes nothing but numbers, sets and tables"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A sound machine, and what a survey of it asks for and finds."""

    name: str
    tree: Tree
    machine: MemoryFS
    snapshot: Snapshot
    facts: dict[Leaf, object]
    targets: Targets


def make_base(name: str, tree: Tree) -> Base:
    """Surveys a sound machine once."""
    machine = MemoryFS.of(tree)
    watched = FaultyFS(machine)
    snapshot = survey(watched, now=NOW)
    files = tuple(sorted(watched.files))
    # The highest directories would take whole subjects away in one go: everything is allowed to be lost then.
    directories = tuple(sorted(path for path in watched.directories if path.count("/") >= 3))
    return Base(
        name=name,
        tree=tree,
        machine=machine,
        snapshot=snapshot,
        facts=leaves(snapshot),
        targets=Targets(
            files=files,
            directories=directories,
            numeric=frozenset(path for path in files if path.rpartition("/")[2] in NUMERIC_NAMES),
        ),
    )


def synthetic_bases() -> Iterator[Base]:
    """Synthetic machines, small ones mostly."""
    for spec in SPOILT_SHAPES:
        yield make_base(spec.name, build_tree(spec))


def captured_bases() -> Iterator[Base]:
    """The captured machines beside the checkout; none where there are none."""
    for archive in sorted((SHARED / "sysfs").glob("*.tar.xz")):
        name = archive.name.removesuffix(".tar.xz")
        tree = Tree.of_archive(archive)
        for path in CONTRADICTING.get(name, ()):
            tree.files.pop(path, None)
        _drop_stale_lists(tree)
        yield make_base(name, tree)


def _drop_stale_lists(tree: Tree) -> None:
    """Removes lists of CPUs that say something else than the map beside them: whoever loses the map believes them."""
    for path in [path for path in tree.files if path.endswith(("list", "_list"))]:
        beside = _map_beside(path)
        if beside in tree.files:
            cpus = parse_id_mask(tree.files[beside].decode())
            if parse_id_list(tree.files[path].decode()) != cpus:
                del tree.files[path]


def _map_beside(path: str) -> str:
    """cpumap for cpulist, shared_cpu_map for shared_cpu_list, local_cpus for local_cpulist, core_cpus for core_cpus_list."""
    for ending, other in (
        ("local_cpulist", "local_cpus"),
        ("cpulist", "cpumap"),
        ("cpu_list", "cpu_map"),
        ("_list", ""),
    ):
        if path.endswith(ending):
            return path.removesuffix(ending) + other
    return path
