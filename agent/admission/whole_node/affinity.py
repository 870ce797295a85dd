"""Whether a node is one that a pod wants: node selector, required node affinity, and tolerations of taints.

Malformed requirements make their term fail, as in the kubelet; the API server lets hardly any through.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from agent.admission.whole_node.wishes import AffinityTerm, NodeObject, Requirement, Taint, Toleration, Wishes

_NUMBER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"0|-?[1-9][0-9]*")
_INT64 = 1 << 63


def wants_node(wishes: Wishes, node: NodeObject) -> bool:
    """Whether node selector and required affinity let the pod onto the node. A node without known labels suits all."""
    if node.labels is None:
        return True
    labels = dict(node.labels)
    if any(labels.get(key) != value for key, value in wishes.node_selector):
        return False
    return wishes.affinity is None or any(_suits(term, labels, node.name) for term in wishes.affinity)


def _suits(term: AffinityTerm, labels: Mapping[str, str], name: str | None) -> bool:
    if not (term.labels or term.fields):
        return False
    fields = {} if name is None else {"metadata.name": name}
    return all(_holds(each, labels) for each in term.labels) and all(
        _field_holds(each, fields) for each in term.fields
    )


def _holds(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value in requirement.values
        case "NotIn":
            return value is None or value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt":
            return _compares(value, requirement.operator, requirement.values)
    return False


def _compares(value: str | None, operator: str, wanted: Sequence[str]) -> bool:
    have, limit = _number(value), _number(wanted[0]) if len(wanted) == 1 else None
    if have is None or limit is None:
        return False
    return have > limit if operator == "Gt" else have < limit


def _number(text: str | None) -> int | None:
    if text is None or len(text) > 20 or not _NUMBER.fullmatch(text):
        return None
    number = int(text)
    return number if -_INT64 <= number < _INT64 else None


def _field_holds(requirement: Requirement, fields: Mapping[str, str]) -> bool:
    """A node whose name is not known matches."""
    if len(requirement.values) != 1 or requirement.operator not in ("In", "NotIn"):
        return False
    if not fields:
        return True
    return (fields.get(requirement.key, "") == requirement.values[0]) is (requirement.operator == "In")


def tolerates(toleration: Toleration, taint: Taint, *, compare_numbers: bool) -> bool:
    """Whether a toleration covers a taint. `compare_numbers`: operators Gt and Lt count (a feature gate)."""
    if toleration.effect not in ("", taint.effect) or toleration.key not in ("", taint.key):
        return False
    match toleration.operator:
        case "" | "Equal":
            return toleration.value == taint.value
        case "Exists":
            return True
        case "Gt" | "Lt" if compare_numbers:
            return _taint_compares(taint.value, toleration)
    return False


def _taint_compares(value: str, toleration: Toleration) -> bool:
    if not (_DECIMAL.fullmatch(value) and _DECIMAL.fullmatch(toleration.value)):
        return False
    return _compares(value, toleration.operator, (toleration.value,))
