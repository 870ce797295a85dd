"""Headroom as facts."""

from __future__ import annotations

from dataclasses import dataclass

from collectors.model.pod import Amounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Largest:
    """The largest Guaranteed pod of one container of some kind that still fits."""

    kind: str
    """What it is made large in: `cpu`, `cpu+memory` (in proportion), `memory`, hugepages of one size, a device; or
    `cpu with RESOURCE`: CPUs beside one device"""
    amounts: Amounts = ()
    """What that pod asks for: CPUs, bytes, devices; empty where not even the smallest fits"""

    beyond: str | None = None
    """status.reason with which the kubelet refuses the next size; None where it has no word for it"""

    def of(self, resource: str) -> int:
        """How much of a resource it asks for."""
        return dict(self.amounts).get(resource, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranded:
    """What is free on a NUMA node and cannot be had there in one pod."""

    resource: str
    amount: int
    lack: str
    """For lack of what: `cpu`, `whole cores`, `memory`; `group`: the node gives its memory only together with others;
    `node`: other pods have asked for so much of the whole node; `unknown`"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumaHeadroom:
    """One NUMA node."""

    node: int
    free: Amounts
    largest: tuple[Largest, ...] = ()
    """Of pods all of whose resources come from this node"""
    stranded: tuple[Stranded, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragmentation:
    """How far one resource's free rest is in one piece."""

    resource: str
    free: int
    largest: int
    """The most that one pod can have of it from one NUMA node"""

    @property
    def in_one_piece(self) -> float | None:
        """The largest by what is free, 0 to 1; None where nothing is free."""
        return self.largest / self.free if self.free else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """What still fits on a node."""

    topology_policy: str
    topology_scope: str
    cpu_policy: str
    memory_policy: str
    largest: tuple[Largest, ...]
    """Of pods that the kubelet admits under these policies, wherever it puts them"""
    numa_nodes: tuple[NumaHeadroom, ...] = ()
    """Empty where the kubelet takes nothing from NUMA nodes"""
    fragmentation: tuple[Fragmentation, ...] = ()
