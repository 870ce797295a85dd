"""A survey of a synthetic machine finds what the machine was made of, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from agent.survey import survey
from collectors.hostfs import DirectoryFS
from tests.fakes.memoryfs import MemoryFS
from tests.hosts.leaves import differences
from tests.hosts.machine import build_tree, expected_snapshot, write_machine
from tests.hosts.shapes import SHAPES
from tests.hosts.spec import MachineSpec
from tests.hosts.strategies import machines

NOW = 1_700_000_000.0


@pytest.mark.parametrize("spec", SHAPES, ids=lambda spec: spec.name)
def test_a_machine_on_disk_is_found_as_it_was_made(spec: MachineSpec, tmp_path: Path) -> None:
    write_machine(spec, tmp_path)

    snapshot = survey(DirectoryFS(str(tmp_path)), now=NOW)

    assert differences(expected_snapshot(spec, now=NOW), snapshot) == {}
    assert [(name, observed.problems, observed.error) for name, observed in snapshot.observed] == [
        (name, (), None) for name, _ in snapshot.observed
    ]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(spec=machines())
def test_any_machine_is_found_as_it_was_made(spec: MachineSpec) -> None:
    snapshot = survey(MemoryFS.of(build_tree(spec)), now=NOW)

    assert differences(expected_snapshot(spec, now=NOW), snapshot) == {}
    assert [observed.error for _, observed in snapshot.observed] == [None] * 5


@pytest.mark.parametrize("spec", SHAPES[:-2], ids=lambda spec: spec.name)
def test_a_second_survey_of_the_same_files_gives_the_same_facts_in_the_same_order(spec: MachineSpec) -> None:
    tree = build_tree(spec)

    assert survey(MemoryFS.of(tree), now=NOW) == survey(MemoryFS.of(tree), now=NOW)
