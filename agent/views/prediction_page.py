"""What would become of pods, for people and for programs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from agent.admission.merging.rules import nodes_of
from agent.admission.model import ContainerDecision, Outcome
from agent.admission.whole_node.requirements import pod_requests
from agent.headroom.free import NodeFree
from agent.placement.model import CPU
from agent.prediction.model import Fate, Prediction
from agent.prediction.node import KnownNode
from agent.views.amounts import format_amount, format_amounts
from agent.views.plain import API_VERSION, plain
from agent.views.text import Branch, Page, Section, Span, plural, quiet, warn
from agent.views.text import name as named
from agent.views.text import plain as words
from agent.views.under_rules import basis_section, plain_basis
from agent.views.units import format_bytes, format_ids, name_nodes
from agent.workloads.model import Manifest, Workload
from collectors.model.kubelet import DeviceAllocation
from collectors.model.pod import ContainerRole
from collectors.parse import IdSet, format_id_list

_HAPPENS = {
    Outcome.ADMITTED: "admitted",
    Outcome.REFUSED: "refused",
    Outcome.PANIC: "the kubelet would end with a panic",
    Outcome.HANG: "the kubelet would never answer, and admit no pod any more",
}

_KINDS = {
    ContainerRole.INIT: "init container",
    ContainerRole.SIDECAR: "sidecar",
    ContainerRole.APP: "container",
}

NAMED_DEVICES = 4
"""Of one resource in a line"""


def plain_prediction(
    prediction: Prediction, manifest: Manifest, known: KnownNode, *, source: str
) -> dict[str, Any]:
    """For programs; docs/predict.md describes it."""
    return {
        "api_version": API_VERSION,
        "kind": "Prediction",
        **plain_basis(known, source),
        "fits": prediction.fits,
        "workloads": [_plain_workload(*pair) for pair in _by_workload(prediction, manifest)],
        "passed_over": list(manifest.passed_over),
    }


def prediction_page(prediction: Prediction, manifest: Manifest, known: KnownNode, *, source: str) -> Page:
    """For people."""
    sections = [basis_section(known, source)]
    sections += [_section(*pair) for pair in _by_workload(prediction, manifest)]
    if manifest.passed_over:
        passed = f"make no pods and are passed over: {', '.join(manifest.passed_over)}"
        sections.append(Section(title=(quiet(passed),)))
    return tuple(sections)


def _by_workload(prediction: Prediction, manifest: Manifest) -> Iterator[tuple[Workload, Sequence[Fate]]]:
    at = 0
    for workload in manifest.workloads:
        yield workload, prediction.fates[at : at + workload.replicas]
        at += workload.replicas


# For programs


def _plain_workload(workload: Workload, fates: Sequence[Fate]) -> dict[str, Any]:
    return {
        "kind": workload.kind,
        "namespace": workload.namespace,
        "name": workload.name,
        "qos_class": workload.pod.qos_class,
        "replicas": workload.replicas,
        "fit": sum(fate.admitted for fate in fates),
        "pods": [_plain_fate(fate) for fate in fates],
    }


def _plain_fate(fate: Fate) -> dict[str, Any]:
    decision = fate.decision
    return {
        "name": fate.pod.name,
        "outcome": decision.outcome.value,
        "reason": decision.reason,
        "message": decision.message,
        "or": [{"reason": reason, "message": message} for reason, message in decision.also],
        "failed_container": decision.failed_container,
        "lacks": list(fate.lacks),
        "free": [{"numa_node": each.node, "amounts": dict(each.amounts)} for each in fate.free],
        "containers": [_plain_container(each) for each in decision.containers] if fate.admitted else [],
    }


def _plain_container(given: ContainerDecision) -> dict[str, Any]:
    nodes = _nodes(given)
    return {
        "name": given.name,
        "numa_nodes": None if nodes is None else format_id_list(nodes),
        "preferred": None if given.hint is None else given.hint.preferred,
        "cpus": format_id_list(given.cpus),
        "memory": [plain(block) for block in given.memory],
        "devices": [plain(device) for device in given.devices],
    }


# For people


def _section(workload: Workload, fates: Sequence[Fate]) -> Section:
    fit = sum(fate.admitted for fate in fates)
    said = f": {fit} of {plural(len(fates), 'pod')} {'fits' if fit == 1 else 'fit'}"
    title = (
        named(f"{workload.kind} {workload.namespace}/{workload.name}"),
        words(said) if fit == len(fates) else warn(said),
        quiet(f"; QoS {workload.pod.qos_class}"),
    )
    lines = [_admitted(workload, fate) for fate in fates if fate.admitted]
    for _, alike in groupby(
        (fate for fate in fates if not fate.admitted), key=lambda fate: id(fate.decision)
    ):
        lines.append(_refused(list(alike)))
    return Section(title=title, content=tuple(lines))


def _admitted(workload: Workload, fate: Fate) -> Branch:
    given = {each.name: each for each in fate.decision.containers}
    below = []
    for container in workload.pod.containers:
        what = _what(given[container.name]) if container.name in given else "nothing of its own"
        below.append(Branch(line=(quiet(f"{_KINDS[container.role]} {container.name}: "), words(what))))
    return Branch(line=(named(fate.pod.name), words(": admitted")), below=tuple(below))


def _what(given: ContainerDecision) -> str:
    parts = [f"CPUs {format_ids(given.cpus)}"] if given.cpus else []
    parts += [
        f"{format_bytes(block.size_bytes)} {block.type} on {format_ids(block.numa_nodes or frozenset())}"
        for block in given.memory
    ]
    parts += _devices(given.devices)
    nodes = _nodes(given)
    where = "" if nodes is None else f"{name_nodes(nodes)}: "
    return f"{where}{', '.join(parts) or 'nothing of its own'}"


def _devices(devices: Iterable[DeviceAllocation]) -> Iterator[str]:
    """Which of several equal devices it will be, the kubelet leaves to chance."""
    for resource, of_one in groupby(
        sorted(devices, key=lambda each: each.resource), key=lambda each: each.resource
    ):
        listed = list(of_one)
        names = ", ".join(each.device_id for each in listed[:NAMED_DEVICES])
        more = f" and {len(listed) - NAMED_DEVICES} more" if len(listed) > NAMED_DEVICES else ""
        nodes = frozenset[int]().union(*(each.numa_nodes or frozenset() for each in listed))
        where = f" on {format_ids(nodes)}" if nodes else ""
        yield f"{format_amount(resource, len(listed))}{where} (such as {names}{more})"


def _refused(alike: Sequence[Fate]) -> Branch:
    first = alike[0]
    decision = first.decision
    titles: list[Span] = [named(first.pod.name)]
    if len(alike) > 1:
        titles.append(words(f" and {plural(len(alike) - 1, 'more like it', 'more like it')}"))
    titles.append(words(f": {_HAPPENS[decision.outcome]}"))
    if decision.reason:
        titles.append(
            warn(
                f" {' or '.join(dict.fromkeys((decision.reason, *(reason for reason, _ in decision.also))))}"
            )
        )
    below = []
    if decision.message:
        below.append(Branch(line=(quiet("the kubelet would say: "), words(decision.message))))
    if decision.failed_container:
        below.append(Branch(line=(quiet("stopped at: "), words(f"container {decision.failed_container}"))))
    if first.lacks:
        asked = [format_amount(resource, _asked(first, resource)) for resource in first.lacks]
        below.append(Branch(line=(quiet("would get further without: "), words(" or without ".join(asked)))))
    below += [_free(each) for each in first.free]
    return Branch(line=tuple(titles), below=tuple(below))


def _asked(fate: Fate, resource: str) -> int:
    """By the container at which the kubelet stopped, else by the pod as a whole; CPUs rounded up."""
    stopped_at = fate.decision.failed_container
    amounts = next(
        (dict(each.requests) for each in fate.pod.containers if each.name == stopped_at),
        pod_requests(fate.pod),
    )
    amount = amounts.get(resource, 0)
    return -(-amount // 1000) if resource == CPU else amount


def _free(free: NodeFree) -> Branch:
    where = "on no NUMA node" if free.node is None else f"NUMA node {free.node}"
    amounts = [pair for pair in free.amounts if pair[1]]
    return Branch(line=(quiet(f"free, {where}: "), words(format_amounts(amounts))))


def _nodes(given: ContainerDecision) -> IdSet | None:
    if given.hint is None or given.hint.nodes is None:
        return None
    return frozenset(nodes_of(given.hint.nodes))
