"""A Snapshot in a schema that belongs to no program, for comparing answers: see `../shared/sysfs/grade.py`.

Ids are numbers, sets are sorted lists, what is unknown is null or left out.
"""

from __future__ import annotations

from collections.abc import Iterable

from agent.views.locality import derive_localities
from collectors.model import CpuTopology, IdSet, NumaNode, NumaTopology, PciDevice, Snapshot

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]


def neutral_answers(snapshot: Snapshot) -> dict[str, Json]:
    """Everything that is compared of one machine; a subject that could not be read is left out."""
    answers: dict[str, Json] = {}
    cpus, numa, pci = snapshot.cpus.facts, snapshot.numa.facts, snapshot.pci.facts
    if cpus is not None:
        answers |= _cpus(cpus)
    if numa is not None:
        answers["numa_nodes"] = [_numa_node(node) for node in numa.nodes]
    if pci is not None:
        answers["pci"] = _pci(pci, numa)
    return answers | _allowed(snapshot)


def _cpus(cpus: CpuTopology) -> dict[str, Json]:
    answers: dict[str, Json] = {
        "packages": len(cpus.packages),
        "cores": len(cpus.cores),
        "pus": len(cpus.online),
        "l3": [_ids(cache.cpus) for cache in cpus.l3_caches],
    }
    if cpus.kinds:
        answers["cpu_kinds"] = [_ids(kind.cpus) for kind in cpus.kinds]
    return answers


def _numa_node(node: NumaNode) -> Json:
    return {
        "id": node.id,
        "cpus": _ids(node.cpus),
        "memory_bytes": node.memory_total_bytes,
        "hugepages": {
            str(pool.page_size_bytes): pool.total for pool in node.hugepages if pool.total is not None
        },
        "distances": {str(other): distance for other, distance in node.distances},
    }


def _pci(pci: tuple[PciDevice, ...], numa: NumaTopology | None) -> list[Json]:
    localities = {} if numa is None else derive_localities(pci, numa)
    answers: list[Json] = []
    for device in pci:
        locality = localities.get(device.address)
        nodes = None if locality is None or locality.nodes is None else _ids(locality.nodes)
        answers.append({"bdf": device.address, "numa_nodes": nodes})
    return answers


def _allowed(snapshot: Snapshot) -> dict[str, Json]:
    """What the machine leaves to the process that captured it: all of it where no cpuset says otherwise."""
    if snapshot.system.facts is None or snapshot.cpus.facts is None or snapshot.numa.facts is None:
        return {}
    allowed = snapshot.system.facts.allowed
    cpus = snapshot.cpus.facts.online
    nodes = _distinct_nodes(snapshot.numa.facts)
    return {
        "allowed_cpus": _ids(cpus if allowed.cpus is None else cpus & allowed.cpus),
        "allowed_nodes": _ids(nodes if allowed.nodes is None else nodes & allowed.nodes),
    }


def _distinct_nodes(numa: NumaTopology) -> IdSet:
    """Nodes without those whose CPUs are on an earlier node too: lstopo drops these, as no sound machine has them."""
    seen: IdSet = frozenset()
    distinct: set[int] = set()
    for node in numa.nodes:
        if not node.cpus & seen:
            distinct.add(node.id)
            seen |= node.cpus
    return frozenset(distinct)


def _ids(ids: Iterable[int]) -> list[Json]:
    return [*sorted(ids)]
