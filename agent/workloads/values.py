"""Small readers that a manifest needs over and over: parts that may be left out, amounts, labels."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.model.pod import Amounts
from collectors.parse import ParseError
from collectors.quantity import parse_amount
from collectors.strictjson import JsonValue


def part(value: JsonValue, key: str) -> JsonValue:
    """The object under a key; an empty one where it is left out."""
    found = value.get(key)
    return JsonValue({}, key) if found.is_null else found


def text(value: JsonValue, key: str) -> str | None:
    """The string under a key; None where it is left out or empty, which means the same."""
    found = value.get(key)
    return None if found.is_null else found.text() or None


def flag(value: JsonValue, key: str) -> bool:
    """The boolean under a key; False where it is left out."""
    found = value.get(key)
    return False if found.is_null else found.boolean()


def number(value: JsonValue, key: str, *, otherwise: int, largest: int) -> int:
    """The number under a key, or what stands for one that is left out."""
    found = value.get(key)
    return otherwise if found.is_null else found.integer(largest=largest)


def strings(values: JsonValue) -> tuple[str, ...]:
    """The strings of an array."""
    return tuple(each.text() for each in values.elements())


def labels(values: JsonValue) -> tuple[tuple[str, str], ...]:
    """Names and strings of an object, by name."""
    return tuple(sorted((name, value.text()) for name, value in values.items()))


def amounts(values: JsonValue) -> Amounts:
    """Amounts of resources, by name. A quantity is a string or, as people write it, a number."""
    return tuple(sorted(_amounts(values)))


def _amounts(values: JsonValue) -> Iterator[tuple[str, int]]:
    for resource, value in values.items():
        quantity = value.text() if value.is_text else repr(value.number())
        try:
            amount = parse_amount(resource, quantity)
        except ParseError:
            value.fail("a quantity such as 2, 500m or 1Gi")
        if amount < 0:
            value.fail("a quantity that is not negative")
        yield resource, amount
