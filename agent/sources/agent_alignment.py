"""The alignment as a running agent knows it, for `numascope pods` where the kubelet cannot be asked: /api/v1/alignment.

The inverse of agent.views.alignment.plain_alignment. The agent may be of another version: fields that we do not know are
passed over, and ones that it does not know are unknown.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TypeVar

from agent.alignment.model import (
    Alignment,
    ContainerAlignment,
    Cpuset,
    CpusetVerdict,
    Fit,
    HugePageBytes,
    Level,
    Pages,
    Part,
    PodAlignment,
    Source,
    Wish,
)
from agent.sources.agent_snapshot import AgentError, fetch_answer
from collectors.model.cgroup import NodeBytes
from collectors.parse import MAX_ID, IdSet, ParseError
from collectors.strictjson import IdLists, JsonValue, parse_json

PATH = "/api/v1/alignment"
KIND = "Alignment"

T = TypeVar("T")
E = TypeVar("E", bound=enum.Enum)


async def fetch_alignment(url: str) -> Alignment:
    """What the agent at that URL says. Raises AgentError."""
    address, text = await fetch_answer(url, PATH)
    try:
        return parse_alignment(text)
    except ParseError as error:
        raise AgentError(f"{address}: {error}") from error


def parse_alignment(text: str) -> Alignment:
    """The alignment in a text of JSON. Raises ParseError."""
    document = parse_json(text, "an alignment")
    if document.get("kind").text() != KIND:
        document.get("kind").fail(KIND)
    return _Reader().alignment(document)


class _Reader:
    """Reads one document; equal sets become one object."""

    def __init__(self) -> None:
        self._lists = IdLists()

    def alignment(self, value: JsonValue) -> Alignment:
        version = value.get("cgroup_version")
        return Alignment(
            topology_manager_policy=_text(value.get("topology_manager_policy")),
            topology_manager_scope=_text(value.get("topology_manager_scope")),
            cpu_manager_policy=_text(value.get("cpu_manager_policy")),
            memory_manager_policy=_text(value.get("memory_manager_policy")),
            cgroup_version=None if version.is_null else version.integer(largest=2),
            pods=_each(value.get("pods"), self._pod),
            unknown=_each(value.get("unknown"), JsonValue.text),
        )

    def _pod(self, value: JsonValue) -> PodAlignment:
        return PodAlignment(
            namespace=value.get("namespace").text(),
            name=value.get("name").text(),
            uid=_text(value.get("uid")),
            qos_class=_text(value.get("qos_class")),
            containers=_each(value.get("containers"), self._container),
            parts=_each(value.get("parts"), self._part),
            fit=self._fit(value.get("fit")),
            wishes=_each(value.get("wishes"), _wish),
        )

    def _container(self, value: JsonValue) -> ContainerAlignment:
        cpuset, pages = value.get("cpuset"), value.get("pages")
        return ContainerAlignment(
            name=value.get("name").text(),
            role=_text(value.get("role")),
            parts=_each(value.get("parts"), self._part),
            fit=self._fit(value.get("fit")),
            cpu_level=_word(value.get("cpu_level"), Level),
            cpuset=None if cpuset.is_null else self._cpuset(cpuset),
            pages=None if pages.is_null else _pages(pages),
        )

    def _part(self, value: JsonValue) -> Part:
        return Part(
            resource=value.get("resource").text(),
            amount=value.get("amount").integer(),
            nodes=self._ids(value.get("nodes")),
            source=_word(value.get("source"), Source),
            cpus=self._ids(value.get("cpus")) or frozenset(),
            devices=_each(value.get("devices"), JsonValue.text),
            claim=_text(value.get("claim")),
            pci_addresses=_each(value.get("pci_addresses"), JsonValue.text),
        )

    def _fit(self, value: JsonValue) -> Fit:
        aligned, distance = value.get("aligned"), value.get("distance")
        return Fit(
            nodes=self._ids(value.get("nodes")) or frozenset(),
            aligned=None if aligned.is_null else aligned.boolean(),
            level=_word(value.get("level"), Level),
            distance=None if distance.is_null else distance.integer(),
        )

    def _cpuset(self, value: JsonValue) -> Cpuset:
        return Cpuset(
            cpus=self._ids(value.get("cpus")),
            nodes=self._ids(value.get("nodes")),
            kubelet_cpus=self._ids(value.get("kubelet_cpus")),
            kubelet_nodes=self._ids(value.get("kubelet_nodes")),
            verdict=_word(value.get("verdict"), CpusetVerdict),
            extra=self._ids(value.get("extra")) or frozenset(),
            missing=self._ids(value.get("missing")) or frozenset(),
        )

    def _ids(self, value: JsonValue) -> IdSet | None:
        return None if value.is_null else self._lists.parsed(value)


def _pages(value: JsonValue) -> Pages:
    remote, share = value.get("remote_bytes"), value.get("remote_share")
    return Pages(
        by_node=_each(value.get("by_node"), _node_bytes),
        anon=_each(value.get("anon"), _node_bytes),
        file=_each(value.get("file"), _node_bytes),
        hugepages=_each(value.get("hugepages"), _hugepages),
        remote_bytes=None if remote.is_null else remote.integer(),
        remote_share=None if share.is_null else share.number(),
    )


def _hugepages(value: JsonValue) -> HugePageBytes:
    return HugePageBytes(
        resource=value.get("resource").text(), by_node=_each(value.get("by_node"), _node_bytes)
    )


def _node_bytes(value: JsonValue) -> NodeBytes:
    return NodeBytes(node=value.get("node").integer(largest=MAX_ID), bytes=value.get("bytes").integer())


def _wish(value: JsonValue) -> Wish:
    fulfilled = value.get("fulfilled")
    return Wish(
        annotation=value.get("annotation").text(),
        value=value.get("value").text(),
        fulfilled=None if fulfilled.is_null else fulfilled.boolean(),
        why=value.get("why").text(),
    )


def _word(value: JsonValue, kind: type[E]) -> E | None:
    """One of an enum's words; None for a word that a later version added."""
    text = _text(value)
    return next((each for each in kind if each.value == text), None)


def _text(value: JsonValue) -> str | None:
    return None if value.is_null else value.text()


def _each(values: JsonValue, read: Callable[[JsonValue], T]) -> tuple[T, ...]:
    return tuple([read(value) for value in values.elements()])
