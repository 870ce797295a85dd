"""What `numascope show` prints, whole: head, tree, distances, devices without a place, and what could not be read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from agent.views.device_lines import count_items, device_branches
from agent.views.distances import distance_table
from agent.views.inventory import Item, derive_items
from agent.views.locality import UNKNOWN, Locality, derive_localities
from agent.views.summary import derive_summary
from agent.views.text import Branch, Line, Page, Section, name, plain, plural, quiet, warn
from agent.views.tree import derive_tree
from agent.views.units import name_nodes
from collectors.model import CxlMemory, DaxDevice, IdSet, NumaTopology, Snapshot
from collectors.parse import MAX_ID

PROBLEMS_SHOWN = 5
"""Problems that are printed; a broken driver can have one for every CPU"""


def derive_machine_page(snapshot: Snapshot, *, wide: bool = False) -> Page:
    """The machine for a person. Wide: every core, cache, PCI function and problem, with ids and speeds."""
    items = derive_items(snapshot.pci.facts or (), snapshot.devices.facts)
    placed, without = _place(snapshot, items)
    below = {node: device_branches(members, wide=wide) for node, members in placed.items()}
    sections = [derive_summary(snapshot, _device_words(snapshot, items))]
    tree = derive_tree(snapshot.cpus.facts, snapshot.numa.facts, below, wide=wide)
    if tree:
        sections.append(Section(content=tree))
    numa = snapshot.numa.facts
    distances = distance_table(numa, wide=wide) if numa is not None else None
    if distances is not None:
        sections.append(Section(title=(name("NUMA distances"),), content=distances))
    for title, members in without:
        branches = device_branches(members, wide=wide)
        sections.append(Section(content=(Branch(line=title, below=branches),)))
    problems = _problems(snapshot, wide=wide)
    if problems is not None:
        sections.append(problems)
    return tuple(sections)


def _place(
    snapshot: Snapshot, items: tuple[Item, ...]
) -> tuple[Mapping[int, list[Item]], list[tuple[Line, list[Item]]]]:
    """Devices by their NUMA node, and under a title those that are near several or that are said to be near none."""
    numa = snapshot.numa.facts
    online = {node.id for node in numa.nodes} if numa is not None and numa.from_kernel else set()
    placed: dict[int, list[Item]] = defaultdict(list)
    others: dict[IdSet | None, list[Item]] = defaultdict(list)
    localities = {} if numa is None else derive_localities(snapshot.pci.facts or (), numa)
    for item in items:
        nodes = _nodes_near(item, localities)
        if nodes is not None and len(nodes) == 1 and nodes <= online:
            placed[min(nodes)].append(item)
        else:
            others[nodes].append(item)
    return placed, [
        (_title_of(nodes, numa), members)
        for nodes, members in sorted(others.items(), key=lambda pair: sorted(pair[0] or {MAX_ID}))
    ]


def _nodes_near(item: Item, localities: Mapping[str, Locality]) -> IdSet | None:
    if item.pci is not None:
        return localities.get(item.pci.address, UNKNOWN).nodes
    nodes = (part.numa_node for part in item.parts if isinstance(part, DaxDevice | CxlMemory))
    node = next(nodes, None)
    return None if node is None else frozenset({node})


def _title_of(nodes: IdSet | None, numa: NumaTopology | None) -> Line:
    if numa is None or not numa.from_kernel:
        return (name("devices"),)
    if nodes is None and len(numa.nodes) == 1:
        return (name("devices"), quiet("; the machine has one NUMA node"))
    if nodes is None:
        return (name("devices without a NUMA node"), quiet(": the machine does not say where they are"))
    if len(nodes) == 1:
        return (name(f"devices on {name_nodes(nodes)}"), warn(", which is not online"))
    return (name(f"devices near {name_nodes(nodes)}"),)


def _device_words(snapshot: Snapshot, items: tuple[Item, ...]) -> Line:
    if snapshot.pci.facts is None or snapshot.devices.facts is None:
        return ()
    return (plain(count_items(items) or "none"),)


def _problems(snapshot: Snapshot, *, wide: bool) -> Section | None:
    """Subjects and files that could not be read; None where there are none."""
    lines: list[Line] = [
        (plain(f"{subject}: "), warn(observed.error))
        for subject, observed in snapshot.observed
        if observed.error is not None
    ]
    lines += [
        (plain(f"{problem.path}: " if problem.path else ""), warn(problem.reason))
        for _, observed in snapshot.observed
        for problem in observed.problems
    ]
    if not lines:
        return None
    shown = lines if wide else lines[:PROBLEMS_SHOWN]
    branches = [Branch(line=line) for line in shown]
    if len(shown) < len(lines):
        branches.append(Branch(line=(quiet(f"and {len(lines) - len(shown)} more, listed by -o wide"),)))
    title = (warn(plural(len(lines), "problem")), quiet("; what could not be read is unknown here"))
    return Section(content=(Branch(line=title, below=tuple(branches)),))
