"""The kubelet's settings and gates from its configuration and version."""

from __future__ import annotations

import pytest

from agent.admission.settings import settings_of
from agent.admission.versions import NEWEST, OLDEST, Switch, gates_in_force
from collectors.model.kubelet_config import ConfigSource, KubeletConfig


def test_what_is_not_configured_has_the_kubelets_default() -> None:
    settings = settings_of(KubeletConfig(source=ConfigSource.FILE))
    assert settings.version == NEWEST
    assert (settings.topology_policy, settings.topology_scope) == ("none", "container")
    assert (settings.cpu_policy, settings.memory_policy, settings.max_numa_nodes) == ("none", "None", 8)
    assert settings.reserved_cpus is None
    assert settings.reserved_cpu_count == 0


def test_options_are_read_as_go_reads_booleans() -> None:
    config = KubeletConfig(
        source=ConfigSource.FILE,
        cpu_manager_policy="static",
        cpu_manager_options=(
            ("align-by-socket", "T"),
            ("full-pcpus-only", "true"),
            ("strict-cpu-reservation", "no"),
        ),
        topology_manager_options=(("max-allowable-numa-nodes", "12"), ("prefer-closest-numa-nodes", "1")),
    )
    settings = settings_of(config)
    assert (settings.align_by_socket, settings.full_pcpus_only) == (True, True)
    assert not settings.strict_cpu_reservation
    assert (settings.max_numa_nodes, settings.prefer_closest_numa_nodes) == (12, True)


def test_options_of_a_policy_that_is_not_in_force_do_nothing() -> None:
    options = (("full-pcpus-only", "true"),)
    config = KubeletConfig(source=ConfigSource.FILE, cpu_manager_policy="none", cpu_manager_options=options)
    assert not settings_of(config).full_pcpus_only


def test_a_reserve_in_thousandths_is_rounded_up_to_whole_cpus() -> None:
    config = KubeletConfig(
        source=ConfigSource.FILE, system_reserved=(("cpu", 500),), kube_reserved=(("cpu", 501), ("memory", 7))
    )
    assert settings_of(config).reserved_cpu_count == 2


@pytest.mark.parametrize(
    ("version", "pod_level"), [((1, 31), False), ((1, 33), False), ((1, 34), True), ((1, 37), True)]
)
def test_gates_have_the_default_of_the_version(version: tuple[int, int], pod_level: bool) -> None:
    assert ("PodLevelResources" in gates_in_force(version)) is pod_level


def test_configured_gates_count_where_the_version_has_them() -> None:
    on = (("PodLevelResourceManagers", True),)
    assert "PodLevelResourceManagers" in gates_in_force((1, 37), on)
    assert "PodLevelResourceManagers" not in gates_in_force((1, 35), on)
    assert "PodLevelResources" not in gates_in_force((1, 37), (("PodLevelResources", False),))


def test_a_switch_holds_from_its_version_on() -> None:
    switch = Switch(since=(1, 34))
    assert [switch.holds(version) for version in (OLDEST, (1, 34), NEWEST)] == [False, True, True]
