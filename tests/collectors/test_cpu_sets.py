from __future__ import annotations

from pathlib import Path

from collectors.cpu_sets import CpuSetReader
from tests.collectors.machines import ids
from tests.collectors.trees import problem_paths, reader_of

FOLDER = "/sys/devices/system/cpu/cpu1/topology"
NAMES = ("core_cpus", "core_cpus_list")


def sets_of(root: Path, **files: str) -> CpuSetReader:
    reader = reader_of(root, {f"{FOLDER}/{name}": text for name, text in files.items()})
    return CpuSetReader(reader, online=ids(0, 1, 2, 3))


def test_a_map_gives_what_is_online_of_it(tmp_path: Path) -> None:
    assert sets_of(tmp_path, core_cpus="00000000,000000f3\n").read(f"{FOLDER}/core_cpus") == ids(0, 1)


def test_a_list_is_told_by_its_name(tmp_path: Path) -> None:
    assert sets_of(tmp_path, core_cpus_list="2-9\n").read(f"{FOLDER}/core_cpus_list") == ids(2, 3)


def test_the_same_text_means_another_set_as_map_and_as_list(tmp_path: Path) -> None:
    sets = sets_of(tmp_path, core_cpus="3\n", core_cpus_list="3\n")

    assert sets.read(f"{FOLDER}/core_cpus") == ids(0, 1)
    assert sets.read(f"{FOLDER}/core_cpus_list") == ids(3)


def test_equal_texts_give_one_object(tmp_path: Path) -> None:
    sets = sets_of(tmp_path, core_cpus="3\n", thread_siblings="3\n")

    assert sets.read(f"{FOLDER}/core_cpus") is sets.read(f"{FOLDER}/thread_siblings")


def test_garbage_is_unknown_each_time_and_named_each_time(tmp_path: Path) -> None:
    sets = sets_of(tmp_path, core_cpus="zz\n", thread_siblings="zz\n")

    assert sets.read(f"{FOLDER}/core_cpus") is None
    assert sets.read(f"{FOLDER}/thread_siblings") is None
    assert problem_paths(sets.reader) == [f"{FOLDER}/core_cpus", f"{FOLDER}/thread_siblings"]


def test_where_map_and_list_disagree_the_map_is_right(tmp_path: Path) -> None:
    sets = sets_of(tmp_path, core_cpus="6\n", core_cpus_list="0-1\n")

    assert sets.read_with(1, FOLDER, NAMES) == (f"{FOLDER}/core_cpus", ids(1, 2))


def test_a_map_that_leaves_its_own_cpu_out_gives_way_to_the_list(tmp_path: Path) -> None:
    sets = sets_of(tmp_path, core_cpus="0\n", core_cpus_list="0-1\n")

    assert sets.read_with(1, FOLDER, NAMES) == (f"{FOLDER}/core_cpus_list", ids(0, 1))


def test_where_none_names_the_cpu_the_last_one_read_is_the_answer(tmp_path: Path) -> None:
    assert sets_of(tmp_path, core_cpus="1\n").read_with(1, FOLDER, NAMES) == (f"{FOLDER}/core_cpus", ids(0))


def test_where_there_is_no_file_there_is_no_answer(tmp_path: Path) -> None:
    assert sets_of(tmp_path).read_with(1, FOLDER, NAMES) is None
