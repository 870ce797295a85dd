"""A pod as the API server writes it, with much that we do not read."""

from __future__ import annotations

import json
import time
from typing import Any

from collectors.model.pod import Amounts, ContainerRole, Pod, PodContainer
from tests.pods.secrets import SECRET

Object = dict[str, Any]


def pod_object(pod: Pod, version: str = "1") -> Object:
    """The pod, with labels, annotations, volumes, environment, conditions and addresses besides what we read."""
    spec: Object = {
        "nodeName": "node",
        "restartPolicy": "Always",
        "volumes": [{"name": "volume"}],
        "containers": [_container(each) for each in pod.containers if each.role is ContainerRole.APP],
        "resources": _resources(pod),
    }
    init = [_container(each) for each in pod.containers if each.role is not ContainerRole.APP]
    if init:
        spec["initContainers"] = init
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _metadata(pod, version),
        "spec": spec,
        "status": _status(pod),
    }


def pod_list(*pods: Pod, version: str = "1", token: str = "") -> Object:
    """One page of a list."""
    metadata = {"resourceVersion": version, **({"continue": token} if token else {})}
    return {"kind": "PodList", "metadata": metadata, "items": [pod_object(pod) for pod in pods]}


def event(kind: str, pod: Pod, version: str) -> bytes:
    """One line of a watch."""
    return json.dumps({"type": kind, "object": pod_object(pod, version)}).encode() + b"\n"


def bookmark(version: str) -> bytes:
    """The line by which the server says how far it is."""
    pod = {"kind": "Pod", "metadata": {"resourceVersion": version}}
    return json.dumps({"type": "BOOKMARK", "object": pod}).encode() + b"\n"


def _metadata(pod: Pod, version: str) -> Object:
    owners: list[Object] = [{"kind": "Node", "name": "not the controller"}]
    if pod.owner is not None:
        owners.append({"kind": pod.owner.kind, "name": pod.owner.name, "controller": True})
    metadata: Object = {
        "name": pod.name,
        "namespace": pod.namespace,
        "uid": pod.uid,
        "resourceVersion": version,
        "labels": {"app": SECRET},
        "annotations": {"note": SECRET, **dict(pod.annotations)},
        "ownerReferences": owners,
    }
    if pod.deleted:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return metadata


def _container(container: PodContainer) -> Object:
    made: Object = {
        "name": container.name,
        "image": "image",
        "command": [SECRET],
        "env": [{"name": "PASSWORD", "value": SECRET}],
        "resources": _resources(container),
    }
    if container.role is ContainerRole.SIDECAR:
        made["restartPolicy"] = "Always"
    return made


def _resources(holder: Pod | PodContainer) -> Object:
    return {"limits": _amounts(holder.limits), "requests": _amounts(holder.requests), "claims": []}


def _amounts(amounts: Amounts) -> Object | None:
    texts = {resource: f"{amount}m" if resource == "cpu" else str(amount) for resource, amount in amounts}
    return texts or None


def _status(pod: Pod) -> Object:
    status: Object = {"phase": pod.phase, "hostIP": "192.0.2.2", "conditions": [{"type": "Ready"}]}
    if pod.started_at is not None:
        status["startTime"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(pod.started_at))
    for key, word in (("reason", pod.reason), ("message", pod.message), ("qosClass", pod.qos_class)):
        if word is not None:
            status[key] = word
    for key, of_app in (("containerStatuses", True), ("initContainerStatuses", False)):
        status[key] = [
            {
                "name": each.name,
                "state": {each.state.value: {"reason": SECRET}},
                "ready": True,
                "containerID": "" if each.container_id is None else f"containerd://{each.container_id}",
            }
            for each in pod.containers
            if each.state is not None and (each.role is ContainerRole.APP) is of_app
        ]
    return status
