"""A pod's spec with what the API server fills in when somebody creates it: requests from limits, and QoS class.

What it would refuse outright, where resources are concerned, is an error here too: a prediction for a pod that can never
be created helps nobody. Defaults of the cluster (LimitRange, RuntimeClass, webhooks) are not known here; write them into
the manifest.

Source: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from agent.admission.whole_node.requirements import (
    has_pod_level_resources,
    is_extended,
    is_hugepages,
    is_pod_level,
    pod_limits,
    pod_requests,
    qos_class,
)
from agent.workloads.values import amounts, part, text
from collectors.model.pod import Amounts, ContainerRole, Pod, PodContainer
from collectors.strictjson import JsonValue

MAX_CONTAINERS = 1_000
"""Of one pod"""


def pod_of_spec(spec: JsonValue, *, namespace: str, name: str) -> Pod:
    """The pod that the API server would make of a spec, before any node has seen it. Raises ParseError."""
    containers = (
        *_containers(spec.get("initContainers"), init=True),
        *_containers(spec.get("containers"), init=False),
    )
    _check_containers(spec, containers)
    resources = part(spec, "resources")
    pod = Pod(
        namespace=namespace,
        name=name,
        uid="",
        phase="Pending",
        containers=containers,
        requests=_pod_level(resources, "requests"),
        limits=_pod_level(resources, "limits"),
    )
    pod = _with_pod_level_defaults(pod)
    _check_excess(resources, pod.requests, pod.limits)
    return replace(pod, qos_class=qos_class(pod))


def _check_containers(spec: JsonValue, containers: tuple[PodContainer, ...]) -> None:
    if not any(each.role is ContainerRole.APP for each in containers):
        spec.get("containers").fail("at least one container")
    if len(containers) > MAX_CONTAINERS:
        spec.get("containers").fail(f"at most {MAX_CONTAINERS} containers")
    names = [each.name for each in containers]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        spec.get("containers").fail(f"a name of its own for each container, not {twice} twice,")


def _containers(containers: JsonValue, *, init: bool) -> Iterator[PodContainer]:
    for container in containers.elements():
        role = ContainerRole.APP
        if init:
            always = text(container, "restartPolicy") == "Always"
            role = ContainerRole.SIDECAR if always else ContainerRole.INIT
        resources = part(container, "resources")
        limits = amounts(resources.get("limits"))
        requests = tuple(sorted({**dict(limits), **dict(amounts(resources.get("requests")))}.items()))
        _check_excess(resources, requests, limits)
        yield PodContainer(name=container.get("name").text(), role=role, requests=requests, limits=limits)


def _check_excess(resources: JsonValue, requests: Amounts, limits: Amounts) -> None:
    """No request above its limit; extended resources and hugepages are not for overcommitting."""
    for resource, amount in requests:
        limit = dict(limits).get(resource)
        exact = is_extended(resource) or is_hugepages(resource)
        if limit is None and exact:
            resources.get("requests").get(resource).fail(f"a limit for {resource} beside its request")
        if limit is not None and (amount > limit or (exact and amount != limit)):
            wanted = "equal to" if exact else "not above"
            resources.get("requests").get(resource).fail(f"a request {wanted} the limit")


def _pod_level(resources: JsonValue, key: str) -> Amounts:
    found = amounts(resources.get(key))
    other = next((resource for resource, _ in found if not is_pod_level(resource)), None)
    if other is not None:
        resources.get(key).get(other).fail("cpu, memory or hugepages as what the pod asks for as a whole")
    return found


def _with_pod_level_defaults(pod: Pod) -> Pod:
    """What follows for the pod as a whole from its containers, where it asks for something as a whole."""
    if not has_pod_level_resources(pod):
        return pod
    limits, requests = dict(pod.limits), dict(pod.requests)
    for resource, amount in pod_limits(pod, pod_level=False).items():
        if is_hugepages(resource) and resource not in requests:
            limits.setdefault(resource, amount)
    if limits:
        for resource, amount in pod_requests(pod, pod_level=False).items():
            if is_pod_level(resource) and not is_hugepages(resource):
                requests.setdefault(resource, amount)
        for resource, amount in limits.items():
            requests.setdefault(resource, amount)
    return replace(pod, requests=tuple(sorted(requests.items())), limits=tuple(sorted(limits.items())))
