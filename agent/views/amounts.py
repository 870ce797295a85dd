"""Amounts of resources in the words of people, CPUs as CPUs. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from agent.placement.model import CPU, HUGEPAGES, MEMORY
from agent.views.text import plural
from agent.views.units import format_bytes


def format_amount(resource: str, number: int) -> str:
    """`16 CPUs`, `60 GiB memory`, `2 GiB hugepages-1Gi`, `2 example.com/gpu`."""
    if resource == CPU:
        return plural(number, "CPU")
    if resource == MEMORY or resource.startswith(HUGEPAGES):
        return f"{format_bytes(number)} {resource}"
    return f"{number} {resource}"


def format_amounts(amounts: Iterable[tuple[str, int]]) -> str:
    """All of them: CPUs, memory, hugepages, then devices; `nothing` where there is none."""
    ordered = sorted(amounts, key=lambda pair: (_rank(pair[0]), pair[0]))
    return ", ".join(format_amount(resource, number) for resource, number in ordered) or "nothing"


def _rank(resource: str) -> int:
    if resource == CPU:
        return 0
    if resource == MEMORY:
        return 1
    return 2 if resource.startswith(HUGEPAGES) else 3
