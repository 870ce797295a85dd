"""How much memory a kubelet keeps from pods, and how amounts are written in its configuration.

The memory manager wants the sum of `reservedMemory` to equal `systemReserved` + `kubeReserved` + the hard eviction
threshold `memory.available`, to the byte. A threshold in percent is a share of MemTotal, computed in single precision.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from collectors.model.kubelet_config import KubeletConfig
from collectors.parse import ParseError
from collectors.quantity import parse_quantity

MEMORY_AVAILABLE = "memory.available"
IGNORED = ("0%", "100%")
"""Thresholds that are none"""

_PERCENT = re.compile(r"[0-9]{1,3}(?:\.[0-9]{0,20})?", re.ASCII)
_UNITS = (("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10))


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryReserve:
    """Bytes that pods never get, by who asks for them."""

    system: int
    kube: int
    eviction: int

    @property
    def total(self) -> int:
        """What `reservedMemory` has to come to."""
        return self.system + self.kube + self.eviction

    @property
    def words(self) -> str:
        """The sum, spelt out."""
        parts = (
            ("systemReserved", self.system),
            ("kubeReserved", self.kube),
            (f"evictionHard {MEMORY_AVAILABLE}", self.eviction),
        )
        return " + ".join(f"{name} {format_amount(size)}" for name, size in parts)


def memory_reserve(config: KubeletConfig, capacity: int | None) -> MemoryReserve | None:
    """What a configuration reserves; None where its threshold is a share of a memory that is unknown.

    Raises ParseError where the threshold is none.
    """
    threshold = dict(config.eviction_hard).get(MEMORY_AVAILABLE)
    eviction = 0 if threshold is None else threshold_bytes(threshold, capacity)
    if eviction is None:
        return None
    return MemoryReserve(
        system=dict(config.system_reserved).get("memory", 0),
        kube=dict(config.kube_reserved).get("memory", 0),
        eviction=eviction,
    )


def threshold_bytes(threshold: str, capacity: int | None) -> int | None:
    """A hard eviction threshold in bytes; None where it is a share of an unknown capacity. Raises ParseError."""
    if threshold in IGNORED:
        return 0
    if not threshold.endswith("%"):
        return parse_quantity(threshold)
    number = threshold.removesuffix("%")
    if _PERCENT.fullmatch(number) is None or float(number) > 100:
        raise ParseError(threshold, "a share of at most 100%")
    if capacity is None:
        return None
    # Two roundings to single precision, as the kubelet does it: 5% of 1 TiB is 820 bytes more than a twentieth.
    return int(capacity * _single(_single(float(number)) / 100))


def format_amount(size: int) -> str:
    """Bytes as a quantity, exact, in the largest binary unit that divides them."""
    for unit, factor in _UNITS:
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return str(size)


def _single(value: float) -> float:
    """The nearest number of single precision."""
    nearest: float = struct.unpack("f", struct.pack("f", value))[0]
    return nearest
