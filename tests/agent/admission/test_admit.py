"""The whole of an admission, in the kubelet's order, and what is left in the books."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.admission.admit import NodeUnderRules, admit, remove, restarted, settled, start
from agent.admission.model import Decision, DevicePlugin, Hint, Outcome, PluginDevice, Settings
from agent.admission.versions import gates_in_force
from agent.admission.whole_node.wishes import HostPort, NodeObject, Wishes
from collectors.model.kubelet import DeviceAllocation
from collectors.model.pod import Amounts, ContainerRole, Pod, PodContainer
from tests.agent.admission.cpus.builders import machine

GIB = 1 << 30
GPU = "example.com/gpu"
MANAGERS = gates_in_force((1, 37), [("PodLevelResourceManagers", True)])
SINGLE = Settings(
    topology_policy="single-numa-node",
    cpu_policy="static",
    memory_policy="Static",
    reserved_cpus=frozenset({0}),
    gates=gates_in_force((1, 37)),
)
POD_SCOPE = replace(SINGLE, topology_scope="pod")
NONE = replace(SINGLE, topology_policy="none")

NO_LOCALITY = "Resources cannot be allocated with Topology locality"


def node(settings: Settings = SINGLE, *, gpus: int = 2, capacity: Amounts | None = None) -> NodeUnderRules:
    """Two NUMA nodes with 8 CPUs and 16 GiB each, and GPUs on both by turns."""
    two = replace(machine(sockets=2), memory=tuple((number, (("memory", 16 * GIB),)) for number in (0, 1)))
    object_ = NodeObject(name="n", allocatable=capacity) if capacity is not None else NodeObject()
    under = NodeUnderRules.at(two, settings, node=object_)
    devices = tuple(
        PluginDevice(
            device=DeviceAllocation(resource=GPU, device_id=f"gpu{each}", numa_nodes=frozenset({each % 2}))
        )
        for each in range(gpus)
    )
    return under.with_books(replace(under.books, devices=devices))


def container(
    name: str = "app",
    *,
    cpus: int = 0,
    memory: int = 0,
    gpus: int = 0,
    role: ContainerRole = ContainerRole.APP,
) -> PodContainer:
    amounts = (("cpu", 1000 * cpus), (GPU, gpus), ("memory", memory * GIB))
    asks = tuple((resource, amount) for resource, amount in amounts if amount)
    return PodContainer(name=name, role=role, requests=asks, limits=asks)


def pod(name: str, *containers: PodContainer, whole: Amounts = ()) -> Pod:
    return Pod(
        namespace="team",
        name=name,
        uid=name,
        phase="Pending",
        containers=containers,
        requests=whole,
        limits=whole,
    )


def fate(decision: Decision) -> tuple[Outcome, str | None, str | None]:
    return decision.outcome, decision.reason, decision.message


def after(under: NodeUnderRules, *pods: Pod) -> NodeUnderRules:
    """Once these have come, one after the other."""
    for each in pods:
        _, books = admit(under, each)
        under = under.with_books(books)
    return under


# --- the topology manager --------------------------------------------------------------------------------------------


def test_an_admitted_pod_gets_all_of_one_node() -> None:
    decision, books = admit(node(), pod("a", container(cpus=8, memory=2, gpus=1)))
    assert fate(decision) == (Outcome.ADMITTED, None, None)
    (given,) = decision.containers
    assert given.hint == Hint(0b10, True)
    assert given.cpus == {4, 5, 6, 7, 12, 13, 14, 15}
    assert [block.numa_nodes for block in given.memory] == [frozenset({1})]
    assert [device.device_id for device in given.devices] == ["gpu1"]
    assert [each.name for each in books.pods] == ["a"]


def test_a_container_that_fits_no_node_ends_it_and_those_before_have_theirs() -> None:
    decision, books = admit(
        node(), pod("a", container("one", cpus=2, memory=1), container("two", cpus=9, memory=1))
    )
    assert fate(decision) == (Outcome.REFUSED, "TopologyAffinityError", NO_LOCALITY)
    assert decision.failed_container == "two"
    assert [each.name for each in decision.containers] == ["one"]
    assert books.pods == ()
    assert len(books.cpus["a", "one"]) == 2


def test_in_pod_scope_containers_are_aligned_together_or_not_at_all() -> None:
    both = pod("a", container("one", cpus=5, memory=1), container("two", cpus=5, memory=1))
    assert admit(node(), both)[0].outcome is Outcome.ADMITTED
    decision, books = admit(node(POD_SCOPE), both)
    assert fate(decision) == (Outcome.REFUSED, "TopologyAffinityError", NO_LOCALITY)
    assert (decision.failed_container, decision.containers, books.cpus) == (None, (), {})


def test_in_pod_scope_all_containers_have_one_hint() -> None:
    decision, _ = admit(
        node(POD_SCOPE), pod("a", container("one", cpus=3, memory=1), container("two", cpus=5, memory=1))
    )
    assert [each.hint for each in decision.containers] == [Hint(0b10, True), Hint(0b10, True)]


def test_under_policy_none_nothing_is_merged_and_allocation_says_what_lacks() -> None:
    decision, _ = admit(node(NONE), pod("a", container(cpus=16, memory=1)))
    message = "Allocate failed due to not enough cpus available to satisfy request: requested=16, available=15, which is unexpected"
    assert fate(decision) == (Outcome.REFUSED, "UnexpectedAdmissionError", message)
    assert decision.failed_container == "app"
    assert admit(node(NONE), pod("a", container(cpus=15, memory=1)))[0].containers[0].hint is None


def test_smt_alignment_has_a_reason_of_its_own() -> None:
    decision, _ = admit(node(replace(NONE, full_pcpus_only=True)), pod("a", container(cpus=3, memory=1)))
    assert decision.reason == "SMTAlignmentError"


def test_a_search_without_end_is_an_outcome() -> None:
    settings = Settings(
        cpu_policy="static",
        full_pcpus_only=True,
        distribute_cpus_across_numa=True,
        reserved_cpus=frozenset({0, 3, 6, 7, 9}),
    )
    under = NodeUnderRules.at(machine(sockets=4, cores=3), settings)
    decision, books = admit(under, pod("a", container(cpus=14, memory=1)))
    assert (decision.outcome, decision.failed_container) == (Outcome.HANG, "app")
    assert (books.pods, books.cpus) == ((), {})


def test_a_kubelet_that_looks_behind_its_distances_panics() -> None:
    sparse = replace(machine(sockets=2), numa_nodes=(0, 1), distances=((10,), (20,)))
    settings = replace(
        SINGLE, topology_policy="best-effort", prefer_closest_numa_nodes=True, memory_policy="None"
    )
    decision, books = admit(NodeUnderRules.at(sparse, settings), pod("a", container(cpus=2, memory=1)))
    assert (decision.outcome, decision.failed_container) == (Outcome.PANIC, "app")
    assert books.pods == ()


# --- pods with resources of their own --------------------------------------------------------------------------------

WHOLE: Amounts = (("cpu", 4000), ("memory", 2 * GIB))


def test_pod_level_managers_give_to_the_pod_as_a_whole_in_pod_scope() -> None:
    asking = pod("a", container("pinned", cpus=2, memory=1), container("shared"), whole=WHOLE)
    decision, books = admit(node(replace(POD_SCOPE, gates=MANAGERS)), asking)
    assert decision.outcome is Outcome.ADMITTED
    assert len(books.pod_cpus["a"]) == 4
    assert [len(each.cpus) for each in decision.containers] == [2, 2]


def test_devices_of_such_a_pod_come_when_its_containers_start() -> None:
    under = node(replace(POD_SCOPE, gates=MANAGERS))
    asking = pod("a", container(gpus=1), whole=WHOLE)
    under = after(under, asking)
    assert under.books.device_holders == {}
    books = start(under, asking, asking.containers[0])
    assert [device.device_id for device in books.device_holders["a", "app"]] == ["gpu0"]


def test_a_container_that_starts_gets_what_a_refused_pod_had_taken() -> None:
    asking = pod("a", container(gpus=2), whole=WHOLE)
    under = after(
        node(replace(POD_SCOPE, topology_policy="best-effort", gates=MANAGERS), capacity=CAPACITY), asking
    )
    refused = pod("b", container(cpus=1, memory=40, gpus=2))
    under = after(under, refused)
    assert [holder for holder, _ in under.books.device_holders] == ["b"]
    assert [holder for holder, _ in start(under, asking, asking.containers[0]).device_holders] == ["a"]


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        ("pod", "Pod Scope pod with pod-level resources failed admission under pod-scope topology manager"),
        (
            "container",
            "Pod Scope pod with pod-level resources failed admission with a container-level topology manager",
        ),
    ],
)
def test_such_pods_are_refused_with_words_of_their_own(scope: str, message: str) -> None:
    settings = replace(SINGLE, topology_scope=scope, gates=MANAGERS)
    asking = pod("a", container(cpus=9, memory=1, gpus=3), whole=(("cpu", 9000), ("memory", 2 * GIB)))
    assert fate(admit(node(settings), asking)[0]) == (Outcome.REFUSED, "TopologyAffinityError", message)


def test_a_pod_that_leaves_its_containers_nothing_to_share_fits_nowhere() -> None:
    settings = replace(POD_SCOPE, topology_policy="best-effort", gates=MANAGERS)
    asking = pod("a", container("pinned", cpus=4, memory=1), container("shared"), whole=WHOLE)
    assert admit(node(settings), asking)[0].reason == "EmptyPodSharedPoolError"


# --- the node as a whole ---------------------------------------------------------------------------------------------

CAPACITY: Amounts = (("cpu", 15000), (GPU, 2), ("memory", 32 * GIB), ("pods", 10))


def test_a_pod_that_the_node_refuses_has_taken_its_share_until_the_next_one_comes() -> None:
    under = after(node(capacity=CAPACITY), pod("a", container(cpus=4, memory=1)))
    crowd = pod("crowd", PodContainer(name="app", role=ContainerRole.APP, requests=(("cpu", 9000),)))
    under = after(under, crowd)
    decision, books = admit(under, pod("late", container(cpus=4, memory=1, gpus=1)))
    assert (
        decision.message
        == "Node didn't have enough resource: cpu, requested: 4000, used: 13000, capacity: 15000"
    )
    assert len(books.cpus["late", "app"]) == 4
    assert len(books.device_holders["late", "app"]) == 1
    then = after(under.with_books(books), pod("next", container(cpus=1, memory=1)))
    assert ("late", "app") not in then.books.cpus
    assert [each.name for each in then.books.pods] == ["a", "crowd", "next"]


def test_wishes_of_admitted_pods_are_remembered() -> None:
    port = Wishes(host_ports=(HostPort(port=80),))
    under = node(capacity=CAPACITY)
    _, books = admit(under, pod("a", container()), port)
    assert admit(under.with_books(books), pod("b", container()), port)[0].reason == "NodePorts"
    assert (
        admit(under.with_books(remove(books, "a")), pod("b", container()), port)[0].outcome
        is Outcome.ADMITTED
    )


def test_the_reason_that_chance_did_not_choose_is_said_too() -> None:
    asks: Amounts = (("hugepages-1Gi", 1), ("hugepages-2Mi", 1))
    asking = pod("a", PodContainer(name="app", role=ContainerRole.APP, requests=asks))
    decision, _ = admit(node(NONE, capacity=CAPACITY), asking)
    assert decision.reason == "OutOfhugepages-1Gi"
    assert [reason for reason, _ in decision.also] == ["OutOfhugepages-2Mi"]


def test_a_pod_that_comes_again_is_not_counted_twice() -> None:
    under = node(capacity=CAPACITY)
    again = pod("a", container(cpus=6, memory=1))
    then = after(under, again, again)
    assert [each.name for each in then.books.pods] == ["a"]
    assert len(then.books.cpus["a", "app"]) == 6


# --- what is left in the books ---------------------------------------------------------------------------------------


def test_a_removed_pod_holds_its_share_until_the_managers_find_out() -> None:
    under = after(node(), pod("a", container(cpus=8, memory=1, gpus=1)))
    gone = under.with_books(remove(under.books, "a"))
    assert ("a", "app") in gone.books.cpus
    free = settled(gone)
    assert (free.cpus, free.memory, free.device_holders) == ({}, {}, {})
    assert free.shared_cpus == node().books.shared_cpus
    assert admit(gone, pod("b", container(cpus=8, memory=1, gpus=1)))[0].outcome is Outcome.ADMITTED


def test_a_kubelet_that_has_just_started_takes_nothing_from_anybody() -> None:
    under = after(node(), pod("a", container(cpus=8, memory=1)))
    starting = under.with_books(replace(remove(under.books, "a"), starting=True))
    assert ("a", "app") in settled(starting).cpus
    assert admit(starting, pod("b", container(cpus=8, memory=1)))[0].outcome is Outcome.REFUSED


def test_a_restarted_kubelet_remembers_the_devices_of_those_whom_it_had_forgotten() -> None:
    under = after(node(), pod("a", container(gpus=1)))
    under = after(under.with_books(remove(under.books, "a")), pod("b", container(cpus=1, memory=1)))
    assert under.books.device_holders == {}
    again = restarted(under.books)
    assert [uid for uid, _ in again.device_holders] == ["a"]
    assert (again.pods, again.affinities, again.starting) == ((), {}, True)
    assert again.cpus == under.books.cpus


def test_without_a_wish_for_devices_those_of_the_gone_stay_in_the_books() -> None:
    under = after(node(NONE), pod("a", container(gpus=1)))
    gone = under.with_books(remove(under.books, "a"))
    assert ("a", "app") in after(gone, pod("b", container())).books.device_holders
    assert ("a", "app") not in after(gone, pod("b", container(gpus=1))).books.device_holders


def test_memory_of_init_containers_goes_back_when_the_next_container_starts() -> None:
    init = container("prep", cpus=1, memory=4, role=ContainerRole.INIT)
    asking = pod("a", init, container(cpus=1, memory=1))
    under = after(node(), asking)
    free = under.books.memory_nodes[0].tables[0].free
    books = start(under, asking, asking.containers[1])
    assert books.memory_nodes[0].tables[0].free == free + 3 * GIB


def test_what_a_plugin_refuses_is_said_in_its_words_and_leaves_nothing() -> None:
    under = node()
    broken = (DevicePlugin(resource=GPU, allocate_error="rpc error: broken"),)
    decision, books = admit(
        under.with_books(replace(under.books, plugins=broken)), pod("a", container(gpus=1))
    )
    assert decision.message == "Allocate failed due to rpc error: broken, which is unexpected"
    assert books.device_holders == {}
