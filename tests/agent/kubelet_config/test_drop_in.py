"""The configuration that is made, and how it reads."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agent.admission.settings import settings_of
from agent.kubelet_config.drop_in import DropIn, Entry, Wish, derive_drop_in
from agent.kubelet_config.fitting import Policies
from agent.kubelet_config.model import Hardware, Start, UnfitError
from agent.kubelet_config.preflight import judge
from agent.kubelet_config.yaml_text import write_yaml
from collectors.kubelet.configuration import merge_drop_in, parse_configuration, with_default_eviction
from tests.agent.kubelet_config.building import GIB, MIB, hardware, starting

SINGLE = Wish(policies=Policies(topology="single-numa-node"))


def test_a_usual_machine_gets_what_it_needs() -> None:
    assert derive_drop_in(hardware(), SINGLE).document == {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "topologyManagerPolicy": "single-numa-node",
        "topologyManagerScope": "container",
        "cpuManagerPolicy": "static",
        "reservedSystemCPUs": "0,8",
        "cpuManagerPolicyOptions": {"full-pcpus-only": "true"},
        "memoryManagerPolicy": "Static",
        "systemReserved": {"memory": "512Mi"},
        "kubeReserved": {"memory": "1465Mi"},
        "evictionHard": {"memory.available": "100Mi"},
        "reservedMemory": [
            {"numaNode": 0, "limits": {"memory": "1039Mi"}},
            {"numaNode": 1, "limits": {"memory": "1038Mi"}},
        ],
    }


def test_its_yaml_says_the_same_and_why() -> None:
    made = derive_drop_in(hardware(), SINGLE)
    text = write_yaml(made, ["For this machine."])
    assert yaml.safe_load(text) == made.document
    assert text.startswith("# For this machine.\napiVersion: kubelet.config.k8s.io/v1beta1\n")
    assert (
        "# Never hugepages: the kubelet can reserve none of them for the system.\nreservedMemory:\n" in text
    )


def test_words_that_yaml_would_take_for_something_else_are_quoted() -> None:
    entries = (
        Entry(key="a", value="true"),
        Entry(key="b", value="0,8"),
        Entry(key="c", value=None),
        Entry(key="d", value=3),
    )
    assert write_yaml(DropIn(entries=entries), ()) == 'a: "true"\nb: "0,8"\nc: null\nd: 3\n'


def test_an_eighth_of_a_small_machines_memory_is_kept() -> None:
    document = derive_drop_in(hardware(memory=2 * GIB), SINGLE).document
    assert (document["systemReserved"], document["kubeReserved"]) == (
        {"memory": "128Mi"},
        {"memory": "384Mi"},
    )


def test_what_is_asked_for_is_kept_and_rounded_up_to_whole_cores() -> None:
    wish = replace(SINGLE, cpus=3, memory=4 * GIB + 1)
    text = write_yaml(derive_drop_in(hardware(), wish), ())
    assert "# 3 were asked for; half a core would serve nobody." in text
    assert 'memory: "4294967297"' in text


def test_the_present_reserve_is_kept_and_options_that_do_not_fit_are_taken_out() -> None:
    present = starting(
        cpuManagerPolicyOptions={"distribute-cpus-across-numa": "true"},
        topologyManagerPolicyOptions={"prefer-closest-numa-nodes": "true"},
        evictionHard={"memory.available": "1%"},
    ).config
    document = derive_drop_in(hardware(), replace(SINGLE, present=present)).document
    assert document["cpuManagerPolicyOptions"] == {
        "full-pcpus-only": "true",
        "distribute-cpus-across-numa": None,
    }
    assert document["topologyManagerPolicyOptions"] == {"prefer-closest-numa-nodes": None}
    assert document["kubeReserved"] == {"memory": "412Mi"}
    assert document["evictionHard"] == {"memory.available": str(int(128 * GIB * 0.009999999776482582))}


def test_a_threshold_that_is_off_stays_off() -> None:
    present = starting(evictionHard={"nodefs.available": "5%"}).config
    document = derive_drop_in(hardware(), replace(SINGLE, present=present)).document
    assert document["evictionHard"] == {"memory.available": "0%"}


def test_where_the_merge_takes_long_it_says_so() -> None:
    text = write_yaml(
        derive_drop_in(hardware(nodes=range(8)), Wish(policies=Policies(topology="restricted"))), ()
    )
    assert "16,581,375 combinations" in " ".join(text.replace("#", "").split())


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (hardware(nodes=(0, 64)), "NUMA node 64: the kubelet's sets of NUMA nodes end at 63"),
        (hardware(memory=0, total=None), "the machine's memory is unknown"),
    ],
)
def test_a_machine_for_which_there_is_none_is_an_error(machine: Hardware, words: str) -> None:
    with pytest.raises(UnfitError, match=words):
        derive_drop_in(machine, SINGLE)


def test_with_all_managers_off_any_machine_has_one() -> None:
    wish = Wish(policies=Policies(topology="none", cpu="none", memory="None"))
    document = derive_drop_in(hardware(nodes=(0, 64)), wish).document
    assert "topologyManagerScope" not in document
    assert "reservedMemory" not in document


POLICIES = st.builds(
    Policies,
    topology=st.sampled_from(["none", "best-effort", "restricted", "single-numa-node"]),
    scope=st.sampled_from(["container", "pod"]),
    cpu=st.sampled_from(["static", "none"]),
    memory=st.sampled_from(["Static", "None"]),
)


@given(
    policies=POLICIES,
    nodes=st.sets(st.integers(min_value=0, max_value=63), min_size=1, max_size=12),
    cores=st.integers(min_value=2, max_value=4),
    threads=st.integers(min_value=1, max_value=2),
    caches=st.integers(min_value=1, max_value=2),
    pages=st.integers(min_value=0, max_value=512),
    minor=st.integers(min_value=31, max_value=37),
)
def test_a_kubelet_takes_whatever_is_made_for_its_machine(
    policies: Policies, nodes: set[int], cores: int, threads: int, caches: int, pages: int, minor: int
) -> None:
    machine = hardware(
        nodes=sorted(nodes),
        cores=cores,
        threads=threads,
        caches=caches,
        memory=4 * GIB,
        hugepages={"hugepages-2Mi": pages * 2 * MIB},
    )
    version = (1, minor)
    made = derive_drop_in(machine, Wish(policies=policies, version=version))
    document = merge_drop_in(with_default_eviction({}), made.document)
    config = parse_configuration(document, where="made")
    start = Start(
        document=document,
        config=config,
        settings=settings_of(config, version=version),
        hardware=machine,
        version=version,
    )
    verdict = judge(start)
    assert verdict.objections == ()
    assert {caution.check for caution in verdict.cautions} <= {"hint-merge"}
