"""The machine as a tree: packages, NUMA nodes, caches and cores, with memory and devices where they are. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.views.cpu_lines import (
    cache_label,
    core_branches,
    cpu_ids,
    describe_cores,
    describe_cpus,
    describe_kind,
)
from agent.views.memory_lines import (
    describe_memory,
    fold_cpuless,
    node_name,
    performance_branches,
    pool_branches,
)
from agent.views.places import Place, derive_places
from agent.views.text import Branch, Line, Span, name, plain, plural, quiet, warn
from collectors.model import Cache, CpuTopology, IdSet, NumaNode, NumaTopology

NO_TOPOLOGY = CpuTopology(online=frozenset())
NO_NUMA = NumaTopology(nodes=(), from_kernel=True)

FOLDED_CACHES_FROM = 3
"""So many caches of one core each, side by side, become one line"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Forest:
    """What the lines are made of."""

    topology: CpuTopology
    numa: NumaTopology
    devices: Mapping[int, tuple[Branch, ...]]
    wide: bool


def derive_tree(
    topology: CpuTopology | None,
    numa: NumaTopology | None,
    devices: Mapping[int, tuple[Branch, ...]],
    *,
    wide: bool,
) -> tuple[Branch, ...]:
    """Places with CPUs, then CPUs that are in none, then NUMA nodes without CPUs.

    Args:
        topology: None where the CPUs could not be read; likewise `numa`.
        devices: what to put below each NUMA node, by its id.
        wide: every core, cache and node on a line of its own, with ids and speeds.
    """
    forest = _Forest(topology=topology or NO_TOPOLOGY, numa=numa or NO_NUMA, devices=devices, wide=wide)
    places = derive_places(forest.topology, forest.numa.nodes, small_caches=wide)
    loose = forest.topology.online.difference(*(place.cpus for place in places))
    return (
        *_place_branches(forest, places, around=frozenset()),
        *_loose_branches(forest, loose),
        *_cpuless_branches(forest),
    )


def _place_branches(forest: _Forest, places: tuple[Place, ...], *, around: IdSet) -> tuple[Branch, ...]:
    """A branch for each place; `around` are the CPUs of what they are in, where the line above has told them."""
    if not forest.wide and _is_row_of_small_caches(forest.topology, places):
        return (_row_of_caches(places),)
    return tuple(_place_branch(forest, place, around=around) for place in places)


def _place_branch(forest: _Forest, place: Place, *, around: IdSet) -> Branch:
    below: list[Branch] = []
    if isinstance(place.thing, NumaNode):
        line, told = _node_line(forest, place.thing), place.cpus
        below += _memory_branches(forest, place.thing)
    else:
        line = (name(_group_name(place)), *_group_words(forest.topology, place, around=around))
        told = place.cpus if place.cpus == around or not place.inside else frozenset()
    below += _place_branches(forest, place.inside, around=told)
    if place.inside:
        below += _loose_branches(forest, place.loose_cpus)
    else:
        below += _innermost_branches(forest, place.cpus)
    if isinstance(place.thing, NumaNode):
        below += forest.devices.get(place.thing.id, ())
    return Branch(line=line, below=tuple(below))


def _node_line(forest: _Forest, node: NumaNode) -> Line:
    spans: list[Span] = [
        name(node_name(node, forest.numa)),
        plain(f": {describe_memory(node.memory_total_bytes, node.memory_free_bytes)}"),
        plain(f"; {describe_cpus(forest.topology, node.cpus)}"),
    ]
    if node.offline_cpus:
        spans.append(warn(f"; not online: {cpu_ids(node.offline_cpus)}"))
    return tuple(spans)


def _memory_branches(forest: _Forest, node: NumaNode) -> tuple[Branch, ...]:
    return (
        *pool_branches(node.hugepages, wide=forest.wide),
        *(performance_branches(node) if forest.wide else ()),
    )


def _group_words(topology: CpuTopology, place: Place, *, around: IdSet) -> Line:
    """What follows a group's name: as little as the lines above and below leave to say."""
    cores = describe_cores(topology, place.cpus)
    if place.cpus == around:
        return (
            (plain(", shared by all of them"),) if isinstance(place.thing, Cache) and len(around) > 1 else ()
        )
    if len(place.inside) == 1 and place.inside[0].cpus == place.cpus:
        return ()  # the one below says it
    if place.inside:
        return (plain(f": {cores or plural(len(place.cpus), 'CPU')}"),)
    return (plain(f": {describe_cpus(topology, place.cpus)}"), *_kind_note(topology, place.cpus))


def _kind_note(topology: CpuTopology, cpus: IdSet) -> Line:
    """Of which kind the cores are, where the machine has several and these are all of one."""
    kinds = [kind for kind in topology.kinds if not kind.cpus.isdisjoint(cpus)]
    if len(topology.kinds) < 2 or len(kinds) != 1:
        return ()
    return (quiet(f"; {describe_kind(kinds[0])}"),)


def _group_name(place: Place) -> str:
    if isinstance(place.thing, Cache):
        return cache_label(place.thing)
    word = place.level.name.lower()
    return word if place.thing.id is None else f"{word} {place.thing.id}"


def _innermost_branches(forest: _Forest, cpus: IdSet) -> tuple[Branch, ...]:
    """What is below the smallest place: in the wide form its cores, else its kinds of cores where they differ."""
    if forest.wide:
        return core_branches(forest.topology, cpus)
    kinds = [kind for kind in forest.topology.kinds if not kind.cpus.isdisjoint(cpus)]
    if len(kinds) < 2:
        return ()
    return tuple(
        Branch(
            line=(plain(describe_cpus(forest.topology, kind.cpus & cpus)), quiet(f"; {describe_kind(kind)}"))
        )
        for kind in kinds
    )


def _loose_branches(forest: _Forest, loose: IdSet) -> tuple[Branch, ...]:
    """CPUs that belong to none of the parts beside them."""
    if not loose:
        return ()
    line: Line = (plain(describe_cpus(forest.topology, loose)), *_kind_note(forest.topology, loose))
    if all(node.cpus.isdisjoint(loose) for node in forest.numa.nodes) and forest.numa.nodes:
        line = (*line, warn(", on no NUMA node"))
    return (Branch(line=line, below=_innermost_branches(forest, loose)),)


def _is_row_of_small_caches(topology: CpuTopology, places: tuple[Place, ...]) -> bool:
    cores = {core.cpus for core in topology.cores}
    labels = {_group_name(place) for place in places if isinstance(place.thing, Cache)}
    return (
        len(places) >= FOLDED_CACHES_FROM
        and len(labels) == 1
        and all(isinstance(place.thing, Cache) and place.cpus in cores for place in places)
    )


def _row_of_caches(places: tuple[Place, ...]) -> Branch:
    label = _group_name(places[0])
    return Branch(line=(name(label), plain(f": {len(places)} of them, one a core")))


def _cpuless_branches(forest: _Forest) -> tuple[Branch, ...]:
    nodes = [node for node in forest.numa.nodes if not node.cpus]
    alone = [node for node in nodes if forest.wide or node.id in forest.devices or _has_pages(node)]
    foldable = [node for node in nodes if node not in alone]
    lines = [
        *((fold_cpuless([node], forest.numa))[0] for node in alone),
        *fold_cpuless(foldable, forest.numa),
    ]
    return tuple(
        Branch(
            line=line,
            below=(*_memory_branches(forest, group[0]), *forest.devices.get(group[0].id, ()))
            if len(group) == 1
            else (),
        )
        for line, group in sorted(lines, key=lambda pair: pair[1][0].id)
    )


def _has_pages(node: NumaNode) -> bool:
    return any(pool.total != 0 or pool.surplus for pool in node.hugepages)
