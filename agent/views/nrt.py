"""The NodeResourceTopology of a machine (`topology.node.k8s.io/v1alpha2`), as a JSON-ready dict. Pure; docs/nrt.md.

What the consumer does with it decides what is in it: the scheduler's NodeResourceTopologyMatch plugin reads zones of
type `Node` named `node-<id>` with an id below 64, takes `available` of every resource, and refuses a Guaranteed pod
that asks for cpu, memory or hugepages which no zone names.

The figures are the ledger's (agent.placement): what the kubelet can give from each NUMA node and what is left of it;
where it binds a resource to no node, or where there is no kubelet, what the kernel shows. A quantity that is unknown
is left out, never 0. While a kubelet has not said what it can give or who holds it, there is nothing to publish: an
object without those figures would be worse than none, and worse than the one that may be there already.

Left out are zones that hold nothing which a pod can be given, and ids that no scheduler can take.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from agent.placement.ledger import derive_ledger
from agent.placement.model import Amount, Basis, Ledger, Zone, hugepages_resource
from agent.views.exclusions import without_namespaces
from agent.views.fingerprinted import FingerprintMethod, fingerprinted_pods
from agent.views.nrt_attributes import (
    FINGERPRINT,
    FINGERPRINT_METHOD,
    INFERRED,
    LEFT_OUT,
    SOURCE,
    Attribute,
    attribute_list,
    attributes_of_config,
    attributes_of_ledger,
    topology_policies,
)
from collectors.model import NumaNode, Snapshot
from collectors.model.kubelet_picture import KubeletPicture
from collectors.parse import format_id_list

API_VERSION = "topology.node.k8s.io/v1alpha2"
KIND = "NodeResourceTopology"

MAX_ZONE_ID = 63
"""The plugin indexes 64 zones after testing for more than 64, so `node-64` ends the scheduler; higher ids it skips."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NrtOptions:
    """What a person may choose about the object."""

    fingerprint: FingerprintMethod = FingerprintMethod.ALL
    exclude_resources: tuple[str, ...] = ()
    """Resources that no zone names"""
    exclude_namespaces: tuple[str, ...] = ()
    """Namespaces whose pods count as if they held nothing; in the fingerprint they stay, since the scheduler has them"""


PLAIN = NrtOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Publishable:
    """What of a ledger goes into the object."""

    zones: tuple[tuple[Zone, tuple[Amount, ...]], ...]
    """Each with the amounts that are published of it"""

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(zone.id for zone, _ in self.zones)

    @property
    def resources(self) -> frozenset[str]:
        return frozenset(amount.resource for _, amounts in self.zones for amount in amounts)


def nrt_ledger(snapshot: Snapshot, options: NrtOptions = PLAIN) -> Ledger:
    """The ledger whose figures the object carries."""
    return derive_ledger(without_namespaces(snapshot, options.exclude_namespaces))


def derive_nrt(
    snapshot: Snapshot, *, node_name: str, ledger: Ledger | None = None, options: NrtOptions = PLAIN
) -> dict[str, Any] | None:
    """The object that would be published, or None where there is none (see `missing_reason`).

    Args:
        snapshot: the machine and its kubelet.
        node_name: the name of the node, and of the object.
        ledger: `nrt_ledger` of the same snapshot and options, where the caller has it already.
        options: what is wanted.
    """
    ledger = nrt_ledger(snapshot, options) if ledger is None else ledger
    shown = _publishable(ledger, options)
    if _missing(snapshot, ledger, shown) is not None:
        return None
    nrt: dict[str, Any] = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": node_name}}
    attributes: list[Attribute] = [(SOURCE, "machine")]
    vectors: dict[int, Attribute] = {}
    if snapshot.kubelet is not None:
        config = snapshot.kubelet.config.facts
        placement, vectors = _placement(snapshot, shown)
        attributes = [
            (SOURCE, "kubelet"),
            *(attributes_of_config(config) if config is not None else ()),
            *attributes_of_ledger(ledger),
            *_fingerprint(snapshot.kubelet, ledger, shown, options, now=snapshot.taken_at),
            *placement,
        ]
        if config is not None and (policies := topology_policies(config)):
            nrt["topologyPolicies"] = policies
    left_out = _left_out(ledger)
    if left_out:
        attributes.append((LEFT_OUT, format_id_list(frozenset(left_out))))
    nrt["attributes"] = attribute_list(attributes)
    nrt["zones"] = list(_zones(snapshot, shown, vectors))
    return nrt


def missing_reason(
    snapshot: Snapshot, *, ledger: Ledger | None = None, options: NrtOptions = PLAIN
) -> str | None:
    """Why there is nothing to publish; None where there is."""
    ledger = nrt_ledger(snapshot, options) if ledger is None else ledger
    return _missing(snapshot, ledger, _publishable(ledger, options))


def zones_left_out(snapshot: Snapshot, *, ledger: Ledger | None = None) -> tuple[int, ...]:
    """Ids of the NUMA nodes that hold something but whose id no scheduler can take, ascending."""
    return _left_out(derive_ledger(snapshot) if ledger is None else ledger)


def zone_name(node_id: int) -> str:
    """`node-0`: what the scheduler parses."""
    return f"node-{node_id}"


def format_page_size(size_bytes: int) -> str:
    """A page size in Kubernetes' notation: `64Ki`, `2Mi`, `1Gi`, `16Gi`."""
    return hugepages_resource(size_bytes).partition("-")[2]


def _missing(snapshot: Snapshot, ledger: Ledger, shown: _Publishable) -> str | None:
    if snapshot.numa.facts is None:
        return f"the NUMA nodes are unknown: {snapshot.numa.error or 'they were not read yet'}"
    if ledger.unknown:
        kubelet = snapshot.kubelet
        error = kubelet and (kubelet.allocations.error or kubelet.allocatable.error)
        return f"not known yet: {', '.join(ledger.unknown)}" + (f" ({error})" if error else "")
    if not shown.zones:
        return "no NUMA node holds CPUs, memory or hugepages that are known"
    return None


def _left_out(ledger: Ledger) -> tuple[int, ...]:
    return tuple(zone.id for zone in ledger.zones if zone.id > MAX_ZONE_ID)


def _publishable(ledger: Ledger, options: NrtOptions) -> _Publishable:
    zones = []
    for zone in ledger.zones:
        amounts = tuple(
            amount
            for amount in zone.amounts
            if amount.resource not in options.exclude_resources
            and amount.allocatable is not None
            and amount.available is not None
        )
        if zone.id <= MAX_ZONE_ID and any(amount.capacity for amount in amounts):
            zones.append((zone, amounts))
    return _Publishable(zones=tuple(zones))


def _fingerprint(
    picture: KubeletPicture, ledger: Ledger, shown: _Publishable, options: NrtOptions, *, now: float
) -> Iterator[Attribute]:
    from agent.views.fingerprint import pod_fingerprint  # noqa: PLC0415 - xxhash, which no machine alone needs

    pods = fingerprinted_pods(
        picture,
        options.fingerprint,
        now=now,
        published=shown.resources,
        binds_memory=ledger.memory_basis is Basis.KUBELET,
    )
    if pods is not None:
        yield FINGERPRINT, pod_fingerprint(pods)
        yield FINGERPRINT_METHOD, options.fingerprint.value


def _placement(snapshot: Snapshot, shown: _Publishable) -> tuple[tuple[Attribute, ...], dict[int, Attribute]]:
    """The attribute of the object and those of zones, by node; none where ids have gaps, for which there are no words."""
    from agent.views import numaplacement, placed  # noqa: PLC0415 - xxhash, as above

    if shown.ids != tuple(range(len(shown.ids))):
        return (), {}
    containers = placed.placed_containers(snapshot, published=shown.resources)
    placement = numaplacement.derive_numaplacement(containers, numa_nodes=len(shown.ids))
    if placement is None:  # something sits on a node that has no zone
        return (), {}
    vectors = {node: (numaplacement.VECTOR_ATTRIBUTE, vector) for node, vector in placement.vectors}
    return ((numaplacement.METADATA_ATTRIBUTE, placement.metadata),), vectors


def _zones(
    snapshot: Snapshot, shown: _Publishable, vectors: dict[int, Attribute]
) -> Iterator[dict[str, Any]]:
    nodes = {node.id: node for node in (snapshot.numa.facts.nodes if snapshot.numa.facts else ())}
    ids = frozenset(shown.ids)
    for zone, amounts in shown.zones:
        body: dict[str, Any] = {"name": zone_name(zone.id), "type": "Node"}
        if costs := _costs(nodes.get(zone.id), ids):
            body["costs"] = costs
        inferred = [amount.resource for amount in amounts if amount.inferred]
        attributes = [(INFERRED, ",".join(inferred))] if inferred else []
        if zone.id in vectors:
            attributes.append(vectors[zone.id])
        if attributes:
            body["attributes"] = attribute_list(attributes)
        body["resources"] = [_resource(amount) for amount in amounts]
        yield body


def _costs(node: NumaNode | None, ids: Iterable[int]) -> list[dict[str, Any]]:
    return [
        {"name": zone_name(other), "value": distance}
        for other, distance in sorted(node.distances if node is not None else ())
        if other in ids
    ]


def _resource(amount: Amount) -> dict[str, str]:
    return {
        "name": amount.resource,
        "capacity": str(amount.capacity),
        "allocatable": str(amount.allocatable),
        "available": str(amount.available),
    }
