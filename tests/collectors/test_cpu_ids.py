from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path

import pytest

from collectors.cpu_ids import CpuIds, read_cpu_ids
from collectors.errors import HostError, UnreadableError
from collectors.hostfs import DirectoryFS
from collectors.reader import FactReader
from tests.collectors.machines import CPUS, cpu_files, ids
from tests.collectors.trees import UNREADABLE, problem_paths, reader_of, write_tree
from tests.fakes.faultyfs import FaultyFS


def read(root: Path, files: Mapping[str, object]) -> CpuIds:
    return read_cpu_ids(reader_of(root, files))


def topology(*cpus: int) -> dict[str, object]:
    return {path: text for cpu in cpus for path, text in cpu_files(cpu, core=[cpu], package=[cpu]).items()}


def test_online_is_what_the_kernel_lists(tmp_path: Path) -> None:
    found = read(tmp_path, {f"{CPUS}/online": "0,2\n", **topology(0, 1, 2)})

    assert found.online == ids(0, 2)
    assert found.known == ids(0, 1, 2)
    assert found.directory == CPUS


def test_the_other_sets_are_read_where_the_kernel_has_them(tmp_path: Path) -> None:
    lists = {"present": "0-1\n", "possible": "0-7\n", "isolated": "\n", "nohz_full": "  (null)\n"}
    found = read(tmp_path, {f"{CPUS}/{name}": text for name, text in lists.items()} | topology(0, 1))

    assert (found.present, found.possible) == (ids(0, 1), frozenset(range(8)))
    assert (found.isolated, found.nohz_full) == (ids(), ids())


def test_the_other_sets_are_unknown_where_it_has_not(tmp_path: Path) -> None:
    found = read(tmp_path, topology(0))

    assert (found.present, found.possible, found.isolated, found.nohz_full) == (None, None, None, None)


def test_without_a_list_each_cpu_says_whether_it_is_online(tmp_path: Path) -> None:
    told = {f"{CPUS}/cpu0/online": "0\n", f"{CPUS}/cpu1/online": "1\n"}

    assert read(tmp_path, told | topology(1, 2)).online == ids(
        1, 2
    )  # 2 cannot be taken offline: it has no file


def test_without_a_list_a_cpu_that_lost_its_topology_is_offline(tmp_path: Path) -> None:
    found = read(tmp_path, {f"{CPUS}/cpu1/crash_notes": "\n", **topology(0)})

    assert found.online == ids(0)
    assert found.known == ids(0, 1)


def test_without_a_list_a_topology_that_cannot_be_listed_is_that_of_a_cpu_online(tmp_path: Path) -> None:
    write_tree(tmp_path, {f"{CPUS}/cpu{cpu}/uevent": "" for cpu in range(3)} | topology(0, 1))
    refusing = FaultyFS(DirectoryFS(str(tmp_path)), {f"{CPUS}/cpu1/topology": errno.EIO})
    reader = FactReader(refusing)

    assert read_cpu_ids(reader).online == ids(0, 1)
    assert f"{CPUS}/cpu1/topology" in problem_paths(reader)


def test_without_list_and_without_any_topology_every_cpu_is_online(tmp_path: Path) -> None:
    assert read(tmp_path, {f"{CPUS}/cpu{cpu}/crash_notes": "\n" for cpu in (0, 1)}).online == ids(0, 1)


def test_a_kernel_whose_cpus_are_told_offline_and_bare_believes_its_topology(tmp_path: Path) -> None:
    files = {f"{CPUS}/cpu0/online": "1\n", f"{CPUS}/cpu1/crash_notes": "\n", **topology(0)}

    assert read(tmp_path, files).online == ids(0)


def test_listed_cpus_without_a_directory_are_left_out_and_named(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, {f"{CPUS}/online": "0-3\n", **topology(0, 1)})

    assert read_cpu_ids(reader).online == ids(0, 1)
    assert [problem.reason for problem in reader.problems] == ["names CPUs without a directory: 2-3"]


def test_an_empty_list_of_online_cpus_is_a_problem_and_not_the_truth(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, {f"{CPUS}/online": "\n", **topology(0, 1)})

    assert read_cpu_ids(reader).online == ids(0, 1)
    assert problem_paths(reader) == [f"{CPUS}/online"]


def test_cpus_are_found_on_the_bus_where_that_alone_is_there(tmp_path: Path) -> None:
    found = read(tmp_path, {"/sys/bus/cpu/devices/cpu3/topology/core_id": "0\n"})

    assert (found.online, found.directory) == (ids(3), "/sys/bus/cpu/devices")


def test_names_beyond_any_kernel_are_no_cpus(tmp_path: Path) -> None:
    assert read(tmp_path, topology(0, 70_000, 7_000_000)).known == ids(0)


def test_without_sysfs_the_processors_of_cpuinfo_are_online(tmp_path: Path) -> None:
    found = read(tmp_path, {"/proc/cpuinfo": "processor : 0\n\nprocessor : 4\n"})

    assert (found.online, found.known, found.directory) == (ids(0, 4), ids(0, 4), None)


def test_without_names_in_cpuinfo_the_lines_of_stat_count(tmp_path: Path) -> None:
    files = {"/proc/cpuinfo": "cpu : Alpha\n", "/proc/stat": "cpu  9 9\ncpu0 4 4\ncpu2 5 5\nintr 7\n"}

    assert read(tmp_path, files).online == ids(0, 2)


def test_a_machine_that_names_no_cpu_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="names no CPU"):
        read(tmp_path, {"/sys/devices/system/node/online": "0\n"})


class UnlistableFS(DirectoryFS):
    """A machine whose CPU directories may be passed through but not listed."""

    def entries(self, path: str) -> tuple[str, ...] | None:
        if path in (CPUS, "/sys/bus/cpu/devices"):
            raise UnreadableError(path, "Permission denied")
        return super().entries(path)


def test_a_directory_that_cannot_be_listed_is_read_by_the_ids_that_are_online(tmp_path: Path) -> None:
    write_tree(tmp_path, {f"{CPUS}/online": "0-1\n", **topology(0, 1)})
    found = read_cpu_ids(FactReader(UnlistableFS(str(tmp_path))))

    assert (found.online, found.known, found.directory) == (ids(0, 1), ids(0, 1), CPUS)


def test_a_directory_that_cannot_be_listed_is_the_reason_where_nothing_else_names_cpus(
    tmp_path: Path,
) -> None:
    write_tree(tmp_path, topology(0))

    with pytest.raises(UnreadableError, match="Permission denied"):
        read_cpu_ids(FactReader(UnlistableFS(str(tmp_path))))


def test_an_unreadable_list_leaves_the_cpus_to_say_it_themselves(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, {f"{CPUS}/online": UNREADABLE, **topology(0, 1)})

    assert read_cpu_ids(reader).online == ids(0, 1)
    assert problem_paths(reader) == [f"{CPUS}/online"]
