"""The matrix of NUMA distances as a table; on big machines with nodes alike folded together. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from agent.views.text import Branch, Table, name, plain, quiet
from agent.views.units import format_ids
from collectors.model import NumaNode, NumaTopology

UNFOLDED_UP_TO = 16
"""Nodes that are shown one by one"""

LONGEST_NAME = 12
"""Characters of a list of ids at the head of a column"""

UNKNOWN = "?"

Matrix = dict[int, dict[int, int]]
"""Distances by the ids of from and to; what is unknown is not in it"""


def distance_table(numa: NumaTopology, *, wide: bool) -> Table | tuple[Branch, ...] | None:
    """The distances from each node (row) to each (column), as the kernel gives them.

    Past 16 nodes, those that are as far from all others as each other share a row and a column; `10/40` is then the
    distance of each to itself and to the others with it, and `190 +15` is node 190 with fifteen like it. Where that still leaves too many, one line a node tells which
    are how far. None where nothing is known, or where there is one node.
    """
    matrix = {node.id: dict(node.distances) for node in numa.nodes}
    if len(numa.nodes) < 2 or not any(matrix.values()):
        return None
    if wide or len(matrix) <= UNFOLDED_UP_TO:
        return _table([(node,) for node in matrix], matrix)
    classes = _alike(matrix)
    if len(classes) <= UNFOLDED_UP_TO:
        return _table(classes, matrix)
    return tuple(_row(node) for node in numa.nodes)


def _table(classes: Sequence[tuple[int, ...]], matrix: Matrix) -> Table:
    names = [_name_of_class(nodes) for nodes in classes]
    return Table(
        header=("node", *names),
        rows=tuple(
            (name_, *(_cell(matrix, nodes, others) for others in classes))
            for name_, nodes in zip(names, classes, strict=True)
        ),
    )


def _name_of_class(nodes: tuple[int, ...]) -> str:
    """`190-205`; `190 +15` where gaps between the ids would make it long."""
    ids = format_ids(frozenset(nodes))
    return ids if len(ids) <= LONGEST_NAME else f"{nodes[0]} +{len(nodes) - 1}"


def _cell(matrix: Matrix, nodes: tuple[int, ...], others: tuple[int, ...]) -> str:
    far = str(matrix[nodes[0]].get(others[0], UNKNOWN))
    if nodes != others or len(nodes) == 1:
        return far
    return f"{far}/{matrix[nodes[0]].get(others[1], UNKNOWN)}"


def _alike(matrix: Matrix) -> list[tuple[int, ...]]:
    """Nodes that could change places without a change in the matrix, as groups by their lowest id.

    To be exchangeable is transitive, so one member stands for its group.
    """
    groups: list[list[int]] = []
    for node in sorted(matrix):
        group = next((group for group in groups if _exchangeable(matrix, group[0], node)), None)
        if group is None:
            groups.append([node])
        else:
            group.append(node)
    return [tuple(group) for group in groups]


def _exchangeable(matrix: Matrix, one: int, other: int) -> bool:
    def seen(node: int, far: int) -> int | None:
        return matrix[node].get(far)

    return (
        seen(one, one) == seen(other, other)
        and seen(one, other) == seen(other, one)
        and all(
            seen(one, third) == seen(other, third) and seen(third, one) == seen(third, other)
            for third in matrix
            if third not in (one, other)
        )
    )


def _row(node: NumaNode) -> Branch:
    by_distance: dict[int, set[int]] = {}
    for other, distance in node.distances:
        by_distance.setdefault(distance, set()).add(other)
    if not by_distance:
        return Branch(line=(name(f"node {node.id}"), quiet(": unknown")))
    said = "; ".join(
        f"{distance} to {format_ids(frozenset(by_distance[distance]))}" for distance in sorted(by_distance)
    )
    return Branch(line=(name(f"node {node.id}"), plain(f": {said}")))
