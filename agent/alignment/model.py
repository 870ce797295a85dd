"""What an alignment says: the tables of docs/api.md are made from here."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from collectors.model.cgroup import NodeBytes
from collectors.parse import IdSet


class Level(enum.Enum):
    """The smallest part of the machine that holds all of something, the smallest first."""

    CORE = "core"
    L3 = "l3-cache"
    NUMA = "numa-node"
    SOCKET = "socket"
    MACHINE = "machine"
    """More than one socket"""


class Source(enum.Enum):
    """Who says where something is."""

    KUBELET = "kubelet"
    SYSFS = "sysfs"
    """Concluded from a PCI address or a name of the kernel's: its plugin or driver does not tell the kubelet"""


class CpusetVerdict(enum.Enum):
    """What the cgroup leaves to a container, against what the kubelet says."""

    SAME = "same"
    """The CPUs and NUMA nodes that the kubelet gave it, and no others"""
    SHARED = "shared"
    """It has no CPUs of its own, and may run on none that are somebody's own"""
    STALE = "stale"
    """It has no CPUs of its own, and its cgroup is not what the shared pool is now. The kubelet sets that anew every
    cpuManagerReconcilePeriod (10 s by default); what lasts longer is somebody else's doing"""
    DIFFERS = "differs"
    """It has CPUs or memory of its own, and its cgroup says something else: nothing but a fault or a stranger does that"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Something that a container, or a pod as a whole, holds."""

    resource: str
    """`cpu`, `memory`, `hugepages-2Mi`, `nvidia.com/gpu`; of a resource claim its driver"""
    amount: int
    """CPUs, bytes or devices"""
    nodes: IdSet | None
    """The NUMA nodes that CPUs and memory lie on, all of them; of devices those that each sits on, any of which will
    do. None where they are not known"""
    source: Source | None = None
    """Who says so; None where nobody does"""
    cpus: IdSet = frozenset()
    """Which CPUs"""
    devices: tuple[str, ...] = ()
    """Which devices, by the plugin's or the driver's own names"""
    claim: str | None = None
    """The resource claim that devices came by: `namespace/name`"""
    pci_addresses: tuple[str, ...] = ()
    """Of the devices, where their names tell"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How close together the parts of something are."""

    nodes: IdSet = frozenset()
    """NUMA nodes that hold all parts of which the node is known, one where one does; empty where there are none"""
    aligned: bool | None = None
    """Whether one NUMA node holds all parts; None where there are none, or one of which the node is unknown could be
    elsewhere"""
    level: Level | None = None
    """Where they all are together; None where that is not known"""
    distance: int | None = None
    """The largest of the kernel's distances between these nodes, 10 within one; None where it is not known"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpuset:
    """What the cgroup of a container leaves to it."""

    cpus: IdSet | None
    """Where it may run; None where its cgroup does not say"""
    nodes: IdSet | None
    """Where its pages may come from"""
    kubelet_cpus: IdSet | None
    """Where it should run by what the kubelet says: on its own CPUs, or in the shared pool; None where that is not known,
    and where the kubelet gives out no CPUs"""
    kubelet_nodes: IdSet | None
    """The nodes of its memory; None where the kubelet binds none to it"""
    verdict: CpusetVerdict | None
    """None where one of the two sides is not known"""
    extra: IdSet = frozenset()
    """CPUs that the cgroup has beyond what the kubelet says"""
    missing: IdSet = frozenset()
    """CPUs that it lacks"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HugePageBytes:
    """Hugepages of one size, by NUMA node."""

    resource: str
    """`hugepages-2Mi`"""
    by_node: tuple[NodeBytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Where the memory of a container really lies."""

    by_node: tuple[NodeBytes, ...]
    """All that is charged to its cgroup, without hugepages"""
    anon: tuple[NodeBytes, ...]
    """Heaps and stacks"""
    file: tuple[NodeBytes, ...]
    """Files and shared memory"""
    hugepages: tuple[HugePageBytes, ...] = ()
    remote_bytes: int | None = None
    """On other NUMA nodes than those of the CPUs that it may run on; hugepages among them. None where these CPUs are
    not known"""
    remote_share: float | None = None
    """Of all its memory, 0 to 1; None where it has none"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What an annotation asks for. No kubelet reads these annotations."""

    annotation: str
    value: str
    fulfilled: bool | None
    """Whether the pod has it all the same; None where that is not known"""
    why: str
    """A sentence's end for people: `it is on NUMA nodes 0-1`"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerAlignment:
    """One container that runs, or holds something."""

    name: str
    role: str | None
    """`init`, `sidecar` or `app`; None where its pod's spec is not known"""
    parts: tuple[Part, ...] = ()
    """What it holds for itself alone; nothing where it runs in the shared pool"""
    fit: Fit = Fit()
    cpu_level: Level | None = None
    """Where its CPUs alone are together; None where it has none of its own"""
    cpuset: Cpuset | None = None
    """None where its cgroup is not in sight"""
    pages: Pages | None = None
    """None where its cgroup does not say"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodAlignment:
    """One pod that the kubelet lists."""

    namespace: str
    name: str
    uid: str | None
    """None where its spec is not known"""
    qos_class: str | None
    containers: tuple[ContainerAlignment, ...] = ()
    """In the order of the spec, else by name. Init containers only while they run"""
    parts: tuple[Part, ...] = ()
    """Of the pod as a whole; its containers' own are in it. Empty unless the kubelet manages pod-level resources"""
    fit: Fit = Fit()
    """Of all its containers together"""
    wishes: tuple[Wish, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """All pods of a node."""

    topology_manager_policy: str | None = None
    topology_manager_scope: str | None = None
    cpu_manager_policy: str | None = None
    memory_manager_policy: str | None = None
    cgroup_version: int | None = None
    """1 or 2; None where no cgroups are in sight"""
    pods: tuple[PodAlignment, ...] = ()
    """By namespace and name"""
    unknown: tuple[str, ...] = ()
    """What could not be looked at, a sentence each"""
