"""What a benchmark gives back, and how it is shown: a table for people, JSON for whatever keeps figures."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One figure, from some runs."""

    name: str
    unit: str
    values: tuple[float, ...]
    """One for each run, in the order of the runs"""
    at_most: float | None = None
    """The bound that the median is held to"""
    note: str = ""

    @property
    def median(self) -> float:
        """Half of the runs gave no more."""
        return statistics.median(self.values)

    @property
    def holds(self) -> bool:
        """Whether the median keeps within the bound."""
        return self.at_most is None or self.median <= self.at_most

    def as_json(self) -> dict[str, object]:
        """For a file: the runs themselves and what is derived from them."""
        return {
            "name": self.name,
            "unit": self.unit,
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "at_most": self.at_most,
            "holds": self.holds,
            "values": list(self.values),
            "note": self.note,
        }


HEADINGS = ("measured", "unit", "median", "min", "max", "runs", "at most", "note")
LEFT = frozenset({0, 1, 7})
"""Columns of words"""


def table(measured: Iterable[Measured]) -> str:
    """Rows of a table in Markdown, aligned so that a terminal shows it well too."""
    rows = [HEADINGS, *(_row(figure) for figure in measured)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = [_line(row, widths) for row in rows]
    rule = _line(
        ["-" * width if column in LEFT else "-" * (width - 1) + ":" for column, width in enumerate(widths)],
        widths,
    )
    return "\n".join((lines[0], rule, *lines[1:]))


def _row(figure: Measured) -> tuple[str, ...]:
    bound = "" if figure.at_most is None else f"{figure.at_most:g}"
    verdict = figure.note if figure.holds else f"too much {figure.note}".strip()
    numbers = (_number(value) for value in (figure.median, min(figure.values), max(figure.values)))
    return (figure.name, figure.unit, *numbers, str(len(figure.values)), bound, verdict)


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (
        text.ljust(width) if column in LEFT else text.rjust(width)
        for column, (text, width) in enumerate(zip(row, widths, strict=True))
    )
    return f"| {' | '.join(cells)} |"


def describe_machine() -> dict[str, str]:
    """What the figures were made on."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpus": str(len(os.sched_getaffinity(0))),
        "processor": _processor(),
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "unknown")
