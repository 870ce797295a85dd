"""What really happened when the kubelet refused a pod: its own words, read. Pure.

The kubelet's reason alone misleads: memory that fits no NUMA node is `TopologyAffinityError` on an empty node and
`UnexpectedAdmissionError` on one with pinned memory, and a plugin's own failure bears that name too. The message tells
them apart. Messages are those of Kubernetes 1.31 to 1.37; what is not recognised is OTHER, never guessed.
"""

from __future__ import annotations

import enum
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

from collectors.model.pod import REFUSED, ContainerRole, Pod

REMEMBERED = 512
"""Messages whose meaning is kept. A storm repeats one message; numbers in them make some variety"""


class Cause(enum.Enum):
    """What happened, whatever the kubelet calls it."""

    ALIGNMENT = "alignment"
    """What the pod asks for cannot be taken together from NUMA nodes as the policy wants it"""
    CPUS = "cpus"
    """Fewer exclusive CPUs are left than the pod asks for"""
    PARTIAL_CORE = "partial-core"
    """The number of CPUs does not fill whole cores, which full-pcpus-only wants"""
    WHOLE_CORES = "whole-cores"
    """Fewer whole cores are left than the pod asks for; CPUs may be"""
    MEMORY = "memory"
    """No NUMA nodes have the memory or hugepages: a failure of alignment by another name"""
    DEVICES = "devices"
    """Fewer devices are left than the pod asks for"""
    PLUGIN_AWAY = "plugin-away"
    """The device plugin has not registered since the kubelet started, or all its devices are unhealthy"""
    PLUGIN_ERROR = "plugin-error"
    """The device plugin itself answered with an error"""
    NO_SHARED_POOL = "no-shared-pool"
    """The pod's own budget leaves nothing for those of its containers that share"""
    CAPACITY = "capacity"
    """The requests of all pods add up to more than the node has"""
    PLACEMENT = "placement"
    """Node name, labels, taints or ports: the pod does not belong here"""
    NODE_STATE = "node-state"
    """The node is shutting down, under pressure, or not known to its kubelet"""
    UNSUPPORTED = "unsupported"
    """The node cannot do what the pod asks for: another system, a feature, a sysctl"""
    VOLUMES = "volumes"
    """No more volumes can be attached"""
    OTHER = "other"
    """Words that are not known here"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The kubelet's words, understood. None where they do not say."""

    cause: Cause
    resource: str | None = None
    """As pods ask for it"""
    requested: int | None = None
    """As the message has it: of CPUs what was still missing when the kubelet gave up, not the request; of CAPACITY
    thousandths of CPUs"""
    available: int | None = None
    capacity: int | None = None
    """What the node gives to pods at all"""
    per_core: int | None = None
    """CPUs of a core"""
    detail: str | None = None
    """What a plugin or a predicate said itself"""


def verdict_of(pod: Pod) -> Verdict:
    """What happened to a refused pod, by the kubelet's words and what the pod asks for."""
    verdict = classify(pod.reason, pod.message)
    if verdict.cause is Cause.ALIGNMENT and pod.requests:
        resource = next((each for each in ("cpu", "memory") if _leaves_nothing(pod, each)), None)
        if resource is not None:
            return Verdict(cause=Cause.NO_SHARED_POOL, resource=resource)
    return verdict


@functools.lru_cache(maxsize=REMEMBERED)
def classify(reason: str | None, message: str | None) -> Verdict:
    """What happened, from status.reason and status.message of a refused pod."""
    words = (message or "").removeprefix(REFUSED).strip()
    by_reason = _BY_REASON.get(reason or "")
    if by_reason is not None:
        return Verdict(cause=by_reason, resource=_shared_resource(words), detail=_predicate(words))
    for pattern, read in _PATTERNS:
        found = pattern.search(words)
        if found is not None:
            return read(found.groupdict())
    return Verdict(cause=_AS_LAST_RESORT.get(reason or "", Cause.OTHER), detail=words or None)


_BY_REASON = {
    "TopologyAffinityError": Cause.ALIGNMENT,
    "EmptyPodSharedPoolError": Cause.NO_SHARED_POOL,
    "NodeAffinity": Cause.PLACEMENT,
    "NodeName": Cause.PLACEMENT,
    "NodePorts": Cause.PLACEMENT,
    "TaintToleration": Cause.PLACEMENT,
    "PodOSSelectorNodeLabelDoesNotMatch": Cause.PLACEMENT,
    "PodOSNotSupported": Cause.UNSUPPORTED,
    "SupplementalGroupsPolicyNotSupported": Cause.UNSUPPORTED,
    "InitContainerRestartPolicyForbidden": Cause.UNSUPPORTED,
    "PodLevelResourcesNotSupported": Cause.UNSUPPORTED,
    "PodFeatureUnsupported": Cause.UNSUPPORTED,
    "SysctlForbidden": Cause.UNSUPPORTED,
    "AppArmor": Cause.UNSUPPORTED,
    "NodeShutdown": Cause.NODE_STATE,
    "Evicted": Cause.NODE_STATE,
    "InvalidNodeInfo": Cause.NODE_STATE,
    "VolumeAttachmentLimitExceeded": Cause.VOLUMES,
}
"""Reasons that mean one thing only"""

_AS_LAST_RESORT = {"SMTAlignmentError": Cause.WHOLE_CORES}
"""Reasons that tell something even where their message is not understood"""


def _leaves_nothing(pod: Pod, resource: str) -> bool:
    """Whether the containers that ask for some ask for the whole budget of the pod, and others for none: with pod-level
    resource managers the kubelet then finds no hint, which it calls a failure of alignment."""
    asked = [
        dict(each.requests).get(resource, 0) for each in pod.containers if each.role is not ContainerRole.INIT
    ]
    return 0 in asked and sum(asked) == dict(pod.requests).get(resource)


def _predicate(words: str) -> str | None:
    """What a predicate, or the node, says of itself; None where the message says no more than the reason."""
    found = re.fullmatch(r"Predicate \S+ failed: (?P<detail>.*)", words, re.DOTALL)
    if found is not None:
        return found["detail"]
    return None if words in _NOTHING_MORE else words or None


_NOTHING_MORE = (
    "Resources cannot be allocated with Topology locality",
    "Pod Scope pod with pod-level resources failed admission under pod-scope topology manager",
)


def _shared_resource(words: str) -> str | None:
    """Of which resource nothing is left to share."""
    found = re.search(r"exclusive container (\S+) requests equals|but no (\S+) available", words)
    if found is None:
        return None
    word: str = found[1] or found[2]
    return "cpu" if word == "cpus" else word


def _number(found: dict[str, str | None], key: str) -> int | None:
    text = found.get(key)
    return None if text is None else int(text)


def _of(cause: Cause, resource: str | None = None) -> Callable[[dict[str, str | None]], Verdict]:
    """A reader of a message's named parts."""

    def read(found: dict[str, str | None]) -> Verdict:
        return Verdict(
            cause=cause,
            resource=found.get("resource") or resource,
            requested=_number(found, "requested"),
            available=_number(found, "available"),
            per_core=_number(found, "per_core"),
            detail=found.get("detail"),
        )

    return read


def _capacity(found: dict[str, str | None]) -> Verdict:
    used, capacity = _number(found, "used") or 0, _number(found, "capacity") or 0
    return Verdict(
        cause=Cause.CAPACITY,
        resource=found["resource"],
        requested=_number(found, "requested"),
        available=max(capacity - used, 0),
        capacity=capacity,
    )


_PATTERNS: tuple[tuple[re.Pattern[str], Callable[[dict[str, str | None]], Verdict]], ...] = tuple(
    (re.compile(pattern, re.DOTALL), read)
    for pattern, read in (
        (
            (
                r"not enough free physical CPUs: available physical CPUs = (?P<available>\d+), "
                r"requested CPUs = (?P<requested>\d+), CPUs per core = (?P<per_core>\d+)"
            ),
            _of(Cause.WHOLE_CORES, "cpu"),
        ),
        (
            r"requested (?P<requested>\d+) cpus not multiple cpus per core = (?P<per_core>\d+)",
            _of(Cause.PARTIAL_CORE, "cpu"),
        ),
        (
            (
                r"not enough cpus available to satisfy request: requested=(?P<requested>\d+), "
                r"available=(?P<available>\d+)"
            ),
            _of(Cause.CPUS, "cpu"),
        ),
        (r"failed to allocate cpus|accounting error, .*CPUs allocated", _of(Cause.CPUS, "cpu")),
        (r"\[memorymanager\] (failed to find|failed to get|preferred hint violates)", _of(Cause.MEMORY)),
        (
            (
                r"requested number of devices unavailable for (?P<resource>\S+?)\. "
                r"Requested: (?P<requested>\d+), Available: (?P<available>\d+)"
            ),
            _of(Cause.DEVICES),
        ),
        (r"unexpectedly allocated less resources than required", _of(Cause.DEVICES)),
        (
            (
                r"(no healthy devices present|previously allocated devices are no longer healthy); "
                r"cannot allocate unhealthy devices (?P<resource>[^\s,]+)"
            ),
            _of(Cause.PLUGIN_AWAY),
        ),
        (r"cannot allocate unregistered device (?P<resource>[^\s,]+)", _of(Cause.PLUGIN_AWAY)),
        (r"unknown Device Plugin (?P<resource>[^\s,]+)", _of(Cause.PLUGIN_AWAY)),
        (
            r"(?P<detail>rpc error: code = .*?)(, which is unexpected.*)?$",
            _of(Cause.PLUGIN_ERROR),
        ),
        (r"(?P<detail>no containers return in allocation response)", _of(Cause.PLUGIN_ERROR)),
        (
            (
                r"didn't have enough resource: (?P<resource>\S+), requested: (?P<requested>\d+), "
                r"used: (?P<used>\d+), capacity: (?P<capacity>\d+)"
            ),
            _capacity,
        ),
    )
)
