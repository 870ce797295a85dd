"""Facts about the pods of this node, as far as we use them. Nothing else of a pod is ever kept: no environment, no
volume, and of the annotations only those of WISHES. Source: core/v1 Pod, from the kubelet's Pods API or the API server's
watch."""

from __future__ import annotations

import enum
from dataclasses import dataclass

Amounts = tuple[tuple[str, int], ...]
"""(resource, amount) by resource: thousandths for `cpu`, bytes for memory, ephemeral-storage and hugepages-*, else a count"""

MESSAGE_CHARACTERS = 1024
"""Of status.message that are kept; the kubelet's own words on a refusal take up to some 300."""

TOPOLOGY_POLICY_WISH = "kubernetes.io/topology-policy"
NUMA_NODE_WISH = "cpu-set.kubernetes.io/numa-node"
WISHES = (NUMA_NODE_WISH, TOPOLOGY_POLICY_WISH)
"""Annotations in which people say how a pod should be placed. No kubelet reads them. Sorted"""

WISH_CHARACTERS = 64
"""Of such an annotation's value that are kept"""

CONTAINER_ID_CHARACTERS = 128
"""Of a container's id at most; runtimes' have 64"""

REFUSED = "Pod was rejected: "
"""How status.message begins where the kubelet did not admit a pod; evicted pods fail too, with other words"""


class ContainerRole(enum.Enum):
    """What a container is to its pod."""

    INIT = "init"
    """An ordinary init container: runs to its end before the next one starts"""
    SIDECAR = "sidecar"
    """An init container with restartPolicy Always: runs beside the others"""
    APP = "app"


class ContainerState(enum.Enum):
    """status.(init)containerStatuses[].state"""

    WAITING = "waiting"
    RUNNING = "running"
    TERMINATED = "terminated"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodContainer:
    """One container of a pod's spec, with its state."""

    name: str
    role: ContainerRole
    requests: Amounts = ()
    limits: Amounts = ()
    state: ContainerState | None = None
    """None where the status does not mention it yet"""
    container_id: str | None = None
    """containerStatuses[].containerID without the runtime's name before it: by it the container's cgroup is named. None
    until it has been created"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """metadata.ownerReferences, the one that is the controller"""

    kind: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """One pod on this node."""

    namespace: str
    name: str
    uid: str
    phase: str
    """Pending, Running, Succeeded, Failed or Unknown"""
    reason: str | None = None
    """status.reason: for a refused pod TopologyAffinityError, OutOfcpu, …"""
    message: str | None = None
    qos_class: str | None = None
    """Guaranteed, Burstable or BestEffort"""
    started_at: float | None = None
    """status.startTime, when the kubelet took it up: seconds since the epoch, whole ones; None until it says so"""
    deleted: bool = False
    """Whether it has been asked to end (metadata.deletionTimestamp)"""
    owner: Owner | None = None
    containers: tuple[PodContainer, ...] = ()
    """Init containers and sidecars in their order, then app containers in theirs"""
    requests: Amounts = ()
    """spec.resources: of the pod as a whole"""
    limits: Amounts = ()
    annotations: tuple[tuple[str, str], ...] = ()
    """(annotation, value) by annotation, of the two in which people say where they want it: kubernetes.io/topology-policy and
    cpu-set.kubernetes.io/numa-node. No other annotation is kept"""

    @property
    def ended(self) -> bool:
        """Whether it holds nothing any more, whatever a kubelet may list."""
        return self.phase in ("Succeeded", "Failed")

    @property
    def refused(self) -> bool:
        """Whether the kubelet did not admit it."""
        return self.phase == "Failed" and (self.message or "").startswith(REFUSED)


def parse_container_id(text: str) -> str | None:
    """The id from `containerd://<id>`; None where there is none, or it is too long to be one."""
    container_id = text.partition("://")[2]
    return container_id if 0 < len(container_id) <= CONTAINER_ID_CHARACTERS else None
