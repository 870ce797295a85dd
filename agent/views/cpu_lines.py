"""Sets of CPUs in words: how many cores, how many threads each, of which kind, which CPUs. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict

from agent.views.text import Branch, Span, name, plain, plural, quiet
from agent.views.units import format_bytes, format_frequency, format_ids
from collectors.model import Cache, CacheType, CpuKind, CpuTopology, IdSet


def describe_cpus(topology: CpuTopology, cpus: IdSet) -> str:
    """`16 cores, SMT2, CPUs 0-15,64-79`; without cores where the kernel tells of none."""
    cores = describe_cores(topology, cpus)
    return f"{cores}, {cpu_ids(cpus)}" if cores else cpu_ids(cpus)


def cpu_ids(cpus: IdSet) -> str:
    """`CPU 3`, `CPUs 0-3,8`, `no CPUs`."""
    if not cpus:
        return "no CPUs"
    return f"{'CPU' if len(cpus) == 1 else 'CPUs'} {format_ids(cpus)}"


def describe_cores(topology: CpuTopology, cpus: IdSet) -> str:
    """`16 cores, SMT2`, `12 cores of 1 or 2 threads`, `8 cores`; `""` where the kernel tells of no cores there."""
    cores = [core for core in topology.cores if not core.cpus.isdisjoint(cpus)]
    if not cores:
        return ""
    threads = sorted({len(core.cpus) for core in cores})
    count = plural(len(cores), "core")
    if threads == [1]:
        return count
    if len(threads) == 1:
        return f"{count}, SMT{threads[0]}"
    return f"{count} of {' or '.join(map(str, threads))} threads"


def describe_kind(kind: CpuKind) -> str:
    """`Cortex-X925, up to 3.9 GHz`: the name and what is known of the speed."""
    words = [kind.name] if kind.name else []
    if kind.max_frequency_khz:
        words.append(f"up to {format_frequency(kind.max_frequency_khz)}")
    if kind.capacity is not None and (not words or kind.name is None):
        words.append(f"capacity {kind.capacity}")
    return ", ".join(words) or "unnamed"


def cache_label(cache: Cache) -> str:
    """`L3 32 MiB`, `L1d 48 KiB`; `L3` where its size is unknown."""
    letter = {CacheType.DATA: "d", CacheType.INSTRUCTION: "i", CacheType.UNIFIED: ""}[cache.type]
    size = "" if cache.size_bytes is None else f" {format_bytes(cache.size_bytes)}"
    return f"L{cache.level}{letter}{size}"


def describe_caches(topology: CpuTopology) -> str:
    """Every sort of cache and how many the machine has: `64x L1d 48 KiB, 64x L1i 32 KiB, 2x L3 60 MiB`."""
    counts = Counter((cache.level, cache.type.value, cache_label(cache)) for cache in topology.caches)
    return ", ".join(f"{counts[sort]}x {sort[2]}" for sort in sorted(counts))


def core_branches(topology: CpuTopology, cpus: IdSet) -> tuple[Branch, ...]:
    """A line for every core with CPUs in the set: its id, its CPUs, its own caches, kind and frequency."""
    own_caches: dict[IdSet, list[str]] = defaultdict(list)
    for cache in topology.caches:
        if cache.level < 3:
            own_caches[cache.cpus].append(cache_label(cache))
    frequencies = {cpu.id: cpu.max_frequency_khz for cpu in topology.cpus if cpu.max_frequency_khz}
    kind_names = {cpu: kind.name for kind in topology.kinds if kind.name for cpu in kind.cpus}
    branches = []
    for core in topology.cores:
        if core.cpus.isdisjoint(cpus):
            continue
        fastest = max((frequencies.get(cpu, 0) for cpu in core.cpus), default=0)
        notes = [
            *sorted({kind_names[cpu] for cpu in core.cpus if cpu in kind_names}),
            *own_caches[core.cpus],
            *([f"up to {format_frequency(fastest)}"] if fastest else []),
        ]
        line: list[Span] = [
            name("core" if core.id is None else f"core {core.id}"),
            plain(f": {cpu_ids(core.cpus)}"),
        ]
        if notes:
            line.append(quiet(f"; {', '.join(notes)}"))
        branches.append(Branch(line=tuple(line)))
    return tuple(branches)
