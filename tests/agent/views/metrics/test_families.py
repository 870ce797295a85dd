"""Metric values of a snapshot: every known fact once, nothing for an unknown one."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from agent import __version__
from agent.views.metrics import MetricType, SurveyHealth, derive_families, families
from agent.views.metrics.table import TABLE
from collectors.model import (
    CpuTopology,
    HugePagePool,
    NumaKind,
    NumaStat,
    Observed,
    PcieLink,
    Problem,
    Snapshot,
    System,
)
from tests.agent.views.machines import GIB, function, ids, node, numa, snapshot
from tests.documents import metrics_document
from tests.hosts.machine import expected_snapshot
from tests.hosts.shapes import HUGE, SHAPES
from tests.hosts.spec import MachineSpec

DOCS = Path(__file__).resolve().parents[4] / "docs"
HEALTHY = SurveyHealth(success=True, completed=3, failed=1, duration_seconds=0.25, age_seconds=5.0)


def samples(
    machine: Snapshot | None, health: SurveyHealth = HEALTHY
) -> dict[str, dict[tuple[str, ...], float]]:
    """Values by labels by name without the prefix."""
    return {
        family.row.name.removeprefix("numascope_"): dict(family.samples)
        for family in derive_families(machine, health)
    }


def test_before_the_first_survey_only_the_agent_itself_is_told() -> None:
    assert samples(None, SurveyHealth(success=False, completed=0, failed=0)) == {
        "build_info": {(__version__,): 1.0},
        "survey_success": {(): 0.0},
        "surveys_total": {("complete",): 0.0, ("failed",): 0.0},
    }


def test_how_the_surveys_go_is_told() -> None:
    found = samples(None)
    assert found["survey_success"] == {(): 1.0}
    assert found["surveys_total"] == {("complete",): 3.0, ("failed",): 1.0}
    assert found["survey_duration_seconds"] == {(): 0.25}
    assert found["survey_age_seconds"] == {(): 5.0}


def test_a_subject_that_failed_is_told_with_the_age_of_its_facts() -> None:
    machine = dataclasses.replace(
        snapshot(),
        taken_at=100.0,
        numa=Observed(error="gone"),
        pci=Observed(facts=(), read_at=40.0, error="gone", problems=(Problem(path="/sys/a", reason="no"),)),
        cpus=Observed(read_at=100.0),
    )
    found = samples(machine)
    assert found["subject_success"][("pci",)] == 0.0
    assert found["subject_success"][("cpus",)] == 1.0
    assert found["subject_age_seconds"] == {("pci",): 60.0, ("cpus",): 0.0}
    assert found["subject_problems"][("pci",)] == 1.0
    assert found["subject_problems"][("cpus",)] == 0.0


def test_machine_info_is_empty_where_the_machine_does_not_say() -> None:
    assert samples(snapshot())["machine_info"] == {("", "", ""): 1.0}
    told = snapshot(
        cpus=CpuTopology(online=ids(0, 1), architecture="aarch64", model_name="N1"),
        system=System(kernel_release="6.8"),
    )
    assert samples(told)["machine_info"] == {("aarch64", "N1", "6.8"): 1.0}


def test_numa_nodes_tell_what_is_known_of_them() -> None:
    stat = NumaStat(numa_hit=7, other_node=0)
    known = node(0, ids(0, 3), distances=((0, 10), (8, 40)), numastat=stat)
    unknown = node(
        8, cpus_known=False, kind=None, memory_total_bytes=None, memory_free_bytes=None, distances=((0, 40),)
    )
    found = samples(snapshot(memory=numa(known, unknown)))
    assert found["numa_node_info"] == {("0", NumaKind.CPU_AND_MEMORY.value): 1.0, ("8", ""): 1.0}
    assert found["numa_cpus"] == {("0",): 4.0}
    assert found["numa_memory_total_bytes"] == {("0",): 64.0 * GIB}
    assert found["numa_memory_free_bytes"] == {("0",): 60.0 * GIB}
    assert found["numa_distance"] == {("0", "0"): 10.0, ("0", "8"): 40.0}
    assert found["numastat_pages_total"] == {("0", "numa_hit"): 7.0, ("0", "other_node"): 0.0}
    assert found["nrt_zones_left_out"] == {(): 0.0}


def test_hugepages_are_by_node_or_else_the_machines() -> None:
    pool = HugePagePool(page_size_bytes=2 << 20, total=4, free=1)
    by_node = samples(snapshot(memory=numa(node(0, hugepages=(pool,)), machine_hugepages=(pool,))))
    assert by_node["hugepages_total_bytes"] == {("0", "2Mi"): 8.0 * 2**20}
    assert by_node["hugepages_free_bytes"] == {("0", "2Mi"): 2.0 * 2**20}
    assert "hugepages_surplus_bytes" not in by_node
    whole = samples(snapshot(memory=numa(node(0), machine_hugepages=(pool,), hugepages_per_node=False)))
    assert whole["hugepages_total_bytes"] == {("", "2Mi"): 8.0 * 2**20}


def test_devices_tell_where_they_are_and_how_their_links_run() -> None:
    slow = PcieLink(speed_gts=2.5, width=8, max_speed_gts=16.0, max_width=16)
    pci = (
        function(
            "0000:01:00.0",
            0x030200,
            vendor_id=0x10DE,
            device_id=0x2330,
            driver="nvidia",
            numa_node=1,
            link=slow,
        ),
        function("0000:02:00.0", 0x020000, link=PcieLink()),
        function("0000:03:00.0", 0x060400, link=slow),
        function("0000:02:00.1", 0x020000, physical_function="0000:02:00.0"),
        function("0000:04:00.0", 0x088000),
    )
    found = samples(snapshot(pci=pci, memory=numa(node(0, ids(0, 1)), node(1, ids(2, 3)))))
    assert found["device_info"] == {
        ("0000:01:00.0", "GPU", "0x10de", "0x2330", "nvidia", "1"): 1.0,
        ("0000:02:00.0", "network", "", "", "", ""): 1.0,
    }
    assert found["pcie_link_degraded"] == {("0000:01:00.0",): 1.0}
    without_nodes = samples(snapshot(pci=pci[:1]))
    assert list(without_nodes["device_info"]) == [("0000:01:00.0", "GPU", "0x10de", "0x2330", "nvidia", "")]


@pytest.mark.parametrize("spec", [*SHAPES, HUGE], ids=lambda spec: spec.name)
def test_no_real_shape_is_too_large_and_no_sample_comes_twice(spec: MachineSpec) -> None:
    for family in derive_families(expected_snapshot(spec, now=0.0), HEALTHY):
        labels = [values for values, _ in family.samples]
        assert len(set(labels)) == len(labels) <= families.SAMPLES_LIMIT
        assert {len(values) for values in labels} == {len(family.row.labels)}
        assert family.row.name != "numascope_metric_samples_left_out"


def test_a_metric_with_too_many_samples_is_left_out_and_named() -> None:
    row = tuple((other, 10) for other in range(80))
    memory = numa(*(node(number, ids(number, number), distances=row) for number in range(80)))
    found = samples(snapshot(memory=memory))
    assert "numa_distance" not in found
    assert found["metric_samples_left_out"] == {("numascope_numa_distance",): 6400.0}
    assert found["nrt_zones_left_out"] == {(): 16.0}


def test_names_follow_the_rules_of_prometheus() -> None:
    names = [row.name for row in TABLE]
    assert len(set(names)) == len(names)
    for row in TABLE:
        assert re.fullmatch(r"numascope_[a-z][a-z0-9_]*", row.name)
        assert row.name.endswith("_total") is (row.type is MetricType.COUNTER)
        assert row.name.endswith("_info") is (row.type is MetricType.INFO)
        assert row.name.removesuffix("_total").endswith(row.unit)
        assert all(re.fullmatch(r"[a-z_]+", label) for label in row.labels)
        assert row.help.endswith(".")


def test_the_document_says_what_the_table_says(golden: Callable[[Path, str], None]) -> None:
    golden(DOCS / "metrics.md", metrics_document())
