"""Kubelets without a Pods API (before 1.37): pods come from the API server where we may read them, else from nowhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.bed.api import Object
from tests.e2e.bed.bed import start_bed
from tests.e2e.bed.machines import TWO_SOCKETS, make_machine
from tests.e2e.bed.options import KubeletOptions
from tests.e2e.bed.programs import Programs
from tests.e2e.scenario import delete_pods, holders, passing, refused, run_pods
from tests.e2e.world import World

RBAC = "/apis/rbac.authorization.k8s.io/v1"
READS_PODS = "reads-pods"


@pytest.fixture(scope="module")
def running(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    machine = make_machine(TWO_SOCKETS, tmp_path_factory.mktemp("machine"))
    options = KubeletOptions(feature_gates={"PodsAPI": False})
    with start_bed(programs, machine, options) as bed:
        yield World(bed, TWO_SOCKETS)


@pytest.fixture
def world(running: World) -> Iterator[World]:
    yield running
    delete_pods(running.bed)


@pytest.fixture
def may_read_pods(world: World) -> Iterator[None]:
    """The right that this source needs, in addition to those of deploy/base/rbac.yaml."""
    role = {
        "kind": "ClusterRole",
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": {"name": READS_PODS},
    }
    account = {
        "kind": "ServiceAccount",
        "name": world.identity.account,
        "namespace": world.identity.namespace,
    }
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}]
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": READS_PODS}
    world.bed.api.apply(f"{RBAC}/clusterroles/{READS_PODS}", {**role, "rules": rules})
    world.bed.api.apply(
        f"{RBAC}/clusterrolebindings/{READS_PODS}",
        {**role, "kind": "ClusterRoleBinding", "roleRef": reference, "subjects": [account]},
    )
    yield
    for kind in ("clusterrolebindings", "clusterroles"):
        world.bed.api.delete(f"{RBAC}/{kind}/{READS_PODS}")


def without_init_containers(pods: list[Object]) -> list[Object]:
    """Who has init containers holds what only specs or the kubelet's own books tell."""
    return [each for each in pods if "initContainers" not in each["spec"]]


@pytest.mark.usefixtures("may_read_pods")
def test_pods_from_the_api_server_tell_as_much(world: World) -> None:
    world.start_agent(state_visible=False)
    run_pods(world.bed, [*holders(), *passing(), *refused()])
    assert world.differences() == []


def test_without_any_source_of_pods_the_kubelets_list_is_polled(world: World) -> None:
    world.start_agent(state_visible=False)
    run_pods(world.bed, without_init_containers([*holders(), *passing(), *refused()]))
    assert world.differences() == []
    delete_pods(world.bed, "whole", "two-containers")
    assert world.differences() == []


def test_without_any_source_of_pods_the_kubelets_directory_tells_all(world: World) -> None:
    world.start_agent(state_visible=True)
    run_pods(world.bed, [*holders(), *passing(), *refused()])
    assert world.differences() == []
