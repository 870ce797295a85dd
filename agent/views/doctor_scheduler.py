"""Whether the scheduler's plugin (NodeResourceTopologyMatch) can make anything of what this node publishes. Pure.

It filters nodes whose policy is single-numa-node and no others, and it refuses a Guaranteed pod on a node whose zones do
not name its CPUs, memory or hugepages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agent.placement.model import CPU, MEMORY, Ledger
from agent.views.doctor_model import Examined, Finding, Severity
from agent.views.nrt import MAX_ZONE_ID
from agent.views.nrt_attributes import POLICY
from agent.views.text import plural

NEEDED = (CPU, MEMORY)
"""Resources without which a plugin takes no Guaranteed pod"""


def scheduler_findings(examined: Examined, ledger: Ledger) -> Iterator[Finding]:
    """By what would be published of this node."""
    kubelet = examined.snapshot.kubelet
    config = None if kubelet is None else kubelet.config.facts
    if kubelet is None:
        return
    named = {amount.resource for zone in ledger.zones if zone.id <= MAX_ZONE_ID for amount in zone.amounts}
    yield from _unnamed(named, bool(ledger.zones))
    policy = None if config is None else config.topology_manager_policy
    yield from _policy(policy)


def published_findings(nrt: Mapping[str, Any] | None, *, node_name: str) -> Iterator[Finding]:
    """By what is published, by whomever."""
    if nrt is None:
        yield Finding(
            check="nrt-absent",
            severity=Severity.ERROR,
            what=f"there is no NodeResourceTopology of node {node_name}: a scheduler's plugin knows nothing of it",
            way_out="start the agent on that node, or name the node with --node-name",
        )
        return
    zones = [zone for zone in _dicts(nrt.get("zones")) if zone.get("type") == "Node"]
    named = {str(each.get("name")) for zone in zones for each in _dicts(zone.get("resources"))}
    yield from _unnamed(named, bool(zones))
    yield from _crashing(str(zone.get("name")) for zone in zones)
    attributes = {each.get("name"): each.get("value") for each in _dicts(nrt.get("attributes"))}
    yield from _policy(attributes.get(POLICY))


def _unnamed(named: set[str], zones: bool) -> Iterator[Finding]:
    missing = [resource for resource in NEEDED if resource not in named]
    if zones and missing:
        yield Finding(
            check="scheduler-refuses",
            severity=Severity.ERROR,
            what=f"no zone names {' and '.join(missing)}: the scheduler's plugin takes no Guaranteed pod on this node",
            evidence=("a pod that asks for cpu, memory or hugepages which no zone names is refused",),
            way_out="look what else was found: a resource is left out where it is unknown, or by --exclude-resources",
        )


def _crashing(names: Iterable[str]) -> Iterator[Finding]:
    beyond = [
        name
        for name in names
        if name.startswith("node-") and name[5:].isdecimal() and int(name[5:]) > MAX_ZONE_ID
    ]
    if beyond:
        yield Finding(
            check="scheduler-crash",
            severity=Severity.ERROR,
            what=f"{plural(len(beyond), 'zone')} of an id beyond {MAX_ZONE_ID}: node-{MAX_ZONE_ID + 1} ends the "
            "scheduler, and higher ones are skipped",
            evidence=(", ".join(beyond[:8]),),
            way_out="whoever publishes them has to leave them out, as this agent does",
        )


def _policy(policy: object) -> Iterator[Finding]:
    if policy in (None, "single-numa-node"):
        return
    yield Finding(
        check="scheduler-ignores",
        severity=Severity.WARNING if policy == "restricted" else Severity.NOTE,
        what=f"the scheduler's plugin does not filter for this node: it does so under single-numa-node alone, not {policy}",
        evidence=(
            "pods that the kubelet will refuse are bound here all the same"
            if policy == "restricted"
            else "no pod is refused for its alignment under this policy",
        ),
        way_out="topologyManagerPolicy: single-numa-node, where pods have to fit one NUMA node anyway",
    )


def _dicts(value: object) -> Iterator[Mapping[str, Any]]:
    for each in value if isinstance(value, list) else ():
        if isinstance(each, dict):
            yield each
