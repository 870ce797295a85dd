from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from collectors.caches import parse_cache_type, read_caches
from collectors.cpu_sets import CpuSetReader
from collectors.hostfs import READ_LIMIT, DirectoryFS
from collectors.model import Cache, CacheType, IdSet
from collectors.parse import ParseError
from collectors.reader import FactReader
from tests.collectors.machines import CPUS, cache_files, id_map, ids, without
from tests.collectors.trees import UNREADABLE, problem_paths, reader_of, write_tree


def read(
    root: Path,
    files: Mapping[str, object],
    online: Iterable[int] = range(4),
    core_of: Mapping[int, IdSet] | None = None,
) -> tuple[tuple[Cache, ...], FactReader]:
    reader = reader_of(root, files)
    return read_caches(CpuSetReader(reader, frozenset(online)), CPUS, core_of or {}), reader


def told(caches: Iterable[Cache]) -> list[tuple[int, str, list[int]]]:
    return [(cache.level, cache.type.value, sorted(cache.cpus)) for cache in caches]


def caches_of(cpu: int, core: Iterable[int], package: Iterable[int]) -> dict[str, object]:
    """What nearly every CPU has: two first-level caches and one of the second for the core, a third for all."""
    files = cache_files(cpu, 0, level=1, kind="Data", shared=core)
    files |= cache_files(cpu, 1, level=1, kind="Instruction", shared=core)
    files |= cache_files(cpu, 2, level=2, kind="Unified", shared=core, size="1024K")
    return files | cache_files(cpu, 3, level=3, kind="Unified", shared=package, size="8M")


def smt_caches(cpus: int = 4) -> dict[str, object]:
    """Cores of two threads, all on one third-level cache."""
    files: dict[str, object] = {}
    for cpu in range(cpus):
        files |= caches_of(cpu, core=(cpu & ~1, cpu | 1), package=range(cpus))
    return files


def test_each_cache_is_found_once_with_all_its_cpus(tmp_path: Path) -> None:
    caches, reader = read(tmp_path, smt_caches())

    assert told(caches) == [
        (1, "Data", [0, 1]),
        (1, "Data", [2, 3]),
        (1, "Instruction", [0, 1]),
        (1, "Instruction", [2, 3]),
        (2, "Unified", [0, 1]),
        (2, "Unified", [2, 3]),
        (3, "Unified", [0, 1, 2, 3]),
    ]
    assert [cache.size_bytes for cache in caches if cache.level > 1] == [1 << 20, 1 << 20, 8 << 20]
    assert reader.problems == ()


def test_ids_are_read_from_the_second_level_up(tmp_path: Path) -> None:
    files = {f"{CPUS}/cpu0/cache/index{index}/id": f"{index + 4}\n" for index in range(4)}
    caches, _ = read(tmp_path, caches_of(0, [0], [0]) | files, online=[0])

    assert [cache.id for cache in caches] == [None, None, 6, 7]


def test_offline_cpus_share_no_cache(tmp_path: Path) -> None:
    assert told(read(tmp_path, smt_caches(), online=[1, 2])[0])[-1] == (3, "Unified", [1, 2])


def test_a_size_of_nought_is_unknown(tmp_path: Path) -> None:
    files = cache_files(0, 0, level=1, kind="Data", shared=[0], size="0K")

    assert read(tmp_path, files, online=[0])[0][0].size_bytes is None


def test_lists_stand_in_where_there_are_no_maps(tmp_path: Path) -> None:
    files = without(cache_files(0, 0, level=3, kind="Unified", shared=[]), "shared_cpu_map")
    files[f"{CPUS}/cpu0/cache/index0/shared_cpu_list"] = "0-2\n"

    assert told(read(tmp_path, files)[0]) == [(3, "Unified", [0, 1, 2])]


def test_a_map_of_nought_means_the_core(tmp_path: Path) -> None:
    files = cache_files(0, 0, level=3, kind="Unified", shared=[])
    files |= cache_files(2, 0, level=3, kind="Unified", shared=[])

    assert told(read(tmp_path, files, core_of={0: ids(0, 1)})[0]) == [
        (3, "Unified", [0, 1]),
        (3, "Unified", [2]),
    ]


def test_cpus_may_lack_caches_that_others_have(tmp_path: Path) -> None:
    lost = tuple(
        f"cpu0/cache/index{index}/{name}"
        for index in (2, 3)
        for name in ("level", "type", "size", "shared_cpu_map")
    )
    files = without(smt_caches(), *lost)
    caches, _ = read(tmp_path, files)

    assert told(caches)[-3:] == [
        (2, "Unified", [0, 1]),
        (2, "Unified", [2, 3]),
        (3, "Unified", [0, 1, 2, 3]),
    ]


def test_a_cpu_with_as_few_caches_as_others_share_with_it_still_tells_its_own(tmp_path: Path) -> None:
    files = caches_of(0, core=[0], package=[0, 1]) | cache_files(1, 0, level=1, kind="Data", shared=[1])

    assert (1, "Data", [1]) in told(read(tmp_path, files, online=[0, 1])[0])


def test_a_machine_without_caches_has_none(tmp_path: Path) -> None:
    assert read(tmp_path, {f"{CPUS}/cpu0/cache/uevent": ""})[0] == ()


@pytest.mark.parametrize("name", ["level", "type", "shared_cpu_map"])
def test_a_cache_that_does_not_say_what_it_is_is_left_out(tmp_path: Path, name: str) -> None:
    files = without(caches_of(0, [0], [0]), f"index2/{name}")

    assert [cache.level for cache in read(tmp_path, files, online=[0])[0]] == [1, 1, 3]


@pytest.mark.parametrize("name", ["level", "type", "shared_cpu_map", "size"])
def test_a_file_in_error_costs_one_fact_and_is_named(tmp_path: Path, name: str) -> None:
    path = f"{CPUS}/cpu0/cache/index2/{name}"
    caches, reader = read(tmp_path, caches_of(0, [0], [0]) | {path: "garbage\n"}, online=[0])

    assert len(caches) == (4 if name == "size" else 3)
    assert problem_paths(reader) == [path]


def test_an_unreadable_level_of_one_cpu_is_told_by_its_sibling(tmp_path: Path) -> None:
    caches, reader = read(tmp_path, smt_caches() | {f"{CPUS}/cpu0/cache/index2/level": UNREADABLE})

    assert (2, "Unified", [0, 1]) in told(caches)
    assert problem_paths(reader) == [f"{CPUS}/cpu0/cache/index2/level"]


def test_a_map_that_leaves_its_cpu_out_is_not_believed(tmp_path: Path) -> None:
    files = cache_files(0, 0, level=2, kind="Unified", shared=[1, 2])
    caches, reader = read(tmp_path, files)

    assert caches == ()
    assert [problem.reason for problem in reader.problems] == ["does not name its own CPU 0"]


def test_a_cpu_has_one_cache_of_a_kind_and_the_lowest_cpu_is_believed(tmp_path: Path) -> None:
    files = cache_files(0, 0, level=2, kind="Unified", shared=[0, 1])
    files |= cache_files(2, 0, level=2, kind="Unified", shared=[1, 2])
    caches, reader = read(tmp_path, files)

    assert told(caches) == [(2, "Unified", [0, 1]), (2, "Unified", [2])]
    assert [problem.reason for problem in reader.problems] == ["names CPUs that another L2 cache has: 1"]


class CountingFS(DirectoryFS):
    """Counts the files that are read."""

    def __init__(self, root: Path) -> None:
        super().__init__(str(root))
        self.paths: list[str] = []

    def read(self, path: str, limit: int = READ_LIMIT) -> bytes | None:
        self.paths.append(path)
        return super().read(path, limit)


def test_siblings_are_not_asked_again_and_cores_only_for_what_differs(tmp_path: Path) -> None:
    write_tree(tmp_path, smt_caches(cpus=16))
    fs = CountingFS(tmp_path)
    read_caches(CpuSetReader(FactReader(fs), frozenset(range(16))), CPUS, {})

    assert not [path for path in fs.paths if "/cpu5/" in path]
    assert [path.rpartition("cache/")[2] for path in fs.paths if "/cpu8/" in path and "/id" not in path] == [
        "index3/level",
        "index0/shared_cpu_map",
        "index0/size",
        "index1/shared_cpu_map",
        "index1/size",
        "index2/shared_cpu_map",
        "index2/size",
    ]


def test_a_cpu_of_another_sort_is_asked_about_each_of_its_caches(tmp_path: Path) -> None:
    files = smt_caches(cpus=6)
    for index, level, kind in ((0, 1, "Unified"), (1, 2, "Data"), (2, 2, "Instruction"), (3, 4, "Unified")):
        files |= cache_files(6, index, level=level, kind=kind, shared=[6])
    caches, _ = read(tmp_path, files, online=range(7))

    assert [cache for cache in told(caches) if cache[2] == [6]] == [
        (1, "Unified", [6]),
        (2, "Data", [6]),
        (2, "Instruction", [6]),
        (4, "Unified", [6]),
    ]


def test_a_wrong_level_on_one_cpu_does_not_spread(tmp_path: Path) -> None:
    files = smt_caches(cpus=8) | {f"{CPUS}/cpu0/cache/index2/level": "7\n"}
    caches, _ = read(tmp_path, files, online=range(8))

    assert [cache for cache in told(caches) if cache[0] == 7] == [(7, "Unified", [0, 1])]
    assert [cache[2] for cache in told(caches) if cache[0] == 2][-3:] == [[2, 3], [4, 5], [6, 7]]


@pytest.mark.parametrize("kind", CacheType)
def test_types_are_the_words_of_the_kernel(kind: CacheType) -> None:
    assert parse_cache_type(f"{kind.value}\n\0") is kind


def test_other_words_are_no_type() -> None:
    with pytest.raises(ParseError, match="a type of cache"):
        parse_cache_type("Trace\n")


def test_maps_wider_than_the_machine_are_understood(tmp_path: Path) -> None:
    files = cache_files(0, 0, level=1, kind="Data", shared=[0])
    files[f"{CPUS}/cpu0/cache/index0/shared_cpu_map"] = "00000000," * 127 + id_map([0, 1])

    assert told(read(tmp_path, files)[0]) == [(1, "Data", [0, 1])]
