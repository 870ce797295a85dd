"""What still fits on a node, for people and for programs. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agent.headroom.model import Fragmentation, Headroom, Largest, NumaHeadroom, Stranded
from agent.placement.model import CPU
from agent.prediction.node import KnownNode
from agent.views.amounts import format_amount, format_amounts
from agent.views.plain import API_VERSION
from agent.views.text import Branch, Page, Section, Table, name, plain, quiet, warn
from agent.views.under_rules import basis_section, plain_basis

_LACKS = {
    "cpu": "no CPUs are free here",
    "whole cores": "the rest are halves of cores, and full-pcpus-only gives whole ones",
    "memory": "no memory is free here",
    "group": "this node gives memory only together with others, as long as pods hold memory over them",
    "node": "other pods have asked for so much of the whole node that no more is left",
    "unknown": "the kubelet's rules do not give it in one pod",
}


def plain_headroom(headroom: Headroom, known: KnownNode, *, source: str) -> dict[str, Any]:
    """For programs; docs/api.md describes it."""
    return {
        "api_version": API_VERSION,
        "kind": "Headroom",
        **plain_basis(known, source),
        "largest": _plain_largest(headroom.largest),
        "numa_nodes": [
            {
                "id": each.node,
                "free": dict(each.free),
                "largest": _plain_largest(each.largest),
                "stranded": [
                    {"resource": rest.resource, "amount": rest.amount, "lack": rest.lack}
                    for rest in each.stranded
                ],
            }
            for each in headroom.numa_nodes
        ],
        "fragmentation": {
            each.resource: {"free": each.free, "largest": each.largest, "in_one_piece": _rounded(each)}
            for each in headroom.fragmentation
        },
    }


def headroom_page(headroom: Headroom, known: KnownNode, *, source: str) -> Page:
    """For people: the whole node, each NUMA node, then what is worth a look."""
    sections = [
        basis_section(known, source),
        Section(
            title=(name("the largest Guaranteed pods that still fit"),), content=_largest_table(headroom)
        ),
    ]
    stranded = [(each.node, rest) for each in headroom.numa_nodes for rest in each.stranded]
    if stranded:
        lines = tuple(_stranded_line(node, rest) for node, rest in stranded)
        sections.append(Section(title=(name("free, but not to be had in one aligned pod"),), content=lines))
    pieces = [each for each in headroom.fragmentation if each.in_one_piece is not None]
    if pieces:
        sections.append(
            Section(
                title=(name("in one piece"), quiet(": the largest aligned request by what is free")),
                content=tuple(_piece_line(each) for each in pieces),
            )
        )
    return tuple(sections)


def _plain_largest(largest: Iterable[Largest]) -> list[dict[str, Any]]:
    return [{"kind": each.kind, "pod": dict(each.amounts) or None, "beyond": each.beyond} for each in largest]


def _rounded(piece: Fragmentation) -> float | None:
    return None if piece.in_one_piece is None else round(piece.in_one_piece, 4)


def _largest_table(headroom: Headroom) -> Table:
    """A row for each kind, a column for the node and each NUMA node."""
    rows = []
    for each in headroom.largest:
        by_node = (_cell(_of_kind(numa, each.kind)) for numa in headroom.numa_nodes)
        rows.append((_title(each.kind), _cell(each), *by_node))
    header = ("pod with the most", "this node", *(f"NUMA node {each.node}" for each in headroom.numa_nodes))
    return Table(header=header, rows=tuple(rows), left=frozenset(range(len(header))))


def _of_kind(numa: NumaHeadroom, kind: str) -> Largest | None:
    return next((each for each in numa.largest if each.kind == kind), None)


def _title(kind: str) -> str:
    if kind.startswith(f"{CPU} with "):
        return f"CPUs beside one {kind.removeprefix(f'{CPU} with ')}"
    return {"cpu": "CPUs", "cpu+memory": "CPUs, memory in proportion"}.get(kind, kind)


def _cell(largest: Largest | None) -> str:
    if largest is None:
        return "-"
    if not largest.amounts:
        return "none"
    if largest.kind == "cpu+memory":
        return format_amounts(largest.amounts)
    resource = CPU if largest.kind.startswith(CPU) else largest.kind
    return format_amount(resource, largest.of(resource)).removesuffix(f" {resource}")


def _stranded_line(node: int, rest: Stranded) -> Branch:
    amount = format_amount(rest.resource, rest.amount)
    return Branch(line=(warn(f"NUMA node {node}: {amount}"), plain(f": {_LACKS[rest.lack]}")))


def _piece_line(piece: Fragmentation) -> Branch:
    share = f"{100 * (piece.in_one_piece or 0.0):.0f} %"
    free, largest = (format_amount(piece.resource, number) for number in (piece.free, piece.largest))
    return Branch(line=(name(f"{piece.resource}: "), plain(f"{share}"), quiet(f" ({largest} of {free})")))
