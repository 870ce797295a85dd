"""Kubernetes' resource quantities: `500m`, `4`, `1Gi`, `1e3`, `1.5G`.

Source: the grammar at https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import re

from collectors.parse import ParseError

_QUANTITY = re.compile(
    r"([+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30}))(?:([KMGTPE]i|[numkMGTPE])|[eE]([+-]?[0-9]{1,2}))?",
    re.ASCII,
)
_UNITS: dict[str, tuple[int, int]] = {
    **{unit: (1024**power, 1) for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)},
    **{unit: (1000**power, 1) for power, unit in enumerate(("", "k", "M", "G", "T", "P", "E"))},
    **{unit: (1, 1000**power) for power, unit in enumerate(("m", "u", "n"), start=1)},
}
"""What a unit multiplies with and divides by"""


def parse_quantity(text: str) -> int:
    """Whole units (bytes, devices), rounded up as the kubelet does; raises ParseError."""
    return _rounded_up(text, 1)


def parse_millis(text: str) -> int:
    """Thousandths (of a CPU), rounded up; raises ParseError."""
    return _rounded_up(text, 1000)


def parse_amount(resource: str, text: str) -> int:
    """An amount of a resource as collectors.model.pod has it: thousandths of `cpu`, whole units of everything else.

    Raises ParseError.
    """
    return parse_millis(text) if resource == "cpu" else parse_quantity(text)


def _rounded_up(text: str, factor: int) -> int:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ParseError(text, "a quantity")
    number, unit, exponent = match.groups()
    whole, _, fraction = number.partition(".")
    times, parts = _UNITS[unit or ""]
    power = int(exponent or 0) - len(fraction)
    if power >= 0:
        times *= 10**power
    else:
        parts *= 10**-power
    return -(-int(whole + fraction) * times * factor // parts)
