"""A core/v1 Pod as the API server writes it, or a person: JSON values to facts. No I/O.

The same facts as collectors.kubelet.pod_answers has from protobuf; nothing else of the object is taken.
"""

from __future__ import annotations

from typing import Any

from agent.timestamps import parse_timestamp
from collectors.model.pod import (
    MESSAGE_CHARACTERS,
    WISH_CHARACTERS,
    WISHES,
    Amounts,
    ContainerRole,
    ContainerState,
    Owner,
    Pod,
    PodContainer,
    parse_container_id,
)
from collectors.parse import ParseError
from collectors.quantity import parse_amount
from collectors.strictjson import JsonValue

_Status = tuple[ContainerState | None, str | None]
"""A container's state and id"""


def pod_from_json(pod: dict[str, Any]) -> Pod:
    """The facts of one Pod. Raises ParseError, whose text repeats no more than the value that is wrong."""
    return _pod(JsonValue(pod, "a pod"))


def _pod(pod: JsonValue) -> Pod:
    metadata, spec, status = pod.get("metadata"), pod.get("spec"), _object(pod, "status")
    resources = _object(spec, "resources")
    return Pod(
        namespace=_some(metadata.get("namespace")),
        name=_some(metadata.get("name")),
        uid=_some(metadata.get("uid")),
        phase=_text(status, "phase") or "Unknown",
        reason=_text(status, "reason"),
        message=(_text(status, "message") or "")[:MESSAGE_CHARACTERS] or None,
        qos_class=_text(status, "qosClass"),
        started_at=_time(status.get("startTime")),
        deleted=not metadata.get("deletionTimestamp").is_null,
        owner=_controller(metadata.get("ownerReferences")),
        containers=(
            *_containers(spec.get("initContainers"), _statuses(status, "initContainerStatuses"), init=True),
            *_containers(spec.get("containers"), _statuses(status, "containerStatuses"), init=False),
        ),
        requests=_amounts(resources.get("requests")),
        limits=_amounts(resources.get("limits")),
        annotations=_wishes(_object(metadata, "annotations")),
    )


def _wishes(annotations: JsonValue) -> tuple[tuple[str, str], ...]:
    """The annotations that count."""
    values = ((name, annotations.get(name)) for name in WISHES)
    return tuple((name, value.text()[:WISH_CHARACTERS]) for name, value in values if not value.is_null)


def _controller(owners: JsonValue) -> Owner | None:
    for owner in owners.elements():
        controller = owner.get("controller")
        if not controller.is_null and controller.boolean():
            return Owner(kind=owner.get("kind").text(), name=owner.get("name").text())
    return None


def _containers(
    containers: JsonValue, statuses: dict[str, _Status], *, init: bool
) -> tuple[PodContainer, ...]:
    found = []
    for container in containers.elements():
        name, resources = container.get("name").text(), _object(container, "resources")
        state, container_id = statuses.get(name, (None, None))
        role = ContainerRole.APP
        if init:
            always = _text(container, "restartPolicy") == "Always"
            role = ContainerRole.SIDECAR if always else ContainerRole.INIT
        found.append(
            PodContainer(
                name=name,
                role=role,
                requests=_amounts(resources.get("requests")),
                limits=_amounts(resources.get("limits")),
                state=state,
                container_id=container_id,
            )
        )
    return tuple(found)


def _statuses(status: JsonValue, key: str) -> dict[str, _Status]:
    """The state of each container; by core/v1, one that says nothing else is waiting."""
    found: dict[str, _Status] = {}
    for container in status.get(key).elements():
        told = {name for name, _ in container.get("state").items()}
        state = next((state for state in ContainerState if state.value in told), ContainerState.WAITING)
        found[container.get("name").text()] = state, parse_container_id(_text(container, "containerID") or "")
    return found


def _amounts(amounts: JsonValue) -> Amounts:
    return tuple(sorted((resource, _amount(resource, amount)) for resource, amount in amounts.items()))


def _amount(resource: str, amount: JsonValue) -> int:
    """A quantity is a string, or as a person may write it, a whole number."""
    text = amount.text() if amount.is_text else str(amount.integer())
    try:
        return parse_amount(resource, text)
    except ParseError as error:
        amount.fail(error.expected)


def _time(value: JsonValue) -> float | None:
    """An instant that may be left out."""
    if value.is_null:
        return None
    try:
        return parse_timestamp(value.text())
    except ValueError:
        value.fail("a time")


def _some(value: JsonValue) -> str:
    """A string that says something."""
    return value.text() or value.fail("a name")


def _object(value: JsonValue, key: str) -> JsonValue:
    """A key whose object may be left out."""
    found = value.get(key)
    return JsonValue({}, key) if found.is_null else found


def _text(value: JsonValue, key: str) -> str | None:
    """A string that may be left out, or be empty, which means the same."""
    found = value.get(key)
    return None if found.is_null else found.text() or None
