from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from collectors.cpu_groups import CpuGroups, derive_groups_from_cpuinfo, read_cpu_groups
from collectors.cpu_sets import CpuSetReader
from collectors.cpuinfo import Processor
from collectors.model import CpuGroup, IdSet
from collectors.reader import FactReader
from tests.collectors.machines import CPUS, cpu_files, id_map, ids, smt_machine, without
from tests.collectors.trees import UNREADABLE, problem_paths, reader_of


def read(
    root: Path, files: Mapping[str, object], online: IdSet = frozenset(range(8))
) -> tuple[CpuGroups, FactReader]:
    reader = reader_of(root, files)
    return read_cpu_groups(CpuSetReader(reader, online), CPUS), reader


def groups(root: Path, files: Mapping[str, object], online: IdSet = frozenset(range(8))) -> CpuGroups:
    return read(root, files, online)[0]


def cpus_of(found: Iterable[CpuGroup]) -> list[list[int]]:
    return [sorted(group.cpus) for group in found]


def test_cores_and_packages_are_told_by_their_maps(tmp_path: Path) -> None:
    found, reader = read(tmp_path, smt_machine())

    assert cpus_of(found.cores) == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert [core.id for core in found.cores] == [0, 1, 0, 1]
    assert found.packages == (CpuGroup(cpus=ids(0, 1, 2, 3), id=0), CpuGroup(cpus=ids(4, 5, 6, 7), id=1))
    assert reader.problems == ()


def test_what_the_kernel_does_not_name_is_empty(tmp_path: Path) -> None:
    found = groups(tmp_path, smt_machine())

    assert (found.dies, found.clusters, found.books, found.drawers) == ((), (), (), ())


@pytest.mark.parametrize("suffix", ["", "_list"])
def test_the_newer_names_alone_are_enough(tmp_path: Path, suffix: str) -> None:
    text = "0-1\n" if suffix else "3\n"
    names = ("core_cpus", "package_cpus", "die_cpus", "cluster_cpus")
    files = {f"{CPUS}/cpu{cpu}/topology/{name}{suffix}": text for cpu in (0, 1) for name in names}

    found = groups(tmp_path, files, ids(0, 1))

    expected = (CpuGroup(cpus=ids(0, 1)),)
    assert (found.cores, found.packages, found.dies, found.clusters) == (expected,) * 4


def test_books_and_drawers_of_s390_are_read(tmp_path: Path) -> None:
    folder = f"{CPUS}/cpu0/topology"
    files = {f"{folder}/book_siblings": "3\n", f"{folder}/book_id": "7\n", f"{folder}/drawer_siblings": "f\n"}

    found = groups(tmp_path, files, ids(0, 1, 2, 3))

    assert found.books == (CpuGroup(cpus=ids(0, 1), id=7),)
    assert found.drawers == (CpuGroup(cpus=ids(0, 1, 2, 3)),)


def test_offline_cpus_belong_to_no_group(tmp_path: Path) -> None:
    found = groups(tmp_path, smt_machine(), online=ids(1, 2, 3))

    assert cpus_of(found.cores) == [[1], [2, 3]]
    assert cpus_of(found.packages) == [[1, 2, 3]]


def test_packages_that_share_an_id_are_two(tmp_path: Path) -> None:
    files: dict[str, object] = {}
    for cpu in range(4):
        files |= cpu_files(cpu, core=[cpu], package=[cpu & 2, cpu | 1], package_id=196_611)

    found = groups(tmp_path, files, ids(0, 1, 2, 3))

    assert [(sorted(package.cpus), package.id) for package in found.packages] == [
        ([0, 1], 196_611),
        ([2, 3], 196_611),
    ]


def test_an_id_of_minus_one_is_unknown(tmp_path: Path) -> None:
    found = groups(tmp_path, cpu_files(0, core=[0], package=[0], core_id=-1, package_id=-1), ids(0))

    assert (found.packages[0].id, found.cores[0].id, found.core_ids) == (None, None, {})


def test_the_cluster_id_that_means_none_is_unknown(tmp_path: Path) -> None:
    folder = f"{CPUS}/cpu0/topology"
    files = {f"{folder}/cluster_cpus": "1\n", f"{folder}/cluster_id": "65535\n"}

    assert groups(tmp_path, files, ids(0)).clusters == (CpuGroup(cpus=ids(0)),)


def test_threads_with_core_ids_of_their_own_are_a_core_each(tmp_path: Path) -> None:
    files = cpu_files(0, core=[0, 1], package=[0, 1], core_id=0)
    files |= cpu_files(1, core=[0, 1], package=[0, 1], core_id=1)

    assert groups(tmp_path, files, ids(0, 1)).cores == (
        CpuGroup(cpus=ids(0), id=0),
        CpuGroup(cpus=ids(1), id=1),
    )


def test_a_core_id_that_cannot_be_read_splits_no_core(tmp_path: Path) -> None:
    files = smt_machine() | {f"{CPUS}/cpu1/topology/core_id": "garbage"}
    found, reader = read(tmp_path, files)

    assert cpus_of(found.cores)[0] == [0, 1]
    assert problem_paths(reader) == [f"{CPUS}/cpu1/topology/core_id"]


def test_a_lost_core_id_joins_no_cores_on_a_machine_where_maps_hold_several(tmp_path: Path) -> None:
    files: dict[str, object] = {}
    for cpu in range(4):
        pair = [cpu & ~1, cpu | 1]
        files |= cpu_files(cpu, core=pair, package=range(4), core_id=cpu)
    files[f"{CPUS}/cpu3/topology/core_id"] = "garbage"

    assert cpus_of(groups(tmp_path, files, ids(0, 1, 2, 3)).cores) == [[0], [1], [2], [3]]


def test_the_id_of_a_core_is_told_by_any_of_its_threads(tmp_path: Path) -> None:
    found = groups(tmp_path, smt_machine() | {f"{CPUS}/cpu0/topology/core_id": "garbage"})

    assert found.cores[0] == CpuGroup(cpus=ids(0, 1), id=0)


def test_without_maps_there_are_no_groups_whatever_the_ids_say(tmp_path: Path) -> None:
    found = groups(tmp_path, without(smt_machine(), "siblings"))

    assert (found.cores, found.packages) == ((), ())
    assert found.told


def test_a_cpu_without_a_map_is_grouped_by_its_sibling(tmp_path: Path) -> None:
    found = groups(tmp_path, without(smt_machine(), "cpu0/topology/thread_siblings"))

    assert cpus_of(found.cores) == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_a_map_that_leaves_its_cpu_out_groups_nobody_and_is_named(tmp_path: Path) -> None:
    files = smt_machine() | {f"{CPUS}/cpu{cpu}/topology/thread_siblings": id_map([]) for cpu in (6, 7)}
    found, reader = read(tmp_path, files)

    assert cpus_of(found.cores) == [[0, 1], [2, 3], [4, 5]]
    assert [problem.reason for problem in reader.problems] == [
        "does not name its own CPU 6",
        "does not name its own CPU 7",
    ]


def test_overlapping_maps_leave_each_cpu_in_one_group_and_are_named(tmp_path: Path) -> None:
    files = smt_machine() | {f"{CPUS}/cpu2/topology/thread_siblings": id_map([1, 2, 3])}
    found, reader = read(tmp_path, files)

    assert cpus_of(found.cores) == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert [problem.reason for problem in reader.problems] == ["names CPUs that another core has: 1"]


def test_one_unreadable_map_leaves_the_others(tmp_path: Path) -> None:
    files = smt_machine() | {f"{CPUS}/cpu4/topology/core_siblings": UNREADABLE}
    found, reader = read(tmp_path, files)

    assert cpus_of(found.packages) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert problem_paths(reader) == [f"{CPUS}/cpu4/topology/core_siblings"]


def test_cpus_in_the_middle_are_asked_where_the_ends_have_no_topology(tmp_path: Path) -> None:
    found = groups(tmp_path, cpu_files(1, core=[1], package=[0, 1, 2]), ids(0, 1, 2))

    assert cpus_of(found.cores) == [[1]]
    assert cpus_of(found.packages) == [[0, 1, 2]]


def test_a_kernel_without_topology_tells_nothing(tmp_path: Path) -> None:
    assert not groups(tmp_path, {f"{CPUS}/cpu0/crash_notes": "\n"}, ids(0)).told


def test_cpuinfo_groups_by_package_and_core(tmp_path: Path) -> None:
    processors = (
        Processor(id=0, package_id=0, core_id=0),
        Processor(id=1, package_id=1, core_id=0),
        Processor(id=2, package_id=0, core_id=0),
        Processor(id=3, package_id=1),
        Processor(id=4),
        Processor(id=9, package_id=0, core_id=0),
    )

    found = derive_groups_from_cpuinfo(processors, online=ids(0, 1, 2, 3, 4))

    assert cpus_of(found.packages) == [[0, 2], [1, 3]]
    assert found.cores == (CpuGroup(cpus=ids(0, 2), id=0), CpuGroup(cpus=ids(1), id=0))
    assert found.core_ids == {0: 0, 1: 0, 2: 0}
