"""A node full of pods: every kind that holds something, and every kind that must not count."""

from __future__ import annotations

from collections.abc import Sequence

from tests.e2e.bed.api import ApiError, Object
from tests.e2e.bed.bed import Bed
from tests.e2e.bed.processes import wait_until
from tests.e2e.pods import ENDS_LATE, ENDS_SOON, RUNS, container, guaranteed, pod
from tests.e2e.truth import has_settled

FAILS_SOON = "bed.test/app:exit1-1s"
SETTLE_SECONDS = 45.0
"""The API server may hear of a refusal ten seconds late; a pod that ends and one that is refused do so one by one."""


def holders() -> list[Object]:
    """Pods that are admitted by every policy on a machine with 16 CPUs or more on a node, in this order."""
    return [
        pod(
            "whole",
            guaranteed(
                cpu=4,
                memory="2Gi",
                hugepages_2Mi="512Mi",
                hugepages_1Gi="2Gi",
                example_com__gpu=2,
                example_com__nic=1,
            ),
        ),
        pod("small-pages", guaranteed(cpu=1, memory="1Gi", hugepages_2Mi="128Mi")),
        pod("fraction", guaranteed(cpu="1500m", memory="512Mi")),
        pod(
            "burstable",
            container(
                requests={"cpu": "200m", "memory": "128Mi"},
                limits={"hugepages-2Mi": "256Mi", "example.com/gpu": 1},
            ),
        ),
        pod("best-effort", container(limits={"example.com/nic": 1})),
        pod("on-two-nodes", guaranteed(cpu=1, example_com__bridge=1)),
        pod("on-no-node", guaranteed(cpu=2, example_com__notopo=1)),
        pod("on-some-nodes", guaranteed(cpu=1, example_com__odd=1)),
        pod(
            "init-was-bigger",
            guaranteed(cpu=2, memory="1Gi", example_com__gpu=1),
            init=[guaranteed("first", cpu=5, memory="3Gi", image=ENDS_SOON, example_com__gpu=2)],
        ),
        pod(
            "init-runs",
            guaranteed(cpu=1),
            init=[guaranteed("long", cpu=3, memory="2Gi", image=ENDS_LATE)],
        ),
        pod(
            "sidecar",
            guaranteed(cpu=1),
            init=[
                guaranteed("beside", cpu=2, memory="512Mi", restart="Always"),
                guaranteed("once", cpu=2, image=ENDS_SOON),
            ],
        ),
        pod("two-containers", guaranteed("one", cpu=2), guaranteed("other", cpu=1, memory="1Gi")),
        pod("crashes", guaranteed(cpu=1, image=FAILS_SOON), restartPolicy="Always"),
        pod(
            "budget-of-the-pod",
            guaranteed("bound", cpu=1, memory="512Mi"),
            container("free"),
            resources={"requests": {"cpu": "3", "memory": "1Gi"}, "limits": {"cpu": "3", "memory": "1Gi"}},
        ),
    ]


def passing() -> list[Object]:
    """Pods that end by themselves: they hold something for a second, and nothing afterwards."""
    return [
        pod("completes", guaranteed(cpu=2, memory="1Gi", image=ENDS_SOON), restartPolicy="Never"),
        pod("fails", guaranteed(cpu=1, example_com__gpu=1, image=FAILS_SOON), restartPolicy="Never"),
    ]


def refused() -> list[Object]:
    """Pods that no policy admits, each for another reason."""
    return [
        pod("too-many-cpus", guaranteed(cpu=500)),
        pod("too-much-memory", guaranteed(cpu=2, memory="4Ti")),
        pod("too-many-shares", container(requests={"cpu": "500"})),
        pod("too-much-shared-memory", container(requests={"memory": "4Ti"})),
        pod("too-many-devices", container(limits={"example.com/notopo": 3})),
        pod("broken-device", guaranteed(cpu=2, memory="1Gi", example_com__broken=1)),
        pod("elsewhere", guaranteed(cpu=2), nodeSelector={"kubernetes.io/hostname": "another"}),
    ]


def refused_by_some() -> list[Object]:
    """Pods that are refused only where the kubelet's options say so."""
    return [
        pod("half-a-core", guaranteed(cpu=3)),  # full-pcpus-only
        pod(  # pod-level resource managers in pod scope: nothing is left for the second container to share
            "no-shared-pool",
            guaranteed("all", cpu=2, memory="256Mi"),
            container("none"),
            resources={
                "requests": {"cpu": "2", "memory": "512Mi"},
                "limits": {"cpu": "2", "memory": "512Mi"},
            },
        ),
    ]


def run_pods(bed: Bed, pods: Sequence[Object]) -> None:
    """Creates the pods one by one, in order, and returns when the kubelet has settled on the fate of each."""
    for body in pods:
        bed.create_pod(body)
    wait_until_settled(bed)


def delete_pods(bed: Bed, *names: str) -> None:
    """Deletes these pods, or all of the namespace `default`, and returns when they are gone and the kubelet has settled."""
    collection = "/api/v1/namespaces/default/pods"
    for name in names or [each["metadata"]["name"] for each in bed.api.get(collection)["items"]]:
        try:
            bed.api.delete(f"{collection}/{name}")
        except ApiError as error:
            if error.status != 404:
                raise
    wait_until(lambda: not _present(bed, names), what="pods to be gone", watching=[bed.program("kubelet")])
    wait_until_settled(bed)


def wait_until_settled(bed: Bed) -> None:
    """Returns when every pod runs, has ended, or waits for an init container that runs, and the kubelet's books agree."""
    wait_until(
        lambda: not _unsettled(bed) and has_settled(bed),
        what="pods to settle",
        seconds=SETTLE_SECONDS,
        watching=[bed.program("kubelet")],
    )


def _present(bed: Bed, names: Sequence[str]) -> list[str]:
    there = [each["metadata"]["name"] for each in bed.api.get("/api/v1/namespaces/default/pods")["items"]]
    return [name for name in there if not names or name in names]


def _unsettled(bed: Bed) -> list[str]:
    return [each["metadata"]["name"] for each in bed.api.get("/api/v1/pods")["items"] if not is_settled(each)]


def is_settled(body: Object) -> bool:
    """Whether a pod runs, has ended, or waits for an init container that runs for long."""
    phase, spec, status = body["status"]["phase"], body["spec"], body["status"]
    if "deletionTimestamp" in body["metadata"]:
        return False
    if phase == "Pending":
        init = {each["name"]: each["image"] for each in spec.get("initContainers", ())}
        running = [
            each["name"] for each in status.get("initContainerStatuses", ()) if "running" in each["state"]
        ]
        return any(init.get(name) == ENDS_LATE for name in running)
    if phase == "Running":
        images = {each["image"] for each in spec["containers"]}
        return spec["restartPolicy"] == "Always" or images == {RUNS}
    return True
