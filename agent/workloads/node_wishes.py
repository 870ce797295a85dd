"""What a pod's spec asks of its node beyond resources: selectors, tolerations, ports, overhead, priority."""

from __future__ import annotations

from collections.abc import Iterator

from agent.admission.whole_node.wishes import AffinityTerm, HostPort, Requirement, Toleration, Wishes
from agent.workloads.values import amounts, flag, labels, number, part, strings, text
from collectors.strictjson import JsonValue

CRITICAL_PRIORITY = 2_000_000_000
CRITICAL_CLASSES = frozenset({"system-node-critical", "system-cluster-critical"})
"""Pods from this priority on the kubelet does not refuse for lack of resources: it evicts others"""

MAX_PORT = 65_535
LARGEST_PRIORITY = (1 << 31) - 1
OS_LABEL = "kubernetes.io/os"


def wishes_of_spec(spec: JsonValue, metadata: JsonValue) -> Wishes:
    """The wishes in a spec. Raises ParseError."""
    affinity = part(part(spec, "affinity"), "nodeAffinity").get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    security = part(spec, "securityContext")
    return Wishes(
        node_name=text(spec, "nodeName"),
        node_selector=labels(spec.get("nodeSelector")),
        affinity=None if affinity.is_null else tuple(_terms(affinity.get("nodeSelectorTerms"))),
        tolerations=tuple(_tolerations(spec.get("tolerations"))),
        host_ports=tuple(_host_ports(spec)),
        os=text(part(spec, "os"), "name"),
        os_label=text(part(metadata, "labels"), OS_LABEL),
        strict_supplemental_groups=text(security, "supplementalGroupsPolicy") == "Strict",
        overhead=amounts(spec.get("overhead")),
        critical=_is_critical(spec),
    )


def _is_critical(spec: JsonValue) -> bool:
    if text(spec, "priorityClassName") in CRITICAL_CLASSES:
        return True
    priority = spec.get("priority")
    return not priority.is_null and priority.number() >= CRITICAL_PRIORITY


def _terms(terms: JsonValue) -> Iterator[AffinityTerm]:
    for term in terms.elements():
        yield AffinityTerm(
            labels=tuple(_requirements(term.get("matchExpressions"))),
            fields=tuple(_requirements(term.get("matchFields"))),
        )


def _requirements(requirements: JsonValue) -> Iterator[Requirement]:
    for each in requirements.elements():
        yield Requirement(
            key=each.get("key").text(),
            operator=each.get("operator").text(),
            values=strings(each.get("values")),
        )


def _tolerations(tolerations: JsonValue) -> Iterator[Toleration]:
    for each in tolerations.elements():
        yield Toleration(
            key=text(each, "key") or "",
            operator=text(each, "operator") or "",
            value=text(each, "value") or "",
            effect=text(each, "effect") or "",
        )


def _host_ports(spec: JsonValue) -> Iterator[HostPort]:
    """Of containers and sidecars. In the node's own network every port is the node's."""
    shared = flag(spec, "hostNetwork")
    sidecars = [
        each for each in spec.get("initContainers").elements() if text(each, "restartPolicy") == "Always"
    ]
    for container in (*sidecars, *spec.get("containers").elements()):
        for port in container.get("ports").elements():
            inner = number(port, "containerPort", otherwise=0, largest=MAX_PORT)
            outer = number(port, "hostPort", otherwise=0, largest=MAX_PORT) or (inner if shared else 0)
            if outer:
                yield HostPort(
                    port=outer, protocol=text(port, "protocol") or "TCP", address=text(port, "hostIP") or ""
                )
