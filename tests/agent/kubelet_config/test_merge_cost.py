"""How long the kubelet takes over a merge of hints."""

from __future__ import annotations

import pytest

from agent.kubelet_config.merge_cost import MergeCost, merge_costs

EIGHT = (("cpu", 8), ("memory", 8), ("example.com/gpu", 8), ("example.com/nic", 8))


def test_each_resource_multiplies_the_combinations() -> None:
    assert [cost.permutations for cost in merge_costs("restricted", EIGHT)] == [
        255,
        65_025,
        16_581_375,
        4_228_250_625,
    ]


def test_single_numa_node_lists_sets_and_combines_none_of_several_nodes() -> None:
    assert [cost.permutations for cost in merge_costs("single-numa-node", EIGHT)] == [255, 510, 765, 1020]


def test_policy_none_merges_nothing() -> None:
    assert merge_costs("none", EIGHT) == ()


@pytest.mark.parametrize(
    ("permutations", "words"),
    [
        (255, "less than a second"),
        (6_000_000, "about a second"),
        (16_581_375, "about 2 seconds"),
        (4_228_250_625, "about 11 minutes"),
        (100_000_000_000, "about 4 hours"),
        (2**60, "about 2,001,600 days"),
    ],
)
def test_a_duration_reads_well(permutations: int, words: str) -> None:
    assert MergeCost(resources=("cpu",), permutations=permutations).duration == words
