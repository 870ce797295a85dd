"""The cgroups of the containers that run here: where they are looked for, and how they come out."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from agent.kubelet.cgroups import read_cgroups
from collectors.hostfs import DirectoryFS
from collectors.model import HugePagePool, Observed, Snapshot
from collectors.model.cgroup import ContainerCgroup, ContainerCgroups
from tests.agent.alignment.building import NUMA, by_node, ids, machine, runs
from tests.agent.placement.building import container, listed, picture, spec
from tests.collectors.cgroup_trees import CONTAINER, LAYOUTS, ROOT, Group, version_1, version_2
from tests.collectors.trees import write_tree

PATH = LAYOUTS["cgroupfs, Burstable"]
SNAPSHOT = machine(picture(listed("p", container()), specs=[spec("p", runs(CONTAINER))]))


def read(
    root: Path, snapshot: Snapshot = SNAPSHOT, *, at: str | None = None, here: bool = True
) -> Observed[ContainerCgroups]:
    return read_cgroups(DirectoryFS(str(root)), snapshot, root=at, now=7.0, here=here)


def only(found: Observed[ContainerCgroups]) -> ContainerCgroup:
    assert found.facts is not None
    (group,) = found.facts.containers
    return group


def test_they_are_looked_for_in_the_usual_place(tmp_path: Path) -> None:
    write_tree(tmp_path, version_2(Group(path=PATH)))
    found = read(tmp_path)
    assert (ids(only(found).cpus), found.read_at) == ("2-5", 7.0)


def test_in_a_pod_they_are_where_the_hosts_are_mounted(tmp_path: Path) -> None:
    write_tree(tmp_path, version_2(root=ROOT) | version_2(Group(path=PATH), root=f"/host{ROOT}"))
    assert ids(only(read(tmp_path)).cpus) == "2-5"


def test_a_place_that_somebody_names_is_the_only_one(tmp_path: Path) -> None:
    write_tree(tmp_path, version_2(Group(path=PATH)) | version_2(Group(path=PATH, cpus="7"), root="/cgroups"))
    assert ids(only(read(tmp_path, at="/cgroups")).cpus) == "7"


def test_pages_of_version_1_have_the_size_of_this_machines(tmp_path: Path) -> None:
    write_tree(tmp_path, version_1(Group(path=PATH, anon=(1, 0)), page=1))
    pages = only(read(tmp_path)).pages
    assert pages is not None
    assert pages.anon == by_node(os.sysconf("SC_PAGE_SIZE"), 0)


def test_pages_of_another_machine_have_a_size_that_is_not_known(tmp_path: Path) -> None:
    write_tree(tmp_path, version_1(Group(path=PATH)))
    found = read(tmp_path, here=False)
    assert only(found).pages is None
    assert [problem.path for problem in found.problems] == [f"{ROOT}/memory/{PATH}/memory.numa_stat"]


def test_hugepages_are_looked_for_where_the_machine_has_any(tmp_path: Path) -> None:
    write_tree(
        tmp_path, version_2(Group(path=PATH)) | {f"{ROOT}/{PATH}/hugetlb.2MB.numa_stat": "total=1 N0=1\n"}
    )
    pools = (HugePagePool(page_size_bytes=2 << 20, total=1), HugePagePool(page_size_bytes=1 << 30, total=0))
    with_pages = replace(SNAPSHOT, numa=Observed(facts=replace(NUMA, machine_hugepages=pools)))
    assert [each.page_size_bytes for each in only(read(tmp_path, with_pages)).hugepages] == [2 << 20]
    assert only(read(tmp_path)).hugepages == ()


def test_where_nothing_is_known_to_run_nothing_is_read(tmp_path: Path) -> None:
    assert read(tmp_path / "..", machine()).facts == ContainerCgroups()


def test_a_machine_of_unknown_nodes_still_has_cpusets(tmp_path: Path) -> None:
    write_tree(tmp_path, version_2(Group(path=PATH)))
    assert ids(only(read(tmp_path, replace(SNAPSHOT, numa=Observed()))).cpus) == "2-5"
