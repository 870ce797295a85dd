from __future__ import annotations

from pathlib import Path

import pytest

from collectors.hugepages import (
    pools_of_meminfo,
    read_machine_hugepages,
    read_node_hugepages,
    told_by_node,
)
from collectors.model import HugePagePool
from tests.collectors.trees import UNREADABLE, problem_paths, reader_of

MACHINE = "/sys/kernel/mm/hugepages"
NODE = "/sys/devices/system/node/node0"


def pool(size: int, total: int | None = 0) -> HugePagePool:
    return HugePagePool(page_size_bytes=size, total=total)


def test_pools_of_the_machine_are_told_by_size_with_every_count(tmp_path: Path) -> None:
    folder = f"{MACHINE}/hugepages-2048kB"
    reader = reader_of(
        tmp_path,
        {
            f"{folder}/nr_hugepages": "8\n",
            f"{folder}/free_hugepages": "5\n",
            f"{folder}/surplus_hugepages": "2\n",
            f"{folder}/resv_hugepages": "1\n",
        },
    )
    assert read_machine_hugepages(reader, {}) == (
        HugePagePool(page_size_bytes=2 << 20, total=8, free=5, surplus=2, reserved=1),
    )


@pytest.mark.parametrize("size_kib", [64, 1024, 2048, 32768, 524288, 1048576, 16777216])
def test_any_size_that_a_directory_names_is_a_pool(tmp_path: Path, size_kib: int) -> None:
    reader = reader_of(tmp_path, {f"{MACHINE}/hugepages-{size_kib}kB/nr_hugepages": "3\n"})
    assert read_machine_hugepages(reader, {}) == (pool(size_kib * 1024, 3),)


def test_pools_are_ordered_by_size_not_by_the_directorys_name(tmp_path: Path) -> None:
    names = ("1048576kB", "2048kB", "64kB")
    reader = reader_of(tmp_path, {f"{MACHINE}/hugepages-{name}/nr_hugepages": "0\n" for name in names})
    sizes = [found.page_size_bytes for found in read_machine_hugepages(reader, {})]
    assert sizes == [64 << 10, 2 << 20, 1 << 30]


@pytest.mark.parametrize("name", ["hugepages-kB", "hugepages-0kB", "hugepages-2MB", "hugepages-٣kB", "x"])
def test_a_directory_that_names_no_size_is_no_pool(tmp_path: Path, name: str) -> None:
    assert read_machine_hugepages(reader_of(tmp_path, {f"{MACHINE}/{name}/nr_hugepages": "1\n"}), {}) == ()


def test_a_count_that_cannot_be_read_is_unknown_and_the_others_stay(tmp_path: Path) -> None:
    folder = f"{NODE}/hugepages/hugepages-2048kB"
    reader = reader_of(
        tmp_path,
        {
            f"{folder}/nr_hugepages": UNREADABLE,
            f"{folder}/free_hugepages": "-4\n",
            f"{folder}/surplus_hugepages": "0\n",
        },
    )
    assert read_node_hugepages(reader, NODE, {}, default_size_bytes=None) == (
        HugePagePool(page_size_bytes=2 << 20, surplus=0),
    )
    assert problem_paths(reader) == [f"{folder}/nr_hugepages", f"{folder}/free_hugepages"]


def test_meminfo_stands_in_for_a_machine_without_directories(tmp_path: Path) -> None:
    meminfo = {
        "HugePages_Total": 4,
        "HugePages_Free": 3,
        "HugePages_Surp": 0,
        "HugePages_Rsvd": 1,
        "Hugepagesize": 4 << 20,
    }
    assert read_machine_hugepages(reader_of(tmp_path, {}), meminfo) == (
        HugePagePool(page_size_bytes=4 << 20, total=4, free=3, surplus=0, reserved=1),
    )


def test_meminfo_of_a_node_counts_pages_of_the_default_size(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, {})
    found = read_node_hugepages(reader, NODE, {"HugePages_Total": 2}, default_size_bytes=2 << 20)
    assert found == (pool(2 << 20, 2),)


@pytest.mark.parametrize(
    ("meminfo", "size"),
    [({}, 2 << 20), ({"HugePages_Total": 2}, None), ({"HugePages_Total": 2}, 0)],
)
def test_meminfo_without_a_count_or_a_size_tells_of_no_pool(
    meminfo: dict[str, int], size: int | None
) -> None:
    assert pools_of_meminfo(meminfo, page_size_bytes=size) == ()


def test_directories_go_before_meminfo(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, {f"{MACHINE}/hugepages-2048kB/nr_hugepages": "7\n"})
    found = read_machine_hugepages(reader, {"HugePages_Total": 0, "Hugepagesize": 1 << 30})
    assert found == (pool(2 << 20, 7),)


def test_sizes_are_told_by_node_when_some_node_has_each_of_them() -> None:
    machine = (pool(2 << 20), pool(1 << 30))
    assert told_by_node(machine, [machine, ()])
    assert told_by_node((), [()])
    assert not told_by_node(machine, [(pool(2 << 20),)])
