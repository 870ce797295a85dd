"""Leaving pods out of what is counted, as the settings ask. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from collectors.model import Snapshot


def without_namespaces(snapshot: Snapshot, namespaces: Collection[str]) -> Snapshot:
    """The same machine as if the pods of these namespaces held nothing and were not there."""
    kubelet = snapshot.kubelet
    if not namespaces or kubelet is None:
        return snapshot
    allocations, pods = kubelet.allocations, kubelet.pods
    if allocations.facts is not None:
        kept = tuple(each for each in allocations.facts if each.namespace not in namespaces)
        allocations = replace(allocations, facts=kept)
    if pods.facts is not None:
        pods = replace(pods, facts=tuple(each for each in pods.facts if each.namespace not in namespaces))
    return replace(snapshot, kubelet=replace(kubelet, allocations=allocations, pods=pods))
