"""The fence around every node (deploy/base/fence.yaml), at a real API server, with tokens bound to pods on two nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.bed.api import NRT_PATH, Api, ApiError, Object
from tests.e2e.bed.bed import API_PORT, Bed, start_bed
from tests.e2e.bed.machines import TWO_SOCKETS, make_machine
from tests.e2e.bed.manifests import CRDS, DEPLOY, apply_manifests, read_manifests
from tests.e2e.bed.processes import wait_until
from tests.e2e.bed.programs import Programs

OWN, FOREIGN = "node-a", "node-b"
RIGHTS = ("base/namespace.yaml", "base/rbac.yaml", "components/labels-apply", "components/explain-events")
EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"
OURS = {"numascope.dev/numa-nodes": "2"}
THEIRS = {"example.com/rack": "r1"}


class Fence:
    """Two nodes, an agent's pod on each, and whoever else tries."""

    def __init__(self, bed: Bed) -> None:
        self.admin = bed.api
        self._bed = bed
        apply_manifests(self.admin, CRDS)
        apply_manifests(self.admin, *(DEPLOY / name for name in RIGHTS))
        for node in (OWN, FOREIGN):
            self.admin.create("/api/v1/nodes", _node(node))
        self.agent = self.with_token(self.token("numascope-agent", on=OWN))
        apply_manifests(self.admin, DEPLOY / "base" / "fence.yaml")
        wait_until(lambda: refusal(self.agent.apply, *nrt(FOREIGN)) != "", what="the fence to stand")

    def with_token(self, token: str) -> Api:
        """The API server as whoever has this token sees it."""
        return Api(self._bed.address, API_PORT, self._bed.authority, token=token)

    def token(self, account: str, *, on: str | None, namespace: str = "numascope") -> str:
        """A token of a service account: bound to a new pod on a node, or to nothing."""
        spec: Object = {"expirationSeconds": 3600}
        if on is not None:
            pod = self.admin.create(f"/api/v1/namespaces/{namespace}/pods", _pod(account, on))["metadata"]
            spec["boundObjectRef"] = {
                "apiVersion": "v1",
                "kind": "Pod",
                "name": pod["name"],
                "uid": pod["uid"],
            }
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        token: str = self.admin.create(path, request)["status"]["token"]
        return token


@pytest.fixture(scope="module")
def fence(programs: Programs, machine_folder: Path) -> Iterator[Fence]:
    with start_bed(programs, make_machine(TWO_SOCKETS, machine_folder), kubelet=False) as bed:
        yield Fence(bed)


def refusal(call: Callable[..., Object], *arguments: object, **options: object) -> str:
    """What the API server says where it forbids a request; empty where it takes it."""
    try:
        call(*arguments, **options)
    except ApiError as error:
        if error.status != 403:
            raise
        return str(error)
    return ""


def nrt(name: str, **metadata: object) -> tuple[str, Object]:
    """Where a small NodeResourceTopology stands, and its body."""
    return f"{NRT_PATH}/{name}", {
        "apiVersion": "topology.node.k8s.io/v1alpha2",
        "kind": "NodeResourceTopology",
        "metadata": {"name": name, **metadata},
        "zones": [],
    }


def owned_by(node: Object, **more: object) -> list[Object]:
    return [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "name": node["metadata"]["name"],
            "uid": node["metadata"]["uid"],
            **more,
        }
    ]


def event(**changes: object) -> Object:
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"generateName": "web-", "namespace": "default"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "type": "Warning",
        "reason": "Explained",
        "action": "Admission",
        "reportingController": "numascope.dev/agent",
        "reportingInstance": OWN,
        "regarding": {"apiVersion": "v1", "kind": "Pod", "namespace": "default", "name": "web"},
        **changes,
    }


def test_an_agent_writes_the_object_of_its_own_node(fence: Fence) -> None:
    node = fence.admin.get(f"/api/v1/nodes/{OWN}")
    path, body = nrt(OWN, ownerReferences=owned_by(node, blockOwnerDeletion=False))
    fence.agent.apply(path, body, manager="numascope")
    fence.agent.patch(path, {"zones": []})


def test_and_that_of_no_other(fence: Fence) -> None:
    said = refusal(fence.agent.apply, *nrt(FOREIGN))
    assert f"on node '{OWN}' may write the object of that name only, not '{FOREIGN}'" in said
    fence.admin.apply(*nrt(FOREIGN))
    assert refusal(fence.agent.patch, nrt(FOREIGN)[0], {"zones": []})
    generated = {**nrt("")[1], "metadata": {"generateName": "node-"}}
    assert refusal(fence.agent.create, NRT_PATH, generated)


def test_its_object_can_always_go(fence: Fence) -> None:
    node, other = (fence.admin.get(f"/api/v1/nodes/{name}") for name in (OWN, FOREIGN))
    for metadata in (
        {"finalizers": ["example.com/stay"]},
        {"ownerReferences": owned_by(other)},
        {"ownerReferences": owned_by(node, blockOwnerDeletion=True)},
    ):
        said = refusal(fence.agent.apply, *nrt(OWN, **metadata))
        assert "belongs to the node itself" in said


def test_of_its_node_it_sets_labels_with_our_prefix(fence: Fence) -> None:
    fence.agent.apply(f"/api/v1/nodes/{OWN}", _node(OWN, labels=OURS), manager="numascope")
    labels = fence.admin.get(f"/api/v1/nodes/{OWN}")["metadata"]["labels"]
    assert labels.items() >= {**OURS, **THEIRS}.items()
    fence.agent.patch(f"/api/v1/nodes/{OWN}", {"metadata": {"labels": dict.fromkeys(OURS)}})
    assert fence.admin.get(f"/api/v1/nodes/{OWN}")["metadata"]["labels"].items().isdisjoint(OURS.items())


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"labels": {"example.com/zone": "z"}}},
        {"metadata": {"labels": {"example.com/rack": "r2"}}},
        {"metadata": {"labels": {"example.com/rack": None}}},
        {"metadata": {"labels": None}},
        {"metadata": {"annotations": {"example.com/a": "b"}}},
        {"metadata": {"annotations": {"numascope.dev/a": "b"}}},
        {"metadata": {"finalizers": ["example.com/stay"]}},
        {"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "x", "uid": "y"}]}},
        {"spec": {"unschedulable": True}},
        {"spec": {"taints": [{"key": "a", "effect": "NoExecute"}]}},
        {"spec": {"taints": None}},
    ],
    ids=str,
)
def test_and_nothing_else(fence: Fence, change: Object) -> None:
    before = fence.admin.get(f"/api/v1/nodes/{OWN}")
    said = refusal(fence.agent.patch, f"/api/v1/nodes/{OWN}", change)
    assert "numascope-fence" in said
    assert fence.admin.get(f"/api/v1/nodes/{OWN}") == before


def test_another_node_gets_not_even_our_labels(fence: Fence) -> None:
    said = refusal(
        fence.agent.apply, f"/api/v1/nodes/{FOREIGN}", _node(FOREIGN, labels=OURS), manager="numascope"
    )
    assert f"not '{FOREIGN}'" in said


def test_events_are_about_pods_and_name_the_own_node(fence: Fence) -> None:
    fence.agent.create(EVENTS, event())
    about = {"apiVersion": "topology.node.k8s.io/v1alpha2", "kind": "NodeResourceTopology", "name": OWN}
    fence.agent.create(EVENTS, event(regarding=about))
    for change in (
        {"reportingInstance": FOREIGN},
        {"reportingInstance": OWN[:-1]},
        {"reportingController": "kubelet"},
        {"regarding": {"apiVersion": "v1", "kind": "Secret", "namespace": "default", "name": "web"}},
        {"regarding": {**about, "name": FOREIGN}},
    ):
        assert refusal(fence.agent.create, EVENTS, event(**change)), change


def test_a_token_that_names_no_node_writes_nothing(fence: Fence) -> None:
    unbound = fence.with_token(fence.token("numascope-agent", on=None))
    said = refusal(unbound.apply, *nrt(OWN))
    assert "the token names no node" in said


def test_whoever_has_the_rights_of_an_agent_is_fenced_by_whatever_name(fence: Fence) -> None:
    """As after a rename by kustomize or Helm: the binding follows, and with it the fence."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "renamed-numa"}}
    fence.admin.create("/api/v1/namespaces/default/serviceaccounts", account)
    binding = next(
        each for each in read_manifests(DEPLOY / "base" / "rbac.yaml") if each["kind"] == "ClusterRoleBinding"
    )
    subject = {"kind": "ServiceAccount", "name": "renamed-numa", "namespace": "default"}
    fence.admin.create(
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        {**binding, "metadata": {"name": "renamed"}, "subjects": [subject]},
    )
    renamed = fence.with_token(fence.token("renamed-numa", on=FOREIGN, namespace="default"))
    wait_until(lambda: "not 'node-a'" in refusal(renamed.apply, *nrt(OWN)), what="the binding")
    renamed.apply(*nrt(FOREIGN))


def test_nobody_else_is_fenced(fence: Fence) -> None:
    """Neither an administrator, nor a service account that may do everything, nor one that may write nodes."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "gitops"}}
    fence.admin.create("/api/v1/namespaces/default/serviceaccounts", account)
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    fence.admin.create(
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "gitops"},
            "roleRef": role,
            "subjects": [{"kind": "ServiceAccount", "name": "gitops", "namespace": "default"}],
        },
    )
    gitops = fence.with_token(fence.token("gitops", on=None, namespace="default"))
    taint = {"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}}
    wait_until(lambda: refusal(gitops.patch, f"/api/v1/nodes/{FOREIGN}", taint) == "", what="the binding")
    fence.admin.patch(f"/api/v1/nodes/{FOREIGN}", {"spec": {"taints": None}})


def _node(name: str, *, labels: Object = THEIRS) -> Object:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}


def _pod(account: str, node: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": f"{account}-"},
        "spec": {
            "nodeName": node,
            "serviceAccountName": account,
            "containers": [{"name": "agent", "image": "bed.test/numascope:run"}],
        },
    }
