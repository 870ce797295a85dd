"""What a NodeResourceTopology must say, computed anew: from the kubelet's own books and the machine's parameters.

Nothing of the product is used here. The kubelet's books are cpu_manager_state, memory_manager_state and
kubelet_internal_checkpoint, read from outside; which pods live is the API server's word. The rules are those of
docs/nrt.md, written down a second time:

- cpu: the online CPUs of a node; allocatable without the reserved ones; available what of these is in the shared pool.
- memory, hugepages: the node's own; allocatable and available by the memory manager's book, less what it holds for
  pods that have ended. Where the kubelet binds no memory, all of it.
- devices: those that sit on the node, healthy or held; allocatable the healthy ones; available those that nobody holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import xxhash

from tests.e2e.bed.api import NRT_PATH, Object
from tests.e2e.bed.bed import NODE_NAME, Bed
from tests.hosts.machine import expected_snapshot
from tests.hosts.spec import MachineSpec

_UNITS = {"": 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}
_LIVE_PHASES = frozenset({"Pending", "Running"})


@dataclass(frozen=True, slots=True)
class Figures:
    """One resource of one zone, in CPUs, bytes or devices."""

    capacity: int
    allocatable: int
    available: int


Zones = dict[str, dict[str, Figures]]
"""Figures by zone and resource"""


def published_zones(bed: Bed) -> Zones:
    """The zones that stand at the API server now; {} while there is no object."""
    path = f"{NRT_PATH}/{NODE_NAME}"
    return zones_of(bed.api.get(path)) if bed.api.exists(path) else {}


def zones_of(nrt: Object) -> Zones:
    """The figures of a NodeResourceTopology."""
    return {
        zone["name"]: {
            each["name"]: Figures(
                *(_quantity(each[kind]) for kind in ("capacity", "allocatable", "available"))
            )
            for each in zone["resources"]
        }
        for zone in nrt["zones"]
    }


def true_zones(bed: Bed, spec: MachineSpec) -> Zones:
    """What the zones must be; to be asked when the kubelet has settled (`has_settled`)."""
    books = _Books(bed, spec)
    zones: Zones = {}
    for node in books.nodes:
        figures = {**dict(books.cpu(node)), **dict(books.memory(node)), **dict(books.devices(node))}
        if figures:
            zones[f"node-{node.id}"] = dict(sorted(figures.items()))
    return zones


def scheduler_fingerprint(bed: Bed) -> str:
    """The fingerprint that the scheduler makes of the node: of the pods in phase Running."""
    running = [
        pod["metadata"]
        for pod in bed.api.get("/api/v1/pods")["items"]
        if pod["status"]["phase"] == "Running" and pod["spec"].get("nodeName") == NODE_NAME
    ]
    hashes = sorted(
        xxhash.xxh64_intdigest(each["name"].encode(), seed=xxhash.xxh64_intdigest(each["namespace"].encode()))
        for each in running
    )
    return "pfp0v001" + xxhash.xxh64_hexdigest(b"".join(each.to_bytes(8, "little") for each in hashes))


def has_settled(bed: Bed) -> bool:
    """Whether the CPU manager's book names no pod that has ended: it looks through it every two seconds here."""
    book, live = bed.book("cpu_manager_state"), _live_uids(bed)
    return {*book.get("entries", {}), *book.get("podEntries", {})} <= live


def differences(true: Zones, published: Zones, *, summed: frozenset[str] = frozenset()) -> list[str]:
    """A line for each figure that is not as it must be. Of the resources in `summed` only the sum over all zones counts."""
    true, published = _with_sums(true, summed), _with_sums(published, summed)
    return [
        f"{zone} {resource}: published {found}, true {wanted}"
        for zone in sorted({*true, *published})
        for resource in sorted({*true.get(zone, {}), *published.get(zone, {})})
        for found, wanted in [(published.get(zone, {}).get(resource), true.get(zone, {}).get(resource))]
        if found != wanted
    ]


def _with_sums(zones: Zones, summed: frozenset[str]) -> Zones:
    """The figures of these resources in one zone that stands for all."""
    made: Zones = {zone: {} for zone in (*zones, "all zones")}
    for zone, figures in zones.items():
        for resource, each in figures.items():
            if resource not in summed:
                made[zone][resource] = each
                continue
            before = made["all zones"].get(resource, Figures(0, 0, 0))
            made["all zones"][resource] = Figures(
                before.capacity + each.capacity,
                before.allocatable + each.allocatable,
                before.available + each.available,
            )
    return made


@dataclass
class _Node:
    """One NUMA node by the machine's parameters."""

    id: int
    cpus: frozenset[int]
    memory: int
    """Bytes without those in hugepages"""
    hugepages: Mapping[str, int]
    """Bytes by resource"""


@dataclass
class _Books:
    """The kubelet's books at one moment."""

    bed: Bed
    spec: MachineSpec
    nodes: list[_Node] = field(init=False)

    def __post_init__(self) -> None:
        self.nodes = list(_nodes(self.spec))
        self._live = _live_uids(self.bed)
        self._reserved = ids(self.bed.machine.reserved.cpus)
        self._cpu = self.bed.book("cpu_manager_state")
        self._memory = self.bed.book("memory_manager_state")
        self._devices = self.bed.checkpoint("device-plugins/kubelet_internal_checkpoint")["Data"]

    def cpu(self, node: _Node) -> Iterator[tuple[str, Figures]]:
        if not node.cpus:
            return
        pool = node.cpus - self._reserved
        static = self._cpu["policyName"] == "static"
        free = pool & ids(self._cpu["defaultCpuSet"]) if static else pool
        yield "cpu", Figures(len(node.cpus), len(pool), len(free))

    def memory(self, node: _Node) -> Iterator[tuple[str, Figures]]:
        capacities = {"memory": node.memory, **node.hugepages}
        static = self._memory["policyName"] == "Static"
        for kind, capacity in capacities.items():
            if not static:
                yield kind, Figures(capacity, capacity, capacity)
                continue
            table = self._memory["machineState"][str(node.id)]["memoryMap"][kind]
            held = table["reserved"] - self._held_by_the_dead(node.id, kind)
            yield kind, Figures(capacity, table["allocatable"], table["allocatable"] - held)

    def _held_by_the_dead(self, node: int, kind: str) -> int:
        """The kubelet forgets memory of pods that have ended when the next pod comes. Blocks over several nodes are left
        to tests that let it forget first."""
        entries = {
            uid: list(containers.values()) for uid, containers in self._memory.get("entries", {}).items()
        }
        for uid, entry in self._memory.get("podEntries", {}).items():
            entries[uid] = [entry["memoryBlocks"]]
        dead = 0
        for uid, containers in entries.items():
            for block in (block for blocks in containers for block in blocks or ()):
                if uid not in self._live and block["type"] == kind and node in block["numaAffinity"]:
                    assert len(block["numaAffinity"]) == 1, (
                        "memory over several nodes, of a pod that has ended"
                    )
                    dead += block["size"]
        return dead

    def devices(self, node: _Node) -> Iterator[tuple[str, Figures]]:
        registered = self._devices["RegisteredDevices"] or {}
        held = {
            (entry["ResourceName"], device)
            for entry in self._devices["PodDeviceEntries"] or ()
            if entry["PodUID"] in self._live
            for devices in entry["DeviceIDs"].values()
            for device in devices
        }
        for resource, devices in self.bed.devices.items():
            here = {each["id"] for each in devices if node.id in each.get("numa", ())}
            healthy = here & set(registered.get(resource) or ())
            taken = {device for name, device in held if name == resource}
            there = healthy | (here & taken)
            if there:
                yield resource, Figures(len(there), len(healthy), len(healthy - taken))


def ids(text: str) -> frozenset[int]:
    """`0-2,8` as numbers."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def _nodes(spec: MachineSpec) -> Iterator[_Node]:
    numa = expected_snapshot(spec, now=0.0).numa.facts
    assert numa is not None
    for node in numa.nodes:
        pools = {
            f"hugepages-{_size(pool.page_size_bytes)}": pool.page_size_bytes * (pool.total or 0)
            for pool in node.hugepages
        }
        assert node.memory_total_bytes is not None
        yield _Node(
            id=node.id,
            cpus=node.cpus,
            memory=node.memory_total_bytes - sum(pools.values()),
            hugepages=pools,
        )


def _live_uids(bed: Bed) -> set[str]:
    pods: list[dict[str, Any]] = bed.api.get("/api/v1/pods")["items"]
    return {pod["metadata"]["uid"] for pod in pods if pod["status"].get("phase") in _LIVE_PHASES}


def _size(page_bytes: int) -> str:
    unit = max(
        (unit for unit, size in _UNITS.items() if page_bytes % size == 0), key=lambda unit: _UNITS[unit]
    )
    return f"{page_bytes // _UNITS[unit]}{unit}"


def _quantity(text: object) -> int:
    words = str(text)
    digits = words.rstrip("KMGTi")
    return int(digits) * _UNITS[words[len(digits) :]]
