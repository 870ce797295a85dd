"""How close together the parts of a container or a pod are.

CPUs and memory lie on all of their nodes at once; a device that sits on several may be reached from any of them, and
counts for the one that suits the others best.
"""

from __future__ import annotations

from collections.abc import Iterable

from agent.alignment.machine import Machine
from agent.alignment.model import Fit, Level, Part
from agent.placement.model import CPU, HUGEPAGES, MEMORY
from collectors.parse import IdSet

_NONE: IdSet = frozenset()


def derive_fit(parts: Iterable[Part], machine: Machine) -> Fit:
    """The fit of these parts; an empty one where there are none."""
    parts = tuple(parts)
    known = [part for part in parts if part.nodes]
    nodes = _fewest_nodes(known)
    aligned: bool | None = None
    if len(nodes) > 1:
        aligned = False
    elif parts and len(known) == len(parts):
        aligned = True
    return Fit(
        nodes=nodes,
        aligned=aligned,
        level=_level(parts, nodes, machine) if len(known) == len(parts) else None,
        distance=machine.distance(nodes),
    )


def is_spread(resource: str) -> bool:
    """Whether it lies on all of its nodes at once, as CPUs and memory do."""
    return resource in (CPU, MEMORY) or resource.startswith(HUGEPAGES)


def _fewest_nodes(parts: list[Part]) -> IdSet:
    """The nodes of what is spread, and of the devices as few more as will do."""
    nodes = _NONE.union(*(part.nodes or _NONE for part in parts if is_spread(part.resource)))
    choices = {part.nodes or _NONE for part in parts if not is_spread(part.resource)}
    left = [choice for choice in sorted(choices, key=sorted) if not choice & nodes]
    while left:
        # The node that most of them sit on; of several the lowest.
        best = max(
            sorted(_NONE.union(*left)),
            key=lambda node: sum(node in choice for choice in left),
        )
        nodes |= {best}
        left = [choice for choice in left if best not in choice]
    return nodes


def _level(parts: tuple[Part, ...], nodes: IdSet, machine: Machine) -> Level | None:
    """Below the NUMA node only CPUs can be together: where there is anything else, that is as near as it gets."""
    if all(part.resource == CPU for part in parts):
        return machine.level_of_cpus(_NONE.union(*(part.cpus for part in parts)))
    return machine.level_of_nodes(nodes)
