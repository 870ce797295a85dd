"""A kubelet's configuration from configz, from files and from its state files."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from collectors.kubelet.configuration import (
    config_of_checkpoints,
    merge_drop_in,
    parse_configuration,
    parse_configz,
)
from collectors.model.kubelet import CpuManagerState, KubeletCheckpoints, MemoryManagerState
from collectors.model.kubelet_config import ConfigSource, KubeletConfig
from collectors.parse import ParseError
from tests.collectors.kubelet.recordings import Recorded

HEAD = {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration"}


def of_file(**fields: Any) -> KubeletConfig:
    return parse_configuration({**HEAD, **fields}, where="config.yaml")


def of_configz(**fields: Any) -> KubeletConfig:
    return parse_configz(json.dumps({"kubeletconfig": {**HEAD, **fields}}))


def test_every_field_that_decides_about_topology_is_read() -> None:
    config = of_configz(
        topologyManagerPolicy="single-numa-node",
        topologyManagerScope="pod",
        topologyManagerPolicyOptions={"prefer-closest-numa-nodes": "true", "max-allowable-numa-nodes": "12"},
        cpuManagerPolicy="static",
        cpuManagerPolicyOptions={"full-pcpus-only": "true"},
        memoryManagerPolicy="Static",
        reservedSystemCPUs="0-1,32-33",
        reservedMemory=[
            {"numaNode": 1, "limits": {"memory": "512Mi", "hugepages-2Mi": "4Mi"}},
            {"limits": {"memory": 1024}},
        ],
        systemReserved={"cpu": "4", "memory": "512Mi"},
        kubeReserved={"cpu": "500m"},
        featureGates={"PodLevelResources": False, "CPUManagerPolicyAlphaOptions": True},
    )
    assert config == KubeletConfig(
        source=ConfigSource.CONFIGZ,
        topology_manager_policy="single-numa-node",
        topology_manager_scope="pod",
        topology_manager_options=(("max-allowable-numa-nodes", "12"), ("prefer-closest-numa-nodes", "true")),
        cpu_manager_policy="static",
        cpu_manager_options=(("full-pcpus-only", "true"),),
        memory_manager_policy="Static",
        reserved_cpus=frozenset({0, 1, 32, 33}),
        reserved_memory=((0, (("memory", 1024),)), (1, (("hugepages-2Mi", 4 << 20), ("memory", 512 << 20)))),
        system_reserved=(("cpu", 4000), ("memory", 512 << 20)),
        kube_reserved=(("cpu", 500),),
        feature_gates=(("CPUManagerPolicyAlphaOptions", True), ("PodLevelResources", False)),
    )
    assert config.max_numa_nodes == 12
    assert config.reserved_cpu_millis == 4000


def test_what_a_file_leaves_out_has_the_documented_default_and_is_named() -> None:
    config = of_file(cpuManagerPolicy="static", topologyManagerPolicy="", reservedSystemCPUs="")
    assert (config.source, config.cpu_manager_policy) == (ConfigSource.FILE, "static")
    assert (config.topology_manager_policy, config.topology_manager_scope) == ("none", "container")
    assert config.memory_manager_policy == "None"
    assert config.defaulted == ("topologyManagerPolicy", "topologyManagerScope", "memoryManagerPolicy")
    assert config.reserved_cpus is None


def test_what_configz_leaves_out_is_unknown() -> None:
    config = of_configz()
    assert (config.topology_manager_policy, config.memory_manager_policy) == (None, None)
    assert config.defaulted == ()


def test_a_reserve_by_amount_is_the_sum_of_both_shares() -> None:
    assert of_file(systemReserved={"cpu": "1"}, kubeReserved={"cpu": "250m"}).reserved_cpu_millis == 1250
    assert of_file().reserved_cpu_millis == 0
    assert KubeletConfig(source=ConfigSource.CHECKPOINTS).reserved_cpu_millis is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"topologyManagerPolicy": 1}, "a string at config.yaml.topologyManagerPolicy"),
        ({"cpuManagerPolicyOptions": ["x"]}, "an object at config.yaml.cpuManagerPolicyOptions"),
        ({"cpuManagerPolicyOptions": {"full-pcpus-only": True}}, "a string at"),
        ({"reservedSystemCPUs": 4}, "a string at config.yaml.reservedSystemCPUs"),
        ({"reservedSystemCPUs": "4-"}, "a list of ids at config.yaml.reservedSystemCPUs"),
        ({"featureGates": {"A": "true"}}, "true or false at config.yaml.featureGates.A"),
        ({"reservedMemory": {}}, "an array at config.yaml.reservedMemory"),
        ({"reservedMemory": [{"numaNode": -1}]}, "an integer up to 65535"),
        ({"systemReserved": {"cpu": "a lot"}}, "a quantity at config.yaml.systemReserved.cpu"),
        ({"systemReserved": {"cpu": "-1"}}, "a quantity that is not negative"),
        ({"kind": "Pod"}, "KubeletConfiguration at config.yaml.kind"),
        ({"kind": None}, "KubeletConfiguration at config.yaml.kind"),
        ({"apiVersion": "v1"}, "kubelet.config.k8s.io/<version> at config.yaml.apiVersion"),
        ({"apiVersion": None}, "at config.yaml.apiVersion"),
    ],
)
def test_a_field_of_the_wrong_kind_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ParseError, match=message):
        of_file(**fields)


def test_fields_that_nobody_asks_for_are_not_looked_at() -> None:
    assert of_file(evictionSoft=3, unheardOf={"a": []}) == of_file()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kubeletconfig": []}', "<html>"])
def test_an_answer_that_is_no_configz_is_malformed(text: str) -> None:
    with pytest.raises(ParseError):
        parse_configz(text)


def test_a_drop_in_replaces_values_and_lists_and_merges_maps() -> None:
    base = {"a": "1", "list": [1, 2], "map": {"x": "1", "y": "2"}, "plain": "1"}
    drop_in = {"a": "2", "list": [3], "map": {"y": None, "z": "3"}, "plain": {"n": {"m": None, "o": 1}}}
    assert merge_drop_in(base, drop_in) == {
        "a": "2",
        "list": [3],
        "map": {"x": "1", "z": "3"},
        "plain": {"n": {"o": 1}},
    }
    assert base["map"] == {"x": "1", "y": "2"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=2), JSON, max_size=4)


@given(base=OBJECTS, drop_in=OBJECTS)
def test_merging_the_same_drop_in_again_changes_nothing(
    base: dict[str, Any], drop_in: dict[str, Any]
) -> None:
    once = merge_drop_in(base, drop_in)
    assert merge_drop_in(once, drop_in) == once


@given(document=OBJECTS)
def test_any_document_is_a_configuration_or_malformed(document: dict[str, Any]) -> None:
    for fields in (document, dict.fromkeys(("featureGates", "reservedMemory", "systemReserved"), document)):
        with contextlib.suppress(ParseError):
            assert of_file(**{**fields, **HEAD}).source is ConfigSource.FILE


def test_the_state_files_carry_two_policies() -> None:
    cpu = CpuManagerState(policy="static", shared_cpus=frozenset())
    memory = MemoryManagerState(policy="None")
    assert config_of_checkpoints(KubeletCheckpoints(cpu=cpu, memory=memory)) == KubeletConfig(
        source=ConfigSource.CHECKPOINTS, cpu_manager_policy="static", memory_manager_policy="None"
    )
    assert config_of_checkpoints(KubeletCheckpoints(cpu=cpu)) == KubeletConfig(
        source=ConfigSource.CHECKPOINTS, cpu_manager_policy="static"
    )
    assert config_of_checkpoints(KubeletCheckpoints()) is None


@pytest.mark.shared
def test_recorded_configz_answers_say_what_the_kubelet_was_started_with(recorded: Recorded) -> None:
    for path in recorded("empty/configz.json"):
        found = parse_configz(path.read_text())
        started_with = parse_configuration(
            yaml.safe_load((path.parents[1] / "kubelet-config.yaml").read_text()), where="kubelet-config.yaml"
        )
        assert found.topology_manager_policy == started_with.topology_manager_policy
        assert found.topology_manager_scope == started_with.topology_manager_scope
        assert found.topology_manager_options == started_with.topology_manager_options
        assert found.cpu_manager_policy == started_with.cpu_manager_policy
        assert found.cpu_manager_options == started_with.cpu_manager_options
        assert found.memory_manager_policy == started_with.memory_manager_policy
        assert found.reserved_cpus == started_with.reserved_cpus
        assert found.reserved_memory == started_with.reserved_memory
        assert found.reserved_cpu_millis == started_with.reserved_cpu_millis
