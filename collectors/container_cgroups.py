"""The cgroups of containers: found by their ids, and what they say of CPUs, NUMA nodes and pages.

Where a container's cgroup lies depends on the kubelet's cgroup driver and --cgroup-root, and on the runtime:

    /kubepods/burstable/pod<uid>/<id>
    /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<uid>.slice/cri-containerd-<id>.scope
    /kubelet.slice/kubelet-kubepods.slice/…/crio-<id>.scope
    /system.slice/containerd.service/kubepods-pod<uid>.slice:cri-containerd:<id>

Only the id is in all of them, so it is what we look for: first below what is named as the kubelet's, then elsewhere for
some steps. In version 1 every controller has a hierarchy of its own, with the same paths in each.

Paths below the mount point: cpuset.cpus.effective, cpuset.mems.effective, in version 1 cpuset.effective_cpus and
cpuset.effective_mems (the plain names before Linux 3.17), memory.numa_stat and hugetlb.<size>.numa_stat.
Kernel documents: Documentation/admin-guide/cgroup-v2.rst, Documentation/admin-guide/cgroup-v1/.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from collectors.cgroups import read_first_ids
from collectors.model.cgroup import ContainerCgroup, ContainerCgroups
from collectors.numa_stat import read_hugepages, read_pages
from collectors.reader import FactReader

CGROUP_ROOT = "/sys/fs/cgroup"
"""Where both versions are mounted on every machine that has a kubelet."""

MAX_LOOKS = 20_000
"""Directories that are listed for one search at most. 500 pods are 500 of them."""

FAR_LOOKS = 400
"""Of these, outside of what is named as the kubelet's: a system has some 200 services"""

FAR_DEPTH = 4
"""Steps below the root that are taken there"""

MAX_DEPTH = 16

_CONTROLLER_FILE = re.compile(
    r"(?:cgroup|cpu|cpuacct|cpuset|memory|io|pids|hugetlb|rdma|misc|devices|freezer|blkio|net_cls|net_prio|perf_event"
    r"|irq|dmem)\..*|tasks|notify_on_release|release_agent",
    re.ASCII,
)
"""Files that the kernel puts into every group; what has another name may be a group"""

_CPU_FILES = {
    1: ("cpuset.effective_cpus", "cpuset.cpus"),
    2: ("cpuset.cpus.effective",),
}
_NODE_FILES = {
    1: ("cpuset.effective_mems", "cpuset.mems"),
    2: ("cpuset.mems.effective",),
}
_ALWAYS_THERE = {1: "notify_on_release", 2: "cgroup.events"}
"""A file that every group but the root has, whichever controllers it has"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tree:
    """A hierarchy with a controller that we read."""

    top: str
    version: int


_Trees = dict[str, _Tree]
"""By controller"""


def read_container_cgroups(
    reader: FactReader,
    container_ids: Collection[str],
    *,
    root: str = CGROUP_ROOT,
    page_bytes: int | None = None,
    hugepage_sizes: Iterable[int] = (),
) -> ContainerCgroups:
    """The cgroups of these containers, as far as they are there.

    Args:
        container_ids: as the runtime calls them, without its name before them.
        root: where the cgroup file systems are mounted.
        page_bytes: the size of a page on that machine, which version 1 counts in.
        hugepage_sizes: sizes in bytes of hugepages that are looked for.
    """
    trees = _find_trees(reader, root)
    leading = trees.get("cpuset") or trees.get("memory")
    if leading is None:
        return ContainerCgroups()
    found = _find_groups(reader, leading.top, container_ids)
    sizes = tuple(sorted(set(hugepage_sizes)))
    groups = (
        _read_group(reader, trees, container_id, path, page_bytes=page_bytes, hugepage_sizes=sizes)
        for container_id, path in sorted(found.items())
    )
    return ContainerCgroups(
        version=leading.version, containers=tuple(group for group in groups if group is not None)
    )


def _find_trees(reader: FactReader, root: str) -> _Trees:
    """The hierarchy of each controller. Of version 2 the controllers that version 1 has taken are not."""
    names = reader.entries(root) or ()
    if "cgroup.controllers" in names:
        return dict.fromkeys(("cpuset", "memory", "hugetlb"), _Tree(top=root, version=2))
    trees: _Trees = {}
    for name in names:
        for controller in name.split(","):
            if controller in ("cpuset", "memory", "hugetlb"):
                trees.setdefault(controller, _Tree(top=f"{root}/{name}", version=1))
    if "unified" in names:
        for controller in (reader.text(f"{root}/unified/cgroup.controllers") or "").split():
            trees.setdefault(controller, _Tree(top=f"{root}/unified", version=2))
    return trees


def _find_groups(reader: FactReader, top: str, container_ids: Collection[str]) -> dict[str, str]:
    """Paths below `top` by container id."""
    missing, found = set(container_ids), dict[str, str]()
    near, far = deque([""]), deque[str]()
    looks, far_looks = MAX_LOOKS, FAR_LOOKS
    while missing and looks and (near or (far and far_looks)):
        if not near:
            far_looks -= 1
        looks -= 1
        directory = near.popleft() if near else far.popleft()
        for path, name in _groups_in(reader, top, directory):
            container_id = _id_in(name, missing)
            if container_id is not None:
                found[container_id] = path
                missing.discard(container_id)
            elif _is_kubelets(name) and path.count("/") <= MAX_DEPTH:
                near.append(path)
            elif "kubepods" not in path and path.count("/") <= FAR_DEPTH:
                far.append(path)
    return found


def _groups_in(reader: FactReader, top: str, directory: str) -> Iterator[tuple[str, str]]:
    """(path, name) of what may be a group."""
    for name in reader.entries(f"{top}{directory}") or ():
        if not _CONTROLLER_FILE.fullmatch(name):
            yield f"{directory}/{name}", name


def _id_in(name: str, wanted: set[str]) -> str | None:
    """The container that a group's name is about. `crio-conmon-<id>` is not the container, but who watches over it."""
    stem = name.removesuffix(".scope")
    if "conmon" in stem:
        return None
    words = (stem, stem.rpartition("-")[2], stem.rpartition(":")[2])
    return next((word for word in words if word in wanted), None)


def _is_kubelets(name: str) -> bool:
    """Whether the kubelet, or who gave it a root of its own, names groups so."""
    return "kube" in name or name in ("burstable", "besteffort") or name.startswith("pod")


def _read_group(
    reader: FactReader,
    trees: _Trees,
    container_id: str,
    path: str,
    *,
    page_bytes: int | None,
    hugepage_sizes: tuple[int, ...],
) -> ContainerCgroup | None:
    """What a group says; None where it has gone meanwhile."""
    cpuset, memory, hugetlb = (trees.get(controller) for controller in ("cpuset", "memory", "hugetlb"))
    cpus = nodes = None
    if cpuset is not None:
        upwards = tuple(_upwards(cpuset.top, path))
        cpus = read_first_ids(reader, upwards, _CPU_FILES[cpuset.version])
        nodes = read_first_ids(reader, upwards, _NODE_FILES[cpuset.version])
        inherited = cpus is None or not cpus[0].startswith(f"{upwards[0]}/")
        if inherited and reader.text(f"{upwards[0]}/{_ALWAYS_THERE[cpuset.version]}") is None:
            return None
    pages = hugepages = None
    if memory is not None:
        pages = read_pages(reader, f"{memory.top}{path}", version=memory.version, page_bytes=page_bytes)
    if hugetlb is not None:
        hugepages = [read_hugepages(reader, f"{hugetlb.top}{path}", size) for size in hugepage_sizes]
    return ContainerCgroup(
        container_id=container_id,
        path=path,
        cpus=None if cpus is None else cpus[1],
        nodes=None if nodes is None else nodes[1],
        pages=pages,
        hugepages=tuple(each for each in hugepages or () if each is not None),
    )


def _upwards(top: str, path: str) -> Iterator[str]:
    """Directories from a group up to the root: a file that is missing or empty says "as the parent"."""
    while path:
        yield f"{top}{path}"
        path = path.rpartition("/")[0]
    yield top
