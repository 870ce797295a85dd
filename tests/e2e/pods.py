"""Pod manifests for the bed, as plain objects: a container is a mapping of what it asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.e2e.bed.bed import NODE_NAME

Object = dict[str, Any]

RUNS = "bed.test/app:run"
"""An image whose containers run until they are stopped"""
ENDS_SOON = "bed.test/app:exit0-1s"
ENDS_LATE = "bed.test/app:exit0-3600s"


def container(
    name: str = "app",
    *,
    image: str = RUNS,
    requests: Mapping[str, object] | None = None,
    limits: Mapping[str, object] | None = None,
    restart: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Object:
    """One container; `restart="Always"` makes a sidecar of an init container."""
    resources = {
        kind: {resource: str(amount) for resource, amount in amounts.items()}
        for kind, amounts in (("requests", requests), ("limits", limits))
        if amounts
    }
    made: Object = {"name": name, "image": image, "imagePullPolicy": "IfNotPresent", "resources": resources}
    if restart is not None:
        made["restartPolicy"] = restart
    if environment:
        made["env"] = [{"name": key, "value": value} for key, value in environment.items()]
    return made


def guaranteed(
    name: str = "app",
    *,
    cpu: object,
    memory: str = "256Mi",
    image: str = RUNS,
    restart: str | None = None,
    **more: object,
) -> Object:
    """A container whose limits are its requests; further resources by keyword, `__` for `/` and `_` for `-` or `.`."""
    limits = {"cpu": cpu, "memory": memory} | {_resource(key): amount for key, amount in more.items()}
    return container(name, limits=limits, image=image, restart=restart)


def pod(
    name: str, *containers: Object, init: Sequence[Object] = (), namespace: str = "default", **spec: object
) -> Object:
    """A pod bound to the bed's node."""
    body: Object = {
        "nodeName": NODE_NAME,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "containers": list(containers),
        **spec,
    }
    if init:
        body["initContainers"] = list(init)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": body,
    }


def _resource(keyword: str) -> str:
    """`example_com__gpu` is `example.com/gpu`; `hugepages_2Mi` is `hugepages-2Mi`."""
    domain, found, name = keyword.partition("__")
    return f"{domain.replace('_', '.')}/{name}" if found else keyword.replace("_", "-")
