"""What is published of a machine whose kubelet gives CPUs, memory and devices to pods."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.kube.client import encode
from agent.placement.model import Unplaced
from agent.views import nrt_attributes, numaplacement
from agent.views.exclusions import without_namespaces
from agent.views.fingerprint import pod_fingerprint
from agent.views.fingerprinted import FingerprintMethod
from agent.views.nrt import NrtOptions, derive_nrt, missing_reason, nrt_ledger, zones_left_out
from agent.views.placed import placed_containers
from collectors.model import Observed, Snapshot
from collectors.model.kubelet import Allocatable, MemoryBlock
from collectors.model.kubelet_config import ConfigSource, KubeletConfig
from collectors.model.kubelet_picture import KubeletPicture
from tests.agent.placement.recorded import Recording, recordings, snapshot_of
from tests.agent.views.kubelets import CONFIG, GPU, POOL, devices, holds, on_two_nodes, picture, spec
from tests.agent.views.machines import GIB, function, ids, node, numa, snapshot

GOLDEN = Path(__file__).parents[2] / "golden" / "nrt"
CASES = recordings(Path(__file__).parents[1] / "placement" / "cases")


def published(kubelet: KubeletPicture, **options: Any) -> dict[str, Any]:
    nrt = derive_nrt(on_two_nodes(kubelet), node_name="n", options=NrtOptions(**options))
    assert nrt is not None
    return nrt


def attributes(nrt: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in nrt.get("attributes", ())}


def available(nrt: dict[str, Any], resource: str) -> dict[str, int]:
    return {
        zone["name"]: int(each["available"])
        for zone in nrt["zones"]
        for each in zone["resources"]
        if each["name"] == resource
    }


def test_what_a_pod_holds_is_gone_from_its_node_and_no_other() -> None:
    nrt = published(
        picture(holds("a", cpus=[4, 5], memory=[(1, GIB)], devices=devices("gpu1", numa_nodes=[1])))
    )
    assert available(nrt, "cpu") == {"node-0": 3, "node-1": 2}
    assert available(nrt, "memory") == {"node-0": 63 * GIB, "node-1": 62 * GIB}
    assert available(nrt, GPU) == {"node-0": 1, "node-1": 0}
    first = {each["name"]: each for each in nrt["zones"][0]["resources"]}
    assert (first["cpu"]["capacity"], first["cpu"]["allocatable"]) == ("4", "3")


def test_the_attributes_say_how_the_kubelet_decides() -> None:
    nrt = published(picture(config=replace(CONFIG, cpu_manager_options=(("full-pcpus-only", "true"),))))
    assert attributes(nrt) == {
        "topologyManagerPolicy": "single-numa-node",
        "topologyManagerScope": "pod",
        "topologyManagerMaxNUMANodes": "8",
        "nodeTopologyPodsFingerprint": pod_fingerprint([]),
        "nodeTopologyPodsFingerprintMethod": "all",
        "numascope.dev/source": "kubelet",
        "numascope.dev/cpu-manager-policy": "static",
        "numascope.dev/cpu-manager-options": "full-pcpus-only=true",
        "numascope.dev/memory-manager-policy": "Static",
        "topology.node.k8s.io/numaplacement-metadata": "npv0v001::ve=leb89::cc=0::nn=2::bn=0",
    }
    assert list(attributes(nrt)) == sorted(attributes(nrt))


def test_a_configuration_that_is_unknown_leaves_its_attributes_out() -> None:
    nrt = published(picture(config=None))
    assert not any(name.startswith("topologyManager") for name in attributes(nrt))
    assert "topologyPolicies" not in nrt
    partly = KubeletConfig(source=ConfigSource.CHECKPOINTS, cpu_manager_policy="static")
    assert "topologyManagerMaxNUMANodes" not in attributes(published(picture(config=partly)))


@pytest.mark.parametrize(
    ("policy", "scope", "words"),
    [
        ("single-numa-node", "container", ["SingleNUMANodeContainerLevel"]),
        ("single-numa-node", "pod", ["SingleNUMANodePodLevel"]),
        ("restricted", "container", ["RestrictedContainerLevel"]),
        ("best-effort", "pod", ["BestEffortPodLevel"]),
        ("none", "container", ["None"]),
        ("none", None, ["None"]),
        ("restricted", None, None),
        ("to-come", "pod", None),
        (None, None, None),
    ],
)
def test_the_deprecated_list_says_policy_and_scope_in_one_word(
    policy: str | None, scope: str | None, words: list[str] | None
) -> None:
    config = replace(CONFIG, topology_manager_policy=policy, topology_manager_scope=scope)
    assert published(picture(config=config)).get("topologyPolicies") == words


def test_without_memory_and_cpu_manager_each_node_keeps_what_the_kernel_shows() -> None:
    config = replace(CONFIG, cpu_manager_policy="none", memory_manager_policy="None")
    nrt = published(picture(holds("a"), pool=Allocatable(), config=config))
    assert available(nrt, "cpu") == {"node-0": 3, "node-1": 4}
    assert available(nrt, "memory") == {"node-0": 64 * GIB, "node-1": 64 * GIB}
    assert attributes(nrt)["numascope.dev/cpu-source"] == "machine"
    assert attributes(nrt)["numascope.dev/memory-source"] == "machine"


def test_devices_without_topology_are_in_no_zone_and_said() -> None:
    pool = replace(POOL, devices=devices("a", "b", numa_nodes=None))
    nrt = published(picture(pool=pool))
    assert available(nrt, GPU) == {}
    assert attributes(nrt)["numascope.dev/unattributed"] == f"{GPU}=2"


def test_what_is_concluded_is_marked_on_its_zone_and_on_the_object() -> None:
    pool = replace(POOL, devices=(*POOL.devices, *devices("0000:01:00.0", numa_nodes=None)))
    machine = on_two_nodes(picture(pool=pool))
    machine = replace(machine, pci=Observed(facts=(function("0000:01:00.0", 0x030200, numa_node=1),)))
    nrt = derive_nrt(machine, node_name="n")
    assert nrt is not None
    assert available(nrt, GPU) == {"node-0": 1, "node-1": 2}
    assert "attributes" not in nrt["zones"][0]
    assert attributes(nrt["zones"][1])["numascope.dev/inferred"] == GPU
    assert attributes(nrt)["numascope.dev/inferred"] == "device-node"


def test_contradictions_are_said_and_nothing_is_negative() -> None:
    nrt = published(picture(holds("a", memory=[(0, 100 * GIB)])))
    assert available(nrt, "memory") == {"node-0": 0, "node-1": 63 * GIB}
    assert attributes(nrt)["numascope.dev/contradictions"] == "memory"


def test_excluded_resources_are_in_no_zone() -> None:
    nrt = published(picture(), exclude_resources=("memory", GPU))
    assert {each["name"] for zone in nrt["zones"] for each in zone["resources"]} == {"cpu"}
    only_memory = derive_nrt(
        on_two_nodes(picture()), node_name="n", options=NrtOptions(exclude_resources=("cpu", "memory", GPU))
    )
    assert only_memory is None


def test_pods_of_excluded_namespaces_hold_nothing_but_stay_in_the_fingerprint() -> None:
    system = holds("a", cpus=[4], namespace="kube-system")
    nrt = published(picture(system, holds("b", cpus=[5])), exclude_namespaces=("kube-system",))
    assert available(nrt, "cpu") == {"node-0": 3, "node-1": 3}
    expected = pod_fingerprint([("kube-system", "a"), ("default", "b")])
    assert attributes(nrt)["nodeTopologyPodsFingerprint"] == expected


def test_until_the_kubelet_has_spoken_there_is_nothing_to_publish() -> None:
    silent = on_two_nodes(KubeletPicture(config=Observed(facts=CONFIG)))
    assert derive_nrt(silent, node_name="n") is None
    assert (missing_reason(silent) or "").startswith("not known yet: which CPUs the kubelet can give")
    silent = on_two_nodes(KubeletPicture(allocations=Observed(error="kubelet.sock: Connection refused")))
    assert (missing_reason(silent) or "").endswith("(kubelet.sock: Connection refused)")


def test_zones_that_no_scheduler_can_take_are_left_out_and_said() -> None:
    machine = replace(
        snapshot(memory=numa(node(0, ids(0, 3)), node(64, ids(4, 7)))), kubelet=picture(config=None)
    )
    pool = replace(
        POOL, memory=(MemoryBlock(type="memory", size_bytes=GIB, numa_nodes=frozenset({0})),), devices=()
    )
    machine = replace(machine, kubelet=picture(pool=pool))
    nrt = derive_nrt(machine, node_name="n")
    assert nrt is not None
    assert [zone["name"] for zone in nrt["zones"]] == ["node-0"]
    assert attributes(nrt)["numascope.dev/zones-left-out"] == "64"
    assert zones_left_out(machine, ledger=nrt_ledger(machine)) == (64,)


def test_a_container_on_one_node_is_in_the_placement() -> None:
    nrt = published(
        picture(
            holds("a", cpus=[1], memory=[(0, GIB)]),
            holds("b", cpus=[2]),
            holds("c", cpus=[5], devices=devices("gpu1", numa_nodes=[1])),
            holds("spans", cpus=[3, 6]),
            holds("shared"),
        )
    )
    metadata = attributes(nrt)["topology.node.k8s.io/numaplacement-metadata"]
    assert metadata == "npv0v001::ve=leb89::cc=3::nn=2::bn=0"
    vectors = [attributes(zone).get("topology.node.k8s.io/numaplacement-vector") for zone in nrt["zones"]]
    assert vectors[0] is None
    assert vectors[1] in ("!", '"', "#")


def test_with_gaps_in_the_ids_there_is_no_placement() -> None:
    machine = snapshot(memory=numa(node(0, ids(0, 3)), node(2, ids(4, 7))))
    nrt = derive_nrt(
        replace(machine, kubelet=picture(pool=replace(POOL, memory=(), devices=()))), node_name="n"
    )
    assert nrt is not None
    assert "topology.node.k8s.io/numaplacement-metadata" not in attributes(nrt)


def test_with_a_container_on_a_node_that_is_no_zone_there_is_no_placement() -> None:
    pool = replace(POOL, devices=POOL.devices[:1])
    nrt = published(picture(holds("a", cpus=[5]), pool=pool), exclude_resources=("cpu", "memory"))
    assert [zone["name"] for zone in nrt["zones"]] == ["node-0"]
    assert "topology.node.k8s.io/numaplacement-metadata" not in attributes(nrt)


def test_without_a_kubelet_nothing_is_placed() -> None:
    alone = replace(on_two_nodes(picture()), kubelet=None)
    assert placed_containers(alone, published={"cpu"}) == ()


def test_what_is_held_nobody_knows_where_is_said() -> None:
    ledger = replace(
        nrt_ledger(on_two_nodes(picture())),
        unplaced=(
            Unplaced(resource="cpu", amount=2),
            Unplaced(resource="cpu", amount=1),
            Unplaced(resource=GPU, amount=1),
        ),
    )
    nrt = derive_nrt(on_two_nodes(picture()), node_name="n", ledger=ledger)
    assert nrt is not None
    assert attributes(nrt)["numascope.dev/unplaced"] == f"cpu=3,{GPU}=1"


def test_excluding_namespaces_of_a_kubelet_that_has_not_spoken_changes_nothing() -> None:
    silent = on_two_nodes(KubeletPicture())
    assert without_namespaces(silent, ["a"]) == silent
    alone = replace(silent, kubelet=None)
    assert without_namespaces(alone, ["a"]) is alone


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace("/", "-"))
def test_recorded_kubelets_are_published_as_the_golden_files_say(
    case: Recording, golden: Callable[[Path, str], None]
) -> None:
    nrt = derive_nrt(snapshot_of(case.numa, case.picture), node_name="worker-1")
    golden(GOLDEN / f"{case.name.replace('/', '-')}.json", json.dumps(nrt, indent=2) + "\n")


PODS = st.lists(
    st.tuples(st.sets(st.integers(1, 7), max_size=3), st.integers(0, 1), st.integers(0, 40)), max_size=4
)


@given(pods=PODS, order=st.randoms())
def test_the_same_facts_in_another_order_give_the_same_bytes(pods: list[Any], order: Any) -> None:
    kubelet = picture(
        *(
            holds(f"p{number}", cpus=cpus, memory=[(at, size * GIB)] if size else [])
            for number, (cpus, at, size) in enumerate(pods)
        )
    )
    allocations, specs = list(kubelet.allocations.facts or ()), list(kubelet.pods.facts or ())
    order.shuffle(allocations)
    order.shuffle(specs)
    again = replace(
        kubelet, allocations=Observed(facts=tuple(allocations)), pods=Observed(facts=tuple(specs))
    )
    first, second = published(kubelet), published(again)
    assert encode(first) == encode(second)
    names = [zone["name"] for zone in first["zones"]]
    assert names == sorted(names)
    assert all(int(each["available"]) >= 0 for zone in first["zones"] for each in zone["resources"])


@pytest.mark.parametrize(("count", "limit"), [(2, 4_000), (64, 160_000)])
def test_the_body_of_a_request_stays_small(count: int, limit: int) -> None:
    machine = large_machine(count)
    nrt = derive_nrt(machine, node_name="a-node-with-a-name-of-some-length.example.com")
    assert nrt is not None
    assert len(nrt["zones"]) == count
    assert len(encode(nrt)) <= limit


def large_machine(count: int) -> Snapshot:
    """Every node with CPUs, memory, hugepages of two sizes and a device, and a full matrix of distances."""
    kinds = ("memory", "hugepages-2Mi", "hugepages-1Gi")
    nodes = [
        node(
            number,
            ids(number * 8, number * 8 + 7),
            distances=tuple((other, 10 if other == number else 80) for other in range(count)),
            memory_total_bytes=1_081_101_176_832,
        )
        for number in range(count)
    ]
    pool = Allocatable(
        cpus=ids(0, count * 8 - 1),
        memory=tuple(
            MemoryBlock(type=kind, size_bytes=540_550_578_176, numa_nodes=frozenset({number}))
            for number in range(count)
            for kind in kinds
        ),
        devices=tuple(
            replace(each, resource="nvidia.com/gpu")
            for number in range(count)
            for each in devices(f"gpu{number}", numa_nodes=[number])
        ),
    )
    return replace(snapshot(memory=numa(*nodes)), kubelet=picture(holds("a", cpus=[1]), pool=pool))


def test_a_pod_that_ended_is_gone_whatever_the_kubelet_lists() -> None:
    ended = picture(holds("a", cpus=[4]), pods=[spec("a", phase="Succeeded")])
    assert available(published(ended), "cpu") == {"node-0": 3, "node-1": 4}
    off = published(ended, fingerprint=FingerprintMethod.OFF)
    assert "nodeTopologyPodsFingerprint" not in attributes(off)


def test_every_attribute_is_in_the_document() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "nrt.md").read_text()
    written = {
        name
        for name in re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)
        if "." in name or "opology" in name
    }
    names = {
        value
        for module in (nrt_attributes, numaplacement)
        for key, value in vars(module).items()
        if key.isupper() and isinstance(value, str) and key != "ALPHABET"
    }
    assert written == names
