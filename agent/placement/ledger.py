"""The ledger of a snapshot: who holds what, per NUMA node and resource, each CPU, byte and device once.

Without a kubelet it says what the kernel shows. With one it says what the kubelet gives out and to whom, as exactly as
the kubelet's answers, its files and the specs of its pods together allow, and what of it is concluded and not told.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter

from agent.placement.cpus import account_cpus, cpu_basis
from agent.placement.devices import account_devices
from agent.placement.holders import live_holders, live_uids
from agent.placement.machine import machine_amounts
from agent.placement.memory import account_memory, memory_basis
from agent.placement.model import Amount, Basis, Ledger, Part, Zone
from agent.placement.places import Facts, leftovers_of
from collectors.model import Snapshot
from collectors.model.kubelet_picture import KubeletPicture

_NO_PICTURE = KubeletPicture()


def derive_ledger(snapshot: Snapshot) -> Ledger:
    """The ledger of a machine; no zones where its NUMA nodes are unknown. Same facts, same ledger, in any order."""
    facts = _facts(snapshot)
    if snapshot.numa.facts is None:
        return Ledger(unknown=("the NUMA nodes",))
    if snapshot.kubelet is None:
        cpus, book = account_cpus(facts, Basis.MACHINE)
        alone = (cpus, account_memory(facts, Basis.MACHINE))
        return _ledger(alone, Ledger(cpu_basis=Basis.MACHINE, memory_basis=Basis.MACHINE, cpus=book))
    of_cpus, of_memory = cpu_basis(facts), memory_basis(facts)
    cpus, book = account_cpus(facts, of_cpus)
    parts = (cpus, account_memory(facts, of_memory), account_devices(facts))
    return _ledger(parts, Ledger(cpu_basis=of_cpus, memory_basis=of_memory, cpus=book))


def _facts(snapshot: Snapshot) -> Facts:
    numa = snapshot.numa.facts
    picture = snapshot.kubelet or _NO_PICTURE
    nodes = () if numa is None else tuple(sorted(numa.nodes, key=attrgetter("id")))
    holders = live_holders(picture)
    return Facts(
        snapshot=snapshot,
        nodes=nodes,
        amounts={}
        if numa is None
        else {node.id: machine_amounts(node, numa, snapshot.pci.facts or ()) for node in nodes},
        node_of_cpu={cpu: node.id for node in nodes for cpu in node.cpus},
        picture=picture,
        config=picture.config.facts,
        holders=holders,
        live=live_uids(picture, holders),
        leftovers=leftovers_of(holders, picture.config.facts),
    )


def _ledger(parts: tuple[Part, ...], modes: Ledger) -> Ledger:
    zones: dict[int, list[Amount]] = {}
    for part in parts:
        for node, amount in part.zones:
            zones.setdefault(node, []).append(amount)
    return Ledger(
        zones=tuple(
            Zone(id=node, amounts=_by_resource(amounts))
            for node, amounts in sorted(zones.items())
            if any(amount.capacity for amount in amounts)
        ),
        totals=_by_resource(each for part in parts for each in part.totals),
        shared=tuple(each for part in parts for each in part.shared),
        unattributed=_by_resource(each for part in parts for each in part.unattributed),
        unplaced=tuple(each for part in parts for each in part.unplaced),
        spanning=tuple(each for part in parts for each in part.spanning),
        inferences=tuple(each for part in parts for each in part.inferences),
        contradictions=tuple(each for part in parts for each in part.contradictions),
        unknown=tuple(each for part in parts for each in part.unknown),
        cpu_basis=modes.cpu_basis,
        memory_basis=modes.memory_basis,
        cpus=modes.cpus,
    )


def _by_resource(amounts: Iterable[Amount]) -> tuple[Amount, ...]:
    return tuple(sorted(amounts, key=attrgetter("resource")))
