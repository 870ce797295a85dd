"""How much memory a kubelet keeps from pods."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.kubelet_config.amounts import format_amount, memory_reserve, threshold_bytes
from collectors.parse import ParseError
from collectors.quantity import parse_quantity
from tests.agent.kubelet_config.building import GIB, MIB, starting


@given(st.integers(min_value=0, max_value=1 << 60))
def test_an_amount_is_written_exactly(size: int) -> None:
    assert parse_quantity(format_amount(size)) == size


@pytest.mark.parametrize(
    ("threshold", "size"),
    [
        ("100Mi", 100 * MIB),
        ("0%", 0),
        ("100%", 0),
        ("5%", (1 << 40) // 20 + 820),  # in single precision, as the kubelet does it
        ("12.5%", (1 << 40) // 8),
        ("1.%", 10995116032),
    ],
)
def test_a_threshold_is_an_amount_or_a_share_of_the_memory(threshold: str, size: int) -> None:
    assert threshold_bytes(threshold, 1 << 40) == size


@pytest.mark.parametrize("threshold", ["101%", "%", "-1%", "1e1%", "much"])
def test_what_is_no_threshold_is_refused(threshold: str) -> None:
    with pytest.raises(ParseError):
        threshold_bytes(threshold, GIB)


def test_a_share_of_an_unknown_memory_is_unknown() -> None:
    config = starting(evictionHard={"memory.available": "5%"}).config
    assert memory_reserve(config, None) is None
    assert threshold_bytes("0%", None) == 0


def test_the_reserve_is_a_sum_of_three() -> None:
    reserve = memory_reserve(starting().config, 128 * GIB)
    assert reserve is not None
    assert reserve.total == 1024 * MIB
    assert reserve.words == "systemReserved 512Mi + kubeReserved 412Mi + evictionHard memory.available 100Mi"


def test_thresholds_that_leave_memory_out_reserve_nothing_for_it() -> None:
    reserve = memory_reserve(starting(evictionHard={"nodefs.available": "5%"}).config, 128 * GIB)
    assert reserve is not None
    assert reserve.eviction == 0
