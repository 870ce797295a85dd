from __future__ import annotations

import json
import lzma
import tarfile
from pathlib import Path

import pytest

from collectors.cpu import read_cpus
from collectors.hostfs import DirectoryFS
from collectors.model import Cpu, CpuTopology
from collectors.reader import FactReader
from tests.collectors.machines import CPUS, cache_files, ids, smt_machine
from tests.collectors.trees import problem_paths, reader_of
from tests.shared import SHARED, shared_folder


def read(root: Path, files: dict[str, object]) -> CpuTopology:
    return read_cpus(reader_of(root, files))


def test_every_cpu_knows_its_package_and_core(tmp_path: Path) -> None:
    found = read(tmp_path, smt_machine())

    assert found.cpus[5] == Cpu(id=5, online=True, package_id=1, core_id=0)
    assert (len(found.packages), len(found.cores), len(found.cpus)) == (2, 4, 8)


def test_of_an_offline_cpu_only_the_id_is_known(tmp_path: Path) -> None:
    found = read(tmp_path, smt_machine() | {f"{CPUS}/online": "0-6\n"})

    assert found.cpus[7] == Cpu(id=7, online=False)
    assert found.cores[-1].cpus == ids(6)


def test_third_level_caches_are_the_uncore_groups(tmp_path: Path) -> None:
    files = smt_machine()
    for first in (0, 4):
        files |= cache_files(first, 3, level=3, kind="Unified", shared=range(first, first + 4))

    assert [cache.cpus for cache in read(tmp_path, files).l3_caches] == [ids(0, 1, 2, 3), ids(4, 5, 6, 7)]


def test_speeds_and_kinds_are_told(tmp_path: Path) -> None:
    files = smt_machine()
    for cpu in range(8):
        files[f"{CPUS}/cpufreq/policy{cpu}/cpuinfo_max_freq"] = "5000000\n" if cpu < 4 else "3000000\n"
    found = read(tmp_path, files)

    assert found.cpus[3].max_frequency_khz == 5_000_000
    assert [kind.cpus for kind in found.kinds] == [ids(0, 1, 2, 3), ids(4, 5, 6, 7)]


def test_without_topology_in_sysfs_cpuinfo_gives_packages_and_cores(tmp_path: Path) -> None:
    part = "processor : {0}\nphysical id : {1}\ncore id : 0\nmodel name : Old\n\n"
    cpuinfo = "".join(part.format(cpu, cpu // 2) for cpu in range(4))
    found = read(tmp_path, {f"{CPUS}/online": "0-2\n", "/proc/cpuinfo": cpuinfo})

    assert [group.cpus for group in found.packages] == [ids(0, 1), ids(2)]
    assert [group.cpus for group in found.cores] == [ids(0, 1), ids(2)]
    assert found.model_name == "Old"


def test_without_sysfs_a_machine_is_its_processors(tmp_path: Path) -> None:
    found = read(tmp_path, {"/proc/cpuinfo": "processor : 0\n\nprocessor : 1\n"})

    assert (found.online, found.packages, found.cores, found.caches) == (ids(0, 1), (), (), ())
    assert [cpu.id for cpu in found.cpus] == [0, 1]


def test_an_id_that_no_cpu_tells_costs_that_id_and_no_more(tmp_path: Path) -> None:
    files = smt_machine()
    files |= {f"{CPUS}/cpu{cpu}/topology/physical_package_id": "zero\n" for cpu in range(4)}
    reader = reader_of(tmp_path, files)
    found = read_cpus(reader)

    assert [package.id for package in found.packages] == [None, 1]
    assert len(found.cores) == 4
    assert problem_paths(reader)[0] == f"{CPUS}/cpu0/topology/physical_package_id"


TREES = sorted(path.name.removesuffix(".tar.xz") for path in (SHARED / "sysfs").glob("*.tar.xz"))


@pytest.mark.shared
@pytest.mark.parametrize("tree", TREES or ["any"])
def test_ids_and_second_level_caches_of_captured_machines_are_the_ones_that_lstopo_gives(
    tree: str, tmp_path: Path
) -> None:
    folder = shared_folder("sysfs")
    truth = json.loads((folder / f"{tree}.truth.json").read_text())
    with lzma.open(folder / f"{tree}.tar.xz") as stream, tarfile.open(fileobj=stream) as archive:
        archive.extractall(tmp_path, filter="fully_trusted")
    reader = FactReader(DirectoryFS(str(tmp_path / tree)))

    found = read_cpus(reader)

    for level, groups in (("packages", found.packages), ("cores", found.cores), ("dies", found.dies)):
        if truth[level] or level == "packages":  # lstopo leaves out dies that are their package
            expected = [(group["os_index"], group["cpuset"]) for group in truth[level]]
            assert [(group.id, sorted(group.cpus)) for group in groups] == expected
    seconds = [cache for cache in found.caches if cache.level == 2 and cache.type.value != "Instruction"]
    assert sorted((sorted(cache.cpus), cache.size_bytes) for cache in seconds) == sorted(
        (cache["cpuset"], cache["size"]) for cache in truth["l2"]
    )
    assert reader.problems == ()
