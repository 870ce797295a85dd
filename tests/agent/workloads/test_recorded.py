"""Recorded manifests become the pods that the API server made of them."""

from __future__ import annotations

import json

import pytest

from agent.workloads.manifest import parse_manifest
from collectors.model.pod import Pod
from tests.agent.admission.replay import Replay

pytestmark = pytest.mark.shared


def asked(pod: Pod) -> tuple[object, ...]:
    containers = [(each.name, each.role, each.requests, each.limits) for each in pod.containers]
    return pod.namespace, pod.name, pod.qos_class, pod.requests, pod.limits, containers


def test_the_api_server_made_the_same_pods(recorded: list[Replay]) -> None:
    compared = 0
    for replay in recorded:
        made = {pod.name: pod for pod in replay.pods}
        for body in replay.podset:
            pod = made.get(body["metadata"]["name"])
            if pod is not None:
                (workload,) = parse_manifest(json.dumps(body)).workloads
                (tried,) = workload.pods()
                assert asked(tried) == asked(pod), (replay.folder.name, pod.name)
                compared += 1
    assert compared > 500
