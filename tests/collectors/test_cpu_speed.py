from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from pathlib import Path

from collectors.cpu_speed import CpuSpeed, read_cpu_speeds
from collectors.errors import UnreadableError
from collectors.hostfs import READ_LIMIT, DirectoryFS
from collectors.model import IdSet
from collectors.reader import FactReader
from tests.collectors.machines import CPUS, ids
from tests.collectors.trees import problem_paths, reader_of, write_tree


def read(
    root: Path, files: Mapping[str, object], online: IdSet, cores: Iterable[IdSet] = ()
) -> dict[int, CpuSpeed]:
    return read_cpu_speeds(reader_of(root, files), CPUS, online=online, cores=cores)


def policy(number: int, most: int, base: int | None = None, related: str | None = None) -> dict[str, object]:
    folder = f"{CPUS}/cpufreq/policy{number}"
    files: dict[str, object] = {f"{folder}/cpuinfo_max_freq": f"{most}\n"}
    if base is not None:
        files[f"{folder}/base_frequency"] = f"{base}\n"
    if related is not None:
        files[f"{folder}/related_cpus"] = f"{related}\n"
    return files


def test_each_cpu_has_the_frequency_of_its_policy(tmp_path: Path) -> None:
    found = read(tmp_path, policy(0, 3_000_000, 2_000_000) | policy(1, 2_500_000), ids(0, 1))

    assert found == {
        0: CpuSpeed(max_frequency_khz=3_000_000, base_frequency_khz=2_000_000),
        1: CpuSpeed(max_frequency_khz=2_500_000),
    }


def test_a_policy_speaks_for_the_cpus_that_it_names(tmp_path: Path) -> None:
    files = policy(0, 3_000_000, related="0 1 2") | policy(3, 2_000_000, related="3")

    assert {cpu: speed.max_frequency_khz for cpu, speed in read(tmp_path, files, ids(1, 2, 3)).items()} == {
        1: 3_000_000,
        2: 3_000_000,
        3: 2_000_000,
    }


def test_one_thread_speaks_for_its_core(tmp_path: Path) -> None:
    files = policy(0, 3_000_000) | policy(1, 0)

    assert read(tmp_path, files, ids(0, 1), [ids(0, 1)])[1].max_frequency_khz == 3_000_000


def test_another_thread_answers_where_the_first_cannot(tmp_path: Path) -> None:
    files = policy(0, 0) | policy(1, 3_000_000) | policy(2, 2_000_000)

    assert read(tmp_path, files, ids(0, 1, 2), [ids(0, 1), ids(2)])[0].max_frequency_khz == 3_000_000


def test_another_thread_answers_for_the_part_that_the_first_cannot_tell(tmp_path: Path) -> None:
    files = {f"{CPUS}/cpu{cpu}/cpu_capacity": "?" if cpu == 2 else "512\n" for cpu in range(4)}
    found = read(tmp_path, files | policy(2, 2_000_000), ids(0, 1, 2, 3), [ids(0, 1), ids(2, 3)])

    assert found[2] == found[3] == CpuSpeed(max_frequency_khz=2_000_000, capacity=512)


def test_older_kernels_have_a_policy_in_the_directory_of_a_cpu(tmp_path: Path) -> None:
    folder = f"{CPUS}/cpu0/cpufreq"
    files = {f"{folder}/cpuinfo_max_freq": "800000\n", f"{folder}/related_cpus": "0 1\n"}

    assert read(tmp_path, files, ids(0, 1)) == dict.fromkeys((0, 1), CpuSpeed(max_frequency_khz=800_000))


def test_older_policies_without_related_cpus_speak_for_their_own(tmp_path: Path) -> None:
    files = {f"{CPUS}/cpu{cpu}/cpufreq/base_frequency": f"{cpu + 1}00000\n" for cpu in (0, 1)}

    found = read(tmp_path, files, ids(0, 1))

    assert (found[0].base_frequency_khz, found[1].base_frequency_khz) == (100_000, 200_000)


def test_current_frequencies_are_never_read(tmp_path: Path) -> None:
    write_tree(tmp_path, policy(0, 3_000_000) | {f"{CPUS}/cpufreq/policy0/cpuinfo_cur_freq": "1\n"})
    fs = AnsweringFS(tmp_path, {})
    read_cpu_speeds(FactReader(fs), CPUS, online=ids(0), cores=())

    assert not [path for path in fs.paths if "cur_freq" in path]


def test_a_frequency_of_nought_is_unknown(tmp_path: Path) -> None:
    assert read(tmp_path, policy(0, 0, 0), ids(0)) == {}


def test_capacity_and_design_are_read_where_a_cpu_has_them(tmp_path: Path) -> None:
    files = {
        f"{CPUS}/cpu0/cpu_capacity": "446\n",
        f"{CPUS}/cpu0/regs/identification/midr_el1": "0x00000000410fd871\n",
    }

    assert read(tmp_path, files, ids(0, 1)) == {0: CpuSpeed(capacity=446, midr=0x410FD871)}


def test_a_value_in_error_is_unknown_and_named(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, policy(0, 3_000_000) | {f"{CPUS}/cpu0/cpu_capacity": "fast\n"})

    assert read_cpu_speeds(reader, CPUS, online=ids(0), cores=()) == {
        0: CpuSpeed(max_frequency_khz=3_000_000)
    }
    assert problem_paths(reader) == [f"{CPUS}/cpu0/cpu_capacity"]


class AnsweringFS(DirectoryFS):
    """A machine that answers some files with an error, and keeps what was asked."""

    def __init__(self, root: Path, errors: Mapping[str, int]) -> None:
        super().__init__(str(root))
        self.errors = errors
        self.paths: list[str] = []

    def read(self, path: str, limit: int = READ_LIMIT) -> bytes | None:
        self.paths.append(path)
        if path in self.errors:
            raise UnreadableError(path, "busy", self.errors[path])
        return super().read(path, limit)


def test_a_policy_whose_cpus_are_all_offline_is_no_problem(tmp_path: Path) -> None:
    write_tree(tmp_path, policy(0, 3_000_000, related="0 1") | policy(2, 3_000_000, related="2"))
    fs = AnsweringFS(tmp_path, {f"{CPUS}/cpufreq/policy2/related_cpus": errno.EBUSY})
    reader = FactReader(fs)

    assert set(read_cpu_speeds(reader, CPUS, online=ids(0, 1), cores=())) == {0, 1}
    assert reader.problems == ()
