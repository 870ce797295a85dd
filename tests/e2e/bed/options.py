"""What one bed is like: the kubelet's policies and options, and its feature gates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

TopologyPolicy = Literal["none", "best-effort", "restricted", "single-numa-node"]
TopologyScope = Literal["container", "pod"]

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeletOptions:
    """How the kubelet is configured, in the words of its configuration file (KubeletConfiguration v1beta1)."""

    topology_policy: TopologyPolicy = "single-numa-node"
    topology_scope: TopologyScope = "container"
    topology_options: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    cpu_policy: Literal["static", "none"] = "static"
    cpu_options: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    memory_policy: Literal["Static", "None"] = "Static"
    feature_gates: Mapping[str, bool] = field(default_factory=lambda: NOTHING)
    extra: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    """Further fields of the configuration file"""
    drop_in: str = ""
    """What stands in a file of the drop-in directory; without it there is no such directory"""
    verbosity: int = 2

    def but(self, **changes: Any) -> KubeletOptions:
        """The same with some fields changed."""
        return replace(self, **changes)
