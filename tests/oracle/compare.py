"""One step of the kubelet beside ours: every difference as a sentence.

Which of equal devices the kubelet takes is the order of a Go map. Where it has that choice, and only there, ours follows
it (`Ours.play`), so that devices too are equal one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agent.admission.merging.rules import nodes_of
from agent.admission.model import Books, Decision, Hint, Outcome
from collectors.model.kubelet import MemoryBlock
from collectors.parse import parse_id_list
from tests.oracle.ours import Ours
from tests.oracle.scenario import Object, Scenario, Step

OUTCOMES = {
    Outcome.ADMITTED: "admitted",
    Outcome.REFUSED: "refused",
    Outcome.PANIC: "panicked",
    Outcome.HANG: "hung",
}
Holder = tuple[str, str]


def compare(scenario: Scenario, step: Step, told: Object, ours: Ours, error: str | None) -> list[str]:
    """What differs after a step that both have done. Empty: nothing."""
    found = list(_verdicts(scenario, step, told, ours))
    if step.op in ("start", "advance") and told["outcome"] in ("done", "failed"):
        said = told["message"] if told["outcome"] == "failed" else None
        if error != said:
            found.append(f"start: the kubelet says {said!r}, we {error!r}")
    if found or "state" not in told:
        return found
    state = told["state"]
    living = {pod.uid for pod in ours.books.pods}
    found += _cpus(state, ours.books, living)
    found += _memory(state, ours.books, living)
    found += _devices(state, ours.books, living)
    return found


def compare_machine(told: Object, ours: Ours) -> Iterator[str]:
    """The CPUs as the kubelet's CPU manager sees them."""
    mine = {place.cpu: place for place in ours.node.machine.cpus}
    for cpu in sorted(mine.keys() | {int(each) for each in told}):
        theirs, place = told.get(str(cpu)), mine.get(cpu)
        seen = place and {
            "core": place.core,
            "socket": place.socket,
            "node": place.numa_node,
            "uncore": place.uncore_cache,
        }
        if seen and theirs and "uncore" not in theirs:
            del seen["uncore"]
        if seen != theirs:
            yield f"CPU {cpu}: the kubelet sees {theirs}, we {seen}"


def _verdicts(scenario: Scenario, step: Step, told: Object, ours: Ours) -> Iterator[str]:
    if step.op == "admit":
        ((_, decision),) = ours.decisions
        yield from _verdict("", told, decision)
        if scenario.kubelet.topology_policy != "none" and told["outcome"] in ("admitted", "refused"):
            yield from _hints(told, decision)
    elif step.op == "restart" and told["outcome"] == "done":
        for answer, (uid, decision) in zip(told.get("pods") or (), ours.decisions, strict=True):
            yield from _verdict(f"{uid} after the restart: ", answer, decision)
    elif told["outcome"] == "panicked" and all(
        each.outcome is not Outcome.PANIC for _, each in ours.decisions
    ):
        yield f"{step.op}: the kubelet panics ({told['message']}), we do not"


def _verdict(who: str, told: Object, decision: Decision) -> Iterator[str]:
    outcome = OUTCOMES[decision.outcome]
    if told["outcome"] != outcome:
        yield f"{who}the kubelet: {told['outcome']} {_words(told)}; we: {outcome} {decision.reason}: {decision.message}"
    elif outcome == "refused":
        theirs = told.get("reason"), told.get("message")
        if theirs not in ((decision.reason, decision.message), *decision.also):
            yield f"{who}the kubelet: {_words(told)}; we: {decision.reason}: {decision.message}"


def _words(told: Object) -> str:
    return f"{told.get('reason')}: {told.get('message')}"


def _hints(told: Object, decision: Decision) -> Iterator[str]:
    """Of a pod that was refused in pod scope the kubelet keeps the hint for the containers it came to; we for all."""
    theirs = {name: _hint(hint) for name, hint in told.get("hints", {}).items()}
    ours = {
        each.name: each.hint for each in decision.containers if each.hint not in (None, Hint(None, False))
    }
    for name in sorted(theirs if told["outcome"] == "refused" else ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            yield f"hint of {name}: the kubelet {_shown(theirs.get(name))}, we {_shown(ours.get(name))}"


def _hint(told: Object) -> Hint:
    nodes = told["nodes"]
    return Hint(None if nodes is None else sum(1 << node for node in nodes), told["preferred"])


def _shown(hint: Hint | None) -> str:
    if hint is None:
        return "none"
    nodes = "any" if hint.nodes is None else nodes_of(hint.nodes)
    return f"{nodes}{' preferred' if hint.preferred else ''}"


# --- what is held ----------------------------------------------------------------------------------------------------


def _cpus(state: Object, books: Books, living: set[str]) -> Iterator[str]:
    theirs = {
        (uid, name): parse_id_list(cpus) for uid, held in state["cpus"].items() for name, cpus in held.items()
    }
    yield from _held("CPUs", theirs, books.cpus, living)
    yield from _held(
        "CPUs of the pod",
        {(uid, ""): parse_id_list(cpus) for uid, cpus in state["podCpus"].items()},
        {(uid, ""): cpus for uid, cpus in books.pod_cpus.items()},
        living,
    )
    if _only(living, (*state["cpus"], *(uid for uid, _ in books.cpus))):
        shared = parse_id_list(state["sharedCpus"])
        if shared != books.shared_cpus:
            yield f"shared pool: the kubelet {sorted(shared)}, we {sorted(books.shared_cpus)}"


def _memory(state: Object, books: Books, living: set[str]) -> Iterator[str]:
    theirs = {
        (uid, name): _blocks(blocks) for uid, held in state["memory"].items() for name, blocks in held.items()
    }
    yield from _held("memory", theirs, _sorted(books.memory), living)
    yield from _held(
        "memory of the pod",
        {(uid, ""): _blocks(blocks) for uid, blocks in state["podMemory"].items()},
        _sorted({(uid, ""): blocks for uid, blocks in books.pod_memory.items()}),
        living,
    )
    if _only(living, (*state["memory"], *(uid for uid, _ in books.memory))):
        table = {int(node): _line(line) for node, line in state["table"].items()}
        ours = {
            node.id: (
                sorted(node.group),
                node.assignments,
                {
                    each.type: [each.total, each.system_reserved, each.allocatable, each.reserved, each.free]
                    for each in node.tables
                },
            )
            for node in books.memory_nodes
        }
        for node in sorted(table.keys() | ours.keys()):
            if table.get(node) != ours.get(node):
                yield f"memory table of node {node}: the kubelet {table.get(node)}, we {ours.get(node)}"


def _line(line: Object) -> tuple[list[int], int, dict[str, list[int]]]:
    return sorted(line["cells"]), line["assignments"], line["memory"]


def _blocks(blocks: Iterable[Object]) -> tuple[tuple[str, int, tuple[int, ...]], ...]:
    return tuple(sorted((each["type"], each["size"], tuple(sorted(each["nodes"]))) for each in blocks))


def _sorted(
    held: Mapping[Holder, tuple[MemoryBlock, ...]],
) -> dict[Holder, tuple[tuple[str, int, tuple[int, ...]], ...]]:
    return {
        holder: tuple(
            sorted((each.type, each.size_bytes, tuple(sorted(each.numa_nodes or ()))) for each in blocks)
        )
        for holder, blocks in held.items()
    }


def _only(living: set[str], uids: Iterable[str]) -> bool:
    """Whether nobody who is gone holds anything any more, by either account."""
    return all(uid in living for uid in uids)


def _held(
    what: str, theirs: Mapping[Holder, Any], ours: Mapping[Holder, Any], living: set[str]
) -> Iterator[str]:
    for holder in sorted(theirs.keys() | ours.keys()):
        if holder[0] in living and (theirs.get(holder) or None) != (ours.get(holder) or None):
            yield f"{what} of {'/'.join(holder)}: the kubelet {theirs.get(holder)}, we {ours.get(holder)}"


# --- devices ---------------------------------------------------------------------------------------------------------


def _devices(state: Object, books: Books, living: set[str]) -> Iterator[str]:
    theirs = {
        (uid, name): sorted((resource, each) for resource, ids in held.items() for each in ids)
        for uid, containers in state["devices"].items()
        for name, held in containers.items()
    }
    ours = {
        holder: sorted((each.resource, each.device_id) for each in devices)
        for holder, devices in books.device_holders.items()
    }
    yield from _held("devices", theirs, ours, living)
