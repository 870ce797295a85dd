"""What the agent says when it starts: what it found on the machine, what is missing, where it serves. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from agent.views.inventory import Sort, derive_items
from agent.views.text import plural
from agent.views.units import format_bytes, format_ids
from collectors.model import CpuTopology, HugePagePool, NumaKind, NumaTopology, Snapshot

SHOWN_PROBLEMS = 3
"""Files named at start; the snapshot has them all."""

_COUNTED = {
    Sort.GPU: "GPU",
    Sort.ACCELERATOR: "accelerator",
    Sort.NETWORK: "network device",
    Sort.NVME: "NVMe controller",
    Sort.STORAGE: "storage device",
    Sort.MEMORY: "memory device",
}


def describe_findings(snapshot: Snapshot) -> tuple[str, ...]:
    """What there is, a line a subject."""
    return tuple(
        line
        for line in (
            _machine(snapshot),
            snapshot.cpus.facts and _cpus(snapshot.cpus.facts),
            snapshot.numa.facts and _memory(snapshot.numa.facts),
            snapshot.numa.facts and _hugepages(snapshot.numa.facts.machine_hugepages),
            _devices(snapshot),
        )
        if line
    )


def describe_missing(snapshot: Snapshot, besides: Iterable[str] = ()) -> tuple[str, ...]:
    """What there is not, or could not be read, a line each; `besides` is what the snapshot cannot know."""
    return (*besides, *_missing(snapshot), *_unreadable(snapshot))


def _machine(snapshot: Snapshot) -> str:
    cpus, system = snapshot.cpus.facts, snapshot.system.facts
    words = (
        cpus and (cpus.model_name or cpus.vendor),
        cpus and cpus.architecture,
        system and system.kernel_release and f"Linux {system.kernel_release}",
    )
    return ", ".join(" ".join(word.split()) for word in words if word)


def _cpus(cpus: CpuTopology) -> str:
    words = [
        plural(len(groups), word)
        for groups, word in ((cpus.packages, "package"), (cpus.cores, "core"))
        if groups
    ]
    words.append(plural(len(cpus.online), "CPU"))
    offline = (cpus.present or frozenset()) - cpus.online
    if offline:
        words.append(f"offline: {format_ids(offline)}")
    if cpus.isolated:
        words.append(f"isolated: {format_ids(cpus.isolated)}")
    return ", ".join(words)


def _memory(numa: NumaTopology) -> str:
    words = []
    if numa.memory_total_bytes is not None:
        words.append(f"{format_bytes(numa.memory_total_bytes)} memory")
    if not numa.from_kernel:
        words.append("no NUMA nodes known to the kernel, taken as one")
        return ", ".join(words)
    words.append(plural(len(numa.nodes), "NUMA node"))
    kinds = Counter(node.kind for node in numa.nodes if node.kind is not None)
    if len(kinds) > 1:
        words.append(" + ".join(f"{kinds[kind]} {kind.value}" for kind in NumaKind if kinds[kind]))
    return ", ".join(words)


def _hugepages(pools: Iterable[HugePagePool]) -> str | None:
    words = [
        f"{pool.total} of {format_bytes(pool.page_size_bytes)} ({'?' if pool.free is None else pool.free} free)"
        for pool in pools
        if pool.total
    ]
    return f"hugepages: {', '.join(words)}" if words else None


def _devices(snapshot: Snapshot) -> str | None:
    pci = snapshot.pci.facts
    if pci is None:
        return None
    counts = Counter(item.sort for item in derive_items(pci, snapshot.devices.facts))
    words = [plural(len(pci), "PCI function")]
    words += [plural(counts[sort], word) for sort, word in _COUNTED.items() if counts[sort]]
    return ", ".join(words)


def _missing(snapshot: Snapshot) -> Iterator[str]:
    numa, pci = snapshot.numa.facts, snapshot.pci.facts
    if numa is not None and not any(pool.total for pool in numa.machine_hugepages):
        sizes = ", ".join(format_bytes(pool.page_size_bytes) for pool in numa.machine_hugepages)
        yield f"no hugepages (sizes that could be had: {sizes})" if sizes else "no hugepages"
    if pci is not None:
        sorts = {item.sort for item in derive_items(pci, snapshot.devices.facts)}
        if not sorts & {Sort.GPU, Sort.ACCELERATOR}:
            yield "no GPU and no accelerator"
    if pci == ():
        yield "no PCI devices"


def _unreadable(snapshot: Snapshot) -> Iterator[str]:
    for name, seen in snapshot.observed:
        if seen.error is not None:
            yield f"{name} could not be read: {seen.error}"
    problems = [problem for _, seen in snapshot.observed for problem in seen.problems if problem.path]
    if problems:
        shown = "; ".join(f"{problem.path}: {problem.reason}" for problem in problems[:SHOWN_PROBLEMS])
        more = len(problems) - SHOWN_PROBLEMS
        yield (
            f"{plural(len(problems), 'file')} could not be read or understood: {shown}"
            + (f"; and {more} more" if more > 0 else "")
            + ". /api/v1/snapshot lists them under `problems`; what only root may read, root can add"
        )
