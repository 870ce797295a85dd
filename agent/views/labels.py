"""The labels of a node: slow facts by which pods choose nodes. Pure; docs/labels.md is written from the table here.

A label has a value where its fact is known, is None where the fact is known to be gone, and is not there at all where
nothing is known: what has the label keeps it then. Nothing that is free or taken is ever a label.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agent.placement.machine import machine_amounts
from agent.placement.model import hugepages_resource
from agent.views.inventory import Item, Sort, derive_items
from collectors.model import CpuTopology, NumaTopology, Snapshot
from collectors.model.kubelet_config import KubeletConfig

PREFIX = "numascope.dev/"

HUGEPAGE_SIZES = tuple(1 << bits for bits in (14, 16, 18, 20, 21, 22, 23, 24, 25, 28, 29, 30, 31, 34))
"""Bytes: every size that some architecture of Linux has. A label of another size could never be known to be gone"""

_VALUE = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", re.ASCII)
_AMD = 0x1002
_NETWORK = 0x02

Value = str | None


class _UnknownError(Exception):
    """The fact is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRow:
    """One label, or with `<…>` in its key one for each of several things."""

    key: str
    help: str
    example: str
    derive: Callable[[Snapshot], Mapping[str, Value]]
    """Values by key; raises _UnknownError"""


def derive_labels(snapshot: Snapshot, *, prefix: str = PREFIX) -> dict[str, str | None]:
    """The labels by their whole key: a value; None for what is known to be gone; no entry for what is unknown."""
    labels: dict[str, str | None] = {}
    for row in LABELS:
        try:
            found = row.derive(snapshot)
        except _UnknownError:
            continue
        for key, value in found.items():
            if value is None or _VALUE.fullmatch(
                value
            ):  # others the API server would refuse, and all with them
                labels[f"{prefix}{key}"] = value
    return labels


def _row(key: str, help: str, example: str, derive: Callable[[Snapshot], Value]) -> LabelRow:
    return LabelRow(key=key, help=help, example=example, derive=lambda snapshot: {key: derive(snapshot)})


def _cpus(snapshot: Snapshot) -> CpuTopology:
    if snapshot.cpus.facts is None:
        raise _UnknownError
    return snapshot.cpus.facts


def _numa(snapshot: Snapshot) -> NumaTopology:
    if snapshot.numa.facts is None:
        raise _UnknownError
    return snapshot.numa.facts


def _config(snapshot: Snapshot) -> KubeletConfig:
    if snapshot.kubelet is None or snapshot.kubelet.config.facts is None:
        raise _UnknownError
    return snapshot.kubelet.config.facts


def _known(value: str | None) -> str:
    if value is None:
        raise _UnknownError
    return value


def _count(number: int) -> str:
    """A count of what every machine has: 0 only says that it could not be seen."""
    if not number:
        raise _UnknownError
    return str(number)


def _flag(present: bool) -> Value:
    return "true" if present else None


def _numa_nodes(snapshot: Snapshot) -> Value:
    numa = _numa(snapshot)
    if any(node.kind is None for node in numa.nodes):
        raise _UnknownError
    return _count(
        sum(any(machine_amounts(node, numa, snapshot.pci.facts or ()).values()) for node in numa.nodes)
    )


def _smt(snapshot: Snapshot) -> Value:
    cores = _cpus(snapshot).cores
    if not cores:
        raise _UnknownError
    return "true" if any(len(core.cpus) > 1 for core in cores) else "false"


def _l3_caches(snapshot: Snapshot) -> Value:
    cpus = _cpus(snapshot)
    if not cpus.caches:
        raise _UnknownError
    return str(len(cpus.l3_caches))


def _max_distance(snapshot: Snapshot) -> Value:
    nodes = _numa(snapshot).nodes
    if not nodes or not all(node.distances for node in nodes):
        raise _UnknownError
    return str(max(distance for node in nodes for _, distance in node.distances))


def _hugepages(snapshot: Snapshot) -> Mapping[str, Value]:
    numa = _numa(snapshot)
    if not numa.machine_hugepages and snapshot.numa.problems:
        raise _UnknownError  # perhaps these could not be read
    labels: dict[str, Value] = {hugepages_resource(size): None for size in HUGEPAGE_SIZES}
    for pool in numa.machine_hugepages:
        key = hugepages_resource(pool.page_size_bytes)
        if pool.total is None:
            labels.pop(key, None)
        else:
            labels[key] = _flag(pool.total > 0)
    return labels


def _gpus(snapshot: Snapshot) -> tuple[Item, ...]:
    """GPUs, those among them that call themselves processing accelerators too."""
    if snapshot.pci.facts is None:
        raise _UnknownError
    return tuple(
        item
        for item in derive_items(snapshot.pci.facts, snapshot.devices.facts)
        if item.sort is Sort.GPU
        or (item.sort is Sort.ACCELERATOR and item.pci is not None and item.pci.vendor_id == _AMD)
    )


def _gpu_count(snapshot: Snapshot) -> Value:
    return str(len(_gpus(snapshot))) if _gpus(snapshot) else None


def _gpus_per_numa(snapshot: Snapshot) -> Value:
    """One number where all nodes with CPUs have as many, else a number for each of them."""
    gpus = _gpus(snapshot)
    if not gpus:
        return None
    nodes = [node.id for node in _numa(snapshot).nodes if node.cpus]
    only = nodes[0] if len(nodes) == 1 else None
    found: Counter[int | None] = Counter(
        only if item.pci is None or item.pci.numa_node is None else item.pci.numa_node for item in gpus
    )
    if not found.keys() <= set(nodes):
        raise _UnknownError  # of a GPU whose node nobody knows, or that sits on one without CPUs
    counts = [str(found[node]) for node in nodes]
    return counts[0] if len(set(counts)) == 1 else "-".join(counts)


def _rdma(snapshot: Snapshot) -> Value:
    devices = snapshot.devices.facts
    if devices is None or devices.rdma is None:
        raise _UnknownError
    return _flag(bool(devices.rdma))


def _sriov(snapshot: Snapshot) -> Value:
    if snapshot.pci.facts is None:
        raise _UnknownError
    return _flag(any(each.base_class == _NETWORK and each.sriov_total_vfs for each in snapshot.pci.facts))


def _memory_tiers(snapshot: Snapshot) -> Value:
    tiers = _numa(snapshot).tiers
    return str(len(tiers)) if tiers else None


LABELS: tuple[LabelRow, ...] = (
    _row("numa-nodes", "NUMA nodes with CPUs or memory for pods", "2", _numa_nodes),
    _row("sockets", "processor packages", "2", lambda snapshot: _count(len(_cpus(snapshot).packages))),
    _row(
        "cores", "cores with a CPU that is online", "64", lambda snapshot: _count(len(_cpus(snapshot).cores))
    ),
    _row("threads", "CPUs that are online", "128", lambda snapshot: _count(len(_cpus(snapshot).online))),
    _row("smt", "whether a core has more than one CPU online", "true", _smt),
    _row("l3-caches", "last-level caches: groups of cores that share one", "16", _l3_caches),
    _row("max-distance", "the largest of the kernel's distances between NUMA nodes", "32", _max_distance),
    LabelRow(
        key="hugepages-<size>",
        help="there are hugepages of that size, free or not; one label a size, as resources are named",
        example="true",
        derive=_hugepages,
    ),
    _row("gpus", "GPUs on the PCI bus, without those of a server's console", "8", _gpu_count),
    _row(
        "gpus-per-numa",
        "GPUs on each NUMA node with CPUs: one number where all have as many, else one a node in their order",
        "4",
        _gpus_per_numa,
    ),
    _row("rdma", "there is an RDMA device", "true", _rdma),
    _row("sriov", "a network device can have virtual functions", "true", _sriov),
    _row("memory-tiers", "the kernel's memory tiers", "2", _memory_tiers),
    _row(
        "topology-manager-policy",
        "the kubelet's topology manager policy",
        "single-numa-node",
        lambda snapshot: _known(_config(snapshot).topology_manager_policy),
    ),
    _row(
        "topology-manager-scope",
        "the kubelet's topology manager scope",
        "container",
        lambda snapshot: _known(_config(snapshot).topology_manager_scope),
    ),
    _row(
        "cpu-manager-policy",
        "the kubelet's CPU manager policy",
        "static",
        lambda snapshot: _known(_config(snapshot).cpu_manager_policy),
    ),
    _row(
        "memory-manager-policy",
        "the kubelet's memory manager policy, in its own spelling",
        "Static",
        lambda snapshot: _known(_config(snapshot).memory_manager_policy),
    ),
)
"""Every label, in the order of the documentation"""
