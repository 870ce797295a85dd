"""What a ledger says. Every CPU, byte and device is counted once; what cannot be counted on a node is said apart.

For each resource, summed over what the ledger holds:

    sum of the zones - (nodes - 1) x each `shared` + `unattributed` = `totals`     (capacity, allocatable)
    the same less `unplaced` = `totals`                                            (available)

The last holds unless there is a contradiction, where a figure would be negative and is 0 instead.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from collectors.parse import IdSet

CPU = "cpu"
MEMORY = "memory"
HUGEPAGES = "hugepages-"

_PAGE_UNITS = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


def hugepages_resource(page_size_bytes: int) -> str:
    """Kubernetes' name of hugepages of that size: `hugepages-2Mi`."""
    unit = 0
    while page_size_bytes and page_size_bytes % 1024 == 0 and unit < len(_PAGE_UNITS) - 1:
        page_size_bytes //= 1024
        unit += 1
    return f"{HUGEPAGES}{page_size_bytes}{_PAGE_UNITS[unit]}"


class Basis(enum.Enum):
    """What the figures of a resource stand on."""

    KUBELET = "kubelet"
    """The kubelet gives this resource from NUMA nodes: its pool, less what is held"""
    MACHINE = "machine"
    """The kubelet binds it to no node, or there is no kubelet: what the kernel shows, and nothing is ever taken away"""


class InferenceKind(enum.Enum):
    """What was concluded, because nobody says it."""

    INIT_CONTAINER = "init-container"
    """Held by an ordinary init container of a pod, or kept since it ended; concluded from the pod's spec"""
    UNLISTED_CPUS = "unlisted-cpus"
    """CPUs that nobody is listed with but that are not in the shared pool either"""
    DEVICE_NODE = "device-node"
    """Devices without topology, whose node was found in sysfs by address or name"""
    BURSTABLE_HUGEPAGES = "burstable-hugepages"
    """Hugepages that pods without Guaranteed QoS ask for. Nobody binds them to a node, so they are not taken away"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """One resource: CPUs, bytes or devices."""

    resource: str
    """As pods ask for it: `cpu`, `memory`, `hugepages-2Mi`, `nvidia.com/gpu`"""
    capacity: int
    """What is there. Of devices: the healthy ones, and those that somebody holds whatever their health"""
    allocatable: int | None
    """What the kubelet can give to pods at all; None where it has not said"""
    available: int | None
    """What is left of it; None where it is not known who holds what"""
    basis: Basis = Basis.KUBELET
    inferred: bool = False
    """Whether something in these figures was concluded and not told"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """One NUMA node that holds something."""

    id: int
    amounts: tuple[Amount, ...]
    """By resource"""

    def amount(self, resource: str) -> Amount | None:
        """The figures of a resource, None where the node has none of it."""
        return next((amount for amount in self.amounts if amount.resource == resource), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Devices that sit on several nodes: they are in the figures of each of them, and in the totals once."""

    nodes: IdSet
    amount: Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Spanning:
    """Memory that one container holds on several nodes together, and how it lies on them by the kubelet's rule."""

    holder: str
    """`namespace/pod`"""
    resource: str
    size_bytes: int
    by_node: tuple[tuple[int, int], ...]
    """(node, bytes) by node. What the kubelet does: it fills the lowest node first. Once something has been given back
    its books may differ between these nodes, never in their sum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplaced:
    """Something that is held, nobody knows on which node. It is taken from the totals and from no zone."""

    resource: str
    amount: int
    holders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """A conclusion that went into the figures."""

    kind: InferenceKind
    resource: str
    amount: int
    nodes: IdSet | None = None
    """Where; None where that could not be concluded"""
    holder: str | None = None
    """`namespace/pod`; None where it is nobody's"""
    ids: tuple[str, ...] = ()
    """Of devices, where they are known"""
    cpus: IdSet = frozenset()
    """Which CPUs, where that is known"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """Two facts that cannot both be true. What the figures say instead is the cautious one of the two."""

    resource: str
    reason: str
    """A sentence's end for people: `2 more are held than can be given`"""
    amount: int = 0
    """How many CPUs, bytes or devices it is about"""
    node: int | None = None
    holders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuBook:
    """The CPUs themselves, where the kubelet gives them out (CPU policy static)."""

    allocatable: IdSet
    held: IdSet
    """Exclusive to somebody. With `Inference`s of CPUs that are not known one by one it names likely ones"""
    available: IdSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Everything that can be given to pods on this machine, and what is left of it."""

    zones: tuple[Zone, ...] = ()
    """By id; NUMA nodes with nothing that a pod could get are not among them"""
    totals: tuple[Amount, ...] = ()
    """By resource"""
    shared: tuple[Shared, ...] = ()
    unattributed: tuple[Amount, ...] = ()
    """What lies on no known node: devices without topology that sysfs does not know either"""
    unplaced: tuple[Unplaced, ...] = ()
    spanning: tuple[Spanning, ...] = ()
    inferences: tuple[Inference, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    unknown: tuple[str, ...] = ()
    """What was needed and is not known, for people: `which CPUs the kubelet can give`"""
    cpu_basis: Basis | None = None
    """None where it is not known whether the kubelet gives out CPUs"""
    memory_basis: Basis | None = None
    cpus: CpuBook | None = None

    def zone(self, node: int) -> Zone | None:
        """The zone of a NUMA node, None where it holds nothing."""
        return next((zone for zone in self.zones if zone.id == node), None)

    def total(self, resource: str) -> Amount | None:
        """The figures of a resource on the whole machine."""
        return next((amount for amount in self.totals if amount.resource == resource), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one subject adds to a ledger; amounts of a zone by its node."""

    zones: tuple[tuple[int, Amount], ...] = ()
    totals: tuple[Amount, ...] = ()
    shared: tuple[Shared, ...] = ()
    unattributed: tuple[Amount, ...] = ()
    unplaced: tuple[Unplaced, ...] = ()
    spanning: tuple[Spanning, ...] = ()
    inferences: tuple[Inference, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    unknown: tuple[str, ...] = ()
