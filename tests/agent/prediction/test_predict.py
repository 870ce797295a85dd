"""Pods that come one after the other: each finds what the ones before it have taken."""

from __future__ import annotations

import json
from typing import Any

from agent.admission.model import Outcome
from agent.prediction.model import Prediction
from agent.prediction.node import node_of
from agent.prediction.predict import predict
from agent.workloads.manifest import parse_manifest
from collectors.model import Snapshot
from tests.agent.placement.building import device
from tests.agent.refusals.building import GPU, GPUS, holds, node

EMPTY = node()


def deployment(name: str, replicas: int, init: Any = None, **limits: Any) -> dict[str, Any]:
    resources = {"limits": {key.replace("gpu", GPU): str(value) for key, value in limits.items()}}
    spec: dict[str, Any] = {"containers": [{"name": "app", "resources": resources}]}
    if init:
        spec["initContainers"] = [{"name": "init", "resources": {"limits": init}}]
    return {
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "template": {"spec": spec}},
    }


def predicted(*documents: Any, on: Snapshot = EMPTY) -> Prediction:
    manifest = parse_manifest("\n---\n".join(json.dumps(each) for each in documents))
    return predict(node_of(on).node, manifest.workloads)


def test_replicas_fill_one_node_after_the_other_until_no_more_fit() -> None:
    prediction = predicted(deployment("web", 4, cpu=4, memory="1Gi"))
    given = [fate.decision.containers[0].cpus for fate in prediction.fates if fate.admitted]
    assert [sorted(cpus) for cpus in given] == [[2, 3, 4, 5], [8, 9, 10, 11], [12, 13, 14, 15]]
    assert (prediction.fits, prediction.fates[-1].decision.reason) == (False, "TopologyAffinityError")


def test_a_refused_pod_takes_nothing_from_the_next_workload() -> None:
    prediction = predicted(
        deployment("big", 2, cpu=9, memory="1Gi"), deployment("small", 2, cpu=7, memory="1Gi")
    )
    assert [fate.admitted for fate in prediction.fates] == [False, False, True, True]


def test_the_first_refused_replica_says_what_is_free_and_what_it_lacks() -> None:
    first, second = predicted(deployment("big", 2, cpu=9, memory="1Gi"), on=node(holds("p", "8"))).fates
    assert first.lacks == ("cpu",)
    assert [(each.node, dict(each.amounts)["cpu"]) for each in first.free] == [(0, 7), (1, 7)]
    assert (second.free, second.lacks, second.decision) == ((), (), first.decision)


def test_one_that_no_single_resource_keeps_out_lacks_none() -> None:
    wide = deployment("wide", 1, cpu=9, memory="1Gi", gpu=3)
    assert predicted(wide).fates[0].lacks == ()


def test_a_later_container_that_fails_is_the_one_that_is_named() -> None:
    fate = predicted(deployment("two", 1, init={"cpu": "2", "memory": "1Gi"}, cpu=9, memory="1Gi")).fates[0]
    assert (fate.decision.outcome, fate.decision.failed_container) == (Outcome.REFUSED, "app")


def test_all_fit_where_all_do() -> None:
    assert predicted(deployment("web", 2, cpu=1, memory="1Gi", gpu=2)).fits


NIC = "example.com/nic"


def test_of_several_devices_that_lack_any_may_be_the_one_that_the_kubelet_names() -> None:
    nics = (device("nic0", 0, resource=NIC), device("nic1", 1, resource=NIC))
    limits = {"cpu": "1", "memory": "1Gi", GPU: "5", NIC: "3"}
    body = {
        "kind": "Pod",
        "metadata": {"name": "greedy"},
        "spec": {"containers": [{"name": "app", "resources": {"limits": limits}}]},
    }
    on = node(devices=(*GPUS, *nics), topology_manager_policy="none")
    decision = predicted(body, on=on).fates[0].decision
    said = {decision.message, *(message for _, message in decision.also)}
    assert len(said) == 2
    assert {resource for resource in (GPU, NIC) if any(resource in (each or "") for each in said)} == {
        GPU,
        NIC,
    }
