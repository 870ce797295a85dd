"""The node under the kubelet's rules, from a snapshot: as it is, or as it would be under other settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from agent.admission.admit import NodeUnderRules
from agent.admission.books import books_of
from agent.admission.machine import machine_of
from agent.admission.settings import settings_of
from agent.admission.versions import NEWEST, Version
from agent.admission.whole_node.node_object import derive_node_object
from agent.kubelet_config.versions import CPU_MANAGER, MAX_NODES, TOPOLOGY_MANAGER
from collectors.errors import NumascopeError
from collectors.model import Snapshot
from collectors.model.kubelet_config import ConfigSource, KubeletConfig
from collectors.model.kubelet_picture import KubeletPicture

_FIELDS = {
    "topology_manager_policy": ("none", "the topology manager's policy"),
    "topology_manager_scope": ("container", "the topology manager's scope"),
    "cpu_manager_policy": ("none", "the CPU manager's policy"),
    "memory_manager_policy": ("None", "the memory manager's policy"),
}
"""Fields of KubeletConfig that decide, with the kubelet's default, for people"""


_LAST_IN_MASK = 63
"""The kubelet's sets of NUMA nodes have 64 bits"""


class NoNodeError(NumascopeError):
    """Too little is known of the node to say what its kubelet would do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """Settings other than the node's own; None: as they are."""

    topology_policy: str | None = None
    topology_scope: str | None = None
    cpu_policy: str | None = None
    memory_policy: str | None = None
    options: tuple[str, ...] | None = None
    """Of the CPU and the topology manager, those that are on; in place of all that are set"""
    empty: bool = False
    """Without the pods that are there now"""

    def fields(self) -> dict[str, Any]:
        """The changed fields of KubeletConfig that have a word as their value."""
        pairs = zip(
            _FIELDS,
            (self.topology_policy, self.topology_scope, self.cpu_policy, self.memory_policy),
            strict=True,
        )
        return {name: value for name, value in pairs if value is not None}


AS_IT_IS = WhatIf()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNode:
    """A node under the rules, and how much of that is known."""

    node: NodeUnderRules
    what_if: tuple[str, ...] = ()
    """Settings that are not the node's own: `topology manager policy restricted instead of none`"""
    assumed: tuple[str, ...] = ()
    """What stands in for settings that nobody told"""
    inferred: tuple[str, ...] = ()
    """What was concluded about who holds what, and not told"""
    unknown: tuple[str, ...] = field(default=())
    """What is not known and may make an answer wrong"""


def node_of(snapshot: Snapshot, what_if: WhatIf = AS_IT_IS, *, version: Version = NEWEST) -> KnownNode:
    """The node of a snapshot under its kubelet's rules.

    Args:
        snapshot: the node. Without a kubelet `what_if` must name the topology policy, and nobody holds anything.
        what_if: settings that it shall have instead of its own.
        version: Kubernetes', whose rules count.

    Raises NoNodeError.
    """
    machine = machine_of(snapshot)
    if machine is None or not machine.cpus:
        raise NoNodeError("the CPUs and NUMA nodes of this machine are not known")
    if min(machine.numa_nodes) < 0:
        raise NoNodeError(
            "neither NUMA nodes nor sockets are known of this machine, and the kubelet places by them"
        )
    config, assumed = _config_of(snapshot, what_if)
    settings = settings_of(config, version=version)
    node = NodeUnderRules.at(machine, settings)
    inferred: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    if snapshot.kubelet is not None and not what_if.empty:
        known = books_of(snapshot, node.managers)
        node, inferred, unknown = node.with_books(known.books), known.inferred, known.unknown
    elif snapshot.kubelet is not None:
        devices = books_of(_without_pods(snapshot), node.managers).books
        node = node.with_books(replace(node.books, devices=devices.devices, plugins=devices.plugins))
    if max(machine.numa_nodes) > _LAST_IN_MASK:
        unknown = (
            *unknown,
            f"what the kubelet makes of NUMA node ids above {_LAST_IN_MASK}, which its hints cannot name",
        )
    numa = snapshot.numa.facts
    if numa is not None:
        # Where nobody tells what is reserved, nothing is: that is among what is assumed.
        reserve = replace(config, source=ConfigSource.FILE)
        node = replace(node, node=derive_node_object(machine, numa, reserve, node.books))
    if node.node.allocatable is None:
        unknown = (*unknown, "how much CPU and memory the whole node has")
    return KnownNode(
        node=node,
        what_if=tuple(_changes(snapshot, what_if)),
        assumed=assumed,
        inferred=inferred,
        unknown=unknown,
    )


def _without_pods(snapshot: Snapshot) -> Snapshot:
    """The same with nobody on it; its devices stay."""
    picture = snapshot.kubelet or KubeletPicture()
    checkpoints = picture.checkpoints
    if checkpoints is not None and checkpoints.devices is not None:
        checkpoints = replace(
            checkpoints, cpu=None, memory=None, devices=replace(checkpoints.devices, containers=())
        )
    return replace(
        snapshot,
        kubelet=replace(
            picture,
            checkpoints=checkpoints,
            pods=replace(picture.pods, facts=()),
            allocations=replace(picture.allocations, facts=()),
        ),
    )


def _config_of(snapshot: Snapshot, what_if: WhatIf) -> tuple[KubeletConfig, tuple[str, ...]]:
    """The configuration that counts, and what had to be assumed."""
    known = None if snapshot.kubelet is None else snapshot.kubelet.config.facts
    assumed = []
    if known is None:
        if what_if.topology_policy is None:
            raise NoNodeError(
                "how a kubelet is configured here is not known; say by which topology policy to go, with --policy"
            )
        known = KubeletConfig(source=ConfigSource.SETTINGS)
    config = replace(known, **what_if.fields())
    if what_if.options is not None:
        config = _with_options(config, what_if.options)
    for name, (default, words) in _FIELDS.items():
        if getattr(config, name) is None:
            assumed.append(f"{words}: {default}, the kubelet's default")
    if config.source not in (ConfigSource.CONFIGZ, ConfigSource.FILE):
        assumed.append("nothing is reserved for the system beyond what is said here")
    return config, tuple(assumed)


def _with_options(config: KubeletConfig, names: tuple[str, ...]) -> KubeletConfig:
    """The configuration with these options on and no others; how many NUMA nodes it takes stays."""
    known = (*CPU_MANAGER.since, *(name for name in TOPOLOGY_MANAGER.since if name != MAX_NODES))
    stranger = next((name for name in names if name not in known), None)
    if stranger is not None:
        raise NoNodeError(
            f"no option of the CPU or the topology manager: {stranger}; there are {', '.join(known)}"
        )
    kept = [(name, value) for name, value in config.topology_manager_options if name == MAX_NODES]
    topology = [(name, "true") for name in names if name in TOPOLOGY_MANAGER.since]
    return replace(
        config,
        cpu_manager_options=tuple(sorted((name, "true") for name in names if name in CPU_MANAGER.since)),
        topology_manager_options=tuple(sorted((*kept, *topology))),
    )


def _changes(snapshot: Snapshot, what_if: WhatIf) -> Iterator[str]:
    known = None if snapshot.kubelet is None else snapshot.kubelet.config.facts
    for name, value in what_if.fields().items():
        before = None if known is None else getattr(known, name)
        if before is None:
            yield f"{name.replace('_', ' ')} {value}"
        elif before != value:
            yield f"{name.replace('_', ' ')} {value} instead of {before}"
    if what_if.options is not None:
        yield f"options {', '.join(what_if.options) or 'none'}"
    if what_if.empty:
        yield "without the pods that are there now"
