from __future__ import annotations

from agent.views.distances import distance_table
from agent.views.text import Section, Table
from collectors.model import NumaTopology
from tests.agent.views.machines import node, numa, printed, printed_branches


def machine(*rows: tuple[int, ...], first_id: int = 0) -> NumaTopology:
    """NUMA nodes with these distances; an empty row for unknown ones."""
    return numa(
        *(
            node(
                first_id + at, distances=tuple((first_id + far, distance) for far, distance in enumerate(row))
            )
            for at, row in enumerate(rows)
        )
    )


def grouped(count: int, size: int) -> NumaTopology:
    """Nodes in groups: 12 to the others of the group, 32 to the rest."""
    return machine(
        *(
            tuple(10 if at == far else 12 if at // size == far // size else 32 for far in range(count))
            for at in range(count)
        )
    )


def lines(table: object) -> list[str]:
    assert isinstance(table, Table)
    return printed((Section(content=table),))


def test_a_small_matrix_is_shown_whole_by_node_id() -> None:
    assert lines(distance_table(machine((10, 21), (20, 10), first_id=7), wide=False)) == [
        "node   7   8",
        "7     10  21",
        "8     20  10",
    ]


def test_a_missing_row_is_unknown() -> None:
    assert lines(distance_table(machine((10, 21), ()), wide=False))[2] == "1      ?   ?"


def test_nothing_is_shown_of_one_node_or_of_no_distance() -> None:
    assert distance_table(machine((10,)), wide=False) is None
    assert distance_table(machine((), ()), wide=False) is None


def test_on_a_big_machine_nodes_alike_share_a_row() -> None:
    assert lines(distance_table(grouped(32, 16), wide=False)) == [
        "node    0-15  16-31",
        "0-15   10/12     32",
        "16-31     32  10/12",
    ]


def test_one_node_apart_from_sixteen_alike_has_its_own_row() -> None:
    rows = [tuple(10 if at == far else 80 if 0 in (at, far) else 40 for far in range(17)) for at in range(17)]
    assert lines(distance_table(machine(*rows), wide=False)) == [
        "node   0   1-16",
        "0     10     80",
        "1-16  80  10/40",
    ]


def test_the_wide_form_folds_nothing() -> None:
    table = distance_table(grouped(32, 16), wide=True)
    assert isinstance(table, Table)
    assert len(table.rows) == 32


def test_where_folding_leaves_too_many_each_node_tells_what_is_how_far() -> None:
    uneven = machine(*(tuple(10 + abs(at - far) for far in range(17)) for at in range(17)))
    branches = distance_table(uneven, wide=False)
    assert isinstance(branches, tuple)
    assert printed_branches(*branches)[1].startswith("node 1: 10 to 1; 11 to 0,2; 12 to 3;")


def test_a_node_without_a_row_says_so_on_a_big_machine() -> None:
    rows = [tuple(10 + abs(at - far) for far in range(17)) for at in range(16)]
    branches = distance_table(machine(*rows, ()), wide=False)
    assert isinstance(branches, tuple)
    assert printed_branches(*branches)[-1] == "node 16: unknown"
