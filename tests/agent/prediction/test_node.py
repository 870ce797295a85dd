"""The node under the rules, from snapshots that know more or less: settings of its own, other ones, none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.prediction.node import NoNodeError, WhatIf, node_of
from collectors.model import Observed, Snapshot
from collectors.model.kubelet import DeviceManagerState, KubeletCheckpoints
from collectors.model.kubelet_config import ConfigSource
from tests.agent.placement.building import CONFIG
from tests.agent.refusals.building import holds, node

ALONE = replace(node(), kubelet=None)


def configured(**changes: Any) -> Snapshot:
    return node(config=replace(CONFIG, **changes))


def test_a_node_has_its_own_settings_and_pods() -> None:
    known = node_of(node(holds("p", "1-3")))
    assert known.node.settings.topology_policy == "single-numa-node"
    assert known.node.books.shared_cpus == frozenset(range(16)) - {1, 2, 3}
    assert (known.what_if, known.assumed, known.inferred) == ((), (), ())


def test_other_settings_take_the_place_of_its_own_and_are_told() -> None:
    what_if = WhatIf(
        topology_policy="restricted", topology_scope="pod", cpu_policy="static", memory_policy="None"
    )
    known = node_of(node(), what_if)
    assert (known.node.settings.topology_policy, known.node.settings.topology_scope) == ("restricted", "pod")
    assert known.what_if == (
        "topology manager policy restricted instead of single-numa-node",
        "topology manager scope pod instead of container",
        "memory manager policy None instead of Static",
    )


def test_options_take_the_place_of_all_that_are_set_but_the_number_of_nodes() -> None:
    snapshot = configured(
        cpu_manager_options=(("full-pcpus-only", "true"),),
        topology_manager_options=(("max-allowable-numa-nodes", "12"),),
    )
    known = node_of(snapshot, WhatIf(options=("align-by-socket", "prefer-closest-numa-nodes")))
    settings = known.node.settings
    assert (settings.full_pcpus_only, settings.align_by_socket, settings.prefer_closest_numa_nodes) == (
        False,
        True,
        True,
    )
    assert settings.max_numa_nodes == 12
    assert known.what_if == ("options align-by-socket, prefer-closest-numa-nodes",)
    assert node_of(snapshot, WhatIf(options=())).what_if == ("options none",)


def test_an_option_that_nobody_knows_is_named() -> None:
    with pytest.raises(NoNodeError, match=r"no option .*: full-cores; there are full-pcpus-only"):
        node_of(node(), WhatIf(options=("full-cores",)))


def test_a_machine_without_a_kubelet_needs_a_policy_and_says_what_it_assumes() -> None:
    with pytest.raises(NoNodeError, match="with --policy"):
        node_of(ALONE)
    known = node_of(ALONE, WhatIf(topology_policy="restricted", cpu_policy="static"))
    assert known.node.settings.cpu_policy == "static"
    assert known.assumed == (
        "the topology manager's scope: container, the kubelet's default",
        "the memory manager's policy: None, the kubelet's default",
        "nothing is reserved for the system beyond what is said here",
    )
    assert "topology manager policy restricted" in known.what_if


def test_an_empty_node_keeps_its_devices() -> None:
    full = node(holds("p", "1-3", gib={(0,): 4}, gpus=(0,)))
    known = node_of(full, WhatIf(empty=True))
    assert known.node.books.shared_cpus == frozenset(range(16))
    assert (known.node.books.pods, dict(known.node.books.device_holders)) == ((), {})
    assert len(known.node.books.devices) == 4
    assert known.what_if == ("without the pods that are there now",)


def test_an_empty_node_has_the_devices_of_the_checkpoint_too() -> None:
    snapshot = node(holds("p", "1-3", gpus=(0,)))
    assert snapshot.kubelet is not None
    checkpoints = KubeletCheckpoints(devices=DeviceManagerState(registered=(), containers=()))
    snapshot = replace(snapshot, kubelet=replace(snapshot.kubelet, checkpoints=checkpoints))
    assert node_of(snapshot, WhatIf(empty=True)).node.books.device_holders == {}


def test_what_is_not_known_of_pods_is_said() -> None:
    snapshot = node(holds("p", "1-3"))
    assert snapshot.kubelet is not None
    blind = replace(snapshot, kubelet=replace(snapshot.kubelet, pods=Observed(error="no rights")))
    assert "what pods ask for" in node_of(blind).unknown


def test_where_only_checkpoints_tell_of_settings_the_reserve_is_assumed() -> None:
    known = node_of(configured(source=ConfigSource.CHECKPOINTS))
    assert known.assumed == ("nothing is reserved for the system beyond what is said here",)


def test_a_machine_that_was_not_read_has_no_rules() -> None:
    with pytest.raises(NoNodeError, match="are not known"):
        node_of(replace(node(), cpus=Observed(error="no")))


def test_a_machine_with_neither_nodes_nor_sockets_has_none_either() -> None:
    snapshot = node()
    cpus, numa = snapshot.cpus.facts, snapshot.numa.facts
    assert cpus is not None
    assert numa is not None
    nowhere = replace(cpus, cpus=tuple(replace(each, package_id=None) for each in cpus.cpus))
    alone = replace(
        snapshot, cpus=Observed(facts=nowhere), numa=Observed(facts=replace(numa, from_kernel=False))
    )
    with pytest.raises(NoNodeError, match="neither NUMA nodes nor sockets"):
        node_of(alone)


def test_node_ids_that_the_kubelets_hints_cannot_name_are_said() -> None:
    snapshot = node()
    numa = snapshot.numa.facts
    assert numa is not None
    far = replace(numa, nodes=(numa.nodes[0], replace(numa.nodes[1], id=250)))
    known = node_of(replace(snapshot, numa=Observed(facts=far)))
    assert any("above 63" in each for each in known.unknown)


def test_without_numa_facts_nothing_is_known_of_the_whole_node() -> None:
    assert "how much CPU and memory the whole node has" in node_of(node()).unknown
