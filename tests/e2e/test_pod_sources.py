"""Where pods come from, on a real kubelet: its own Pods API, the API server's watch, and neither."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.kube.credentials import Credentials, Kubeconfig, ServiceAccount
from collectors.kubelet.pod_answers import PodEvent, PodEventType
from collectors.kubelet.pods_api import PodsApiClient
from collectors.model.pod import ContainerRole, ContainerState, Pod, PodContainer
from tests.e2e.bed.bed import API_PORT, Bed, start_bed
from tests.e2e.bed.identity import AgentIdentity
from tests.e2e.bed.machines import TWO_SOCKETS, make_machine
from tests.e2e.bed.options import KubeletOptions
from tests.e2e.bed.processes import wait_until
from tests.e2e.bed.programs import Programs
from tests.e2e.followed import Followed, follow_pods
from tests.e2e.pods import ENDS_SOON, container, guaranteed, pod
from tests.pods.secrets import SECRET, who_holds_secrets

GIB = 1 << 30
API_PODS = "the API server's watch of this node's pods"
KUBELET_PODS = "the kubelet's Pods API"
NOBODY = "none: the kubelet is polled"


@pytest.fixture(scope="module")
def bed(programs: Programs, machine_folder: Path) -> Iterator[Bed]:
    with start_bed(programs, make_machine(TWO_SOCKETS, machine_folder)) as started:
        yield started


@pytest.fixture(scope="module")
def admin(bed: Bed) -> Credentials:
    return Kubeconfig(bed.credentials.kubeconfig)


@pytest.fixture(params=["kubelet", "api"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def followed(bed: Bed, kind: str, admin: Credentials) -> Iterator[Followed]:
    with follow_pods(bed, kind, credentials=admin) as feed:
        wait_until(lambda: feed.observed().facts is not None, what="the first pods")
        yield feed


def delete(bed: Bed, *names: str) -> None:
    """Ends pods at once, and waits until the API server has them no more."""
    for name in names:
        bed.api.delete(f"/api/v1/namespaces/default/pods/{name}", grace_seconds=0)
    for name in names:
        path = f"/api/v1/namespaces/default/pods/{name}"
        wait_until(lambda path=path: not bed.api.exists(path), what=f"the end of {name}")  # type: ignore[misc]


def test_a_pod_is_followed_from_its_making_to_its_end(bed: Bed, followed: Followed, kind: str) -> None:
    name = f"lives-{kind}"
    made = pod(
        name,
        guaranteed(cpu=2, memory="1Gi", example_com__gpu=1),
        init=[guaranteed("first", cpu="500m", memory="64Mi", image=ENDS_SOON)],
    )
    uid = bed.create_pod(made)["metadata"]["uid"]
    known = followed.wait_for(name, lambda found: found.phase == "Running")
    amounts = (("cpu", 2000), ("example.com/gpu", 1), ("memory", GIB))
    first = (("cpu", 500), ("memory", 64 << 20))
    ids = [each.container_id for each in known.containers]
    assert all(ids)
    assert known == Pod(
        namespace="default",
        name=name,
        uid=uid,
        phase="Running",
        qos_class="Guaranteed",
        started_at=known.started_at,
        containers=(
            PodContainer(
                name="first",
                role=ContainerRole.INIT,
                requests=first,
                limits=first,
                state=ContainerState.TERMINATED,
                container_id=ids[0],
            ),
            PodContainer(
                name="app",
                role=ContainerRole.APP,
                requests=amounts,
                limits=amounts,
                state=ContainerState.RUNNING,
                container_id=ids[1],
            ),
        ),
    )
    bed.api.delete(f"/api/v1/namespaces/default/pods/{name}")
    followed.wait_until_gone(name)


def test_a_pod_that_completes_stays_as_one_that_ended(bed: Bed, followed: Followed, kind: str) -> None:
    name = f"completes-{kind}"
    bed.create_pod(pod(name, container(image=ENDS_SOON), restartPolicy="Never"))
    assert followed.wait_for(name, lambda found: found.ended).phase == "Succeeded"
    delete(bed, name)
    followed.wait_until_gone(name)


def test_a_refused_pod_is_a_refusal_once(bed: Bed, followed: Followed, kind: str) -> None:
    name = f"refused-{kind}"
    uid = bed.create_pod(pod(name, guaranteed(cpu=61)))["metadata"]["uid"]
    known = followed.wait_for(name, lambda found: found.ended)
    assert (known.phase, known.reason) == ("Failed", "TopologyAffinityError")
    assert known.refused
    bed.wait_for_phase(name, "Failed")
    delete(bed, name)
    followed.wait_until_gone(name)
    assert followed.refused == [(uid, True)]


def test_nothing_that_is_kept_holds_a_value_of_the_environment(
    bed: Bed, followed: Followed, kind: str
) -> None:
    name = f"secretive-{kind}"
    bed.create_pod(pod(name, container(environment={"PASSWORD": SECRET})))
    followed.wait_for(name, lambda found: found.phase == "Running")
    assert who_holds_secrets(followed.store, followed.feed) == []
    delete(bed, name)


def test_a_kubelet_that_is_killed_and_comes_back_costs_nothing(
    bed: Bed, followed: Followed, kind: str
) -> None:
    stays, leaves, late = (f"{word}-{kind}" for word in ("stays", "leaves", "late"))
    no = f"no-{kind}"
    for name in (stays, leaves):
        bed.create_pod(pod(name, guaranteed(cpu=1)))
    bed.create_pod(pod(no, guaranteed(cpu=61)))
    for name in (stays, leaves):
        followed.wait_for(name, lambda found: found.phase == "Running")
    followed.wait_for(no, lambda found: found.refused)
    bed.wait_for_phase(no, "Failed")
    bed.stop_part("kubelet", signal.SIGKILL)
    assert followed.pod(stays) is not None
    delete(bed, leaves)
    bed.create_pod(pod(late, guaranteed(cpu=1)))
    bed.start_kubelet()
    followed.wait_for(late, lambda found: found.phase == "Running")
    followed.wait_until_gone(leaves)
    assert followed.wait_for(stays, lambda found: found.phase == "Running").uid
    assert followed.observed().error is None
    assert len(followed.refused) == 1
    bed.wait_for_devices()
    delete(bed, stays, late, no)


@pytest.mark.parametrize("kind", ["api"], indirect=True)
def test_an_api_server_that_is_killed_and_comes_back_costs_nothing(bed: Bed, followed: Followed) -> None:
    bed.create_pod(pod("before", guaranteed(cpu=1)))
    followed.wait_for("before", lambda found: found.phase == "Running")
    bed.stop_part("apiserver", signal.SIGKILL)
    wait_until(lambda: followed.observed().error is not None, what="a word on the broken watch")
    assert followed.pod("before") is not None
    bed.start_apiserver()
    wait_until(lambda: followed.observed().error is None, what="the next watch", seconds=5)
    bed.create_pod(pod("after", guaranteed(cpu=1)))
    followed.wait_for("after", lambda found: found.phase == "Running")
    delete(bed, "before", "after")
    followed.wait_until_gone("before")


def test_the_kubelet_tells_of_a_refusal_in_one_event(bed: Bed) -> None:
    async def told() -> list[PodEvent]:
        events = []
        async with PodsApiClient(str(bed.pods_api_socket)) as client, client.watch() as watch:
            async for event in watch:
                if event.type is PodEventType.INITIAL_SYNC_COMPLETE:
                    await asyncio.to_thread(bed.create_pod, pod("one-event", guaranteed(cpu=61)))
                if event.pod is not None and event.pod.name == "one-event":
                    events.append(event)
                    if event.type is PodEventType.DELETED:
                        return events
                    if len(events) == 1:
                        await asyncio.to_thread(bed.wait_for_phase, "one-event", "Failed")
                        await asyncio.to_thread(delete, bed, "one-event")
        return events

    events = asyncio.run(told())
    first = events[0].pod
    assert first is not None
    assert (events[0].type, first.phase, first.reason) == (
        PodEventType.ADDED,
        "Failed",
        "TopologyAffinityError",
    )
    assert {event.pod.phase for event in events[:-1] if event.pod is not None} == {"Failed"}
    assert events[-1].type is PodEventType.DELETED


def test_the_best_source_that_works_is_chosen_and_a_better_one_takes_over(
    bed: Bed, admin: Credentials
) -> None:
    with follow_pods(bed, "kubelet", "api", "polled", credentials=admin) as feed:
        wait_until(lambda: feed.observed().facts is not None, what="the first pods")
        assert feed.feed.choice.name == KUBELET_PODS
    bed.stop_part("kubelet")
    bed.pods_api_socket.unlink(missing_ok=True)
    bed.start_kubelet(KubeletOptions(feature_gates={"PodsAPI": False}))
    without = AgentIdentity(bed)
    environment = {"KUBERNETES_SERVICE_HOST": bed.address, "KUBERNETES_SERVICE_PORT": str(API_PORT)}
    ours = ServiceAccount(without.folder, environment=environment)
    with follow_pods(bed, "kubelet", "api", "polled", credentials=ours) as feed:
        wait_until(lambda: feed.unknown > 1, what="polling")
        choice = feed.feed.choice
        assert choice.name == NOBODY
        assert [name for name, _ in choice.passed_over] == [KUBELET_PODS, API_PODS]
        assert "no such socket" in choice.passed_over[0][1]
        assert 'cannot list resource "pods"' in choice.passed_over[1][1]
    with follow_pods(bed, "kubelet", "api", "polled", credentials=admin) as feed:
        wait_until(lambda: feed.observed().facts is not None, what="the first pods")
        assert feed.feed.choice.name == API_PODS
        bed.stop_part("kubelet")
        bed.start_kubelet(KubeletOptions())
        wait_until(lambda: feed.feed.choice.name == KUBELET_PODS, what="the better source", seconds=30)
        bed.create_pod(pod("at-last", guaranteed(cpu=1)))
        feed.wait_for("at-last", lambda found: found.phase == "Running")
    bed.wait_for_devices()
    delete(bed, "at-last")
