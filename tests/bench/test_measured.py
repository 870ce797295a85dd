from __future__ import annotations

from tests.bench.measured import Measured, table


def figure(*values: float, at_most: float | None = None) -> Measured:
    return Measured(name="survey", unit="ms", values=values, at_most=at_most, note="of one machine")


def test_a_bound_is_kept_by_the_median_whatever_single_runs_took() -> None:
    assert figure(1, 2, 900, at_most=2).holds
    assert not figure(1, 3, 3, at_most=2).holds
    assert figure(900).holds


def test_the_table_shows_every_figure_and_names_a_bound_that_is_not_kept() -> None:
    lines = table([figure(1, 30, 20), figure(500, at_most=400)]).splitlines()

    assert len({len(line) for line in lines}) == 1
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == [
        "survey",
        "ms",
        "20.0",
        "1.00",
        "30.0",
        "3",
        "",
        "of one machine",
    ]
    assert "too much of one machine" in lines[3]
