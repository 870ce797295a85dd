"""What is kept and said of refused pods. Frozen facts; docs/api.md describes how they are served at /api/v1/refusals."""

from __future__ import annotations

from dataclasses import dataclass

from agent.refusals.classify import Cause
from collectors.model.pod import Amounts, Owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """What one container asks for, of that which decides."""

    container: str | None
    """None for what the pod asks for as a whole"""
    role: str
    """init, sidecar or app; pod for what it asks for as a whole"""
    amounts: Amounts = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What one pod holds of one resource on one NUMA node."""

    holder: str
    """`namespace/pod`, with `(init container)` behind it for what the kubelet does not list"""
    amount: int
    """CPUs, bytes or devices"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One resource on one NUMA node, or on no known one, as it was."""

    resource: str
    node: int | None
    """None for what lies on no known node"""
    capacity: int | None = None
    """What is there, reserved or not"""
    allocatable: int | None = None
    """What the kubelet gives to pods at all; None where that is not known"""
    free: int | None = None
    """CPUs, bytes or devices; None where that is not known"""
    holders: tuple[Holding, ...] = ()
    """The largest first, and not too many of them"""
    more_holders: int = 0
    """How many pods beside those hold some"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """What an explanation needs of a node at one instant: figures of some resources, and under which rules."""

    at: float
    """Seconds since the epoch"""
    topology_policy: str | None = None
    topology_scope: str | None = None
    cpu_policy: str | None = None
    memory_policy: str | None = None
    cpu_options: tuple[tuple[str, str], ...] = ()
    shares: tuple[Share, ...] = ()
    """By resource and node"""
    groups: tuple[tuple[int, ...], ...] = ()
    """Sets of two or more NUMA nodes from which the memory manager gives memory together"""
    unknown: tuple[str, ...] = ()
    """What was not known of the node, for people"""

    def of(self, resource: str) -> tuple[Share, ...]:
        """The shares of one resource, by node."""
        return tuple(share for share in self.shares if share.resource == resource)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFault:
    """A refusal that is known not to be the pod's fault, by the name under which docs/refusals.md has it."""

    name: str
    what: str
    """One sentence"""
    link: str
    """The thread in which it is discussed"""
    way_out: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why the kubelet refused a pod."""

    pod: str
    """The one of a story that was looked at"""
    cause: Cause
    summary: str
    """One sentence for people, without a full stop"""
    container: str | None = None
    """At which the kubelet stopped; None where it was the pod as a whole, or is not known"""
    resources: tuple[str, ...] = ()
    """Those that decided"""
    wants: tuple[Want, ...] = ()
    state: NodeState | None = None
    """The node just before; None where nothing is known of it, or nothing of it matters"""
    evidence: tuple[str, ...] = ()
    """Facts that it stands on, a line each"""
    fits: str | None = None
    """What would have fitted"""
    ways_out: tuple[str, ...] = ()
    """The nearest first"""
    known_fault: KnownFault | None = None
    replayed: bool | None = None
    """Whether the kubelet's rules, replayed on that state, refuse the pod too and for the same reason; None where they
    were not replayed. False is a reason to doubt what is said here"""
    hindsight: bool = False
    """Whether the state is one of later: the pod had been refused before anybody looked"""

    @property
    def explains(self) -> bool:
        """Whether by this state the pod had to be refused, as far as that can be told."""
        return self.replayed is not False and (self.state is None or bool(self.resources))


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedPod:
    """One refused pod of a story."""

    name: str
    uid: str
    at: float
    """When we saw it: seconds since the epoch"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonCount:
    """How often the pods of a story were refused for one reason."""

    reason: str
    cause: Cause
    pods: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The refused pods of one workload."""

    namespace: str
    owner: Owner | None
    """None where a pod has no controller: then it has a story of its own"""
    first_at: float
    last_at: float
    """Seconds since the epoch"""
    refused: int = 0
    """Pods since the agent started"""
    refused_before: int = 0
    """Pods that had been refused before the agent looked for the first time"""
    reasons: tuple[ReasonCount, ...] = ()
    """The last one first"""
    message: str | None = None
    """The kubelet's own last words, without `Pod was rejected: `"""
    pods: tuple[RefusedPod, ...] = ()
    """The last few, the last first"""
    explanation: Explanation | None = None
    """None until it has been worked out"""

    @property
    def workload(self) -> str:
        """`ReplicaSet default/web-7d4b9`, `pod default/web`."""
        if self.owner is None:
            return f"pod {self.namespace}/{self.pods[0].name}"
        return f"{self.owner.kind} {self.namespace}/{self.owner.name}"
