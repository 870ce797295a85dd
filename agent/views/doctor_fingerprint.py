"""Whether the scheduler trusts what is published: its fingerprint of the node's pods against the published one. Pure.

The scheduler's plugin makes its own fingerprint of the pods that it knows on the node, and takes the published figures
only where both are equal. It counts pods in phase Running (its default, the shared informer), or in every phase but
Pending (the dedicated informer). A fingerprint does not tell whom it was made of; so where they differ, the pods that
only one side may have counted are tried, few at a time, until the published one comes out. What does is the proof.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Any

from agent.views.doctor_model import SHOWN, Finding, Severity, some
from agent.views.fingerprint import pod_fingerprint
from agent.views.fingerprinted import FingerprintMethod, PodName, asks_for_exclusive
from agent.views.nrt_attributes import FINGERPRINT, FINGERPRINT_METHOD
from collectors.model.pod import Pod

TRIALS = 4096
"""Fingerprints that are tried for an explanation: a second's work with 500 pods"""

ANNOTATION = "topology.node.k8s.io/fingerprint"
"""Where a fingerprint may stand too"""


class Informer(enum.Enum):
    """The scheduler's two ways of knowing pods; the value is its setting `informerMode`."""

    SHARED = "Shared"
    DEDICATED = "Dedicated"

    def counts(self, pod: Pod) -> bool:
        """Whether a pod of the node is in the fingerprint."""
        return pod.phase == "Running" if self is Informer.SHARED else pod.phase != "Pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a NodeResourceTopology says about its pods."""

    fingerprint: str
    method: FingerprintMethod
    resources: frozenset[str]
    """That its zones name"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything a verdict stands on, read at about the same time."""

    node_name: str
    nrt: Mapping[str, Any] | None
    """The published object; None where there is none"""
    pods: tuple[Pod, ...]
    """Of this node, at the API server"""
    listed: frozenset[PodName] | None
    """By the kubelet; None where it could not be asked"""
    listed_from: str
    """Where the list is from, or why there is none"""


def fingerprint_findings(evidence: Evidence) -> tuple[Finding, ...]:
    """One finding for each way of hashing; one where there is nothing to compare."""
    if evidence.nrt is None:
        return (
            _absent(
                f"there is no NodeResourceTopology of node {evidence.node_name}",
                "start the agent there, or name the node with --node-name",
            ),
        )
    published = read_published(evidence.nrt)
    if published is None:
        return (
            _absent(
                f"the NodeResourceTopology of node {evidence.node_name} has no fingerprint that is known here",
                "the agent's --fingerprint is off, or the kubelet's list is not known; a scheduler that checks "
                "fingerprints trusts no such node",
            ),
        )
    return tuple(_verdict(informer, published, evidence) for informer in Informer)


def is_equal(findings: Iterable[Finding]) -> bool:
    """Whether the scheduler, in its default way, trusts the object."""
    return any(found.check == "fingerprint-shared" and found.severity is Severity.NOTE for found in findings)


def read_published(nrt: Mapping[str, Any]) -> Published | None:
    """The fingerprint of an object, of whoever wrote it; None where it has none, or one by a method that is unknown."""
    attributes = {each.get("name"): each.get("value") for each in _dicts(nrt.get("attributes"))}
    metadata = nrt.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    annotation = annotations.get(ANNOTATION) if isinstance(annotations, dict) else None
    fingerprint = attributes.get(FINGERPRINT) or annotation
    method = attributes.get(FINGERPRINT_METHOD) or FingerprintMethod.ALL.value
    known = {each.value: each for each in (FingerprintMethod.ALL, FingerprintMethod.EXCLUSIVE)}
    if not isinstance(fingerprint, str) or method not in known:
        return None
    resources = frozenset(
        str(resource.get("name"))
        for zone in _dicts(nrt.get("zones"))
        for resource in _dicts(zone.get("resources"))
    )
    return Published(fingerprint=fingerprint, method=known[method], resources=resources)


def explain(
    published: str, counted: frozenset[PodName], doubtful: Iterable[PodName]
) -> frozenset[PodName] | None:
    """The fewest of the doubtful pods that, counted by one side only, make the difference; None where none do."""
    doubtful = sorted(set(doubtful))
    trials = (chosen for size in range(1, len(doubtful) + 1) for chosen in combinations(doubtful, size))
    for chosen in islice(trials, TRIALS):
        if pod_fingerprint(counted ^ frozenset(chosen)) == published:
            return frozenset(chosen)
    return None


def _verdict(informer: Informer, published: Published, evidence: Evidence) -> Finding:
    check = f"fingerprint-{informer.value.lower()}"
    counted = frozenset(
        (pod.namespace, pod.name)
        for pod in evidence.pods
        if informer.counts(pod)
        and (published.method is FingerprintMethod.ALL or asks_for_exclusive(pod, published.resources))
    )
    own = pod_fingerprint(counted)
    scheduler = f"a scheduler with a {informer.value.lower()} informer"
    sides = f"published {published.fingerprint} ({published.method.value}), {scheduler} has {own}"
    if own == published.fingerprint:
        return Finding(
            check=check,
            severity=Severity.NOTE,
            what=f"{scheduler} trusts the object: the fingerprint is equal",
            evidence=(f"{own} ({published.method.value}), of {len(counted)} pods",),
        )
    usual = informer is Informer.SHARED
    return Finding(
        check=check,
        severity=Severity.ERROR if usual else Severity.NOTE,
        what=f"{scheduler} {'(its default) ' if usual else ''}does not trust the object: the fingerprint differs",
        evidence=(sides, *_differences(published, counted, evidence)),
        way_out="a pod that starts settles it when it runs, or a minute after its start; what lasts longer is worth a "
        "report"
        if usual
        else "only for schedulers that are set to it: they count pods that have ended, until these are deleted",
    )


def _differences(published: Published, counted: frozenset[PodName], evidence: Evidence) -> Iterator[str]:
    """Lines that name pods: those that prove the difference, else all that may make it."""
    known = {(pod.namespace, pod.name): pod for pod in evidence.pods}
    listed = evidence.listed
    doubtful = (counted ^ listed) if listed is not None else frozenset[PodName]()
    found = explain(published.fingerprint, counted, doubtful) or explain(
        published.fingerprint, counted, doubtful | known.keys()
    )
    if found is not None:
        yield f"these pods make the difference: {some(_names(found))}"
    if listed is None:
        yield f"the kubelet's list is not known: {evidence.listed_from}"
    named = sorted(doubtful if found is None else found)
    for name in named[:SHOWN]:
        yield _words(name, known.get(name), by_scheduler=name in counted, listed=listed)
    if len(named) > SHOWN:
        yield f"and {len(named) - SHOWN} more"
    if found is None:
        yield (
            "none of them makes the published one: the object is older than the pods, or made of others; look whether "
            "the agent runs and publishes (/readyz)"
        )


def _words(name: PodName, pod: Pod | None, *, by_scheduler: bool, listed: frozenset[PodName] | None) -> str:
    """What each side knows of a pod."""
    kubelet = "" if listed is None else f", {'' if name in listed else 'not '}listed by the kubelet"
    if pod is None:
        server = "unknown to the API server"
    else:
        server = f"{pod.phase}{', being deleted' if pod.deleted else ''} at the API server"
    side = "counted by the scheduler" if by_scheduler else "not counted by the scheduler"
    return f"{'/'.join(name)}: {server}{kubelet}; {side}"


def _names(pods: Iterable[PodName]) -> list[str]:
    return sorted("/".join(pod) for pod in pods)


def _absent(what: str, way_out: str) -> Finding:
    return Finding(check="fingerprint-absent", severity=Severity.ERROR, what=what, way_out=way_out)


def _dicts(value: object) -> Iterator[Mapping[str, Any]]:
    """The objects of a list; what others wrote may be of any form."""
    for each in value if isinstance(value, list) else ():
        if isinstance(each, dict):
            yield each
