"""What a pod asks of its node beyond resources: its name, labels, taints, ports. And what the node is to such wishes.

The facts of pods that the agent keeps have none of this; it comes from a manifest, or from nowhere, and then nothing is
refused for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from collectors.model.pod import Amounts

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One line of a node affinity term."""

    key: str
    operator: str
    """In, NotIn, Exists, DoesNotExist, Gt or Lt"""
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AffinityTerm:
    """One term of requiredDuringSchedulingIgnoredDuringExecution: all of its lines must hold."""

    labels: tuple[Requirement, ...] = ()
    """matchExpressions"""
    fields: tuple[Requirement, ...] = ()
    """matchFields; `metadata.name` is the only field"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Toleration:
    """spec.tolerations[]; empty strings are as in core/v1: any key, any effect, operator Equal."""

    key: str = ""
    operator: str = ""
    value: str = ""
    effect: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taint:
    """spec.taints[] of the node"""

    key: str
    value: str = ""
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPort:
    """A port of the node that a container or sidecar wants to itself."""

    port: int
    protocol: str = "TCP"
    address: str = ""
    """Empty: on every address, as 0.0.0.0"""
    of_sidecar: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What one pod asks of its node."""

    node_name: str | None = None
    node_selector: Labels = ()
    affinity: tuple[AffinityTerm, ...] | None = None
    """One of the terms must hold, and of an empty list none does; None: no wish"""
    tolerations: tuple[Toleration, ...] = ()
    host_ports: tuple[HostPort, ...] = ()
    os: str | None = None
    """spec.os.name"""
    os_label: str | None = None
    """The pod's own label kubernetes.io/os"""
    strict_supplemental_groups: bool = False
    """supplementalGroupsPolicy: Strict"""
    overhead: Amounts = ()
    """spec.overhead, of its runtime class"""
    critical: bool = False
    """Priority of a system pod, or static: the kubelet evicts others rather than refuse it for lack of resources"""
    static: bool = False
    """From a file: taints do not count"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeObject:
    """The Node object as the kubelet knows it. What is None is not known, and then nobody is refused for it."""

    name: str | None = None
    labels: Labels | None = None
    taints: tuple[Taint, ...] | None = None
    allocatable: Amounts | None = None
    """status.allocatable in units of Amounts, `pods` among them"""
    supplemental_groups_policy: bool | None = None
    """status.features.supplementalGroupsPolicy"""
