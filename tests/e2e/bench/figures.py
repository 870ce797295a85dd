"""One measured figure, what it is to be held against, and the table of all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured."""

    name: str
    value: float
    unit: str
    most: float | None = None
    """What it may be at most; None where it is told for information"""

    @property
    def good(self) -> bool:
        """Whether it keeps to its bound."""
        return self.most is None or self.value <= self.most

    def as_row(self) -> dict[str, object]:
        """For JSON."""
        return {
            "name": self.name,
            "value": round(self.value, 3),
            "unit": self.unit,
            "most": self.most,
            "good": self.good,
        }


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed; NaN of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def table(figures: Iterable[Figure]) -> list[str]:
    """Lines for people."""
    return [
        f"{figure.name:52} {figure.value:10.2f} {figure.unit:8} "
        + ("" if figure.most is None else f"at most {figure.most:g}{'' if figure.good else '   EXCEEDED'}")
        for figure in figures
    ]
