"""Which of two findings of the same severity does more harm. Pure.

First what keeps the kubelet from starting, or ends it; then what nobody is told; then what refuses pods, what places them
badly, what wastes room; at last what is only not known.
"""

from __future__ import annotations

ORDER = (
    # The kubelet does not start, or does not stay
    "state-file",
    "too-many-numa-nodes",
    "state-policy",
    "cpu-state",
    "memory-state",
    "reserved-memory",
    "reserved-hugepages",
    "reserved-memory-node",
    "no-memory-reserved",
    "reserved-cpus-missing",
    "no-cpu-reserved",
    "too-many-cpus-reserved",
    "reserve-over-capacity",
    "policy-unknown",
    "options-without-policy",
    "option-unknown",
    "option-gated",
    "option-value",
    "options-exclude",
    "align-by-socket",
    "distances-missing",
    "numa-ids-too-high",
    "sparse-ids",
    # It starts, and is not to be trusted
    "hint-merge",
    "reserve-over-node",
    "hugepages-changed",
    "kubelet-silent",
    # The scheduler is told nothing, or cannot use it
    "subject-unreadable",
    "unknown",
    "scheduler-crash",
    "crd-missing",
    "rights-missing",
    "nrt-absent",
    "scheduler-refuses",
    "fingerprint-absent",
    "fingerprint-rights",
    "fingerprint-shared",
    "contradiction",
    # Pods are not aligned
    "cpuset-differs",
    "cpuset-stale",
    "topology-manager-off",
    "cpu-manager-off",
    "memory-manager-off",
    "scheduler-ignores",
    "devices-without-topology",
    "pods-not-guaranteed",
    "cpus-fractional",
    "wish-without-effect",
    # Room is wasted
    "init-container-cpus",
    "orphan-allocations",
    "zones-left-out",
    "links-degraded",
    # Not everything is known
    "unplaced",
    "policies-unknown",
    "api-unreachable",
    "files-unreadable",
)
"""Checks, the most harmful first; those that are not named come after them"""

_PLACES = {check: place for place, check in enumerate(ORDER)}


def harm_of(check: str) -> int:
    """A number that is smaller for what does more harm."""
    return _PLACES.get(check, len(ORDER))
