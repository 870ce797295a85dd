from __future__ import annotations

import dataclasses
import io
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.cli.terminal import print_page
from agent.views.machine_page import derive_machine_page
from agent.views.topo import derive_device_topology, plain_device_topology
from agent.views.topo_page import derive_topo_page
from collectors.model import Observed, Snapshot
from tests.hosts.machine import expected_snapshot
from tests.hosts.strategies import machines

SUBJECTS = ("system", "cpus", "numa", "pci", "devices")


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Any machine, of which some subjects may not have been read."""
    lost = draw(st.sets(st.sampled_from(SUBJECTS), max_size=2))
    unread: dict[str, Any] = dict.fromkeys(lost, Observed(error="/sys: Input/output error"))
    return dataclasses.replace(expected_snapshot(draw(machines()), now=0.0), **unread)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(snapshots(), st.booleans(), st.integers(1, 200))
def test_every_machine_has_pages_that_keep_to_ascii_and_to_the_width(
    machine: Snapshot, wide: bool, columns: int
) -> None:
    out = io.StringIO()
    for page in (
        derive_machine_page(machine, wide=wide),
        derive_topo_page(derive_device_topology(machine, every=wide)),
    ):
        print_page(page, color="never", out=out, environ={"COLUMNS": str(columns)})
    lines = out.getvalue().splitlines()
    assert lines
    assert out.getvalue().isascii()
    # Below 60 columns deep branches and the widest cell of a table have to stand out.
    assert columns < 60 or max(map(len, lines)) <= columns


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(snapshots())
def test_the_matrix_is_the_same_both_ways(machine: Snapshot) -> None:
    plain = json.loads(json.dumps(plain_device_topology(derive_device_topology(machine))))
    matrix = plain["affinity"]
    assert all(matrix[one][other] == matrix[other][one] for one in matrix for other in matrix)
    assert all(matrix[one][one] == "X" for one in matrix)
