"""Where the memory of a container lies, and how much of it on other NUMA nodes than its CPUs."""

from __future__ import annotations

from collections.abc import Iterable

from agent.alignment.model import HugePageBytes, Pages
from agent.placement.model import hugepages_resource
from collectors.model.cgroup import ContainerCgroup, NodeBytes
from collectors.parse import IdSet


def derive_pages(cgroup: ContainerCgroup, near: IdSet) -> Pages | None:
    """The pages of a container whose CPUs lie on the nodes `near`; empty where these are not known."""
    pages = cgroup.pages
    if pages is None:
        return None
    by_node = add_up(pages.anon, pages.file, pages.unevictable, pages.kernel)
    hugepages = tuple(
        HugePageBytes(resource=hugepages_resource(each.page_size_bytes), by_node=each.by_node)
        for each in cgroup.hugepages
    )
    everything = add_up(by_node, *(each.by_node for each in hugepages))
    total = sum(each.bytes for each in everything)
    remote = sum(each.bytes for each in everything if each.node not in near) if near else None
    return Pages(
        by_node=by_node,
        anon=pages.anon,
        file=pages.file,
        hugepages=hugepages,
        remote_bytes=remote,
        remote_share=None if remote is None or not total else remote / total,
    )


def add_up(*kinds: Iterable[NodeBytes]) -> tuple[NodeBytes, ...]:
    """The sum by node, by node."""
    sums: dict[int, int] = {}
    for kind in kinds:
        for each in kind:
            sums[each.node] = sums.get(each.node, 0) + each.bytes
    return tuple(NodeBytes(node=node, bytes=sums[node]) for node in sorted(sums))
