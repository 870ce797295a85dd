"""Random machines: mostly small, so that they fill up, and of every odd shape that the kubelet's rules depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from random import Random

from tests.oracle.scenario import CpuSpec, MachineSpec, NodeSpec

MIB = 1 << 20
NODE_COUNTS = {1: 6, 2: 40, 3: 8, 4: 26, 5: 4, 6: 6, 8: 10, 9: 0.5, 10: 0.5, 12: 0.5}
"""Weights. From 9 on the kubelet wants max-allowable-numa-nodes, and its merge grows slow."""
CORES_OF_NODE = {1: 6, 2: 20, 3: 10, 4: 25, 6: 12, 8: 18, 12: 5, 16: 3, 24: 1, 32: 1}
THREADS = {1: 35, 2: 60, 4: 5}


def chosen(random: Random, weights: Mapping[int, float]) -> int:
    """One key, by its weight."""
    return random.choices(list(weights), list(weights.values()))[0]


def random_machine(random: Random) -> MachineSpec:
    """A machine with at least two CPUs that are online."""
    while True:
        count = chosen(random, NODE_COUNTS)
        ids = _node_ids(random, count)
        cpus = _taken_offline(random, _cpus(random, ids))
        if sum(not cpu.offline for cpu in cpus) > 1:
            break
    distances = _distances(random, ids)
    sizes = [size for size, chance in ((2048, 0.4), (1 << 20, 0.15)) if random.random() < chance]
    nodes = tuple(
        _node(random, node, sizes, distances[at] if distances else None) for at, node in enumerate(ids)
    )
    if random.random() < 0.06:  # one node has CPUs and no memory
        bare = random.randrange(count)
        nodes = tuple(
            replace(node, memory=0, hugepages=tuple((size, 0) for size in sizes))
            if position == bare and count > 1
            else node
            for position, node in enumerate(nodes)
        )
    return MachineSpec(nodes=nodes, cpus=cpus, numa=count != 1 or random.random() > 0.15)


def _node_ids(random: Random, count: int) -> list[int]:
    if count > 1 and random.random() < 0.12:
        return sorted(random.sample(range(16), count))
    return list(range(count))


def _cpus(random: Random, ids: list[int]) -> tuple[CpuSpec, ...]:
    """Cores are dealt to nodes, nodes to packages or packages to nodes; then threads are numbered."""
    cores = _cores_of_nodes(random, ids)
    threads = chosen(random, THREADS)
    places = _packages(random, cores)
    caches = _caches(random, places)
    return _numbered(random, places, caches, threads)


def _cores_of_nodes(random: Random, ids: list[int]) -> dict[int, int]:
    usual = chosen(random, CORES_OF_NODE)
    if len(ids) > 4:
        usual = min(usual, 6)
    uneven = random.random() < 0.2
    cores = {node: random.randint(1, usual + 1) if uneven else usual for node in ids}
    for node in ids[1:]:  # memory alone
        if random.random() < 0.06:
            cores[node] = 0
    return cores


def _packages(random: Random, cores: dict[int, int]) -> list[tuple[int, int, int]]:
    """(node, package, core_id) of every core, by node."""
    shape = random.random()
    ids = list(cores)
    per_package = random.choice((2, 4)) if shape < 0.35 and len(ids) > 2 else 1
    split = shape > 0.9  # two packages in one node
    step = random.choice((1, 1, 1, 2))
    places = []
    used: dict[int, int] = {}
    for position, node in enumerate(ids):
        for number in range(cores[node]):
            package = position // per_package
            if split:
                package = 2 * position + (number * 2 >= cores[node])
            core = used.get(package, 0)
            used[package] = core + step
            places.append((node, package, core))
    return places


def _caches(random: Random, places: list[tuple[int, int, int]]) -> list[int | None]:
    """The level 3 cache of each core: none, one a package, one a node, or one for every few cores of a node."""
    kind = random.random()
    if kind < 0.08:
        return [None] * len(places)
    keys: list[tuple[int, ...]]
    if kind < 0.2:
        keys = [(package,) for _, package, _ in places]
    elif kind < 0.45:
        keys = [(node, package) for node, package, _ in places]
    else:
        size = random.choice((1, 2, 2, 3, 4))
        seen: dict[tuple[int, int], int] = {}
        keys = []
        for node, package, _ in places:
            number = seen.get((node, package), 0)
            seen[node, package] = number + 1
            keys.append((node, package, number // size))
    order = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return [order[key] for key in keys]


def _numbered(
    random: Random, places: list[tuple[int, int, int]], caches: list[int | None], threads: int
) -> tuple[CpuSpec, ...]:
    """Threads of a core lie side by side, or far apart as Linux mostly has them; nodes in a row, or dealt in turn."""
    order = list(range(len(places)))
    if random.random() < 0.2:
        nodes = [node for node, _, _ in places]
        turn = {number: nodes[:number].count(nodes[number]) for number in order}
        order.sort(key=lambda number: (turn[number], nodes[number]))
    side_by_side = random.random() < 0.4
    cpus = []
    for position, number in enumerate(order):
        node, package, core = places[number]
        for thread in range(threads):
            cpu = position * threads + thread if side_by_side else thread * len(order) + position
            cpus.append(CpuSpec(id=cpu, core=core, package=package, node=node, l3=caches[number]))
    return tuple(sorted(cpus, key=lambda cpu: cpu.id))


def _taken_offline(random: Random, cpus: tuple[CpuSpec, ...]) -> tuple[CpuSpec, ...]:
    if len(cpus) < 3 or random.random() > 0.15:
        return cpus
    off = {cpu.id for cpu in random.sample(cpus, random.randint(1, max(1, len(cpus) // 6)))}
    return tuple(replace(cpu, offline=cpu.id in off) for cpu in cpus)


def _memory(random: Random) -> int:
    """Some GiB, less what firmware keeps: no round number."""
    return random.choice((1, 2, 4, 4, 8, 8, 16)) * 1024 * MIB - random.randrange(0, 200 * 1024) * 1024


def _node(random: Random, node: int, sizes: list[int], distances: tuple[int, ...] | None) -> NodeSpec:
    """Linux has a folder for every size of hugepages in every node, though often without pages."""
    memory = _memory(random)
    room = memory * 6 // 10
    hugepages = []
    for size in sizes:
        pages = random.choice((0, 16, 64, 128, 200) if size == 2048 else (0, 1, 1, 2))
        pages = min(pages, room // (size * 1024))
        room -= pages * size * 1024
        hugepages.append((size, pages))
    return NodeSpec(id=node, memory=memory, hugepages=tuple(hugepages), distances=distances)


def _distances(random: Random, ids: list[int]) -> list[tuple[int, ...]] | None:
    if random.random() < 0.04:
        return None
    count = len(ids)
    far = random.choice(((20,), (21, 31), (12, 20, 32), (11, 21, 22)))
    rows = [[10] * count for _ in ids]
    for one in range(count):
        for other in range(one + 1, count):
            near = other - one == 1 and one % 2 == 0
            rows[one][other] = rows[other][one] = far[0] if near else random.choice(far)
    return [tuple(row) for row in rows]


def has_gaps(machine: MachineSpec) -> bool:
    """Whether ids of NUMA nodes are not 0, 1, 2 …"""
    ids = [node.id for node in machine.nodes]
    return ids[0] != 0 or any(after - before != 1 for before, after in pairwise(ids))
