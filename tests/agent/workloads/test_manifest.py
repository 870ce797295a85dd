"""From manifests to pods: kinds, replicas, defaults of the API server, wishes, and errors that name the place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.admission.whole_node.wishes import AffinityTerm, HostPort, Requirement, Toleration
from agent.workloads.errors import ManifestError
from agent.workloads.manifest import parse_manifest
from agent.workloads.model import Workload
from collectors.model.pod import ContainerRole, Pod

MIB = 1 << 20
GIB = 1 << 30

APP = {"name": "app", "resources": {"limits": {"cpu": "2", "memory": "1Gi"}}}


def container(name: str = "app", *, requests: Any = None, limits: Any = None, **more: Any) -> dict[str, Any]:
    resources = {key: value for key, value in (("requests", requests), ("limits", limits)) if value}
    return {"name": name, "resources": resources, **more}


def manifest(kind: str = "Pod", spec: Any = None, **metadata: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "web", **metadata}, "spec": spec or {"containers": [APP]}}


def template(*containers: Any) -> dict[str, Any]:
    return {"template": {"spec": {"containers": list(containers or (APP,))}}}


def one(document: Any, **options: Any) -> Workload:
    (workload,) = parse_manifest(json.dumps(document), **options).workloads
    return workload


def pod_with(*containers: Any, init: Any = (), **spec: Any) -> Pod:
    return one(manifest(spec={"containers": list(containers), "initContainers": list(init), **spec})).pod


# Kinds and replicas


@pytest.mark.parametrize(
    ("document", "replicas"),
    [
        (manifest(), 1),
        ({"kind": "PodTemplate", "metadata": {"name": "web"}, **template()}, 1),
        (manifest("Deployment", {"replicas": 3, **template()}), 3),
        (manifest("Deployment", template()), 1),
        (manifest("StatefulSet", {"replicas": 2, **template()}), 2),
        (manifest("ReplicaSet", {"replicas": 4, **template()}), 4),
        (manifest("ReplicationController", {"replicas": 4, **template()}), 4),
        (manifest("DaemonSet", template()), 1),
        (manifest("Job", {"parallelism": 5, **template()}), 5),
        (manifest("CronJob", {"jobTemplate": {"spec": {"parallelism": 2, **template()}}}), 2),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_every_kind_that_makes_pods_makes_them(document: dict[str, Any], replicas: int) -> None:
    workload = one(document)
    assert (workload.kind, workload.name, workload.replicas) == (document["kind"], "web", replicas)
    assert [each.name for each in workload.pod.containers] == ["app"]
    assert len({pod.uid for pod in workload.pods()}) == replicas


def test_replicas_and_namespace_can_be_given() -> None:
    workload = one(manifest("Deployment", {"replicas": 9, **template()}), replicas=2, namespace="prod")
    assert [(pod.namespace, pod.name) for pod in workload.pods()] == [("prod", "web-0"), ("prod", "web-1")]
    assert one(manifest(namespace="own"), namespace="prod").namespace == "own"


def test_a_single_pod_keeps_its_name_and_a_generated_one_gets_some() -> None:
    assert [pod.name for pod in one(manifest()).pods()] == ["web"]
    assert (
        one({"kind": "Pod", "metadata": {"generateName": "job-"}, "spec": {"containers": [APP]}}).name
        == "job"
    )
    assert one({"kind": "Pod", "spec": {"containers": [APP]}}).name == "unnamed"


def test_lists_are_opened_and_objects_without_pods_are_passed_over() -> None:
    service = {"kind": "Service", "metadata": {"name": "web"}}
    found = parse_manifest(
        json.dumps(
            {"kind": "List", "items": [manifest(), service, {"kind": "PodList", "items": [manifest()]}]}
        )
    )
    assert [each.kind for each in found.workloads] == ["Pod", "Pod"]
    assert found.passed_over == ("Service web",)


def test_items_of_a_typed_list_need_no_kind() -> None:
    item = {key: value for key, value in manifest("Deployment", template()).items() if key != "kind"}
    assert one({"kind": "DeploymentList", "items": [item]}).kind == "Deployment"


def test_documents_of_yaml_come_in_order() -> None:
    text = "".join(f"---\n{json.dumps(manifest(name=name))}\n" for name in ("a", "b"))
    assert [each.name for each in parse_manifest(text).workloads] == ["a", "b"]


# Defaults


def test_requests_that_are_left_out_are_the_limits() -> None:
    (app,) = pod_with(container(limits={"cpu": 2, "memory": "1Gi"}, requests={"cpu": "500m"})).containers
    assert dict(app.requests) == {"cpu": 500, "memory": GIB}


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("1Ki", 1024),
        ("1.5Gi", 3 * GIB // 2),
        ("1e3", 1000),
        ("2E2", 200),
        (1024, 1024),
        ("1k", 1000),
        ("100m", 1),
        ("1Ti", 1 << 40),
        ("1Pi", 1 << 50),
        ("1Ei", 1 << 60),
        ("1n", 1),
        ("1u", 1),
        ("3M", 3_000_000),
        ("1G", 10**9),
        ("1T", 10**12),
        ("1P", 10**15),
    ],
)
def test_quantities_have_every_suffix(written: Any, amount: int) -> None:
    assert dict(pod_with(container(limits={"memory": written})).containers[0].limits)["memory"] == amount


def test_fractions_of_cpus_may_be_numbers() -> None:
    assert dict(pod_with(container(limits={"cpu": 0.1})).containers[0].limits)["cpu"] == 100


@pytest.mark.parametrize(
    ("containers", "qos"),
    [
        ([APP], "Guaranteed"),
        ([APP, container("other", limits={"cpu": 1})], "Burstable"),
        ([container(requests={"cpu": 1})], "Burstable"),
        ([container(limits={"example.com/gpu": 1})], "BestEffort"),
        ([container()], "BestEffort"),
    ],
)
def test_the_qos_class_follows(containers: list[Any], qos: str) -> None:
    assert pod_with(*containers).qos_class == qos


def test_init_containers_and_sidecars_are_told_apart_and_count_for_qos() -> None:
    pod = pod_with(
        APP,
        init=[{**APP, "name": "first"}, {**APP, "name": "beside", "restartPolicy": "Always"}],
    )
    roles = [each.role for each in pod.containers]
    assert (roles, pod.qos_class) == (
        [ContainerRole.INIT, ContainerRole.SIDECAR, ContainerRole.APP],
        "Guaranteed",
    )
    assert pod_with(APP, init=[container("first")]).qos_class == "Burstable"


def test_what_a_pod_asks_for_as_a_whole_decides_about_qos_and_has_defaults() -> None:
    pod = pod_with(container(), resources={"limits": {"cpu": 2, "memory": "1Gi"}})
    assert (dict(pod.requests), pod.qos_class) == ({"cpu": 2000, "memory": GIB}, "Guaranteed")


def test_requests_of_containers_stand_for_those_of_the_pod() -> None:
    pod = pod_with(
        container(limits={"cpu": 1, "memory": "1Gi", "hugepages-2Mi": "64Mi"}),
        resources={"limits": {"cpu": 2}},
    )
    assert dict(pod.requests) == {"cpu": 1000, "memory": GIB, "hugepages-2Mi": 64 * MIB}
    assert dict(pod.limits) == {"cpu": 2000, "hugepages-2Mi": 64 * MIB}


def test_requests_of_the_pod_alone_leave_its_limits_open() -> None:
    pod = pod_with(container(), resources={"requests": {"cpu": 2}})
    assert (dict(pod.requests), pod.limits, pod.qos_class) == ({"cpu": 2000}, (), "Burstable")


# Wishes


def test_what_a_pod_asks_of_its_node_is_kept() -> None:
    spec = {
        "nodeName": "n1",
        "nodeSelector": {"b": "2", "a": "1"},
        "os": {"name": "linux"},
        "securityContext": {"supplementalGroupsPolicy": "Strict"},
        "overhead": {"cpu": "250m"},
        "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoExecute"}],
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        {
                            "matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}],
                            "matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}],
                        }
                    ]
                }
            }
        },
        "containers": [APP],
    }
    wishes = one(manifest(spec=spec, labels={"kubernetes.io/os": "linux"})).wishes
    assert (wishes.node_name, wishes.node_selector) == ("n1", (("a", "1"), ("b", "2")))
    assert (wishes.os, wishes.os_label, wishes.strict_supplemental_groups) == ("linux", "linux", True)
    assert wishes.overhead == (("cpu", 250),)
    assert wishes.tolerations == (Toleration(key="k", operator="Exists", effect="NoExecute"),)
    zone = Requirement(key="zone", operator="In", values=("a",))
    name = Requirement(key="metadata.name", operator="In", values=("n1",))
    assert wishes.affinity == (AffinityTerm(labels=(zone,), fields=(name,)),)


def test_ports_of_the_node_are_those_of_containers_and_sidecars() -> None:
    ports = [
        {"containerPort": 80},
        {"containerPort": 1, "hostPort": 53, "protocol": "UDP", "hostIP": "10.0.0.1"},
    ]
    init = [{**APP, "name": "s", "restartPolicy": "Always", "ports": [{"hostPort": 9}]}, {**APP, "name": "i"}]
    found = one(manifest(spec={"containers": [{**APP, "ports": ports}], "initContainers": init})).wishes
    assert found.host_ports == (HostPort(port=9), HostPort(port=53, protocol="UDP", address="10.0.0.1"))


def test_in_the_nodes_network_every_port_is_the_nodes() -> None:
    spec = {"hostNetwork": True, "containers": [{**APP, "ports": [{"containerPort": 80}]}]}
    assert one(manifest(spec=spec)).wishes.host_ports == (HostPort(port=80),)


@pytest.mark.parametrize(
    ("spec", "critical"),
    [
        ({"priorityClassName": "system-node-critical"}, True),
        ({"priority": 2_000_001_000}, True),
        ({"priority": -1}, False),
    ],
)
def test_critical_pods_are_known(spec: dict[str, Any], critical: bool) -> None:
    assert one(manifest(spec={"containers": [APP], **spec})).wishes.critical is critical


# Errors

GPU = "example.com/gpu"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (manifest(spec={"containers": []}), "at least one container at Pod web.spec.containers"),
        (
            manifest("Job", {"parallelism": "x", **template()}),
            "an integer up to .* at Job web.spec.parallelism|an integer at",
        ),
        (manifest("Deployment", {"x": 1}), "an object at Deployment web.spec.template"),
        ({"kind": "Pod"}, "the spec of a pod at Pod.spec"),
        (manifest(spec={"containers": [APP, APP]}), "a name of its own for each container, not app twice"),
        (manifest(spec={"containers": [APP] * 1001}), "at most 1000 containers"),
        (
            manifest(spec={"containers": [container(limits={"cpu": "x"})]}),
            r"a quantity .* at Pod web.*containers\[0\]",
        ),
        (manifest(spec={"containers": [container(limits={"cpu": "-1"})]}), "not negative"),
        (
            manifest(spec={"containers": [container(requests={"cpu": 2}, limits={"cpu": 1})]}),
            "not above the limit",
        ),
        (manifest(spec={"containers": [container(requests={GPU: 1})]}), f"a limit for {GPU}"),
        (
            manifest(spec={"containers": [container(requests={GPU: 1}, limits={GPU: 2})]}),
            "equal to the limit",
        ),
        (
            manifest(spec={"containers": [APP], "resources": {"limits": {GPU: 1}}}),
            "what the pod asks for as a whole",
        ),
        ({"kind": "Service"}, "nothing in it makes pods: found only Service"),
        ([], "no Kubernetes object"),
        ({"kind": "List", "items": [1]}, "no Kubernetes object"),
        (manifest("Deployment", {"replicas": 0, **template()}), "it makes no pods"),
        (manifest("Deployment", {"replicas": 1001, **template()}), "1001 pods are more than 1000"),
    ],
)
def test_one_sentence_says_what_is_wrong_and_where(document: Any, words: str) -> None:
    with pytest.raises(ManifestError, match=words):
        parse_manifest(json.dumps(document))


def test_the_document_is_named_where_there_are_several() -> None:
    text = f"{json.dumps(manifest())}\n---\n{json.dumps(manifest(spec={'containers': 1}))}"
    with pytest.raises(ManifestError, match=r"document 2: expected an array at Pod web\.spec\.containers"):
        parse_manifest(text)


def test_an_empty_text_says_what_it_may_hold() -> None:
    with pytest.raises(ManifestError, match=r"it is empty; expected Pod, .*CronJob or a List"):
        parse_manifest("")


def test_lists_in_lists_have_an_end() -> None:
    document: dict[str, Any] = manifest()
    for _ in range(6):
        document = {"kind": "List", "items": [document]}
    with pytest.raises(ManifestError, match="Lists in Lists"):
        parse_manifest(json.dumps(document))
