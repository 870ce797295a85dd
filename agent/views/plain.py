"""A Snapshot as plain values, ready for JSON: the public form of `/api/v1/snapshot` (docs/api.md). Pure.

Every field of the model is there, under its own name and in its own order, so that nothing is forgotten here and a
field that is added to the model is seen in the golden file. The rules:

- what is unknown is null, never 0 and never left out;
- sets of CPUs and NUMA nodes are the kernel's list strings, `0-3,8`; sets of words are sorted lists;
- enums are their value; times are RFC 3339 in UTC; ids of PCI vendors, devices and classes are hexadecimal strings;
- distances are an object by NUMA node id; amounts of resources, options and feature gates are objects by name.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
from collections.abc import Callable, Mapping
from typing import Any

from agent.timestamps import format_timestamp
from collectors.model import NumaNode, Observed, PciDevice, Snapshot
from collectors.model.kubelet import RegisteredDevices
from collectors.model.kubelet_config import KubeletConfig
from collectors.model.pod import Pod, PodContainer
from collectors.parse import format_id_list

API_VERSION = "numascope.dev/v1"
"""Rises when a field changes its meaning or goes; new fields do not raise it"""


def plain_snapshot(snapshot: Snapshot) -> dict[str, Any]:
    """The whole snapshot. Same snapshot, same bytes once it is written as JSON."""
    return {"api_version": API_VERSION, "kind": "Snapshot", **plain(snapshot)}


def plain(value: object) -> Any:
    """Any value of the model as dicts, lists, strings, numbers, booleans and None."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, frozenset):
        return format_id_list(value) if all(isinstance(item, int) for item in value) else sorted(value)
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    kind: type[Any] = type(value)
    return {name: show(getattr(value, name)) for name, show in _fields(kind)}


def format_hex(number: int | None, *, digits: int = 4) -> str | None:
    """`0x8086`: as lspci and the PCI id database write it."""
    return None if number is None else f"0x{number:0{digits}x}"


def _format_known_time(seconds: float | None) -> str | None:
    return None if seconds is None else format_timestamp(seconds)


def _format_distances(distances: tuple[tuple[int, int], ...]) -> dict[str, int]:
    return {str(node): distance for node, distance in distances}


def _format_named(pairs: tuple[tuple[object, Any], ...]) -> dict[str, Any]:
    """Pairs of a name, or a number, and what it has."""
    return {str(name): value for name, value in pairs}


def _format_named_by_node(pairs: tuple[tuple[int, tuple[tuple[str, int], ...]], ...]) -> dict[str, Any]:
    return {str(node): _format_named(amounts) for node, amounts in pairs}


_SPECIAL: dict[tuple[type, str], Callable[[Any], Any]] = {
    (Snapshot, "taken_at"): format_timestamp,
    (Observed, "read_at"): _format_known_time,
    (Pod, "started_at"): _format_known_time,
    (Pod, "requests"): _format_named,
    (Pod, "limits"): _format_named,
    (Pod, "annotations"): _format_named,
    (PodContainer, "requests"): _format_named,
    (PodContainer, "limits"): _format_named,
    (KubeletConfig, "eviction_hard"): _format_named,
    (KubeletConfig, "topology_manager_options"): _format_named,
    (KubeletConfig, "cpu_manager_options"): _format_named,
    (KubeletConfig, "reserved_memory"): _format_named_by_node,
    (KubeletConfig, "system_reserved"): _format_named,
    (KubeletConfig, "kube_reserved"): _format_named,
    (KubeletConfig, "feature_gates"): _format_named,
    (RegisteredDevices, "device_ids"): sorted,
    (NumaNode, "distances"): _format_distances,
    (PciDevice, "class_code"): functools.partial(format_hex, digits=6),
    (PciDevice, "vendor_id"): format_hex,
    (PciDevice, "device_id"): format_hex,
    (PciDevice, "subsystem_vendor_id"): format_hex,
    (PciDevice, "subsystem_device_id"): format_hex,
}


_KNOWN_FIELDS: dict[type[Any], tuple[tuple[str, Callable[[Any], Any]], ...]] = {}
"""What `_fields` has worked out: a machine has some thousand facts of twenty kinds."""


def _fields(kind: type[Any]) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    """Names of a dataclass's fields in order, each with what turns its value into a plain one."""
    known = _KNOWN_FIELDS.get(kind)
    if known is None:
        known = tuple(
            (item.name, _SPECIAL.get((kind, item.name), plain)) for item in dataclasses.fields(kind)
        )
        _KNOWN_FIELDS[kind] = known
    return known
