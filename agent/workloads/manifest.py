"""From the text of a manifest to the pods that would come of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from agent.workloads.documents import parse_documents
from agent.workloads.errors import ManifestError
from agent.workloads.model import Manifest, Workload
from agent.workloads.node_wishes import wishes_of_spec
from agent.workloads.pod_spec import pod_of_spec
from agent.workloads.values import part, text
from collectors.parse import ParseError
from collectors.strictjson import JsonValue

MAX_PODS = 1_000
"""In all, and of one workload: more no kubelet takes"""

DEFAULT_NAMESPACE = "default"
UNNAMED = "unnamed"

_Path = tuple[str, ...]

_TEMPLATE: _Path = ("spec", "template")
_KINDS: dict[str, tuple[_Path, _Path | None]] = {
    "Pod": ((), None),
    "PodTemplate": (("template",), None),
    "Deployment": (_TEMPLATE, ("spec", "replicas")),
    "StatefulSet": (_TEMPLATE, ("spec", "replicas")),
    "ReplicaSet": (_TEMPLATE, ("spec", "replicas")),
    "ReplicationController": (_TEMPLATE, ("spec", "replicas")),
    "DaemonSet": (_TEMPLATE, None),
    "Job": (_TEMPLATE, ("spec", "parallelism")),
    "CronJob": (("spec", "jobTemplate", "spec", "template"), ("spec", "jobTemplate", "spec", "parallelism")),
}
"""By kind: where in it the pod is, and where the number of pods that run at a time; None where that is one"""

_MAX_NESTING = 4
"""Of Lists in Lists"""


def parse_manifest(text_: str, *, namespace: str | None = None, replicas: int | None = None) -> Manifest:
    """The workloads of a manifest. Raises ManifestError.

    Args:
        text_: YAML of one or several documents, or JSON.
        namespace: for objects that do not name one, as with `kubectl -n`.
        replicas: how many pods each workload makes, whatever it says itself.
    """
    workloads: list[Workload] = []
    passed_over: list[str] = []
    documents = parse_documents(text_)
    for number, document in enumerate(documents, start=1):
        place = f"document {number}: " if len(documents) > 1 else ""
        try:
            for each in _objects(document, 0):
                made = _workload(each, namespace or DEFAULT_NAMESPACE)
                if made is None:
                    passed_over.append(_title(each))
                else:
                    workloads.append(made if replicas is None else replace(made, replicas=replicas))
        except ParseError as error:
            raise ManifestError(f"{place}{error}") from None
        except ManifestError as error:
            raise ManifestError(f"{place}{error}") from None
    _check(workloads, passed_over)
    return Manifest(workloads=tuple(workloads), passed_over=tuple(passed_over))


def _check(workloads: list[Workload], passed_over: list[str]) -> None:
    if not workloads:
        found = f"found only {', '.join(passed_over[:5])}" if passed_over else "it is empty"
        raise ManifestError(
            f"nothing in it makes pods: {found}; expected {', '.join(_KINDS)} or a List of them"
        )
    pods = sum(each.replicas for each in workloads)
    if not pods:
        raise ManifestError("it makes no pods, by its own number of replicas; try some with --replicas")
    if pods > MAX_PODS:
        raise ManifestError(f"{pods} pods are more than {MAX_PODS}; try fewer with --replicas")


def _objects(document: Any, nesting: int) -> Iterator[dict[str, Any]]:
    """The document, or what is in it where it is a List."""
    if not isinstance(document, dict) or not isinstance(document.get("kind"), str):
        raise ManifestError("no Kubernetes object: expected apiVersion, kind, metadata and spec")
    if not document["kind"].endswith("List"):
        yield document
        return
    if nesting == _MAX_NESTING:
        raise ManifestError(f"Lists in Lists more than {_MAX_NESTING} deep; write the objects side by side")
    items = JsonValue(document, document["kind"]).get("items")
    for position, _ in enumerate(items.elements()):
        item = document["items"][position]
        if isinstance(item, dict) and "kind" not in item and document["kind"] != "List":
            item = {**item, "kind": document["kind"].removesuffix("List")}
        yield from _objects(item, nesting + 1)


def _title(found: dict[str, Any]) -> str:
    metadata = found.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return f"{found['kind']} {name}" if isinstance(name, str) else str(found["kind"])


def _workload(found: dict[str, Any], namespace: str) -> Workload | None:
    """What one object makes; None where it makes no pods."""
    kind: str = found["kind"]
    if kind not in _KINDS:
        return None
    value = JsonValue(found, _title(found))
    at, count = _KINDS[kind]
    metadata = part(value, "metadata")
    name = text(metadata, "name") or (text(metadata, "generateName") or UNNAMED).rstrip("-")
    own = text(metadata, "namespace") or namespace
    template = _follow(value, at)
    spec = template.get("spec")
    if spec.is_null:
        spec.fail("the spec of a pod")
    return Workload(
        kind=kind,
        namespace=own,
        name=name,
        replicas=1 if count is None else _count(value, count),
        pod=pod_of_spec(spec, namespace=own, name=name),
        wishes=wishes_of_spec(spec, part(template, "metadata")),
    )


def _follow(value: JsonValue, path: _Path) -> JsonValue:
    for key in path:
        value = value.get(key)
        if value.is_null:
            value.fail("an object")
    return value


def _count(value: JsonValue, path: _Path) -> int:
    found = _follow(value, path[:-1]).get(path[-1])
    return 1 if found.is_null else found.integer(largest=(1 << 31) - 1)
