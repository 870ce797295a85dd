"""Whether a kubelet starts with a configuration, on this machine and over these state files, and what it costs pods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from agent.kubelet_config.amounts import format_amount
from agent.kubelet_config.drain import drain_steps
from agent.kubelet_config.managers import (
    capacity_objections,
    cpu_objections,
    memory_objections,
    online_objections,
    topology_objections,
)
from agent.kubelet_config.merge_cost import slow_merge
from agent.kubelet_config.model import CPU_STATE, MAX_NUMA_ID, MEMORY_STATE, Caution, Loss, Objection, Start
from agent.kubelet_config.options import on
from agent.kubelet_config.state_cpus import cpu_state_objections
from agent.kubelet_config.state_memory import memory_state_objections
from agent.kubelet_config.versions import CLOSEST, TOPOLOGY_MANAGER
from agent.kubelet_config.written import reserve_objections, written_objections
from agent.placement.model import HUGEPAGES, MEMORY
from collectors.parse import format_id_list


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer."""

    objections: tuple[Objection, ...]
    """What keeps the kubelet from starting, in its own order: it says the first, and stops"""
    cautions: tuple[Caution, ...]
    losses: tuple[Loss, ...]
    """What pods lose, by pod"""

    @property
    def starts(self) -> bool:
        """Whether it starts."""
        return not self.objections


def judge(start: Start, *, names: Mapping[str, str] | None = None) -> Verdict:
    """Whether the kubelet starts.

    Args:
        start: what is asked about.
        names: `namespace/name` of pods by uid, as far as they are known.
    """
    objections = tuple(_named(found, names or {}) for found in _objections(start))
    files = {each.state_file for each in objections if each.state_file is not None}
    return Verdict(
        objections=objections,
        cautions=tuple(cautions(start)),
        losses=tuple(sorted(_losses(start, files, names or {}), key=lambda loss: loss.pod)),
    )


def _named(found: Objection, names: Mapping[str, str]) -> Objection:
    """The same with pods' names for their uids."""
    evidence = found.evidence
    for uid, name in names.items():
        evidence = tuple(line.replace(f"pod {uid},", f"pod {name},") for line in evidence)
    return replace(found, evidence=evidence)


def _objections(start: Start) -> Iterator[Objection]:
    yield from written_objections(start)
    yield from online_objections(start)
    yield from reserve_objections(start)
    yield from topology_objections(start)
    made = (*cpu_objections(start), *memory_objections(start))
    yield from made
    if not made:  # a manager that cannot be made has no policy that a state file could be held against
        yield from _malformed(start)
        yield from cpu_state_objections(start)
        yield from memory_state_objections(start)
    yield from capacity_objections(start)


def _malformed(start: Start) -> Iterator[Objection]:
    for file, reason in start.malformed:
        yield Objection(
            check="state-malformed",
            what=f"{start.root}/{file} is no state file",
            says="could not restore state from checkpoint",
            evidence=(reason,),
            way_out=drain_steps(start.root, file),
            state_file=f"{start.root}/{file}",
        )


def cautions(start: Start) -> Iterator[Caution]:
    """What lets the kubelet start and harms afterwards."""
    config, nodes = start.config, frozenset(start.hardware.machine.numa_nodes)
    aligns = config.topology_manager_policy != "none"
    if (aligns or config.memory_manager_policy == "Static") and max(nodes, default=0) > MAX_NUMA_ID:
        yield Caution(
            check="numa-ids-too-high",
            what=f"the kubelet panics with the first pod that it places: its sets of NUMA nodes end at {MAX_NUMA_ID}",
            evidence=(f"NUMA nodes {format_id_list(nodes)}",),
            way_out="topologyManagerPolicy: none and memoryManagerPolicy: None, or fewer NUMA nodes by firmware",
        )
    merges = config.topology_manager_policy in ("best-effort", "restricted")
    if merges and on(config.topology_manager_options, CLOSEST) and nodes != frozenset(range(len(nodes))):
        yield Caution(
            check="sparse-ids",
            what=f"the kubelet panics with the first pod that it aligns: {CLOSEST} cannot stand gaps between the ids "
            "of NUMA nodes",
            evidence=(f"NUMA nodes {format_id_list(nodes)}",),
            way_out=f"take {CLOSEST} out of {TOPOLOGY_MANAGER.field}",
        )
    if config.memory_manager_policy == "Static":
        yield from _wrapped(start)
    yield from _slow(start)


def _slow(start: Start) -> Iterator[Caution]:
    config, nodes = start.config, len(start.hardware.machine.numa_nodes)
    cost = slow_merge(
        start.hardware,
        config.topology_manager_policy or "none",
        cpus=config.cpu_manager_policy == "static",
        memory=config.memory_manager_policy == "Static",
    )
    if cost is not None:
        yield Caution(
            check="hint-merge",
            what=f"with {nodes} NUMA nodes the kubelet takes {cost.duration} for a container with "
            f"{', '.join(cost.resources)}, and admits no other pod meanwhile",
            evidence=(f"{cost.permutations:,} combinations of sets of NUMA nodes",),
            way_out="topologyManagerPolicy: single-numa-node or none, or fewer NUMA nodes by firmware settings",
        )


def _wrapped(start: Start) -> Iterator[Caution]:
    """Nodes of which more is reserved than there is: the kubelet counts the rest without a sign, as nearly 2^64 bytes."""
    reserved = dict(start.config.reserved_memory)
    for node in sorted(start.hardware.machine.numa_nodes):
        amounts = start.hardware.memory_of(node)
        hugepages = sum(size for resource, size in amounts.items() if resource.startswith(HUGEPAGES))
        kept, there = dict(reserved.get(node, ())).get(MEMORY, 0), amounts.get(MEMORY, 0) - hugepages
        if kept > there:
            yield Caution(
                check="reserve-over-node",
                what=f"more memory of NUMA node {node} is reserved than it has: the kubelet then takes it for endless",
                evidence=(f"{format_amount(kept)} reserved, {format_amount(there)} there beside hugepages",),
                way_out=f"less of NUMA node {node} in reservedMemory; `numascope kubelet-config` prints shares that fit",
            )


def _losses(start: Start, files: set[str], names: Mapping[str, str]) -> Iterator[Loss]:
    """Of every pod that has something in a state file that has to go."""
    cpu, memory = start.checkpoints.cpu, start.checkpoints.memory
    if cpu is not None and f"{start.root}/{CPU_STATE}" in files:
        for each in (*cpu.containers, *cpu.pods):
            words = f"CPUs {format_id_list(each.cpus)}"
            yield Loss(pod=names.get(each.pod_uid, each.pod_uid), what=_of(words, each.container))
    if memory is not None and f"{start.root}/{MEMORY_STATE}" in files:
        for held in (*memory.containers, *memory.pods):
            for block in held.blocks:
                nodes = format_id_list(block.numa_nodes or frozenset())
                words = f"{format_amount(block.size_bytes)} {block.type} of NUMA node {nodes}"
                yield Loss(pod=names.get(held.pod_uid, held.pod_uid), what=_of(words, held.container))


def _of(words: str, container: str | None) -> str:
    return words if container is None else f"{words} (container {container})"
