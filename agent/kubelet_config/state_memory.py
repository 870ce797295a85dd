"""Whether a kubelet takes the memory manager's state file as it finds it.

It makes its table anew from the machine and the reserve, gives out every block that the file names once more, and wants
to come to the table in the file, byte by byte: of each NUMA node the total, what is reserved and what can be given; of
each group of nodes what is free. So a kernel that has some pages more after a boot, a changed reserve, or hugepages that
came later keep it from starting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from agent.admission.memory.table import Nodes, derive_table, take
from agent.admission.versions import POD_LEVEL_RESOURCE_MANAGERS
from agent.kubelet_config.amounts import format_amount
from agent.kubelet_config.drain import drain_steps
from agent.kubelet_config.model import MEMORY_STATE, Objection, Start
from agent.kubelet_config.state_cpus import policy_objection
from collectors.model.kubelet import MemoryBlock, MemoryManagerState, MemoryNode, MemoryTable
from collectors.model.pod import Amounts
from collectors.parse import IdSet, format_id_list

_FIELDS = (("total", "total"), ("system_reserved", "reserved for the system"), ("allocatable", "for pods"))

_DIFFERENT = "[memorymanager] the expected machine state is different from the real one"


def memory_state_objections(start: Start) -> Iterator[Objection]:
    """The first thing that the kubelet finds wrong with memory_manager_state, or nothing; a missing file is nothing."""
    state, policy = start.checkpoints.memory, start.config.memory_manager_policy
    if state is None:
        return
    if state.policy != policy:
        policies = policy or "None", state.policy
        yield policy_objection(start, MEMORY_STATE, "memoryManagerPolicy", policies)
    elif policy == "Static":
        yield from _static(start, state)


def memory_differences(start: Start, state: MemoryManagerState) -> tuple[str, ...]:
    """In what the file differs from the table that this start comes to, a line each; empty where the kubelet takes it."""
    expected = derive_table(start.hardware.machine, start.settings)
    blocks = tuple(_blocks(start, state))
    strangers = tuple(_strangers(expected, blocks))
    if strangers:
        return strangers
    for block in blocks:
        expected = take(expected, block, block.size_bytes)
    return tuple(_differences(state.nodes, expected)) or tuple(_of_groups(state.nodes, expected))


def reserve_noted(state: MemoryManagerState) -> tuple[tuple[int, Amounts], ...]:
    """What the file says was reserved of each NUMA node, for where nobody else says it."""
    return tuple(
        (node.id, tuple((table.type, table.system_reserved) for table in node.tables)) for node in state.nodes
    )


def _static(start: Start, state: MemoryManagerState) -> Iterator[Objection]:
    if not state.nodes:
        if state.containers:
            yield _objection(start, "it has memory of pods and no machine", "machine state can not be empty")
        return
    found = memory_differences(start, state)
    if found:
        stranger = "does not exist" in found[0]
        yield _objection(
            start,
            "memory, hugepages or what is reserved of them have changed",
            "[memorymanager] (pod: " if stranger else _DIFFERENT,
            found,
        )


def _blocks(start: Start, state: MemoryManagerState) -> Iterator[MemoryBlock]:
    """What the kubelet gives out once more: of a pod whose memory is managed as a whole, the pod's blocks alone."""
    whole: dict[str, tuple[MemoryBlock, ...]] = {}
    if POD_LEVEL_RESOURCE_MANAGERS in start.settings.gates:
        whole = {each.pod_uid: each.blocks for each in state.pods if each.blocks}
    seen: set[str] = set()
    for each in state.containers:
        if each.pod_uid not in whole:
            yield from each.blocks
        elif each.pod_uid not in seen:
            seen.add(each.pod_uid)
            yield from whole[each.pod_uid]


def _strangers(nodes: Nodes, blocks: Iterable[MemoryBlock]) -> Iterator[str]:
    known = {node.id: {table.type for table in node.tables} for node in nodes}
    for block in blocks:
        for node in sorted(block.numa_nodes or ()):
            if node not in known:
                yield f"a pod has {block.type} of NUMA node {node}, which does not exist"
            elif block.type not in known[node]:
                yield f"a pod has {block.type} of NUMA node {node}, where that does not exist"


def _differences(noted: Nodes, expected: Nodes) -> Iterator[str]:
    old, new = {node.id: node for node in noted}, {node.id: node for node in expected}
    for words, ids in (
        ("in the file alone", old.keys() - new.keys()),
        ("not in the file", new.keys() - old.keys()),
    ):
        if ids:
            yield f"NUMA nodes {words}: {format_id_list(frozenset(ids))}"
    for node in sorted(old.keys() & new.keys()):
        yield from _of_node(old[node], new[node])


def _of_node(old: MemoryNode, new: MemoryNode) -> Iterator[str]:
    where = f"NUMA node {old.id}"
    if old.assignments != new.assignments:
        yield f"{where}: {old.assignments} blocks counted in the file, {new.assignments} named"
    if old.group != new.group:
        yield f"{where}: given together with {_ids(old.group)} in the file, with {_ids(new.group)} by its blocks"
    before, now = _tables(old), _tables(new)
    for words, resources in (
        ("in the file alone", before.keys() - now.keys()),
        ("not in the file", now.keys() - before.keys()),
    ):
        for resource in sorted(resources):
            yield f"{where}: {resource} is {words}"
    for resource in sorted(before.keys() & now.keys()):
        for field, words in _FIELDS:
            was, is_now = getattr(before[resource], field), getattr(now[resource], field)
            if was != is_now:
                yield f"{where}, {resource} {words}: {format_amount(was)} in the file, {format_amount(is_now)} now"


def _of_groups(noted: Nodes, expected: Nodes) -> Iterator[str]:
    """What is free and what is given, over the nodes of each group; of the same nodes with the same totals."""
    old, new = {node.id: node for node in noted}, {node.id: node for node in expected}
    for group in sorted({node.group for node in noted}, key=sorted):
        before, now = _sums(old, group), _sums(new, group)
        for resource, field in sorted(before.keys() | now.keys()):
            was, is_now = before[resource, field], now[resource, field]
            if was != is_now:
                words = f"{format_amount(was)} in the file, {format_amount(is_now)} by its blocks"
                yield f"NUMA nodes {_ids(group)}, {resource} {field}: {words}"


def _sums(nodes: dict[int, MemoryNode], group: IdSet) -> Counter[tuple[str, str]]:
    sums: Counter[tuple[str, str]] = Counter()
    for node in group & nodes.keys():
        for table in nodes[node].tables:
            sums[table.type, "free"] += table.free
            sums[table.type, "given"] += table.reserved
    return sums


def _tables(node: MemoryNode) -> dict[str, MemoryTable]:
    return {table.type: table for table in node.tables}


def _ids(nodes: IdSet) -> str:
    return format_id_list(nodes)


def _objection(start: Start, what: str, says: str, evidence: tuple[str, ...] = ()) -> Objection:
    return Objection(
        check="memory-state",
        what=f"{start.root}/{MEMORY_STATE} does not fit: {what}",
        says=says,
        evidence=evidence,
        way_out=drain_steps(start.root, MEMORY_STATE),
        state_file=f"{start.root}/{MEMORY_STATE}",
    )
