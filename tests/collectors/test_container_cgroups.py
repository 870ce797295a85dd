"""Containers' cgroups, found under every cgroup driver, runtime and version."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.container_cgroups import read_container_cgroups
from collectors.model.cgroup import ContainerCgroup, ContainerCgroups, HugePagesByNode, NodeBytes, PagesByNode
from collectors.reader import FactReader
from tests.collectors.cgroup_trees import (
    CONTAINER,
    LAYOUTS,
    ROOT,
    SANDBOX,
    UID,
    Group,
    version_1,
    version_2,
)
from tests.collectors.machines import ids
from tests.collectors.trees import UNREADABLE, problem_paths, reader_of
from tests.fakes.memoryfs import MemoryFS
from tests.hosts.tree import Tree

PLAIN = LAYOUTS["cgroupfs, Burstable"]
EXPECTED = ContainerCgroup(
    container_id=CONTAINER,
    path=f"/{PLAIN}",
    cpus=ids(2, 3, 4, 5),
    nodes=ids(0),
    pages=PagesByNode(
        anon=(NodeBytes(node=0, bytes=8192), NodeBytes(node=1, bytes=4096)),
        file=(NodeBytes(node=0, bytes=4096), NodeBytes(node=1, bytes=0)),
        kernel=(NodeBytes(node=0, bytes=0),),
    ),
)


def read(root: Path, files: Mapping[str, object], *wanted: str) -> ContainerCgroups:
    reader = reader_of(root, files)
    found = read_container_cgroups(reader, wanted or (CONTAINER,), page_bytes=4096)
    assert problem_paths(reader) == []
    return found


def only(found: ContainerCgroups) -> ContainerCgroup:
    (group,) = found.containers
    return group


@pytest.mark.parametrize("layout", LAYOUTS)
def test_version_2_is_read_wherever_the_container_lies(layout: str, tmp_path: Path) -> None:
    found = read(tmp_path, version_2(Group(path=LAYOUTS[layout])))

    assert found.version == 2
    group = only(found)
    assert group.path == f"/{LAYOUTS[layout]}"
    assert (group.cpus, group.nodes, group.pages) == (EXPECTED.cpus, EXPECTED.nodes, EXPECTED.pages)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_version_1_is_read_wherever_the_container_lies(layout: str, tmp_path: Path) -> None:
    found = read(tmp_path, version_1(Group(path=LAYOUTS[layout])))

    assert found.version == 1
    group = only(found)
    assert (group.cpus, group.nodes) == (ids(2, 3, 4, 5), ids(0))
    assert group.pages is not None
    assert EXPECTED.pages is not None
    assert (group.pages.anon, group.pages.file) == (EXPECTED.pages.anon, EXPECTED.pages.file)


def test_only_those_that_were_asked_for_are_read(tmp_path: Path) -> None:
    other = "0d" * 32
    groups = (Group(path=PLAIN), Group(path=PLAIN.replace(CONTAINER, other)))

    assert read(tmp_path, version_2(*groups), other).containers[0].container_id == other
    assert read(tmp_path / "none", version_2(*groups), "ee" * 32) == ContainerCgroups(version=2)


def test_who_watches_over_a_container_is_not_the_container(tmp_path: Path) -> None:
    path = LAYOUTS["systemd and CRI-O"]
    files = version_2(Group(path=path)) | {
        f"{ROOT}/{path.replace('crio-', 'crio-conmon-')}/cgroup.events": "populated 1\n"
    }

    assert only(read(tmp_path, files)).path == f"/{path}"


def test_a_root_that_an_earlier_kubelet_left_behind_is_passed_by(tmp_path: Path) -> None:
    files = version_2(Group(path=LAYOUTS["systemd with a root of its own"])) | {
        f"{ROOT}/kubepods/burstable/pod{UID}/{SANDBOX}/cgroup.procs": ""
    }

    assert only(read(tmp_path, files)).cpus == EXPECTED.cpus


def test_version_1_may_leave_memory_to_version_2(tmp_path: Path) -> None:
    v1 = {path: text for path, text in version_1(Group(path=PLAIN)).items() if "/memory" not in path}
    v2 = version_2(Group(path=PLAIN), root=f"{ROOT}/unified")
    files = v1 | v2 | {f"{ROOT}/unified/cgroup.controllers": "memory\n"}

    found = read(tmp_path, files)
    assert found.version == 1
    assert only(found).pages == EXPECTED.pages


def test_before_linux_3_17_only_the_plain_files_tell(tmp_path: Path) -> None:
    files = {path.replace("effective_", ""): text for path, text in version_1(Group(path=PLAIN)).items()}

    assert only(read(tmp_path, files)).cpus == EXPECTED.cpus


def test_a_file_that_is_missing_says_as_the_parent(tmp_path: Path) -> None:
    files = version_2(Group(path=PLAIN))
    del files[f"{ROOT}/{PLAIN}/cpuset.cpus.effective"]
    files[f"{ROOT}/kubepods/cpuset.cpus.effective"] = "4-7\n"

    assert only(read(tmp_path, files)).cpus == ids(4, 5, 6, 7)


def test_a_container_that_went_meanwhile_has_no_cgroup(tmp_path: Path) -> None:
    files = version_2(Group(path=PLAIN))
    gone = {path for path in files if path.startswith(f"{ROOT}/{PLAIN}/")}
    left = {path: text for path, text in files.items() if path not in gone}

    reader = reader_of(tmp_path, left)
    (tmp_path / f"{ROOT}/{PLAIN}".lstrip("/")).mkdir()
    assert read_container_cgroups(reader, [CONTAINER]) == ContainerCgroups(version=2)


def test_without_a_mount_of_cgroups_there_is_no_version(tmp_path: Path) -> None:
    assert read(tmp_path, {"/sys/fs/cgroup/cpu/tasks": ""}) == ContainerCgroups()
    (tmp_path / "none").mkdir()
    assert read(tmp_path / "none", {}) == ContainerCgroups()


def test_version_1_without_cpusets_still_tells_pages(tmp_path: Path) -> None:
    files = {path: text for path, text in version_1(Group(path=PLAIN)).items() if "/cpuset/" not in path}

    group = only(read(tmp_path, files))
    assert (group.cpus, group.nodes) == (None, None)
    assert group.pages is not None


def test_without_the_memory_controller_pages_are_unknown(tmp_path: Path) -> None:
    files = {path: text for path, text in version_1(Group(path=PLAIN)).items() if "/memory/" not in path}

    assert only(read(tmp_path, files)).pages is None


def test_another_root_is_searched_where_it_is_given(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, version_2(Group(path=PLAIN), root=f"/host{ROOT}"))

    assert read_container_cgroups(reader, [CONTAINER], root=f"/host{ROOT}").containers == (EXPECTED,)


def test_hugepages_are_read_of_each_size_that_there_is(tmp_path: Path) -> None:
    files = version_2(Group(path=PLAIN)) | {
        f"{ROOT}/{PLAIN}/hugetlb.2MB.numa_stat": "total=4194304 N0=2097152 N1=2097152\n"
    }
    reader = reader_of(tmp_path, files)

    (group,) = read_container_cgroups(reader, [CONTAINER], hugepage_sizes=[2 << 20, 1 << 30]).containers
    by_node = (NodeBytes(node=0, bytes=2 << 20), NodeBytes(node=1, bytes=2 << 20))
    assert group.hugepages == (HugePagesByNode(page_size_bytes=2 << 20, by_node=by_node),)


def test_what_cannot_be_read_is_unknown_and_named(tmp_path: Path) -> None:
    files = version_2(Group(path=PLAIN)) | {
        f"{ROOT}/{PLAIN}/cpuset.cpus.effective": "two\n",
        f"{ROOT}/{PLAIN}/memory.numa_stat": UNREADABLE,
    }
    reader = reader_of(tmp_path, files)

    (group,) = read_container_cgroups(reader, [CONTAINER]).containers
    assert (group.nodes, group.pages) == (ids(0), None)
    assert problem_paths(reader) == [
        f"{ROOT}/{PLAIN}/cpuset.cpus.effective",
        f"{ROOT}/{PLAIN}/memory.numa_stat",
    ]


def test_a_tree_in_circles_is_not_searched_for_ever(tmp_path: Path) -> None:
    files = version_2(Group(path=PLAIN))
    reader = reader_of(tmp_path, files, links={f"{ROOT}/kubepods/kube": ".", f"{ROOT}/kubepods/pods": "."})

    assert read_container_cgroups(reader, ["ee" * 32]) == ContainerCgroups(version=2)


def test_a_container_is_found_by_its_id() -> None:
    cgroups = ContainerCgroups(version=2, containers=(EXPECTED,))
    assert cgroups.of(CONTAINER) is EXPECTED
    assert cgroups.of(None) is None


def pods_group(parts: list[str], *, systemd: bool) -> str:
    """Where the kubelet puts a pod's group, by its rule for cgroup names and what systemd makes of slices."""
    if not systemd:
        return "/".join(parts)
    escaped = [part.replace("-", "_") for part in parts]
    return "/".join("-".join(escaped[:length]) + ".slice" for length in range(1, len(escaped) + 1))


_WORD = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=8).filter(
    lambda word: word.strip("-") == word and word not in ("tasks", "kubepods")
)
_RUNTIMES = st.sampled_from(("", "cri-containerd-", "crio-", "docker-", "libpod-"))


@given(
    st.lists(_WORD, max_size=3),
    st.sampled_from(("", "burstable", "besteffort")),
    st.uuids(),
    st.booleans(),
    _RUNTIMES,
    st.booleans(),
)
def test_a_container_is_found_wherever_the_kubelet_may_put_it(
    cgroup_root: list[str], qos: str, uid: UUID, systemd: bool, runtime: str, unified: bool
) -> None:
    parts = [*cgroup_root, "kubepods", *([qos] if qos else []), f"pod{uid}"]
    name = f"{runtime or 'cri-containerd-'}{CONTAINER}.scope" if systemd else CONTAINER
    group = Group(path=f"{pods_group(parts, systemd=systemd)}/{name}")
    tree = Tree()
    for path, text in (version_2(group) if unified else version_1(group)).items():
        tree.file(path, str(text).encode())

    reader = FactReader(MemoryFS.of(tree))
    assert only(read_container_cgroups(reader, [CONTAINER], page_bytes=4096)).path == f"/{group.path}"
    assert reader.problems == ()
