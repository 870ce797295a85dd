"""Every finding has its place among the others, and on the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.views.doctor_harm import ORDER, harm_of

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "doctor.md").read_text()
SOURCES = (*sorted((ROOT / "agent/views").glob("doctor*.py")), ROOT / "agent/checkup/cluster.py")
CHECKS = sorted(
    {check for source in SOURCES for check in re.findall(r'check="([a-z-]+)"', source.read_text())}
)


@pytest.mark.parametrize("check", sorted({*ORDER, *CHECKS}))
def test_a_check_is_on_the_page(check: str) -> None:
    assert f"`{check}`" in PAGE


def test_no_check_has_two_places() -> None:
    assert len(set(ORDER)) == len(ORDER)


def test_what_keeps_the_kubelet_from_starting_does_more_harm_than_what_wastes_room() -> None:
    assert harm_of("memory-state") < harm_of("contradiction") < harm_of("orphan-allocations")
    assert harm_of("never-heard-of") == len(ORDER)
