"""Whether the object at the server is the wanted one. Pure.

Compared is what we own: every field that we want, as it is there, and whether we still own one that we no longer want.
What others add beside it (their labels, their owners, the server's own fields) is no difference. Values are compared as
they are written, not as what they mean: we always write the one canonical form of a quantity, and the schema keeps it.

A server may yet change what it is given: an older schema drops a field, a webhook rewrites one. So its answer to an
apply counts as that wish fulfilled, whatever the answer is. Only what changes afterwards is a difference; a wish that
stays the same can therefore not be written twice for the server's sake.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agent.kube.client import Object
from agent.publish.ownership import applied_by_us, reaches_beyond


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """What an object says of a wanted one."""

    content: Any
    """The object's values for the fields that are wanted; a field that it lacks is left out"""
    surplus: bool = False
    """Whether we still own a field that is not wanted any more"""


def likeness(found: Object, wanted: Object) -> Likeness:
    """How `found` looks where `wanted` says something."""
    return Likeness(
        content=_restricted(found, _compared(wanted)),
        surplus=any(reaches_beyond(fields, wanted) for fields in applied_by_us(found)),
    )


def fulfilment(wanted: Object) -> Likeness:
    """How an object looks that is the wanted one to the letter."""
    return Likeness(content=_compared(wanted))


def _compared(wanted: Object) -> Object:
    """What kind of object it is says the path, and a list leaves it out of its items."""
    return {key: value for key, value in wanted.items() if key not in ("apiVersion", "kind")}


def _restricted(found: Any, wanted: Any, *path: str) -> Any:
    if isinstance(wanted, dict) and isinstance(found, dict):
        return {
            key: _restricted(found[key], value, *path, key) for key, value in wanted.items() if key in found
        }
    if path == _OWNERS and isinstance(wanted, list) and isinstance(found, list):
        return _owners(found, wanted)
    return found


_OWNERS = ("metadata", "ownerReferences")


def _owners(found: list[Any], wanted: list[Any]) -> list[Any]:
    """Owners are a list by uid, which others may add to."""
    by_uid = {
        owner["uid"]: owner
        for owner in found
        if isinstance(owner, dict) and isinstance(owner.get("uid"), str)
    }
    return [_restricted(by_uid[owner["uid"]], owner) for owner in wanted if owner["uid"] in by_uid]
