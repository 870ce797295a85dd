"""What a real kubelet answered and wrote down in recorded scenarios, and an independent reader of its JSON form."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from collectors.model.kubelet import (
    Allocatable,
    ContainerAllocation,
    DeviceAllocation,
    MemoryBlock,
    PodAllocation,
)

Recorded = Callable[[str], list[Path]]
"""The recorded files of a name, from every scenario"""


def json_beside(path: Path) -> dict[str, Any]:
    """The same answer as the recorder's JSON library printed it."""
    answer: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
    return answer


def pod_of(plain: dict[str, Any]) -> PodAllocation:
    """A pod from the JSON form of protobuf."""
    return PodAllocation(
        namespace=plain["namespace"],
        name=plain["name"],
        cpus=_ids(plain),
        memory=_memory(plain),
        containers=tuple(
            ContainerAllocation(
                name=each["name"], cpus=_ids(each), memory=_memory(each), devices=_devices(each)
            )
            for each in sorted(plain.get("containers", []), key=lambda container: str(container["name"]))
        ),
    )


def allocatable_of(plain: dict[str, Any]) -> Allocatable:
    """The allocatable resources from the JSON form of protobuf."""
    return Allocatable(cpus=_ids(plain), memory=_memory(plain), devices=_devices(plain))


def _ids(plain: dict[str, Any]) -> frozenset[int]:
    return frozenset(int(text) for text in plain.get("cpuIds", []))


def _nodes(plain: dict[str, Any]) -> frozenset[int] | None:
    if "topology" not in plain:
        return None
    return frozenset(int(node.get("ID", 0)) for node in plain["topology"].get("nodes", []))


def _memory(plain: dict[str, Any]) -> tuple[MemoryBlock, ...]:
    blocks = [
        MemoryBlock(type=each["memoryType"], size_bytes=int(each["size"]), numa_nodes=_nodes(each))
        for each in plain.get("memory", [])
    ]
    return tuple(
        sorted(blocks, key=lambda block: (block.type, block.size_bytes, sorted(block.numa_nodes or [])))
    )


def _devices(plain: dict[str, Any]) -> tuple[DeviceAllocation, ...]:
    nodes: dict[tuple[str, str], set[int] | None] = {}
    for entry in plain.get("devices", []):
        for device_id in entry["deviceIds"]:
            key = (entry["resourceName"], device_id)
            told = _nodes(entry)
            nodes[key] = None if told is None else (nodes.get(key) or set()) | told
    return tuple(
        DeviceAllocation(
            resource=resource, device_id=device_id, numa_nodes=None if told is None else frozenset(told)
        )
        for (resource, device_id), told in sorted(nodes.items(), key=lambda item: item[0])
    )
