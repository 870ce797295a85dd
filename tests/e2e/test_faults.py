"""Everything around the agent breaks and mends; the agent stays, keeps calm, and is right again at once.

Each test changes what the truth is while the fault lasts, so that being right again means having caught up.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.bed.agent import AgentRun, SteppedClock
from tests.e2e.bed.api import NRT_PATH
from tests.e2e.bed.bed import NODE_NAME, start_bed
from tests.e2e.bed.machines import TWO_SOCKETS, make_machine
from tests.e2e.bed.manifests import CRDS, apply_manifests, path_of, read_manifests
from tests.e2e.bed.processes import wait_until
from tests.e2e.bed.programs import Programs
from tests.e2e.bed.relay import relayed
from tests.e2e.pods import guaranteed, pod
from tests.e2e.scenario import delete_pods, holders, run_pods
from tests.e2e.world import World

FAULT_SECONDS = 6.0
CALM_CORES = 0.05
"""CPU time of the agent while a fault lasts, as a share of it; one that tries in a loop takes a whole core"""
GRACE_CPU_SECONDS = 0.15
"""Above that, once: a fault's beginning and end cost some work"""


@pytest.fixture(scope="module")
def running(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    machine = make_machine(TWO_SOCKETS, tmp_path_factory.mktemp("machine"))
    with start_bed(programs, machine) as bed:
        yield World(bed, TWO_SOCKETS)


@pytest.fixture
def world(running: World) -> World:
    """A bed on which all is well: some pods, an agent that has just started, and the right object."""
    delete_pods(running.bed)
    run_pods(running.bed, holders()[:3])
    running.start_agent(state_visible=False)
    assert running.differences() == []
    return running


def agent_of(world: World) -> AgentRun:
    assert world.agent is not None
    return world.agent


@contextmanager
def fault(world: World, *, seconds: float = 0.0) -> Iterator[None]:
    """A time in which something is broken, `seconds` or as long as the body takes: the agent lives and is calm."""
    agent = agent_of(world)
    began, spent = time.monotonic(), agent.cpu_seconds()
    yield
    time.sleep(max(0.0, began + seconds - time.monotonic()))
    lasted, spent = time.monotonic() - began, agent.cpu_seconds() - spent
    assert agent.program.running, agent.program.log_tail()
    assert spent <= CALM_CORES * lasted + GRACE_CPU_SECONDS, f"{spent:.2f} s of CPU in {lasted:.1f} s"


def assert_right_again(world: World) -> None:
    """Within two seconds from now on, and the process is the same."""
    assert world.differences() == []
    agent = agent_of(world)
    assert agent.program.running
    assert "Traceback" not in agent.log()


def fall_ill(world: World, device: str) -> None:
    """Changes the truth without the API server: a device becomes unhealthy, or healthy again."""
    world.bed.offer_devices(
        {
            resource: [
                {**each, "unhealthy": not each.get("unhealthy", False)} if each["id"] == device else each
                for each in devices
            ]
            for resource, devices in world.bed.devices.items()
        }
    )


def test_the_kubelet_is_killed_and_comes_back(world: World) -> None:
    with fault(world, seconds=FAULT_SECONDS):
        before = world.nrt()["zones"]
        world.bed.stop_part("kubelet", signal.SIGKILL)
        world.bed.api.delete("/api/v1/namespaces/default/pods/whole", grace_seconds=0)
        time.sleep(FAULT_SECONDS / 2)
        assert world.nrt()["zones"] == before, "what was known is kept while nothing new is known"
        world.bed.start_kubelet()
        world.bed.wait_for_devices()
        delete_pods(world.bed, "whole")
    assert_right_again(world)


def test_the_kubelet_hangs_for_a_while(world: World) -> None:
    with fault(world, seconds=FAULT_SECONDS):
        world.bed.program("kubelet").send(signal.SIGSTOP)
        fall_ill(world, "gpu1-3")
        time.sleep(FAULT_SECONDS)
        world.bed.program("kubelet").send(signal.SIGCONT)
    run_pods(world.bed, [pod("afterwards", guaranteed(cpu=2))])
    assert_right_again(world)


def test_the_api_server_is_killed_and_comes_back(world: World) -> None:
    with fault(world, seconds=FAULT_SECONDS):
        world.bed.stop_part("apiserver", signal.SIGKILL)
        fall_ill(world, "gpu0-3")
        time.sleep(FAULT_SECONDS)
        world.bed.start_apiserver()
    assert_right_again(world)


def test_etcd_stalls(world: World) -> None:
    with fault(world, seconds=FAULT_SECONDS):
        world.bed.program("etcd").send(signal.SIGSTOP)
        fall_ill(world, "nic0-1")
        time.sleep(FAULT_SECONDS)
        world.bed.program("etcd").send(signal.SIGCONT)
        wait_until(world.bed.api.ready, what="the API server to recover")
    assert_right_again(world)


def test_the_podresources_socket_is_replaced(world: World) -> None:
    with relayed(world.bed.podresources_socket) as relay:
        world.start_agent(state_visible=False)
        with fault(world):
            wait_until(lambda: relay.connections > 0, what="the agent to ask through the relay")
            relay.cut()
            run_pods(world.bed, [pod("one", guaranteed(cpu=2))])
            assert world.differences() == []
    run_pods(world.bed, [pod("two", guaranteed(cpu=2))])
    assert_right_again(world)


def test_the_stream_of_pods_is_cut_again_and_again(world: World) -> None:
    with relayed(world.bed.pods_api_socket) as relay:
        world.start_agent(state_visible=False)
        with fault(world):
            wait_until(lambda: relay.connections > 0, what="the agent to follow through the relay")
            for number in range(5):
                world.bed.create_pod(pod(f"cut-{number}", guaranteed(cpu=1)))
                relay.cut()
                time.sleep(0.5)
            run_pods(world.bed, [])
            assert world.differences() == []
    delete_pods(world.bed, "cut-1", "cut-3")
    assert_right_again(world)


def test_more_events_pass_than_the_kubelet_keeps_for_a_slow_reader(world: World) -> None:
    """Each pod is so big that the agent's window and the sockets' buffers fill long before the hundredth event."""
    agent = agent_of(world)
    agent.program.send(signal.SIGSTOP)
    names = [f"many-{number}" for number in range(60)]
    for name in names:
        big = pod(name, guaranteed(cpu="100m", memory="16Mi"))
        big["metadata"]["annotations"] = {"example.com/padding": "x" * 200_000}
        world.bed.create_pod(big)
    delete_pods(world.bed, *names, "whole")
    agent.program.send(signal.SIGCONT)
    assert_right_again(world)
    assert "the kubelet answered RESOURCE_EXHAUSTED" in agent.log()


def test_the_token_is_refused_and_then_renewed(world: World) -> None:
    good = world.identity.new_token()
    with fault(world, seconds=FAULT_SECONDS):
        world.identity.write_token("expired." + good.partition(".")[2])
        run_pods(world.bed, [pod("unseen", guaranteed(cpu=2))])
    world.identity.write_token(good)
    assert_right_again(world)


def test_the_crd_is_removed_and_comes_back(world: World) -> None:
    (crd,) = read_manifests(CRDS)
    with fault(world, seconds=FAULT_SECONDS):
        world.bed.api.delete(path_of(crd))
        wait_until(lambda: not world.bed.api.exists(NRT_PATH), what="the CRD to be gone")
        time.sleep(FAULT_SECONDS / 2)
    apply_manifests(world.bed.api, CRDS)
    assert_right_again(world)


def test_the_node_is_deleted_and_made_again(world: World) -> None:
    node = f"/api/v1/nodes/{NODE_NAME}"
    before = world.bed.api.get(node)["metadata"]["uid"]
    with fault(world):
        world.bed.stop_part("kubelet")
        world.bed.api.delete(node)
        world.bed.start_kubelet()
        world.bed.wait_for_devices()
        run_pods(world.bed, [])
    after = world.bed.api.get(node)["metadata"]["uid"]
    world.identity.renew()
    assert after != before
    wait_until(
        lambda: world.nrt()["metadata"]["ownerReferences"][0]["uid"] == after,
        what="the object to belong to the new node",
        seconds=2,
    )
    assert_right_again(world)


@pytest.mark.parametrize("seconds", [72_000.0, -3_000.0], ids=["forward", "back"])
def test_the_clock_is_stepped(world: World, seconds: float) -> None:
    clock = SteppedClock(world.bed.folder)
    world.start_agent(state_visible=False, environment=clock.environment)
    with fault(world, seconds=FAULT_SECONDS):
        clock.step(seconds)
        run_pods(world.bed, [pod("later", guaranteed(cpu=2))])
    assert_right_again(world)
    assert agent_of(world).get("/readyz")[0] == 200


def test_somebody_deletes_the_object(world: World) -> None:
    world.bed.api.delete(f"{NRT_PATH}/{NODE_NAME}")
    assert_right_again(world)


def test_a_killed_agent_leaves_what_it_published_and_the_next_one_goes_on(world: World) -> None:
    agent = agent_of(world)
    agent.program.stop(signal.SIGKILL)
    run_pods(world.bed, [pod("meanwhile", guaranteed(cpu=2))])
    world.start_agent(state_visible=False)
    assert_right_again(world)


def test_the_agent_ends_within_two_seconds_whatever_is_broken(world: World) -> None:
    world.bed.program("kubelet").send(signal.SIGSTOP)
    world.bed.program("etcd").send(signal.SIGSTOP)
    try:
        began = time.monotonic()
        code = agent_of(world).program.stop()
        lasted = time.monotonic() - began
    finally:
        world.bed.program("etcd").send(signal.SIGCONT)
        world.bed.program("kubelet").send(signal.SIGCONT)
        wait_until(world.bed.api.ready, what="the API server to recover")
    assert code == 0
    assert lasted < 2.0
