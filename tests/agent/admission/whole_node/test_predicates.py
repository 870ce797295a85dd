"""What the node as a whole refuses, in the kubelet's order and words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.admission.model import Settings
from agent.admission.versions import gates_in_force
from agent.admission.whole_node.predicates import Candidate, refusals
from agent.admission.whole_node.wishes import (
    AffinityTerm,
    HostPort,
    NodeObject,
    Requirement,
    Taint,
    Toleration,
    Wishes,
)
from collectors.model.pod import Amounts, ContainerRole, Pod, PodContainer

SETTINGS = Settings(gates=gates_in_force((1, 37)))
NODE = NodeObject(
    name="numa0",
    labels=(("cores", "16"), ("kubernetes.io/os", "linux"), ("zone", "a")),
    taints=(),
    allocatable=(
        ("cpu", 4000),
        ("example.com/gpu", 2),
        ("hugepages-2Mi", 1024),
        ("memory", 1000),
        ("pods", 3),
    ),
)


def candidate(
    name: str = "new", wishes: Wishes | None = None, *, whole: Amounts = (), **asks: int
) -> Candidate:
    requests = tuple((resource.replace("__", "-"), amount) for resource, amount in asks.items())
    app = PodContainer(name="app", role=ContainerRole.APP, requests=requests)
    pod = Pod(namespace="team", name=name, uid=name, phase="Pending", containers=(app,), requests=whole)
    return Candidate(pod=pod, wishes=wishes or Wishes())


def with_requests(amounts: Amounts) -> Candidate:
    empty = candidate()
    app = replace(empty.pod.containers[0], requests=amounts)
    return replace(empty, pod=replace(empty.pod, containers=(app,)))


def reasons(
    asking: Candidate, *others: Candidate, node: NodeObject = NODE, settings: Settings = SETTINGS
) -> list[str]:
    return [each.reason for each in refusals(asking, others, node=node, settings=settings)]


def test_the_message_says_what_is_requested_used_and_there() -> None:
    found = refusals(candidate(cpu=2500), [candidate("old", cpu=2000)], node=NODE, settings=SETTINGS)
    assert [(each.reason, each.message) for each in found] == [
        ("OutOfcpu", "Node didn't have enough resource: cpu, requested: 2500, used: 2000, capacity: 4000")
    ]


def test_reasons_come_in_the_kubelets_order() -> None:
    amounts = (("cpu", 9000), ("example.com/gpu", 3), ("hugepages-2Mi", 2048), ("memory", 2000))
    wishes = Wishes(node_name="other", node_selector=(("zone", "b"),), host_ports=(HostPort(port=80),))
    asking = replace(with_requests(amounts), wishes=wishes)
    old = candidate("old", Wishes(host_ports=(HostPort(port=80),)))
    tainted = replace(NODE, taints=(Taint(key="gone", effect="NoExecute"),))
    assert reasons(asking, old, candidate("b"), candidate("c"), node=tainted) == [
        "OutOfpods",
        "OutOfcpu",
        "OutOfmemory",
        "OutOfexample.com/gpu",
        "OutOfhugepages-2Mi",
        "NodeAffinity",
        "NodeName",
        "NodePorts",
        "TaintToleration",
    ]


def test_nothing_asked_for_is_refused_for_nothing() -> None:
    full = candidate("old", cpu=9000)
    assert reasons(candidate(), full) == []
    assert reasons(with_requests((("cpu", 0),)), full) == []


def test_an_extended_resource_that_the_node_does_not_have_is_not_its_business() -> None:
    assert reasons(with_requests((("example.com/licence", 5),))) == []


def test_hugepages_of_a_size_that_the_node_does_not_have_are_refused() -> None:
    assert reasons(with_requests((("hugepages-1Gi", 1),))) == ["OutOfhugepages-1Gi"]


def test_devices_that_are_taken_count_as_there_for_a_pod_that_has_some() -> None:
    asking = with_requests((("example.com/gpu", 4),))
    assert refusals(asking, [], node=NODE, settings=SETTINGS, taken_devices={"example.com/gpu": 4}) == ()
    assert refusals(asking, [], node=NODE, settings=SETTINGS, taken_devices={"example.com/gpu": 1}) != ()


def test_taken_devices_are_forgotten_where_labels_alone_keep_a_pod_out() -> None:
    asking = replace(
        with_requests((("example.com/gpu", 4),)), wishes=Wishes(node_selector=(("disk", "none"),))
    )

    def first(version: tuple[int, int]) -> str:
        taken = {"example.com/gpu": 4}
        settings = Settings(version=version, gates=gates_in_force(version))
        return refusals(asking, [], node=NODE, settings=settings, taken_devices=taken)[0].reason

    assert (first((1, 34)), first((1, 35))) == ("NodeAffinity", "OutOfexample.com/gpu")


def test_overhead_counts_of_this_pod_and_of_others() -> None:
    heavy = Wishes(overhead=(("cpu", 1500),))
    assert reasons(candidate(wishes=heavy, cpu=1000), candidate("old", heavy, cpu=1)) == ["OutOfcpu"]


def test_pod_level_resources_replace_those_of_containers_where_the_gate_is_on() -> None:
    asking = candidate(whole=(("cpu", 5000),), cpu=1000)
    assert reasons(asking) == ["OutOfcpu"]
    assert reasons(asking, settings=Settings(version=(1, 33), gates=gates_in_force((1, 33)))) == []


def test_a_critical_pod_is_refused_for_no_lack_of_resources() -> None:
    asking = candidate(wishes=Wishes(critical=True, node_name="other"), cpu=9000)
    assert reasons(asking) == ["NodeName"]
    assert reasons(candidate(wishes=Wishes(critical=True), cpu=9000)) == []


def test_what_is_not_known_of_a_node_refuses_nobody() -> None:
    wishes = Wishes(node_name="other", node_selector=(("zone", "b"),), strict_supplemental_groups=True)
    assert reasons(candidate(wishes=wishes, cpu=9000), node=NodeObject()) == []


@pytest.mark.parametrize(
    ("wishes", "reason"),
    [
        (Wishes(os_label="windows"), "PodOSSelectorNodeLabelDoesNotMatch"),
        (Wishes(os="windows"), "PodOSNotSupported"),
        (Wishes(strict_supplemental_groups=True), "SupplementalGroupsPolicyNotSupported"),
    ],
)
def test_the_system_comes_before_everything_else(wishes: Wishes, reason: str) -> None:
    node = replace(NODE, supplemental_groups_policy=False)
    assert reasons(candidate(wishes=wishes, cpu=9000), node=node) == [reason]
    assert reasons(candidate(wishes=Wishes(os="linux", os_label="linux")), node=node) == []


def test_supplemental_groups_are_not_looked_at_before_1_33() -> None:
    node = replace(NODE, supplemental_groups_policy=False)
    old = Settings(version=(1, 32))
    assert reasons(candidate(wishes=Wishes(strict_supplemental_groups=True)), node=node, settings=old) == []


# --- ports -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        (HostPort(port=80), HostPort(port=80), True),
        (HostPort(port=80), HostPort(port=81), False),
        (HostPort(port=80), HostPort(port=80, protocol="UDP"), False),
        (HostPort(port=80, address="192.0.2.1"), HostPort(port=80, address="192.0.2.2"), False),
        (HostPort(port=80, address="192.0.2.1"), HostPort(port=80, address="192.0.2.1"), True),
        (HostPort(port=80, address="192.0.2.1"), HostPort(port=80), True),
    ],
)
def test_ports_clash_on_the_same_address_or_on_all(one: HostPort, other: HostPort, clash: bool) -> None:
    asking, old = candidate(wishes=Wishes(host_ports=(one,))), candidate("old", Wishes(host_ports=(other,)))
    assert reasons(asking, old) == (["NodePorts"] if clash else [])


def test_ports_of_sidecars_count_since_1_33() -> None:
    wishes = Wishes(host_ports=(HostPort(port=80, of_sidecar=True),))
    assert reasons(candidate(wishes=wishes), candidate("old", wishes)) == ["NodePorts"]
    assert (
        reasons(candidate(wishes=wishes), candidate("old", wishes), settings=Settings(version=(1, 32))) == []
    )


# --- taints ----------------------------------------------------------------------------------------------------------


def test_only_taints_that_end_pods_count_and_not_for_static_ones() -> None:
    kept = Taint(key="dedicated", value="db", effect="NoSchedule")
    assert reasons(candidate(), node=replace(NODE, taints=(kept,))) == []
    node = replace(NODE, taints=(replace(kept, effect="NoExecute"),))
    assert reasons(candidate(), node=node) == ["TaintToleration"]
    assert reasons(candidate(wishes=Wishes(static=True)), node=node) == []


@pytest.mark.parametrize(
    ("toleration", "tolerated"),
    [
        (Toleration(key="load", value="7"), True),
        (Toleration(key="load", value="8"), False),
        (Toleration(key="other", value="7"), False),
        (Toleration(key="load", operator="Exists", effect="NoExecute"), True),
        (Toleration(key="load", operator="Exists", effect="NoSchedule"), False),
        (Toleration(operator="Exists"), True),
        (Toleration(key="load", operator="Gt", value="5"), False),
        (Toleration(key="load", operator="Like", value="7"), False),
    ],
)
def test_tolerations(toleration: Toleration, tolerated: bool) -> None:
    node = replace(NODE, taints=(Taint(key="load", value="7", effect="NoExecute"),))
    asking = candidate(wishes=Wishes(tolerations=(toleration,)))
    assert reasons(asking, node=node) == ([] if tolerated else ["TaintToleration"])


@pytest.mark.parametrize(
    ("operator", "value", "tolerated"),
    [("Gt", "5", True), ("Gt", "7", False), ("Lt", "8", True), ("Lt", "07", False), ("Lt", "many", False)],
)
def test_tolerations_compare_numbers_where_the_gate_is_on(operator: str, value: str, tolerated: bool) -> None:
    node = replace(NODE, taints=(Taint(key="load", value="7", effect="NoExecute"),))
    asking = candidate(wishes=Wishes(tolerations=(Toleration(key="load", operator=operator, value=value),)))
    settings = Settings(gates=frozenset({"TaintTolerationComparisonOperators"}))
    assert reasons(asking, node=node, settings=settings) == ([] if tolerated else ["TaintToleration"])


# --- affinity --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operator", "key", "values", "suits"),
    [
        ("In", "zone", ("a", "b"), True),
        ("In", "zone", ("b",), False),
        ("In", "rack", ("a",), False),
        ("NotIn", "zone", ("a",), False),
        ("NotIn", "rack", ("a",), True),
        ("Exists", "zone", (), True),
        ("Exists", "rack", (), False),
        ("DoesNotExist", "rack", (), True),
        ("DoesNotExist", "zone", (), False),
        ("Gt", "cores", ("15",), True),
        ("Gt", "cores", ("16",), False),
        ("Lt", "cores", ("17",), True),
        ("Lt", "zone", ("17",), False),
        ("Gt", "cores", ("9223372036854775808",), False),
        ("Gt", "cores", ("1", "2"), False),
        ("Near", "zone", ("a",), False),
    ],
)
def test_requirements_on_labels(operator: str, key: str, values: tuple[str, ...], suits: bool) -> None:
    term = AffinityTerm(labels=(Requirement(key=key, operator=operator, values=values),))
    assert reasons(candidate(wishes=Wishes(affinity=(term,)))) == ([] if suits else ["NodeAffinity"])


@pytest.mark.parametrize(
    ("operator", "values", "suits"),
    [
        ("In", ("numa0",), True),
        ("In", ("numa1",), False),
        ("NotIn", ("numa1",), True),
        ("NotIn", ("numa0",), False),
        ("In", ("numa0", "numa1"), False),
        ("Exists", ("numa0",), False),
    ],
)
def test_requirements_on_the_nodes_name(operator: str, values: tuple[str, ...], suits: bool) -> None:
    term = AffinityTerm(fields=(Requirement(key="metadata.name", operator=operator, values=values),))
    asking = candidate(wishes=Wishes(affinity=(term,)))
    assert reasons(asking) == ([] if suits else ["NodeAffinity"])


def test_a_node_whose_name_is_not_known_suits_any_wish_for_a_name() -> None:
    term = AffinityTerm(fields=(Requirement(key="metadata.name", operator="In", values=("numa1",)),))
    assert reasons(candidate(wishes=Wishes(affinity=(term,))), node=replace(NODE, name=None)) == []


def test_one_term_is_enough_and_an_empty_one_is_none() -> None:
    bad = AffinityTerm(labels=(Requirement(key="rack", operator="Exists"),))
    good = AffinityTerm(labels=(Requirement(key="zone", operator="Exists"),))
    assert reasons(candidate(wishes=Wishes(affinity=(bad, good)))) == []
    assert reasons(candidate(wishes=Wishes(affinity=(AffinityTerm(),)))) == ["NodeAffinity"]
    assert reasons(candidate(wishes=Wishes(affinity=()))) == ["NodeAffinity"]
    assert reasons(candidate(wishes=Wishes(node_selector=(("zone", "a"),)))) == []
