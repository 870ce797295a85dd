"""Answers of the kubelet's Pods API: protobuf bytes to facts. No I/O.

The pods come whole, with every literal value of their environment. Only what collectors.model.pod names is taken out.
Bytes and messages end with the call that reads them; the traceback of a ParseError still holds them, so that its text
alone may be kept.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from collectors.kubelet.wire import pods_pb2 as wire
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

MAX_ITEMS = 200_000
"""Pods, containers, states, owners and amounts taken from one answer, together: an empty one costs two bytes of the
answer but hundreds of ours. 500 pods with three containers each are about 10,000."""

M = TypeVar("M", bound=Message)
R = TypeVar("R")
T = TypeVar("T")


class PodEventType(enum.Enum):
    """What an event says of its pod."""

    ADDED = wire.ADDED
    MODIFIED = wire.MODIFIED
    DELETED = wire.DELETED
    """The kubelet has ended it; the API server may go on to show it. Only namespace, name and uid are sure."""
    INITIAL_SYNC_COMPLETE = wire.INITIAL_SYNC_COMPLETE
    """Every pod that the kubelet knew when the stream began has been sent; such an event has no pod"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodEvent:
    """One event of the stream."""

    type: PodEventType
    pod: Pod | None = None


def decode_event(data: bytes) -> PodEvent | None:
    """One message of WatchPods; None for an event of a type that we do not know. Raises ParseError."""
    return _decoded(wire.Event, data, "an event of a pod", _event)


def decode_pods(data: bytes) -> tuple[Pod, ...]:
    """The answer to ListPods, in the order of the answer. Raises ParseError."""
    return _decoded(wire.PodList, data, "the kubelet's list of pods", _pods)


def decode_pod(data: bytes) -> Pod:
    """The answer to GetPod. Raises ParseError."""
    return _decoded(wire.OnePod, data, "the kubelet's word on a pod", _one_pod)


def _decoded(kind: type[M], data: bytes, expected: str, read: Callable[[M, _Budget], R]) -> R:
    try:
        message = kind.FromString(data)
    except DecodeError:
        raise ParseError(f"{len(data)} bytes", expected) from None
    return read(message, _Budget())


class _Budget:
    """How many more items one answer may have."""

    def __init__(self) -> None:
        self._left = MAX_ITEMS

    def counted(self, items: Sequence[T]) -> Sequence[T]:
        self.take(len(items))
        return items

    def take(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise ParseError(f"more than {MAX_ITEMS} items", "an answer of the kubelet")


def _event(event: wire.Event, budget: _Budget) -> PodEvent | None:
    try:
        kind = PodEventType(event.type)
    except ValueError:
        return None
    if kind is PodEventType.INITIAL_SYNC_COMPLETE:
        return PodEvent(type=kind)
    return PodEvent(type=kind, pod=_pod(event.pod, budget))


def _pods(answer: wire.PodList, budget: _Budget) -> tuple[Pod, ...]:
    return tuple([_pod(pod, budget) for pod in budget.counted(answer.pods)])


def _one_pod(answer: wire.OnePod, budget: _Budget) -> Pod:
    return _pod(answer.pod, budget)


def _pod(pod: wire.Pod, budget: _Budget) -> Pod:
    metadata, spec, status = pod.metadata, pod.spec, pod.status
    if not (metadata.uid and metadata.name and metadata.namespace):
        raise ParseError("one that lacks some", "a pod with namespace, name and uid")
    return Pod(
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        phase=status.phase or "Unknown",
        reason=status.reason or None,
        message=status.message.decode(errors="replace")[:MESSAGE_CHARACTERS] or None,
        qos_class=status.qos_class or None,
        started_at=float(status.started_at.seconds) if status.HasField("started_at") else None,
        deleted=metadata.HasField("deleted_at"),
        owner=_controller(budget.counted(metadata.owners)),
        containers=(
            *_containers(spec.init_containers, status.init_containers, budget, _init_role),
            *_containers(spec.containers, status.containers, budget, _app_role),
        ),
        requests=_amounts(spec.resources.requests, budget),
        limits=_amounts(spec.resources.limits, budget),
        annotations=_wishes(metadata.annotations),
    )


def _wishes(annotations: Mapping[str, bytes]) -> tuple[tuple[str, str], ...]:
    """The annotations that count, and no look at the others."""
    return tuple(
        (name, annotations[name].decode(errors="replace")[:WISH_CHARACTERS])
        for name in WISHES
        if name in annotations
    )


def _controller(owners: Sequence[wire.Owner]) -> Owner | None:
    return next((Owner(kind=owner.kind, name=owner.name) for owner in owners if owner.controller), None)


def _containers(
    containers: Sequence[wire.Container],
    statuses: Sequence[wire.ContainerStatus],
    budget: _Budget,
    role: Callable[[wire.Container], ContainerRole],
) -> Iterator[PodContainer]:
    told = {status.name: status for status in budget.counted(statuses)}
    for container in budget.counted(containers):
        status = told.get(container.name)
        yield PodContainer(
            name=container.name,
            role=role(container),
            requests=_amounts(container.resources.requests, budget),
            limits=_amounts(container.resources.limits, budget),
            state=None if status is None else _state(status.state),
            container_id=None if status is None else parse_container_id(status.container_id),
        )


def _init_role(container: wire.Container) -> ContainerRole:
    return ContainerRole.SIDECAR if container.restart_policy == "Always" else ContainerRole.INIT


def _app_role(_: wire.Container) -> ContainerRole:
    return ContainerRole.APP


def _state(state: wire.State) -> ContainerState:
    """By core/v1, one that says nothing else is waiting."""
    return next((known for field, known in _STATES if state.HasField(field)), ContainerState.WAITING)


def _amounts(amounts: Mapping[str, wire.Quantity], budget: _Budget) -> Amounts:
    budget.take(len(amounts))
    return tuple(
        sorted((resource, parse_amount(resource, amount.text)) for resource, amount in amounts.items())
    )


_STATES: tuple[tuple[str, ContainerState], ...] = tuple((state.value, state) for state in ContainerState)
"""The wire's fields are named as the states are"""
