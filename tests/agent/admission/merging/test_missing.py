"""Which nodes need not be in common: each is missing from one hint, and every hint keeps enough."""

from __future__ import annotations

from agent.admission.merging.missing import Missing
from agent.admission.model import Enough, HintRule


def rule(*amounts: tuple[int, int], spare: int, least: int = 1) -> HintRule:
    """A rule over four nodes that can spare so much of the amounts, given as (nodes, amount)."""
    need = sum(amount for _, amount in amounts) - spare
    return HintRule(nodes=0b1111, least=least, enough=(Enough(amounts=amounts, need=need),), preferred_size=1)


def leave_out(missing: Missing, *nodes: int) -> list[bool]:
    """Whether each can be left out after those before it."""
    return [missing.can_leave_out(tuple(nodes[: end + 1])) for end in range(len(nodes))]


def test_a_node_that_does_not_fit_makes_those_before_it_move() -> None:
    one = rule((0b01, 1), (0b10, 2), spare=2)
    other = rule((0b01, 1), (0b10, 2), spare=1)
    assert leave_out(Missing([one, other]), 0b01, 0b10) == [True, True]


def test_where_no_arrangement_is_left_nothing_more_goes() -> None:
    tight = rule((0b01, 1), (0b10, 1), (0b100, 1), spare=1)
    assert leave_out(Missing([tight, tight]), 0b01, 0b10, 0b100) == [True, True, False]
    assert leave_out(Missing([tight, tight]), 0b01, 0b10, 0b100, 0b1000)[-1] is False


def test_a_node_that_a_rule_does_not_count_costs_nothing() -> None:
    assert leave_out(Missing([rule((0b1, 1), (0b10, 1), spare=0)]), 0b1000, 0b100, 0b10) == [
        True,
        True,
        False,
    ]


def test_what_lies_on_two_nodes_is_lost_with_the_second() -> None:
    bridge = rule((0b11, 1), (0b100, 1), spare=0)
    assert leave_out(Missing([bridge]), 0b01, 0b10) == [True, False]


def test_a_hint_keeps_as_many_nodes_as_it_has_at_least() -> None:
    pair = rule(spare=0, least=3)
    assert leave_out(Missing([pair, pair]), 0b1, 0b10, 0b100) == [True, True, False]


def test_without_a_rule_nothing_can_be_left_out() -> None:
    assert leave_out(Missing([]), 0b1) == [False]
    assert Missing([]).may_leave_out((), (0, 1), 0)
    assert not Missing([]).may_leave_out((), (0, 1), 1)


def test_shares_of_what_can_be_spared_bound_how_many_may_go() -> None:
    missing = Missing([rule((0b1, 2), (0b10, 3), (0b100, 4), (0b1000, 9), spare=6)])
    assert missing.may_leave_out((), (0, 1, 2, 3), 2)
    assert not missing.may_leave_out((), (0, 1, 2, 3), 3)
    assert not missing.may_leave_out((0b100,), (1, 3), 1)
