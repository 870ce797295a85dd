"""`numascope pods`: the alignment of every pod as a table for people, and as plain values for programs. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import Any

from agent.alignment.model import Alignment, ContainerAlignment, PodAlignment
from agent.views.alignment_words import (
    NOTHING,
    cpus_cell,
    cpuset_cell,
    cpuset_words,
    devices_cell,
    fit_cell,
    is_off,
    memory_cell,
    pages_cell,
    parts_words,
    remote_cell,
    wish_words,
)
from agent.views.plain import API_VERSION, plain
from agent.views.text import Branch, Facts, Line, Page, Section, Table, name, quiet, warn
from agent.views.text import plain as words
from agent.views.units import format_ids

KIND = "Alignment"

_HEADER = ("container", "CPUs", "memory", "devices", "NUMA nodes", "aligned", "cpuset", "remote memory")
_WIDE = ("QoS class", "cgroup's CPUs", "cgroup's nodes", "pages", "PCI addresses")
_LEFT = frozenset(range(len(_HEADER) - 1)) | frozenset(range(len(_HEADER), len(_HEADER) + len(_WIDE)))


def plain_alignment(alignment: Alignment) -> dict[str, Any]:
    """For programs: every field under its own name."""
    return {"api_version": API_VERSION, "kind": KIND, **plain(alignment)}


def alignment_page(alignment: Alignment, *, wide: bool) -> Page:
    """For people: a row for each container, and a row before them for a pod of several; then what is not as it could be,
    and what is not known."""
    rows = tuple(row for pod in alignment.pods for row in _rows(pod, wide=wide))
    table = Table(header=(*_HEADER, *_WIDE) if wide else _HEADER, rows=rows, left=_LEFT)
    sections = [Section(content=Facts(rows=tuple(_head(alignment))))]
    sections.append(Section(content=table) if rows else Section(title=(words("no pods hold anything here"),)))
    notes = tuple(Branch(line=line) for pod in alignment.pods for line in _notes(pod))
    if notes:
        sections.append(Section(title=(name("to look at"),), content=notes))
    if alignment.unknown:
        unknown = tuple(Branch(line=(quiet(line),)) for line in alignment.unknown)
        sections.append(Section(title=(name("not known"),), content=unknown))
    return tuple(sections)


def chosen_pods(alignment: Alignment, *, namespace: str | None, names: Collection[str]) -> Alignment:
    """The same with some pods alone: of one namespace, where one is given, and of these names, where any are."""
    pods = tuple(
        pod
        for pod in alignment.pods
        if namespace in (None, pod.namespace) and (not names or pod.name in names)
    )
    return replace(alignment, pods=pods)


def _head(alignment: Alignment) -> Iterator[tuple[str, Line]]:
    policy = alignment.topology_manager_policy or "unknown"
    scope = alignment.topology_manager_scope
    yield "topology manager", (words(f"{policy}, {scope} scope" if scope else policy),)
    yield "CPU manager", (words(alignment.cpu_manager_policy or "unknown"),)
    yield "memory manager", (words(alignment.memory_manager_policy or "unknown"),)
    version = alignment.cgroup_version
    yield "cgroups", (words("not in sight" if version is None else f"version {version}"),)


def _rows(pod: PodAlignment, *, wide: bool) -> Iterator[tuple[str, ...]]:
    title = f"{pod.namespace}/{pod.name}"
    if len(pod.containers) > 1 or pod.parts:
        whole = (
            title,
            "",
            memory_cell(pod.parts),
            devices_cell(pod.parts),
            _nodes(pod),
            fit_cell(pod.fit),
            "",
            "",
        )
        yield (*whole, pod.qos_class or NOTHING, "", "", "", "") if wide else whole
    for container in pod.containers:
        row = _row(f"{title}/{container.name}", container)
        yield (*row, *_wide_cells(pod, container)) if wide else row


def _row(title: str, container: ContainerAlignment) -> tuple[str, ...]:
    return (
        title,
        cpus_cell(container),
        memory_cell(container.parts),
        devices_cell(container.parts),
        _nodes(container),
        fit_cell(container.fit),
        cpuset_cell(container.cpuset),
        remote_cell(container.pages),
    )


def _wide_cells(pod: PodAlignment, container: ContainerAlignment) -> tuple[str, ...]:
    cpuset = container.cpuset
    cpus = None if cpuset is None else cpuset.cpus
    nodes = None if cpuset is None else cpuset.nodes
    addresses = (address for part in container.parts for address in part.pci_addresses)
    return (
        pod.qos_class or NOTHING,
        NOTHING if cpus is None else format_ids(cpus),
        NOTHING if nodes is None else format_ids(nodes),
        pages_cell(container.pages),
        " ".join(addresses) or NOTHING,
    )


def _nodes(aligned: PodAlignment | ContainerAlignment) -> str:
    return format_ids(aligned.fit.nodes) if aligned.fit.nodes else NOTHING


def _notes(pod: PodAlignment) -> Iterable[Line]:
    title = f"{pod.namespace}/{pod.name}"
    for container in pod.containers:
        if container.fit.aligned is False:
            where = parts_words(container.parts)
            yield name(f"{title}/{container.name}"), warn(" is not on one NUMA node: "), words(where)
        if container.cpuset is not None and is_off(container.cpuset):
            says = cpuset_words(container.cpuset)
            verdict = f" {cpuset_cell(container.cpuset)}: "
            yield name(f"{title}/{container.name}"), warn(verdict), words(says)
    for wish in pod.wishes:
        asks = (
            " asks for "
            if wish.fulfilled
            else " asks in vain for "
            if wish.fulfilled is False
            else " asks for "
        )
        mark = warn(asks) if wish.fulfilled is False else quiet(asks)
        yield name(title), mark, words(wish_words(wish)), quiet(" (no kubelet reads this annotation)")
