"""Kubernetes' resource quantities: `500m`, `4`, `1Gi`, `1e3`, `1.5G`.

Source: the grammar at https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal, localcontext

from collectors.parse import ParseError

_QUANTITY = re.compile(
    r"([+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30}))(?:([KMGTPE]i|[numkMGTPE])|[eE]([+-]?[0-9]{1,2}))?",
    re.ASCII,
)
_UNITS: dict[str, Decimal] = {
    **{
        unit: Decimal(1024) ** power
        for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)
    },
    **{
        unit: Decimal(1000) ** power
        for power, unit in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), -3)
    },
}
_DIGITS = 80


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
    with localcontext(prec=_DIGITS):
        scale = Decimal(10) ** int(exponent) if exponent else _UNITS[unit or ""]
        return int((Decimal(number) * scale * factor).to_integral_value(ROUND_CEILING))
