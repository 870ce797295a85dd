"""An alignment in words: cells of a table, and sentences about what a person may want to look at. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from agent.alignment.fit import is_spread
from agent.alignment.model import ContainerAlignment, Cpuset, CpusetVerdict, Fit, Level, Pages, Part, Wish
from agent.placement.model import CPU, MEMORY
from agent.views.units import format_bytes, format_ids, name_nodes
from collectors.model.cgroup import NodeBytes

NOTHING = "-"
UNKNOWN = "?"

_LEVELS = {
    Level.CORE: "one core",
    Level.L3: "one L3 cache",
    Level.NUMA: "one NUMA node",
    Level.SOCKET: "one socket",
    Level.MACHINE: "several sockets",
}


def cpus_cell(container: ContainerAlignment) -> str:
    """`2-9 (one L3 cache)`, or `shared`."""
    cpus = frozenset[int]().union(*(part.cpus for part in container.parts))
    if not cpus:
        return "shared"
    level = "" if container.cpu_level is None else f" ({_LEVELS[container.cpu_level]})"
    return f"{format_ids(cpus)}{level}"


def memory_cell(parts: Iterable[Part]) -> str:
    """`4 GiB on 0, 512 MiB hugepages-2Mi on 0`."""
    memory = [part for part in parts if part.resource != CPU and is_spread(part.resource)]
    memory.sort(key=lambda part: part.resource != MEMORY)  # hugepages come after what every pod has
    words = (
        f"{format_bytes(part.amount)}{'' if part.resource == MEMORY else f' {part.resource}'} on {_where(part)}"
        for part in memory
    )
    return ", ".join(words) or NOTHING


def devices_cell(parts: Iterable[Part]) -> str:
    """`2 example.com/gpu on 0`."""
    words = (
        f"{part.amount} {part.resource} on {_where(part)}" for part in parts if not is_spread(part.resource)
    )
    return ", ".join(words) or NOTHING


def fit_cell(fit: Fit) -> str:
    """`yes`, or `no: one socket, distance 21`."""
    if fit.aligned is None:
        return UNKNOWN if fit.nodes else NOTHING
    if fit.aligned:
        return "yes"
    words = [_LEVELS[fit.level]] if fit.level is not None else []
    words += [f"distance {fit.distance}"] if fit.distance is not None else []
    return f"no: {', '.join(words)}" if words else "no"


def cpuset_cell(cpuset: Cpuset | None) -> str:
    """The verdict; `?` where there is a cgroup but no verdict."""
    if cpuset is None:
        return NOTHING
    return UNKNOWN if cpuset.verdict is None else cpuset.verdict.value


def remote_cell(pages: Pages | None) -> str:
    """`12 %` of the memory."""
    return NOTHING if pages is None or pages.remote_share is None else f"{pages.remote_share:.0%}"


def pages_cell(pages: Pages | None) -> str:
    """`1.2 GiB on 0, 3 MiB on 1`, hugepages by themselves."""
    if pages is None:
        return NOTHING
    words = [_by_node(pages.by_node)]
    words += [f"{each.resource} {_by_node(each.by_node)}" for each in pages.hugepages if _lies(each.by_node)]
    return "; ".join(words)


def parts_words(parts: Iterable[Part]) -> str:
    """`cpu on 0, example.com/gpu on 1`: what lies where, each once."""
    return ", ".join(dict.fromkeys(f"{part.resource} on {_where(part)}" for part in parts))


def cpuset_words(cpuset: Cpuset) -> str:
    """What the cgroup has, and what it should: `CPUs 0-63 in its cgroup, 2-5 by the kubelet`."""
    words = []
    if cpuset.cpus is not None and (cpuset.extra or cpuset.missing):
        by_kubelet = (
            f"{format_ids(cpuset.kubelet_cpus)} by the kubelet"
            if cpuset.kubelet_cpus is not None
            else f"of which {format_ids(cpuset.extra)} are somebody's own"
        )
        words.append(f"CPUs {format_ids(cpuset.cpus)} in its cgroup, {by_kubelet}")
    nodes, by_book = cpuset.nodes, cpuset.kubelet_nodes
    if nodes is not None and by_book is not None and nodes != by_book:
        words.append(f"memory of {name_nodes(nodes)} in its cgroup, {format_ids(by_book)} by the kubelet")
    return "; ".join(words)


def wish_words(wish: Wish) -> str:
    """`kubernetes.io/topology-policy=single-numa-node: it is on NUMA nodes 0-1`."""
    return f"{wish.annotation}={wish.value}: {wish.why}"


def is_off(cpuset: Cpuset | None) -> bool:
    """Whether a cgroup is not as it should be."""
    return cpuset is not None and cpuset.verdict in (CpusetVerdict.DIFFERS, CpusetVerdict.STALE)


def _where(part: Part) -> str:
    return UNKNOWN if part.nodes is None else format_ids(part.nodes)


def _by_node(by_node: Iterable[NodeBytes]) -> str:
    return ", ".join(f"{format_bytes(each.bytes)} on {each.node}" for each in by_node) or NOTHING


def _lies(by_node: Iterable[NodeBytes]) -> bool:
    return any(each.bytes for each in by_node)
