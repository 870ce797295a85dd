from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from collectors.cgroups import read_allowed
from collectors.model import AllowedSet
from tests.collectors.machines import CPUS, ids
from tests.collectors.trees import problem_paths, reader_of

NODES = "/sys/devices/system/node"
MACHINE = {f"{CPUS}/online": "0-15\n", f"{NODES}/online": "0-3\n"}
UNIFIED = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n"
V1 = "cgroup /sys/fs/cgroup/cpuset cgroup rw,relatime,cpuset 0 0\n"


def read(root: Path, files: Mapping[str, object]) -> AllowedSet:
    return read_allowed(reader_of(root, {**MACHINE, **files}))


def test_version_2_allows_what_is_effective(tmp_path: Path) -> None:
    group = "/sys/fs/cgroup/system.slice/agent"
    files = {
        "/proc/self/cgroup": "0::/system.slice/agent\n",
        "/proc/mounts": UNIFIED,
        "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory\n",
        f"{group}/cpuset.cpus": "0-7\n",
        f"{group}/cpuset.cpus.effective": "0-3\n",
        f"{group}/cpuset.mems.effective": "0\n",
    }

    assert read(tmp_path, files) == AllowedSet(cpus=ids(0, 1, 2, 3), nodes=ids(0))


def test_a_group_without_files_is_limited_as_its_parent_is(tmp_path: Path) -> None:
    files = {
        "/proc/self/cgroup": "0::/a/b/c\n",
        "/proc/mounts": UNIFIED,
        "/sys/fs/cgroup/cgroup.controllers": "cpuset\n",
        "/sys/fs/cgroup/a/b/cpuset.mems.effective": "\n",
        "/sys/fs/cgroup/a/cpuset.cpus.effective": "4-5\n",
        "/sys/fs/cgroup/a/cpuset.mems.effective": "1\n",
        "/sys/fs/cgroup/cpuset.cpus.effective": "0-15\n",
    }

    assert read(tmp_path, files) == AllowedSet(cpus=ids(4, 5), nodes=ids(1))


def test_all_that_is_online_is_no_limit(tmp_path: Path) -> None:
    files = {
        "/proc/self/cgroup": "0::/\n",
        "/proc/mounts": UNIFIED,
        "/sys/fs/cgroup/cpuset.cpus.effective": "0-175\n",
        "/sys/fs/cgroup/cpuset.mems.effective": "0-3\n",
    }

    assert read(tmp_path, files) == AllowedSet()


def test_all_nodes_that_have_memory_are_no_limit(tmp_path: Path) -> None:
    files = {
        f"{NODES}/has_memory": "2-3\n",
        "/proc/self/cpuset": "/\n",
        "/proc/mounts": V1,
        "/sys/fs/cgroup/cpuset/cpuset.mems": "2-3\n",
    }

    assert read(tmp_path, files) == AllowedSet()


def test_cpus_and_nodes_may_lie_apart(tmp_path: Path) -> None:
    files = {
        "/proc/self/cpuset": "/prout\n",
        "/proc/mounts": "cpuset /dev/cpuset cgroup rw,cpuset,noprefix 0 0\n",
        "/dev/cpuset/prout/cpus": "0-3\n",
        "/dev/cpuset/prout/mems": "2-3\n",
    }

    assert read(tmp_path, files) == AllowedSet(cpus=ids(0, 1, 2, 3), nodes=ids(2, 3))


def test_the_file_system_before_cgroups_has_no_prefix_either(tmp_path: Path) -> None:
    files = {
        "/proc/self/cpuset": "/jobs\n",
        "/proc/mounts": "none /dev/cpuset cpuset rw 0 0\n",
        "/dev/cpuset/jobs/cpus": "7\n",
    }

    assert read(tmp_path, files).cpus == ids(7)


def test_version_1_is_found_beside_a_version_2_without_the_controller(tmp_path: Path) -> None:
    files = {
        "/proc/self/cgroup": "4:cpu,cpuacct:/\n3:cpuset:/batch\n0::/user.slice\n",
        "/proc/mounts": f"cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n{V1}",
        "/sys/fs/cgroup/unified/cgroup.controllers": "io memory\n",
        "/sys/fs/cgroup/unified/user.slice/cpuset.cpus.effective": "0\n",
        "/sys/fs/cgroup/cpuset/batch/cpuset.cpus": "8-9\n",
        "/sys/fs/cgroup/cpuset/batch/cpuset.effective_cpus": "8\n",
    }

    assert read(tmp_path, files).cpus == ids(8, 9)


def test_version_1_in_the_mode_of_version_2_allows_what_is_effective(tmp_path: Path) -> None:
    files = {
        "/proc/self/cgroup": "3:cpuset:/batch\n",
        "/proc/mounts": V1.replace("cpuset 0 0", "cpuset,cpuset_v2_mode 0 0"),
        "/sys/fs/cgroup/cpuset/batch/cpuset.cpus": "8-9\n",
        "/sys/fs/cgroup/cpuset/batch/cpuset.effective_cpus": "8\n",
    }

    assert read(tmp_path, files).cpus == ids(8)


def mountinfo(root: str, point: str = "/sys/fs/cgroup/cpuset", options: str = "rw,cpuset") -> str:
    return f"30 25 0:26 {root} {point} ro,nosuid shared:9 - cgroup cgroup {options}\n"


def test_a_container_sees_its_own_part_of_the_hierarchy(tmp_path: Path) -> None:
    files = {
        "/proc/self/cgroup": "3:cpuset:/kubepods/pod1/box/inner\n",
        "/proc/self/mountinfo": "short line\n" + mountinfo("/kubepods/pod1/box"),
        "/sys/fs/cgroup/cpuset/inner/cpuset.cpus": "2\n",
    }

    assert read(tmp_path, files).cpus == ids(2)


@pytest.mark.parametrize("path", ["/kubepods/pod1/box", "/../../elsewhere", "/"])
def test_a_path_that_is_the_mount_or_lies_outside_is_the_mount_itself(tmp_path: Path, path: str) -> None:
    files = {
        "/proc/self/cgroup": f"3:cpuset:{path}\n",
        "/proc/self/mountinfo": mountinfo("/kubepods/pod1/box"),
        "/sys/fs/cgroup/cpuset/cpuset.cpus": "2\n",
        "/sys/elsewhere/cpuset.cpus": "3\n",
    }

    assert read(tmp_path, files).cpus == ids(2)


def test_blanks_in_a_mount_point_are_understood(tmp_path: Path) -> None:
    files = {
        "/proc/self/cgroup": "3:cpuset:/\n",
        "/proc/self/mountinfo": mountinfo("/", point="/my\\040groups"),
        "/my groups/cpuset.cpus": "2\n",
    }

    assert read(tmp_path, files).cpus == ids(2)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"/proc/self/cpuset": "\n", "/proc/mounts": V1, "/sys/fs/cgroup/cpuset/cpuset.cpus": "0\n"},
        {"/proc/self/cpuset": "/x\n", "/proc/mounts": f"short\nproc /proc proc rw 0 0\n{V1}"},
        {
            "/proc/self/cgroup": "0::/x\nno colon\n",
            "/proc/mounts": V1,
            "/sys/fs/cgroup/cpuset/cpuset.cpus": "0\n",
        },
        {"/proc/self/cgroup": "2:cpu:/\n", "/proc/mounts": V1, "/sys/fs/cgroup/cpuset/cpuset.cpus": "0\n"},
    ],
    ids=["nothing", "no path", "no files", "group of another version", "no cpuset controller"],
)
def test_without_a_cpuset_in_sight_nothing_limits(tmp_path: Path, files: dict[str, object]) -> None:
    reader = reader_of(tmp_path, {**MACHINE, **files})

    assert read_allowed(reader) == AllowedSet()
    assert reader.problems == ()


def test_without_a_list_of_online_cpus_the_set_is_given_as_it_is(tmp_path: Path) -> None:
    files = {
        "/proc/self/cpuset": "/\n",
        "/proc/mounts": V1,
        "/sys/fs/cgroup/cpuset/cpuset.cpus": "0-1\n",
        "/sys/fs/cgroup/cpuset/cpuset.mems": "0,2\n",
    }

    assert read_allowed(reader_of(tmp_path, files)) == AllowedSet(cpus=ids(0, 1), nodes=ids(0, 2))


def test_a_set_that_is_wholly_offline_is_not_believed_and_named(tmp_path: Path) -> None:
    path = "/sys/fs/cgroup/cpuset/cpuset.cpus"
    reader = reader_of(tmp_path, {**MACHINE, "/proc/self/cpuset": "/\n", "/proc/mounts": V1, path: "40-41\n"})

    assert read_allowed(reader) == AllowedSet()
    assert problem_paths(reader) == [path]


def test_a_set_in_error_is_named_and_the_parent_counts(tmp_path: Path) -> None:
    path = "/sys/fs/cgroup/cpuset/x/cpuset.cpus"
    files = {path: "all\n", "/sys/fs/cgroup/cpuset/cpuset.cpus": "1\n"}
    reader = reader_of(tmp_path, {**MACHINE, "/proc/self/cpuset": "/x\n", "/proc/mounts": V1, **files})

    assert read_allowed(reader).cpus == ids(1)
    assert problem_paths(reader) == [path]
