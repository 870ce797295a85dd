"""A pod in core/v1's protobuf form, written field by field from its numbers alone, with much that we do not read."""

from __future__ import annotations

from collections.abc import Iterable

from collectors.model.pod import Amounts, ContainerRole, ContainerState, Pod, PodContainer
from tests.pods.secrets import SECRET

_STATES = {ContainerState.WAITING: 1, ContainerState.RUNNING: 2, ContainerState.TERMINATED: 3}
_TIME = b"\x08\x80\x94\xeb\xdc\x03"  # seconds since the epoch


def field(number: int, value: bytes | str | bool) -> bytes:
    """One field: a boolean as a number, everything else with its length before it."""
    if isinstance(value, bool):
        return _varint(number << 3) + _varint(int(value))
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def event(kind: int, pod: bytes | None = None) -> bytes:
    """A message of WatchPods."""
    return _varint(1 << 3) + _varint(kind) + (b"" if pod is None else field(2, pod))


def pod_list(pods: Iterable[bytes]) -> bytes:
    """The answer to ListPods."""
    return b"".join(field(1, pod) for pod in pods)


def one_pod(pod: bytes) -> bytes:
    """The answer to GetPod."""
    return field(1, pod)


def pod_bytes(pod: Pod) -> bytes:
    """The pod, with labels, annotations, volumes, environment, conditions and addresses besides what we read."""
    return field(1, _metadata(pod)) + field(2, _spec(pod)) + field(3, _status(pod))


def name_bytes(pod: Pod) -> bytes:
    """What the kubelet sends of a pod that it has ended."""
    named = field(1, pod.name) + field(2, "") + field(3, pod.namespace) + field(5, pod.uid)
    return field(1, named) + field(2, b"") + field(3, b"")


def _metadata(pod: Pod) -> bytes:
    parts = [
        field(1, pod.name),
        field(3, pod.namespace),
        field(5, pod.uid),
        field(6, "4711"),
        field(8, _TIME),
        field(11, field(1, "app") + field(2, SECRET)),
        field(12, field(1, "note") + field(2, SECRET)),
        field(13, field(1, "Node") + field(3, "not the controller") + field(6, False)),
    ]
    parts += [field(12, field(1, name) + field(2, value)) for name, value in pod.annotations]
    if pod.deleted:
        parts.append(field(9, _TIME))
    if pod.owner is not None:
        parts.append(
            field(
                13, field(5, "apps/v1") + field(1, pod.owner.kind) + field(3, pod.owner.name) + field(6, True)
            )
        )
    return b"".join(parts)


def _spec(pod: Pod) -> bytes:
    parts = [field(1, field(1, "volume")), field(3, "Always"), field(10, "node"), field(40, _resources(pod))]
    parts += [
        field(2 if container.role is ContainerRole.APP else 20, _container(container))
        for container in pod.containers
    ]
    return b"".join(parts)


def _container(container: PodContainer) -> bytes:
    variable = field(1, "PASSWORD") + field(2, SECRET)
    parts = [
        field(1, container.name),
        field(2, "image"),
        field(3, SECRET),
        field(4, SECRET),
        field(7, variable),
    ]
    parts.append(field(8, _resources(container)))
    if container.role is ContainerRole.SIDECAR:
        parts.append(field(24, "Always"))
    return b"".join(parts)


def _resources(holder: Pod | PodContainer) -> bytes:
    return _amounts(1, holder.limits) + _amounts(2, holder.requests) + field(3, field(1, "claim"))


def _amounts(number: int, amounts: Amounts) -> bytes:
    entries = []
    for resource, amount in amounts:
        text = f"{amount}m" if resource == "cpu" else str(amount)
        entries.append(field(number, field(1, resource) + field(2, field(1, text))))
    return b"".join(entries)


def _status(pod: Pod) -> bytes:
    parts = [field(1, pod.phase), field(2, field(1, "Ready")), field(5, "192.0.2.2")]
    if pod.started_at is not None:
        parts.append(field(7, b"\x08" + _varint(int(pod.started_at))))
    for number, word in ((3, pod.message), (4, pod.reason), (9, pod.qos_class)):
        if word is not None:
            parts.append(field(number, word))
    for container in pod.containers:
        if container.state is not None:
            state = field(_STATES[container.state], field(1, SECRET))
            number = 8 if container.role is ContainerRole.APP else 10
            status = field(1, container.name) + field(2, state) + field(4, True)
            if container.container_id is not None:
                status += field(8, f"containerd://{container.container_id}")
            parts.append(field(number, status))
    return b"".join(parts)


def _varint(value: int) -> bytes:
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*data, value])
