"""What Volcano is told of a node: the shared pool as the kubelet keeps it, and where each CPU sits."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.placement.ledger import derive_ledger
from agent.views.numatopology import derive_numatopology
from collectors.model import Cpu, Observed, Snapshot
from collectors.model.kubelet import Allocatable
from collectors.model.kubelet_config import ConfigSource, KubeletConfig
from collectors.model.kubelet_picture import KubeletPicture
from collectors.parse import format_id_list
from tests.agent.placement.recorded import Recording, recordings
from tests.agent.views.kubelets import CONFIG, holds, on_two_nodes, picture
from tests.agent.views.machines import snapshot, two_packages

GOLDEN = Path(__file__).parents[2] / "golden" / "numatopology"
CASES = recordings(Path(__file__).parents[1] / "placement" / "cases")


def machine(kubelet: KubeletPicture) -> Snapshot:
    """Two packages of two cores with two threads each; four CPUs on each of two nodes."""
    cpus = two_packages(threads=1, cores=4)
    return replace(on_two_nodes(kubelet), cpus=Observed(facts=cpus))


def spec(kubelet: KubeletPicture) -> dict[str, Any]:
    found = derive_numatopology(machine(kubelet), node_name="n")
    assert found is not None
    return dict(found["spec"])


def test_a_node_is_told_with_policies_pool_reserve_and_places(golden: Callable[[Path, str], None]) -> None:
    found = derive_numatopology(machine(picture(holds("a", cpus=[4, 5]))), node_name="worker-1")
    golden(GOLDEN / "two-nodes.json", json.dumps(found, indent=2) + "\n")


def test_what_nobody_holds_is_the_pool_and_reserved_cpus_are_in_it() -> None:
    found = spec(picture(holds("a", cpus=[4, 5]), holds("b", cpus=[1])))
    assert found["numares"] == {"cpu": {"allocatable": "0,2-3,6-7", "capacity": 8}}
    assert found["resReserved"] == {"cpu": "1"}


def test_a_strict_reservation_keeps_reserved_cpus_out_of_the_pool() -> None:
    config = replace(CONFIG, cpu_manager_options=(("strict-cpu-reservation", "true"),))
    assert spec(picture(config=config))["numares"]["cpu"]["allocatable"] == "1-7"


def test_a_reserve_that_is_an_amount_may_be_a_part_of_a_cpu() -> None:
    config = replace(
        CONFIG, reserved_cpus=None, system_reserved=(("cpu", 1000),), kube_reserved=(("cpu", 500),)
    )
    assert spec(picture(config=config))["resReserved"] == {"cpu": "1500m"}


def test_without_a_cpu_manager_there_is_no_pool() -> None:
    config = replace(CONFIG, cpu_manager_policy="none")
    found = spec(picture(pool=Allocatable(), config=config))
    assert found["policies"]["CPUManagerPolicy"] == "none"
    assert found["numares"] == {"cpu": {"allocatable": "", "capacity": 8}}


def test_a_configuration_that_is_unknown_leaves_out_what_it_would_say() -> None:
    found = spec(picture(config=None))
    assert found["policies"] == {"CPUManagerPolicy": "static"}
    assert "resReserved" not in found
    partly = KubeletConfig(source=ConfigSource.CHECKPOINTS, cpu_manager_policy="static")
    assert "resReserved" not in spec(picture(config=partly))


def test_ids_of_sockets_and_cores_are_the_kernels_where_it_has_some() -> None:
    kubelet = on_two_nodes(picture())
    cpus = two_packages(threads=1, cores=4)
    told = replace(
        cpus, cpus=tuple(Cpu(id=n, online=True, package_id=n // 4 + 7, core_id=n % 4) for n in range(8))
    )
    found = derive_numatopology(replace(kubelet, cpus=Observed(facts=told)), node_name="n")
    untold = derive_numatopology(replace(kubelet, cpus=Observed(facts=cpus)), node_name="n")
    bare = replace(cpus, cpus=(), packages=(), cores=())
    nothing = derive_numatopology(replace(kubelet, cpus=Observed(facts=bare)), node_name="n")
    assert found is not None
    assert untold is not None
    assert nothing is not None
    assert found["spec"]["cpuDetail"]["5"] == {"numa": 1, "socket": 8, "core": 1}
    assert untold["spec"]["cpuDetail"]["5"] == {"numa": 1, "socket": 1, "core": 5}
    assert nothing["spec"]["cpuDetail"]["5"] == {"numa": 1, "socket": 0, "core": 5}


@pytest.mark.parametrize(
    "unknown",
    [
        snapshot(),
        on_two_nodes(picture()),
        machine(KubeletPicture()),
        machine(replace(picture(), allocations=Observed())),
        replace(machine(picture()), kubelet=None),
    ],
)
def test_where_cpus_or_their_holders_are_unknown_there_is_nothing_to_tell(unknown: Snapshot) -> None:
    assert derive_numatopology(unknown, node_name="n") is None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace("/", "-"))
def test_the_pool_is_what_a_real_kubelet_wrote_down(case: Recording) -> None:
    assert case.picture.checkpoints is not None
    assert case.picture.checkpoints.cpu is not None
    online = frozenset(cpu for node in case.numa.nodes for cpu in node.cpus)
    cpus = replace(two_packages(), online=online, cpus=(), packages=(), cores=())
    taken = replace(snapshot(cpus=cpus, memory=case.numa), kubelet=case.picture)
    found = derive_numatopology(taken, node_name="n", ledger=derive_ledger(taken))
    assert found is not None
    pool = found["spec"]["numares"]["cpu"]["allocatable"]
    assert pool == format_id_list(case.picture.checkpoints.cpu.shared_cpus)
