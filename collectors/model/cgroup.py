"""Facts about the cgroups of containers: what they leave to a container, and where its pages lie. Sources:
Documentation/admin-guide/cgroup-v2.rst, Documentation/admin-guide/cgroup-v1/{cpusets,memory,hugetlb}.rst"""

from __future__ import annotations

from dataclasses import dataclass

from collectors.parse import IdSet


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeBytes:
    """How much lies on one NUMA node."""

    node: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PagesByNode:
    """memory.numa_stat: the pages that are charged to a cgroup and to those below it, by NUMA node. No hugepages."""

    anon: tuple[NodeBytes, ...]
    """Anonymous memory: heaps, stacks"""
    file: tuple[NodeBytes, ...]
    """Files, tmpfs and shared memory among them"""
    unevictable: tuple[NodeBytes, ...] = ()
    """Locked memory; version 1 only, where it is in neither of the above"""
    kernel: tuple[NodeBytes, ...] = ()
    """Stacks, page tables and slabs of the kernel; version 2 only"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HugePagesByNode:
    """hugetlb.<size>.numa_stat: hugepages of one size that are charged to a cgroup, by NUMA node."""

    page_size_bytes: int
    by_node: tuple[NodeBytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerCgroup:
    """The cgroup of one container. None where its files do not say."""

    container_id: str
    path: str
    """Below the root of the hierarchy: `/kubepods.slice/…/cri-containerd-<id>.scope`"""
    cpus: IdSet | None = None
    """cpuset.cpus.effective (version 1: cpuset.effective_cpus, before Linux 3.17 cpuset.cpus): where it may run"""
    nodes: IdSet | None = None
    """cpuset.mems.effective (version 1: cpuset.effective_mems or cpuset.mems): where its pages may come from"""
    pages: PagesByNode | None = None
    hugepages: tuple[HugePagesByNode, ...] = ()
    """By page size; empty before Linux 5.17"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerCgroups:
    """The cgroups of the containers that were asked for."""

    version: int | None = None
    """1 or 2, of the hierarchy that has cpusets; None where no hierarchy is in sight"""
    containers: tuple[ContainerCgroup, ...] = ()
    """By container id; containers without a cgroup in sight are not among them"""

    def of(self, container_id: str | None) -> ContainerCgroup | None:
        """The cgroup of a container, None where there is none in sight."""
        return next((each for each in self.containers if each.container_id == container_id), None)
