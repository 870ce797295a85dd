"""The words that the rules speak in: the machine as the kubelet sees it, its settings, hints, its books, a decision.

NUMA nodes come as bit masks here (bit n is node n), as in the kubelet: a merge of hints is nothing but `&` and counting.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self

from agent.admission.whole_node.wishes import Wishes
from collectors.model.kubelet import DeviceAllocation, MemoryBlock, MemoryNode
from collectors.model.pod import Amounts, Pod, PodContainer
from collectors.parse import IdSet

Mask = int
"""A set of NUMA nodes: bit n stands for node n"""


@dataclass(frozen=True, slots=True)
class Hint:
    """Where one resource could be taken from (the kubelet's TopologyHint)."""

    nodes: Mask | None
    """None: from anywhere"""
    preferred: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Enough:
    """A condition on a set of nodes: what lies on its nodes adds up to the need.

    An amount that lies on several nodes (a device with two) counts once, as soon as the set has any of them.
    """

    amounts: tuple[tuple[Mask, int], ...]
    """(the nodes on which it lies, how much); what lies on the same nodes is added up before, for speed"""
    need: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HintRule:
    """All hints of one resource as the rule behind them, unlisted: on 34 nodes the list has 17 thousand million sets.

    Every set of `least` or more of `nodes` that meets all conditions is a hint, and so is each of `others`. A provider
    always answers with the rule, whatever the machine's size; `hint_rules.listed` writes it out, `hint_rules.smallest`
    finds the size of the smallest set (the kubelet's minimal affinity size), `hint_rules.holds` tests one set.
    """

    nodes: Mask
    """The nodes that sets are made of"""
    least: int = 1
    """How many nodes a set has at the least"""
    enough: tuple[Enough, ...] = ()
    """All of them must hold"""
    touches: tuple[Mask, ...] = ()
    """The set has at least one node of each of these (where something lies that must be used again)"""
    others: tuple[Mask, ...] = ()
    """Sets that are hints by a rule of their own, whatever the conditions above say"""
    preferred_size: int
    """A hint of so many nodes is preferred"""
    groups: tuple[Mask, ...] = ()
    """The nodes of each socket, where align-by-socket asks"""
    preferred_groups: int | None = None
    """A hint that lies on exactly so many of `groups` is preferred too"""


Hints = Mapping[str, "HintRule | tuple[Hint, ...] | None"]
"""A provider's hints by resource. None: no wish for that resource; an empty tuple, or a rule that no set of nodes
meets: no set would do"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuPlace:
    """Where one CPU sits. Ids are unique over the machine, as in the kubelet's own table."""

    cpu: int
    core: int
    socket: int
    numa_node: int
    uncore_cache: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine as cAdvisor tells it to the kubelet when that starts."""

    cpus: tuple[CpuPlace, ...]
    """Those that are online, by id"""
    numa_nodes: tuple[int, ...]
    """In cAdvisor's order, which is that of directory names: node10 before node2"""
    distances: tuple[tuple[int, ...], ...] = ()
    """Rows in the order of `numa_nodes`; a row's entries are in the kernel's own order of nodes. Empty where unknown"""
    memory: tuple[tuple[int, Amounts], ...] = ()
    """(NUMA node, its memory and hugepages-* in bytes) in the order of `numa_nodes`"""
    socket_count: int | None = None
    """As cAdvisor counts them, by /proc/cpuinfo; None: as many as `cpus` have"""
    cpu_count: int | None = None
    """As cAdvisor counts them: without NUMA in sysfs the offline ones too; None: as many as `cpus`"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the kubelet is configured, as far as the rules ask; every option has its effective value."""

    version: tuple[int, int] = (1, 37)
    """Kubernetes' (major, minor)"""
    topology_policy: str = "none"
    topology_scope: str = "container"
    prefer_closest_numa_nodes: bool = False
    max_numa_nodes: int = 8
    cpu_policy: str = "none"
    full_pcpus_only: bool = False
    distribute_cpus_across_numa: bool = False
    align_by_socket: bool = False
    distribute_cpus_across_cores: bool = False
    strict_cpu_reservation: bool = False
    prefer_align_cpus_by_uncorecache: bool = False
    memory_policy: str = "None"
    reserved_cpus: IdSet | None = None
    """reservedSystemCPUs; None: the kubelet takes `reserved_cpu_count` by its own rule"""
    reserved_cpu_count: int = 0
    """systemReserved and kubeReserved in whole CPUs, rounded up"""
    reserved_memory: tuple[tuple[int, Amounts], ...] = ()
    """(NUMA node, bytes by resource): reservedMemory"""
    gates: frozenset[str] = frozenset()
    """Feature gates that are on beyond or against the version's defaults are resolved by then: those that are on"""


Holder = tuple[str, str]
"""(uid of the pod, name of the container)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginDevice:
    """A device that a plugin has registered."""

    device: DeviceAllocation
    healthy: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePlugin:
    """How the plugin of one resource stands to the kubelet, and how it answers when it is asked."""

    resource: str
    registered: bool = True
    """Whether the kubelet knows the resource: it does even without devices, and after its own restart from the
    checkpoint. Five minutes after the last plugin is gone it forgets the resource, though not what it told of devices"""
    preference: tuple[str, ...] | None = None
    """GetPreferredAllocation as an order of ids: it names those that must be in, then the first of these that are
    offered, up to the number. None: it is not asked (it does not have the option, or has not come back yet)"""
    preference_error: str | None = None
    """With what words the call GetPreferredAllocation fails, as gRPC tells them; None: it does not"""
    allocate_error: str | None = None
    """With what words the call Allocate fails, as gRPC tells them; None: it does not"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """All that the kubelet's managers remember between two admissions. A change makes new books."""

    pods: tuple[Pod, ...] = ()
    """Admitted and not ended, in the order of admission"""
    wishes: Mapping[str, Wishes] = field(default_factory=dict)
    """What these pods ask of the node beyond resources, by uid; without an entry nothing"""
    affinities: Mapping[Holder, Hint] = field(default_factory=dict)
    """The merged hints by which containers were given what they have; the kubelet forgets them with its restart"""
    shared_cpus: IdSet = frozenset()
    """The CPU manager's default set; reserved CPUs are in it unless strict-cpu-reservation"""
    cpus: Mapping[Holder, IdSet] = field(default_factory=dict)
    pod_cpus: Mapping[str, IdSet] = field(default_factory=dict)
    """CPUs of pods as a whole, by uid (pod-level resource managers)"""
    reusable_cpus: Mapping[str, IdSet] = field(default_factory=dict)
    """CPUs that a pod's ordinary init containers leave to its later containers, by uid"""
    memory_nodes: tuple[MemoryNode, ...] = ()
    """The memory manager's table, by id; empty under policy None"""
    memory: Mapping[Holder, tuple[MemoryBlock, ...]] = field(default_factory=dict)
    pod_memory: Mapping[str, tuple[MemoryBlock, ...]] = field(default_factory=dict)
    reusable_memory: Mapping[str, tuple[MemoryBlock, ...]] = field(default_factory=dict)
    """Memory that a pod's ordinary init containers leave to its later containers, by uid; of the pod that was last"""
    devices: tuple[PluginDevice, ...] = ()
    """Every device that is registered, taken or not"""
    plugins: tuple[DevicePlugin, ...] = ()
    """By resource, where there is more to tell than the devices: a resource with devices and without an entry is
    registered and its plugin obliging"""
    device_holders: Mapping[Holder, tuple[DeviceAllocation, ...]] = field(default_factory=dict)
    reusable_devices: Mapping[str, tuple[DeviceAllocation, ...]] = field(default_factory=dict)
    written_devices: Mapping[Holder, tuple[DeviceAllocation, ...]] = field(default_factory=dict)
    """The holders in the device manager's file. It is written when somebody has been given devices or a plugin tells
    anew which it has, and read when the kubelet starts: who is forgotten in between comes back then"""
    stray_devices: tuple[DeviceAllocation, ...] = ()
    """Taken and given to nobody, because the plugin failed in between; the kubelet finds out when the next pod is gone"""
    starting: bool = False
    """Whether the kubelet has just started and has not heard from all sources of pods: it takes running containers as
    they are, and gives nothing back"""


class AllocationError(Exception):
    """A manager could not give what the merged hint had promised.

    Attributes:
        reason: status.reason of the pod.
        books: what the manager had already written when it gave up, where that is more than nothing.

    The message (`str(error)`) is status.message without its beginning `Pod was rejected: `.
    """

    def __init__(self, reason: str, message: str, *, books: Books | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.books = books

    @classmethod
    def unexpected(cls, cause: str, *, books: Books | None = None) -> Self:
        """For an error that has no reason of its own in the kubelet: `cause` is the manager's own sentence."""
        message = f"Allocate failed due to {cause}, which is unexpected"
        return cls("UnexpectedAdmissionError", message, books=books)


class NeverAnswersError(AllocationError):
    """The kubelet would search for ever, and with it admit no pod any more until it is restarted.

    It has no reason and message for that; these are ours.
    """


class PanicError(AllocationError):
    """The kubelet itself would end, while it makes hints or allocates. It has no message for that; this is ours."""


class Provider(Protocol):
    """One of the kubelet's managers that the topology manager asks: pure, all that changes is in the books."""

    def hints(self, books: Books, pod: Pod, container: PodContainer) -> Hints:
        """For one container (container scope). Raises PanicError."""

    def pod_hints(self, books: Books, pod: Pod) -> Hints:
        """For the pod as a whole (pod scope). Raises PanicError."""

    def allocate(self, books: Books, pod: Pod, container: PodContainer, hint: Hint) -> Books:
        """Takes what the container asks for. Raises AllocationError."""

    def allocate_pod(self, books: Books, pod: Pod, hint: Hint) -> Books:
        """Takes what the pod asks for as a whole (pod-level resource managers in pod scope only). Raises AllocationError.

        The device manager takes nothing here: containers get their devices when they start.
        """

    def forget(self, books: Books, living: frozenset[str]) -> Books:
        """Gives back what pods hold whose uid is not among the living."""


class Outcome(enum.Enum):
    """What became of the pod."""

    ADMITTED = "admitted"
    REFUSED = "refused"
    PANIC = "panic"
    """The kubelet itself would end, and again after its restart: prefer-closest-numa-nodes on a machine whose node ids
    have gaps, where it looks up distances behind the end of a row; or a Guaranteed pod that asks for hugepages of a size
    that some NUMA node does not know, under memory manager policy Static"""
    HANG = "hang"
    """The kubelet would never answer: distribute-cpus-across-numa with full-pcpus-only, where nodes have cores that are
    half free"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerDecision:
    """What one container gets."""

    name: str
    hint: Hint | None = None
    """The merged one; None under policy none"""
    cpus: IdSet = frozenset()
    memory: tuple[MemoryBlock, ...] = ()
    devices: tuple[DeviceAllocation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The kubelet's answer to one pod."""

    outcome: Outcome
    reason: str | None = None
    """status.reason of a refused pod: TopologyAffinityError, OutOfcpu, …"""
    message: str | None = None
    """status.message without its beginning `Pod was rejected: `"""
    failed_container: str | None = None
    """The container at which the kubelet stopped; None in pod scope and for predicates"""
    containers: tuple[ContainerDecision, ...] = ()
    """As far as the kubelet came"""
    also: tuple[tuple[str, str], ...] = ()
    """(reason, message) with which it could as well have refused the pod: of several resources that the node lacks, the
    kubelet names one by chance"""
