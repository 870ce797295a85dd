"""A snapshot taken apart into single facts, each under a name that does not depend on order: what is compared when two
snapshots should be the same, or when one must say no more than the other."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator, Mapping

from collectors.model import Snapshot

Leaf = str
"""Subject, then names and identities down to a field: `cpus.packages[0-3].id`"""

IDENTITIES: Mapping[str, tuple[str, ...]] = {
    "Cpu": ("id",),
    "CpuGroup": ("cpus",),
    "Cache": ("level", "type", "cpus"),
    "CpuKind": ("cpus",),
    "NumaNode": ("id",),
    "HugePagePool": ("page_size_bytes",),
    "AccessPerformance": ("access_class",),
    "MemoryTier": ("id",),
    "PciDevice": ("address",),
    "RdmaPort": ("number",),
}
"""The fields by which the items of a list are told apart; `name` where nothing is said"""


def leaves(snapshot: Snapshot) -> dict[Leaf, object]:
    """Every known fact of a snapshot; what is None is not there."""
    found: dict[Leaf, object] = {}
    for subject, observed in snapshot.observed:
        found.update(_walk(subject, observed.facts))
    return found


def differences(expected: Snapshot, actual: Snapshot) -> dict[Leaf, tuple[object, object]]:
    """(expected, actual) of every fact that is not the same; None for what one side does not know."""
    one, other = leaves(expected), leaves(actual)
    return {
        name: (one.get(name), other.get(name))
        for name in sorted(one.keys() | other.keys())
        if one.get(name) != other.get(name)
    }


def _walk(name: str, value: object) -> Iterator[tuple[Leaf, object]]:
    if value is None:
        return
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield name, type(value).__name__
        for field in dataclasses.fields(value):
            yield from _walk(f"{name}.{field.name}", getattr(value, field.name))
    elif isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
        for item in value:
            yield from _walk(f"{name}[{_identity(item)}]", item)
    else:
        yield name, value


def _identity(item: object) -> str:
    fields = IDENTITIES.get(type(item).__name__, ("name",))
    return " ".join(_shown(getattr(item, field)) for field in fields)


def _shown(value: object) -> str:
    if isinstance(value, frozenset):
        return ",".join(str(number) for number in sorted(value))
    return str(value.value) if isinstance(value, enum.Enum) else str(value)
