"""The words of this package: the hardware as the kubelet sees it, a start that is asked about, and what keeps it off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.admission.model import Machine, Settings
from agent.admission.versions import NEWEST, Version
from collectors.errors import NumascopeError
from collectors.kubelet.checkpoints import KUBELET_ROOT
from collectors.model.kubelet import KubeletCheckpoints
from collectors.model.kubelet_config import KubeletConfig
from collectors.parse import IdSet

CPU_STATE = "cpu_manager_state"
MEMORY_STATE = "memory_manager_state"
"""The files below the kubelet's root that keep a changed kubelet from starting"""

_NO_FILES = KubeletCheckpoints()

MAX_NUMA_ID = 63
"""The kubelet's sets of NUMA nodes have 64 bits"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """The machine as a kubelet that starts now would see it."""

    machine: Machine
    memory_bytes: int | None = None
    """MemTotal of /proc/meminfo: the node's capacity; None where unknown"""
    isolated: IdSet = frozenset()
    """CPUs that the kernel keeps from its scheduler (isolcpus=, nohz_full=)"""
    slow: IdSet = frozenset()
    """The CPUs of the slowest kind, on a machine with several"""

    @property
    def cpus(self) -> IdSet:
        """Every CPU that is online."""
        return frozenset(place.cpu for place in self.machine.cpus)

    @property
    def sockets(self) -> int:
        """How many packages have CPUs."""
        counted = self.machine.socket_count
        return len({place.socket for place in self.machine.cpus}) if counted is None else counted

    @property
    def cpu_nodes(self) -> tuple[int, ...]:
        """NUMA nodes that have CPUs, by id."""
        return tuple(sorted({place.numa_node for place in self.machine.cpus}))

    @property
    def cores(self) -> tuple[IdSet, ...]:
        """The CPUs of each core, by the core's lowest CPU."""
        cores: dict[int, set[int]] = {}
        for place in self.machine.cpus:
            cores.setdefault(place.core, set()).add(place.cpu)
        return tuple(sorted(map(frozenset, cores.values()), key=min))

    @property
    def threads_per_core(self) -> int:
        """As the kubelet counts them: all CPUs by all cores, rounded down, so 1 on a machine where only some cores have
        two threads."""
        cores = self.cores
        return len(self.machine.cpus) // len(cores) if cores else 1

    @property
    def tells_distances(self) -> bool:
        """Whether every NUMA node tells how far the others are."""
        rows = self.machine.distances
        return len(rows) == len(self.machine.numa_nodes) and all(rows)

    def memory_of(self, node: int) -> dict[str, int]:
        """Bytes of a NUMA node by resource: all of its memory under `memory`, and of that its hugepages."""
        return dict(dict(self.machine.memory).get(node, ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A kubelet that is to be started."""

    document: Mapping[str, Any]
    """Its configuration with all drop-ins, as values of JSON"""
    config: KubeletConfig
    """The facts in it"""
    settings: Settings
    """The same in the words of the rules of admission"""
    hardware: Hardware
    checkpoints: KubeletCheckpoints = _NO_FILES
    """What the kubelet before wrote down"""
    malformed: tuple[tuple[str, str], ...] = ()
    """(state file, what is wrong with it) of those that are there and no state files"""
    version: Version = NEWEST
    root: str = KUBELET_ROOT

    def gate(self, name: str, *, default: bool) -> bool:
        """Whether a feature gate is on."""
        return dict(self.config.feature_gates).get(name, default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """One thing that keeps the kubelet from starting."""

    check: str
    """A word that stays, for programs"""
    what: str
    """One sentence, without a full stop"""
    says: str
    """What the kubelet's log has of it: a part of its message, word for word"""
    evidence: tuple[str, ...] = ()
    way_out: str
    state_file: str | None = None
    """The state file that has to go, where one has to"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caution:
    """Something that lets the kubelet start and harms afterwards."""

    check: str
    what: str
    evidence: tuple[str, ...] = ()
    way_out: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What one pod loses."""

    pod: str
    """`namespace/name` where it is known, else its uid"""
    what: str
    """`CPUs 1-4`, `4 GiB memory of NUMA node 0`, or with which reason it is refused"""


class UnfitError(NumascopeError):
    """What is asked for does not fit this machine; the text names the thing and the way out."""
