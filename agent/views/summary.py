"""The head of what `numascope show` prints: what machine it is, in a dozen lines. Pure."""

from __future__ import annotations

from collections import Counter

from agent.views.cpu_lines import cpu_ids, describe_caches, describe_cores, describe_cpus, describe_kind
from agent.views.memory_lines import summarize_pools
from agent.views.text import Facts, Line, Section, name, plain, plural, quiet, warn
from agent.views.units import format_bytes, name_nodes
from collectors.model import CpuTopology, NumaKind, NumaTopology, Snapshot


def derive_summary(snapshot: Snapshot, devices: Line) -> Section:
    """Model, kernel and totals; `devices` are the words for what hangs in the machine, empty for none."""
    topology, numa = snapshot.cpus.facts, snapshot.numa.facts
    rows: list[tuple[str, Line]] = []
    if topology is not None:
        rows += _cpu_rows(topology)
    if numa is not None:
        rows += _memory_rows(numa)
    if topology is not None:
        rows += _restriction_rows(snapshot, topology)
    if devices:
        rows.append(("devices", devices))
    return Section(title=_title(snapshot), content=Facts(rows=tuple(rows)))


def _title(snapshot: Snapshot) -> Line:
    topology, system = snapshot.cpus.facts, snapshot.system.facts
    model = topology and (topology.model_name or topology.vendor)
    spans = [name(" ".join(model.split())) if model else quiet("CPU model unknown")]
    if topology is not None and topology.architecture:
        spans.append(plain(f", {topology.architecture}"))
    if system is not None and system.kernel_release:
        spans.append(plain(f", Linux {system.kernel_release}"))
    return tuple(spans)


def _cpu_rows(topology: CpuTopology) -> list[tuple[str, Line]]:
    groups = (
        ("drawer", topology.drawers),
        ("book", topology.books),
        ("package", topology.packages),
        ("die", topology.dies if len(topology.dies) > len(topology.packages) else ()),
    )
    words = [plural(len(members), word) for word, members in groups if members]
    cores = describe_cores(topology, topology.online)
    if cores:
        words.append(cores)
    online = f"{len(topology.online)} online"
    rows: list[tuple[str, Line]] = [("CPUs", (plain(f"{online}: {', '.join(words)}" if words else online),))]
    if len(topology.kinds) > 1:
        rows += [
            (
                "core kinds" if position == 0 else "",
                (plain(describe_cpus(topology, kind.cpus)), quiet(f"; {describe_kind(kind)}")),
            )
            for position, kind in enumerate(topology.kinds)
        ]
    if topology.caches:
        rows.append(("caches", (plain(describe_caches(topology)),)))
    return rows


def _memory_rows(numa: NumaTopology) -> list[tuple[str, Line]]:
    words = _total_words(numa)
    if numa.from_kernel:
        words += f", {plural(len(numa.nodes), 'NUMA node')}"
        kinds = Counter(node.kind for node in numa.nodes)
        words += "".join(
            f", {count} {_ODD_NODES[kind]}" for kind, count in kinds.items() if kind in _ODD_NODES
        )
    else:
        words += ", no NUMA nodes (the kernel tells of none)"
    rows: list[tuple[str, Line]] = [("memory", (plain(words),))]
    if numa.offline:
        rows.append(("", (warn(f"{name_nodes(numa.offline)} offline"),)))
    if len(numa.tiers) > 1:
        tiers = "; ".join(f"tier {tier.id}: {name_nodes(tier.nodes)}" for tier in numa.tiers)
        rows.append(("memory tiers", (plain(tiers),)))
    if numa.machine_hugepages:
        rows.append(("hugepages", (plain(summarize_pools(numa.machine_hugepages)),)))
        placed = {pool.page_size_bytes for node in numa.nodes for pool in node.hugepages}
        lost = [pool for pool in numa.machine_hugepages if pool.total and pool.page_size_bytes not in placed]
        if lost and numa.from_kernel:
            sizes = " and ".join(format_bytes(pool.page_size_bytes) for pool in lost)
            rows.append(("", (quiet(f"the kernel does not tell on which NUMA nodes those of {sizes} are"),)))
    return rows


def _total_words(numa: NumaTopology) -> str:
    """Memory in all and free: what the kernel says of the machine, else what its nodes come to."""
    total, free = numa.memory_total_bytes, numa.memory_free_bytes
    if total is None:
        total = _sum_of_known([node.memory_total_bytes for node in numa.nodes])
        free = _sum_of_known([node.memory_free_bytes for node in numa.nodes])
    if total is None:
        return "unknown"
    return format_bytes(total) if free is None else f"{format_bytes(total)}, {format_bytes(free)} free"


def _sum_of_known(sizes: list[int | None]) -> int | None:
    known = [size for size in sizes if size is not None]
    return sum(known) if known and len(known) == len(sizes) else None


_ODD_NODES = {
    NumaKind.CPU_ONLY: "without memory",
    NumaKind.MEMORY_ONLY: "without CPUs",
    NumaKind.DEVICE_MEMORY: "of device memory",
    NumaKind.EMPTY: "empty",
}


def _restriction_rows(snapshot: Snapshot, topology: CpuTopology) -> list[tuple[str, Line]]:
    """CPUs that are there but not for everybody."""
    offline = frozenset(cpu.id for cpu in topology.cpus if not cpu.online) | (
        (topology.present or frozenset()) - topology.online
    )
    rows: list[tuple[str, Line]] = [
        (key, (warn(cpu_ids(cpus)),))
        for key, cpus in (
            ("offline", offline),
            ("isolated", topology.isolated),
            ("nohz_full", topology.nohz_full),
        )
        if cpus
    ]
    allowed = snapshot.system.facts and snapshot.system.facts.allowed
    if allowed:
        numa = snapshot.numa.facts
        words = []
        if allowed.cpus is not None and not topology.online <= allowed.cpus:
            words.append(cpu_ids(allowed.cpus))
        if allowed.nodes is not None and numa and not {node.id for node in numa.nodes} <= allowed.nodes:
            words.append(f"memory of {name_nodes(allowed.nodes)}")
        if words:
            rows.append(
                (
                    "allowed",
                    (warn(", ".join(words)), quiet("; the cpuset cgroup leaves no more to this process")),
                )
            )
    return rows
