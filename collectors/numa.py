"""Reads the NUMA nodes of a machine: their CPUs, memory, hugepages, distances and what sort of node each is.

Paths: /sys/devices/system/node/{online,possible,has_*} and node/nodeN/{cpumap,cpulist,meminfo}, /proc/meminfo.
Source: Documentation/ABI/stable/sysfs-devices-node.

Which nodes there are is what node/online says, else which directories there are. Ids are kept as they are: they have
gaps, and node 0 may be missing. Everything within a node may be absent; the node stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from collectors.device_memory import read_device_memory
from collectors.hugepages import read_machine_hugepages, read_node_hugepages, told_by_node
from collectors.model import HugePagePool, IdSet, NumaKind, NumaNode, NumaTopology
from collectors.numa_distance import read_distances
from collectors.numa_performance import read_access, read_memory_tiers, read_numastat
from collectors.parse import format_id_list, parse_id_list, parse_id_mask, parse_meminfo
from collectors.reader import FactReader

NODES = "/sys/devices/system/node"
MEMINFO = "/proc/meminfo"

MAX_NODES = 1024
"""The most that a kernel can be built for (CONFIG_NODES_SHIFT=10): a bigger id is damage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Machine:
    """What the reading of every node needs to know."""

    online: tuple[int, ...]
    directories: IdSet
    online_cpus: IdSet | None
    meminfo: Mapping[str, int]
    has_memory: IdSet
    """Nodes of which the kernel says so apart from their meminfo; empty where it does not say"""
    has_memory_exact: bool
    """Whether a node that `has_memory` leaves out has none"""
    initiators: IdSet
    """Nodes that are or hold an accelerator"""
    devices: Mapping[int, str]
    hugepages: tuple[HugePagePool, ...]


def read_numa(reader: FactReader, *, online: IdSet | None) -> NumaTopology:
    """Every NUMA node that is online; on a kernel without NUMA one node 0 that is the whole machine.

    Args:
        reader: the machine.
        online: ids of the CPUs that are online; None where unknown, and nodes then have the CPUs that they name.

    Raises HostError where the directory of nodes is there but cannot be listed.
    """
    names = reader.fs.entries(NODES) or ()
    directories = _directory_ids(reader, names)
    meminfo = reader.value(MEMINFO, parse_meminfo) or {}
    hugepages = read_machine_hugepages(reader, meminfo)
    ids = _read_online(reader, directories)
    nodes: tuple[NumaNode, ...] = (_whole_machine(online, meminfo, hugepages),)
    if ids:
        machine = _read_machine(
            reader, ids, directories=directories, online_cpus=online, meminfo=meminfo, hugepages=hugepages
        )
        nodes = tuple(_read_node(reader, machine, node) for node in machine.online)
        _note_overlaps(reader, nodes)
    return NumaTopology(
        nodes=nodes,
        from_kernel=bool(ids),
        possible=reader.value(f"{NODES}/possible", parse_id_list) or None,
        offline=directories - ids,
        tiers=read_memory_tiers(reader),
        machine_hugepages=hugepages,
        hugepages_per_node=told_by_node(hugepages, (node.hugepages for node in nodes)),
        memory_total_bytes=meminfo.get("MemTotal"),
        memory_free_bytes=meminfo.get("MemFree"),
    )


def _directory_ids(reader: FactReader, names: tuple[str, ...]) -> IdSet:
    ids: set[int] = set()
    for name in names:
        number = name.removeprefix("node")
        if number == name or not (number.isascii() and number.isdecimal()):
            continue
        if len(number) > 4 or int(number) >= MAX_NODES:
            reader.note(f"{NODES}/{name}", f"no kernel has a node beyond {MAX_NODES - 1}")
            continue
        ids.add(int(number))
    return frozenset(ids)


def _read_online(reader: FactReader, directories: IdSet) -> IdSet:
    """Ids of the nodes that are online: node/online, else every node that has a directory."""
    path = f"{NODES}/online"
    text = reader.text(path)
    if text is None:
        return directories
    online = reader.parsed(path, text, parse_id_list)
    if online is None:
        return directories
    if not online or max(online) >= MAX_NODES:
        reader.note(path, f"expected ids of nodes below {MAX_NODES}, found {text[:60]!r}")
        return directories
    return online


def _read_machine(
    reader: FactReader,
    ids: IdSet,
    *,
    directories: IdSet,
    online_cpus: IdSet | None,
    meminfo: Mapping[str, int],
    hugepages: tuple[HugePagePool, ...],
) -> _Machine:
    # has_memory came with Linux 3.8; before that has_normal_memory leaves out nodes with nothing but high memory.
    exact = reader.value(f"{NODES}/has_memory", parse_id_list)
    return _Machine(
        online=tuple(sorted(ids)),
        directories=directories,
        online_cpus=online_cpus,
        meminfo=meminfo,
        has_memory=exact or reader.value(f"{NODES}/has_normal_memory", parse_id_list) or frozenset(),
        has_memory_exact=bool(exact),
        initiators=reader.value(f"{NODES}/has_generic_initiator", parse_id_list) or frozenset(),
        devices=read_device_memory(reader),
        hugepages=hugepages,
    )


def _whole_machine(
    online: IdSet | None, meminfo: Mapping[str, int], hugepages: tuple[HugePagePool, ...]
) -> NumaNode:
    return NumaNode(
        id=0,
        kind=NumaKind.CPU_AND_MEMORY,  # whatever could be read of it: a machine runs on some of both
        cpus=online or frozenset(),
        cpus_known=online is not None,
        memory_total_bytes=meminfo.get("MemTotal"),
        memory_free_bytes=meminfo.get("MemFree"),
        hugepages=hugepages,
    )


def _read_node(reader: FactReader, machine: _Machine, node: int) -> NumaNode:
    folder = f"{NODES}/node{node}"
    if node not in machine.directories:
        reader.note(folder, "node/online names this node, but it has no directory")
        return NumaNode(id=node, kind=None, cpus=frozenset(), cpus_known=False)
    named = _read_cpus(reader, folder)
    cpus = frozenset() if named is None else named
    if machine.online_cpus is not None:
        cpus &= machine.online_cpus
    meminfo = _read_meminfo(reader, machine, folder)
    total = meminfo.get("MemTotal")
    return NumaNode(
        id=node,
        kind=_kind(machine, node, None if named is None else bool(cpus), total),
        cpus=cpus,
        cpus_known=named is not None,
        offline_cpus=frozenset() if named is None else named - cpus,
        memory_total_bytes=total,
        memory_free_bytes=meminfo.get("MemFree"),
        hugepages=_read_hugepages(reader, machine, folder, meminfo),
        distances=read_distances(reader, folder, machine.online),
        access=read_access(reader, folder),
        numastat=read_numastat(reader, folder),
        memory_device=machine.devices.get(node),
    )


def _read_cpus(reader: FactReader, folder: str) -> IdSet | None:
    """CPUs that a node names, online or not; None where it does not say.

    The map is asked first and the list only where there is no map: where captures have both and they differ, it is
    the list that is stale.
    """
    cpus = reader.value(f"{folder}/cpumap", parse_id_mask)
    if cpus is None:
        cpus = reader.value(f"{folder}/cpulist", parse_id_list)
    if cpus is None:
        reader.note(folder, "neither cpumap nor cpulist says which CPUs this node has")
    return cpus


def _read_meminfo(reader: FactReader, machine: _Machine, folder: str) -> Mapping[str, int]:
    """The node's meminfo; the only node of a machine has all that /proc/meminfo tells. Empty where unknown."""
    path = f"{folder}/meminfo"
    meminfo = reader.value(path, parse_meminfo)
    if meminfo is not None and "MemTotal" not in meminfo:
        reader.note(path, "has no MemTotal")
    if len(machine.online) == 1 and (meminfo is None or "MemTotal" not in meminfo):
        return machine.meminfo
    return meminfo or {}


def _read_hugepages(
    reader: FactReader, machine: _Machine, folder: str, meminfo: Mapping[str, int]
) -> tuple[HugePagePool, ...]:
    """The node's pools; the only node of a machine has all that the machine has."""
    default_size = machine.meminfo.get("Hugepagesize")
    pools = read_node_hugepages(reader, folder, meminfo, default_size_bytes=default_size)
    if len(machine.online) == 1 and not told_by_node(machine.hugepages, (pools,)):
        return tuple(replace(pool, reserved=None) for pool in machine.hugepages)
    return pools


def _kind(machine: _Machine, node: int, has_cpus: bool | None, total: int | None) -> NumaKind | None:
    has_memory = _has_memory(machine, node, total)
    if has_cpus is None or has_memory is None:
        return None
    if has_cpus:
        return NumaKind.CPU_AND_MEMORY if has_memory else NumaKind.CPU_ONLY
    if not has_memory:
        return NumaKind.EMPTY
    # An initiator without CPUs is an accelerator: memory on its node is its own (the GPUs of Grace machines).
    is_device = node in machine.devices or node in machine.initiators
    return NumaKind.DEVICE_MEMORY if is_device else NumaKind.MEMORY_ONLY


def _has_memory(machine: _Machine, node: int, total: int | None) -> bool | None:
    if total is not None:
        return total > 0
    if node in machine.has_memory or len(machine.online) == 1:
        return True
    return False if machine.has_memory_exact else None


def _note_overlaps(reader: FactReader, nodes: tuple[NumaNode, ...]) -> None:
    """Names nodes whose CPUs another node has too: broken firmware. Both are reported as the kernel tells them."""
    seen: IdSet = frozenset()
    for node in nodes:
        shared = node.cpus & seen
        if shared:
            reader.note(
                f"{NODES}/node{node.id}",
                f"CPUs {format_id_list(shared)} are on a node with a lower id too",
            )
        seen |= node.cpus
