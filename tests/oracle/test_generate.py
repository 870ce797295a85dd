"""Random scenarios: the same for the same seed, of machines that could be, with pods that the API server would take."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from agent.sources.pod_json import pod_from_json
from tests.oracle.generate import random_scenario
from tests.oracle.scenario import Scenario, as_json

SCENARIOS = st.integers(0, 1_000_000).map(lambda number: random_scenario("test", number))


@given(number=st.integers(0, 1_000_000))
def test_a_seed_and_a_number_make_the_same_scenario_again(number: int) -> None:
    assert random_scenario("seed", number) == random_scenario("seed", number)
    assert random_scenario("seed", number) != random_scenario("another", number)


@given(scenario=SCENARIOS)
def test_machines_have_cpus_that_are_online_and_ids_that_are_unique(scenario: Scenario) -> None:
    machine = scenario.machine
    assert len(machine.online) >= 2
    assert len({cpu.id for cpu in machine.cpus}) == len(machine.cpus)
    assert {cpu.node for cpu in machine.cpus} <= {node.id for node in machine.nodes}


@given(scenario=SCENARIOS)
def test_threads_of_a_core_share_package_node_and_cache(scenario: Scenario) -> None:
    places: dict[tuple[int, int], set[tuple[int, int | None]]] = {}
    for cpu in scenario.machine.cpus:
        places.setdefault((cpu.package, cpu.core), set()).add((cpu.node, cpu.l3))
    assert all(len(each) == 1 for each in places.values())


@given(scenario=SCENARIOS)
def test_reserved_memory_adds_up_to_the_reserve(scenario: Scenario) -> None:
    kubelet = scenario.kubelet
    if kubelet.memory_policy == "Static":
        kept = sum(dict(amounts).get("memory", 0) for _, amounts in kubelet.reserved_memory)
        assert kept == kubelet.reserved_bytes


@given(scenario=SCENARIOS)
def test_pods_ask_for_no_more_than_they_are_limited_to(scenario: Scenario) -> None:
    pods = [pod_from_json(step.pod) for step in scenario.steps if step.pod is not None]
    assert pods
    for pod in pods:
        pairs = [(pod.requests, pod.limits), *((each.requests, each.limits) for each in pod.containers)]
        for requests, limits in pairs:
            most = dict(limits)
            assert all(amount <= most.get(resource, amount) for resource, amount in requests)


@given(scenario=SCENARIOS)
def test_resources_of_a_pod_are_at_least_those_of_its_largest_container(scenario: Scenario) -> None:
    for pod in (pod_from_json(step.pod) for step in scenario.steps if step.pod is not None):
        whole = dict(pod.requests)
        for container in pod.containers:
            requests = dict(container.requests)
            assert all(requests.get(resource, 0) <= amount for resource, amount in whole.items())


@given(scenario=SCENARIOS)
def test_the_oracle_s_line_is_plain_json(scenario: Scenario) -> None:
    line = as_json(scenario)
    assert json.loads(json.dumps(line))["name"] == scenario.name


def test_only_the_managers_that_are_asked_for_have_a_policy() -> None:
    for number in range(50):
        scenario = random_scenario("test", number, subjects=["cpu"])
        assert scenario.kubelet.memory_policy == "None"
        assert scenario.plugins == ()


def test_an_older_kubelet_is_not_asked_for_what_it_does_not_know() -> None:
    scenarios = [random_scenario("test", number, version=(1, 31)) for number in range(100)]
    options = {name for each in scenarios for name, _ in each.kubelet.cpu_options}
    assert "full-pcpus-only" in options
    assert "strict-cpu-reservation" not in options
    assert not any("resources" in step.pod["spec"] for each in scenarios for step in each.steps if step.pod)
