"""Machines as a kubelet sees them, and starts that are asked about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from agent.admission.model import CpuPlace, Machine
from agent.admission.settings import settings_of
from agent.admission.versions import NEWEST, Version
from agent.kubelet_config.model import Hardware, Start
from collectors.kubelet.configuration import API_GROUP, KIND, parse_configuration, with_default_eviction
from collectors.model.kubelet import KubeletCheckpoints
from collectors.parse import IdSet

MIB = 1 << 20
GIB = 1 << 30


def hardware(
    *,
    nodes: Iterable[int] = (0, 1),
    cores: int = 4,
    threads: int = 2,
    sockets: int | None = None,
    caches: int = 1,
    memory: int = 64 * GIB,
    hugepages: Mapping[str, int] | None = None,
    memory_only: Iterable[int] = (),
    isolated: IdSet = frozenset(),
    slow: IdSet = frozenset(),
    total: int | None = -1,
) -> Hardware:
    """NUMA nodes with so many cores and so much memory each; the second threads are numbered after all first ones."""
    with_cpus = tuple(nodes)
    ids = (*with_cpus, *memory_only)
    count = len(with_cpus) * cores
    places = [
        CpuPlace(
            cpu=number + count * thread,
            core=number,
            socket=number * (sockets or len(with_cpus)) // count,
            numa_node=with_cpus[number // cores],
            uncore_cache=number * caches * len(with_cpus) // count,
        )
        for thread in range(threads)
        for number in range(count)
    ]
    amounts = tuple(sorted({"memory": memory, **(hugepages or {})}.items()))
    return Hardware(
        machine=Machine(
            cpus=tuple(sorted(places, key=lambda place: place.cpu)),
            numa_nodes=tuple(sorted(ids, key=str)),
            distances=tuple(tuple(10 if one == other else 21 for other in ids) for one in ids),
            memory=tuple((node, amounts) for node in sorted(ids, key=str)),
        ),
        memory_bytes=len(ids) * memory if total == -1 else total,
        isolated=isolated,
        slow=slow,
    )


BASE: Mapping[str, Any] = {
    "apiVersion": f"{API_GROUP}v1beta1",
    "kind": KIND,
    "topologyManagerPolicy": "single-numa-node",
    "cpuManagerPolicy": "static",
    "memoryManagerPolicy": "Static",
    "reservedSystemCPUs": "0,8",
    "systemReserved": {"memory": "512Mi"},
    "kubeReserved": {"memory": "412Mi"},
    "reservedMemory": [
        {"numaNode": 0, "limits": {"memory": "512Mi"}},
        {"numaNode": 1, "limits": {"memory": "512Mi"}},
    ],
}
"""A configuration that fits the usual machine"""


def starting(
    machine: Hardware | None = None,
    *,
    checkpoints: KubeletCheckpoints | None = None,
    version: Version = NEWEST,
    **fields: Any,
) -> Start:
    """A start with BASE, with some fields changed; None takes one out."""
    merged = {key: value for key, value in {**BASE, **fields}.items() if value is not None}
    document = with_default_eviction(merged)
    config = parse_configuration(document, where="config.yaml")
    return Start(
        document=document,
        config=config,
        settings=settings_of(config, version=version),
        hardware=machine or hardware(),
        checkpoints=checkpoints or KubeletCheckpoints(),
        version=version,
    )
