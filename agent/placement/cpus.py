"""Who holds which CPUs.

Under CPU policy static the kubelet gives whole CPUs away; what is left of the allocatable ones is available. Under
policy none it gives none to anybody: each node then has its online CPUs less the reserved ones, and keeps them.

Which CPUs are held is known exactly from the CPU manager's checkpoint. Without it, from the kubelet's list and, for
the init containers which that leaves out, from specs and from the shared pool as our own process sees it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from agent.placement.amounts import total_of
from agent.placement.holders import Holder
from agent.placement.model import (
    CPU,
    Amount,
    Basis,
    Contradiction,
    CpuBook,
    Inference,
    InferenceKind,
    Part,
    Unplaced,
)
from agent.placement.places import Facts, nodes_of_holder
from collectors.model.kubelet import CpuManagerState
from collectors.parse import IdSet, format_id_list

_NONE: IdSet = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """CPUs that are held, beside those that are listed, and how that is known."""

    cpus: IdSet = frozenset()
    unplaced: tuple[Unplaced, ...] = ()
    inferences: tuple[Inference, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()


def cpu_basis(facts: Facts) -> Basis | None:
    """Whether the kubelet gives out CPUs: by its configuration, else its checkpoint, else by what it calls allocatable,
    which is nothing under policy none."""
    policy = facts.config and facts.config.cpu_manager_policy
    if policy is None and facts.picture.checkpoints is not None and facts.picture.checkpoints.cpu is not None:
        policy = facts.picture.checkpoints.cpu.policy
    if policy is not None:
        return Basis.KUBELET if policy == "static" else Basis.MACHINE
    pool = facts.picture.allocatable.facts
    if pool is None:
        return None
    return Basis.KUBELET if pool.cpus else Basis.MACHINE


def account_cpus(facts: Facts, basis: Basis | None) -> tuple[Part, CpuBook | None]:
    """The CPUs of each node, and the CPUs themselves where the kubelet gives them out."""
    if basis is Basis.MACHINE:
        return _shared_by_all(facts), None
    pool = facts.picture.allocatable.facts
    if basis is None or pool is None:
        return _unknown(facts, "which CPUs the kubelet can give"), None
    state = _checkpoint(facts)
    if not facts.listed and state is None:
        return _unknown(facts, "who holds which CPUs", allocatable=pool.cpus), None
    listed = _listed(facts.holders)
    held = (
        _by_checkpoint(state, facts, pool.cpus) if state is not None else _concluded(facts, pool.cpus, listed)
    )
    taken = listed | held.cpus
    book = CpuBook(allocatable=pool.cpus, held=taken, available=pool.cpus - taken)
    return _part(facts, book, held), book


def _checkpoint(facts: Facts) -> CpuManagerState | None:
    checkpoints = facts.picture.checkpoints
    state = None if checkpoints is None else checkpoints.cpu
    return state if state is not None and state.policy == "static" else None


def _listed(holders: Iterable[Holder]) -> IdSet:
    """Pod-level CPUs contain the containers' own, so this is a union."""
    return _NONE.union(*(_cpus_of(holder) for holder in holders))


def _cpus_of(holder: Holder) -> IdSet:
    allocation = holder.allocation
    return allocation.cpus.union(*[each.cpus for each in allocation.containers if each.cpus])


def _by_checkpoint(state: CpuManagerState, facts: Facts, allocatable: IdSet) -> _Held:
    """Everything that is not in the shared pool, less what belongs to pods that have ended: the kubelet puts it back
    within its reconcile period, or as soon as the next pod comes."""
    entries = (*state.containers, *state.pods)
    live = _NONE.union(*(each.cpus for each in entries if each.pod_uid in facts.live))
    dead = _NONE.union(*(each.cpus for each in entries if each.pod_uid not in facts.live)) - live
    return _Held(cpus=allocatable - state.shared_cpus - dead)


def _concluded(facts: Facts, allocatable: IdSet, listed: IdSet) -> _Held:
    """What init containers hold: the CPUs missing from the shared pool, where their number fits the pods' specs; else
    as many as the specs say, on the nodes of their pods."""
    missing = _missing_from_pool(facts, allocatable, listed)
    if facts.picture.pods.facts is None:
        return _nobodys(missing or _NONE, facts)
    least = sum(each.cpus_least for each in facts.leftovers)
    most = sum(each.cpus_most for each in facts.leftovers)
    if missing is not None and missing and least <= len(missing) <= most:
        return _nobodys(missing, facts)
    return _by_specs(facts, allocatable - listed)


def _missing_from_pool(facts: Facts, allocatable: IdSet, listed: IdSet) -> IdSet | None:
    """Allocatable CPUs that nobody is listed with and that the shared pool lacks all the same. None where our own set is
    not the pool of this moment: it then has a CPU in it that somebody holds (the kubelet has not caught up), or it is
    no pool at all but somebody's CPUs."""
    pool = facts.picture.own_cpus
    if pool is None or pool & listed or not pool:
        return None
    return allocatable - listed - pool


def _nobodys(cpus: IdSet, facts: Facts) -> _Held:
    if not cpus:
        return _Held()
    inference = Inference(
        kind=InferenceKind.UNLISTED_CPUS,
        resource=CPU,
        amount=len(cpus),
        nodes=facts.nodes_of_cpus(cpus),
        cpus=cpus,
    )
    return _Held(cpus=cpus, inferences=(inference,))


def _by_specs(facts: Facts, free: IdSet) -> _Held:
    """For each pod as many CPUs as its init containers hold at least. Which ones is not known: the lowest that are free
    on the pod's nodes stand for them."""
    taken: set[int] = set()
    unplaced: list[Unplaced] = []
    inferences: list[Inference] = []
    contradictions: list[Contradiction] = []
    for left in facts.leftovers:
        if not left.cpus_least:
            continue
        nodes = nodes_of_holder(left.holder, facts)
        name = left.holder.name
        inferences.append(
            Inference(
                kind=InferenceKind.INIT_CONTAINER,
                resource=CPU,
                amount=left.cpus_least,
                nodes=nodes or None,
                holder=name,
            )
        )
        there = [cpu for cpu in sorted(free - taken) if facts.node_of_cpu.get(cpu) in nodes]
        taken.update(there[: left.cpus_least])
        short = left.cpus_least - len(there)
        if short <= 0:
            continue
        unplaced.append(Unplaced(resource=CPU, amount=short, holders=(name,)))
        if nodes:
            reason = f"{short} more CPUs are held by init containers than are free on their pod's nodes"
            contradictions.append(Contradiction(resource=CPU, reason=reason, amount=short, holders=(name,)))
    return _Held(
        cpus=frozenset(taken),
        unplaced=tuple(unplaced),
        inferences=tuple(inferences),
        contradictions=tuple(contradictions),
    )


def _part(facts: Facts, book: CpuBook, held: _Held) -> Part:
    concluded = frozenset[int]().union(*(each.nodes or _NONE for each in held.inferences))
    allocatable = Counter(facts.node_of_cpu.get(cpu) for cpu in book.allocatable)
    available = Counter(facts.node_of_cpu.get(cpu) for cpu in book.available)
    zones = tuple(
        (
            node.id,
            Amount(
                resource=CPU,
                capacity=len(node.cpus),
                allocatable=allocatable[node.id],
                available=available[node.id],
                inferred=node.id in concluded,
            ),
        )
        for node in facts.nodes
        if node.cpus
    )
    nowhere = Amount(
        resource=CPU, capacity=allocatable[None], allocatable=allocatable[None], available=available[None]
    )
    unattributed = (nowhere,) if nowhere.capacity else ()
    total = total_of(
        (*(amount for _, amount in zones), *unattributed),
        unplaced=sum(each.amount for each in held.unplaced),
    )
    return Part(
        zones=zones,
        totals=() if total is None else (total,),
        unattributed=unattributed,
        unplaced=held.unplaced,
        inferences=held.inferences,
        contradictions=(*held.contradictions, *_held_twice(facts.holders), *_out_of_place(facts, book)),
    )


def _held_twice(holders: Iterable[Holder]) -> Iterable[Contradiction]:
    """Within one pod CPUs may be named more than once; two pods never have the same."""
    seen: dict[int, str] = {}
    shared: dict[tuple[str, str], set[int]] = {}
    for holder in holders:
        for cpu in _cpus_of(holder):
            first = seen.setdefault(cpu, holder.name)
            if first != holder.name:
                shared.setdefault((first, holder.name), set()).add(cpu)
    for names, cpus in sorted(shared.items()):
        reason = f"CPUs {format_id_list(frozenset(cpus))} are exclusive to two pods"
        yield Contradiction(resource=CPU, reason=reason, amount=len(cpus), holders=names)


def _out_of_place(facts: Facts, book: CpuBook) -> Iterable[Contradiction]:
    offline = frozenset(cpu for cpu in book.allocatable if cpu not in facts.node_of_cpu)
    if offline:
        reason = f"the kubelet can give CPUs {format_id_list(offline)}, which are online on no NUMA node"
        yield Contradiction(resource=CPU, reason=reason, amount=len(offline))
    foreign = book.held - book.allocatable
    if foreign:
        names = tuple(holder.name for holder in facts.holders if _cpus_of(holder) & foreign)
        reason = f"CPUs {format_id_list(foreign)} are held, but are none that the kubelet can give"
        yield Contradiction(resource=CPU, reason=reason, amount=len(foreign), holders=names)


def _shared_by_all(facts: Facts) -> Part:
    """The kernel's CPUs less the reserved ones, where these are known by number."""
    reserved = (facts.config and facts.config.reserved_cpus) or _NONE
    zones = tuple(
        (
            node.id,
            Amount(
                resource=CPU,
                capacity=len(node.cpus),
                allocatable=len(node.cpus - reserved),
                available=len(node.cpus - reserved),
                basis=Basis.MACHINE,
            ),
        )
        for node in facts.nodes
        if node.cpus
    )
    return Part(zones=zones, totals=_totals(zones))


def _unknown(facts: Facts, what: str, *, allocatable: IdSet | None = None) -> Part:
    zones = tuple(
        (
            node.id,
            Amount(
                resource=CPU,
                capacity=len(node.cpus),
                allocatable=None if allocatable is None else len(node.cpus & allocatable),
                available=None,
            ),
        )
        for node in facts.nodes
        if node.cpus
    )
    return Part(zones=zones, totals=_totals(zones), unknown=(what,))


def _totals(zones: Iterable[tuple[int, Amount]]) -> tuple[Amount, ...]:
    total = total_of(amount for _, amount in zones)
    return () if total is None else (total,)
