"""Adding up amounts of one resource."""

from __future__ import annotations

from collections.abc import Iterable

from agent.placement.model import Amount, Basis


def machine_amount(resource: str, amount: int) -> Amount:
    """What the kernel shows and nobody is given from: all of it is always there."""
    return Amount(
        resource=resource, capacity=amount, allocatable=amount, available=amount, basis=Basis.MACHINE
    )


def total_of(amounts: Iterable[Amount], *, unplaced: int = 0) -> Amount | None:
    """The sum of amounts of one resource, less what is held nobody knows where; None of none."""
    parts = tuple(amounts)
    if not parts:
        return None
    available = _sum_known(each.available for each in parts)
    return Amount(
        resource=parts[0].resource,
        capacity=sum(each.capacity for each in parts),
        allocatable=_sum_known(each.allocatable for each in parts),
        available=None if available is None else max(available - unplaced, 0),
        basis=parts[0].basis,
        inferred=unplaced > 0 or any(each.inferred for each in parts),
    )


def _sum_known(values: Iterable[int | None]) -> int | None:
    known = list(values)
    return None if None in known else sum(value for value in known if value is not None)
