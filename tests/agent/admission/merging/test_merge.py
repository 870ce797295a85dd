"""The merge of hints, against the kubelet's own walk over all combinations and against worked cases."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agent.admission.merging.merge import merge
from agent.admission.merging.rules import mask_of
from agent.admission.model import Enough, Hint, HintRule, Hints, Machine, Settings
from tests.agent.admission.walking import EndedError, combinations, walk

POLICIES = ["best-effort", "restricted", "single-numa-node"]


def machine(*nodes: int, far: int = 20) -> Machine:
    """So many NUMA nodes, all equally far from each other."""
    rows = tuple(tuple(10 if one == other else far for other in nodes) for one in nodes)
    return Machine(cpus=(), numa_nodes=nodes, distances=rows)


def hint(*nodes: int, preferred: bool = True) -> Hint:
    return Hint(mask_of(nodes), preferred)


def rule(amounts: dict[int, int], need: int, *, size: int = 1) -> HintRule:
    enough = Enough(amounts=tuple((1 << node, amount) for node, amount in amounts.items()), need=need)
    return HintRule(nodes=mask_of(amounts), enough=(enough,), preferred_size=size)


def merged(hints: list[Hints], nodes: Machine, policy: str, *, closest: bool = False) -> tuple[Hint, bool]:
    options = Settings(topology_policy=policy, prefer_closest_numa_nodes=closest)
    result = merge(hints, machine=nodes, settings=options)
    return result.hint, result.admitted


# --- worked cases ----------------------------------------------------------------------------------------------------


def test_policy_none_admits_from_anywhere() -> None:
    assert merged([{"cpu": ()}], machine(0, 1), "none") == (Hint(None, False), True)


@pytest.mark.parametrize("policy", POLICIES)
def test_nobody_s_wish_is_preferred_by_all(policy: str) -> None:
    hint, admitted = merged([{}, {"cpu": None}], machine(0, 1), policy)
    assert admitted
    assert hint == Hint(None if policy == "single-numa-node" else 0b11, True)


@pytest.mark.parametrize("policy", POLICIES)
def test_the_lowest_common_preferred_node_is_taken(policy: str) -> None:
    hints: list[Hints] = [
        {"gpu": (hint(1), hint(0))},
        {"cpu": (hint(0), hint(1), hint(0, 1, preferred=False))},
    ]
    assert merged(hints, machine(0, 1), policy) == (hint(0), True)


def test_on_a_machine_of_one_node_single_numa_node_says_from_anywhere() -> None:
    assert merged([{"cpu": (hint(0),)}], machine(0), "single-numa-node") == (Hint(None, True), True)


def test_a_resource_that_fits_nowhere_is_refused_but_by_best_effort() -> None:
    hints: list[Hints] = [{"gpu": ()}, {"cpu": (hint(0),)}]
    assert [merged(hints, machine(0, 1), policy)[1] for policy in POLICIES] == [True, False, False]
    assert merged(hints, machine(0, 1), "best-effort")[0] == hint(0, preferred=False)


def test_best_effort_keeps_to_as_many_nodes_as_the_widest_resource_needs() -> None:
    wide = (hint(1, 2), hint(0, 1, 2, preferred=False))
    narrow = (hint(0), hint(0, 1, 2, preferred=False))
    assert merged([{"memory": wide}, {"cpu": narrow}], machine(0, 1, 2), "best-effort")[0] == hint(
        1, 2, preferred=False
    )


def test_closer_nodes_come_before_lower_ones_where_asked() -> None:
    rows = ((10, 40, 20), (40, 10, 30), (20, 30, 10))
    nodes = Machine(cpus=(), numa_nodes=(0, 1, 2), distances=rows)
    hints: list[Hints] = [{"cpu": (hint(0, 1), hint(0, 2), hint(1, 2))}]
    assert merged(hints, nodes, "best-effort")[0] == hint(0, 1)
    assert merged(hints, nodes, "best-effort", closest=True)[0] == hint(0, 2)


def test_the_kubelet_s_end_on_node_ids_with_gaps_is_an_answer() -> None:
    hints: list[Hints] = [{"cpu": (hint(0), hint(2))}]
    sparse = Settings(topology_policy="best-effort", prefer_closest_numa_nodes=True)
    assert merge(hints, machine=machine(0, 2), settings=sparse).panic
    assert not merge([{"cpu": (hint(0),)}], machine=machine(0, 2), settings=sparse).panic


def test_sets_are_looked_up_the_same_way_on_many_nodes_with_gaps() -> None:
    sparse = Settings(topology_policy="best-effort", prefer_closest_numa_nodes=True)
    nodes = machine(*range(0, 40, 2))
    assert merge(
        [{"memory": rule(dict.fromkeys(range(0, 40, 2), 1), 1)}], machine=nodes, settings=sparse
    ).panic


def test_nobody_s_wish_compares_nothing_on_many_nodes_with_gaps_either() -> None:
    sparse = Settings(topology_policy="best-effort", prefer_closest_numa_nodes=True)
    result = merge([{}, {"cpu": None}], machine=machine(*range(0, 40, 2)), settings=sparse)
    assert (result.hint, result.panic) == (hint(*range(0, 40, 2)), False)


# --- against the walk ------------------------------------------------------------------------------------------------


@st.composite
def rules(draw: st.DrawFn, nodes: tuple[int, ...]) -> HintRule:
    """What managers answer: amounts on some nodes, a need, sometimes sets of their own and things to use again."""
    some = draw(st.lists(st.sampled_from(nodes), min_size=1, unique=True))
    masks = st.lists(st.sampled_from(some), min_size=1, max_size=3, unique=True).map(mask_of)
    amount = st.tuples(masks, st.integers(1, 3))
    condition = st.builds(Enough, amounts=st.lists(amount, max_size=5).map(tuple), need=st.integers(0, 7))
    sockets = draw(st.booleans())
    return HintRule(
        nodes=mask_of(some),
        least=draw(st.integers(1, 2)),
        enough=tuple(draw(st.lists(condition, max_size=2))),
        touches=tuple(draw(st.lists(masks, max_size=1))),
        others=tuple(draw(st.lists(masks, max_size=2))),
        preferred_size=draw(st.integers(1, 3)),
        groups=(mask_of(some[::2]), mask_of(some[1::2])) if sockets and len(some) > 1 else (),
        preferred_groups=draw(st.integers(0, 2)) if sockets and len(some) > 1 else None,
    )


@st.composite
def lists(draw: st.DrawFn, nodes: tuple[int, ...]) -> tuple[Hint, ...]:
    """Hints without any rule, "from anywhere" among them, now and then of a node that the machine does not have."""
    masks = st.lists(st.sampled_from((*nodes, 9)), min_size=1, max_size=4, unique=True).map(mask_of)
    return tuple(draw(st.lists(st.builds(Hint, st.none() | masks | masks, st.booleans()), max_size=5)))


@st.composite
def cases(draw: st.DrawFn, *, sparse: bool = False) -> tuple[list[Hints], Machine, Settings]:
    nodes = tuple(draw(st.sampled_from([(0,), (0, 1), (0, 1, 2), (0, 1, 2, 3), (0, 2, 1), (0, 1, 2, 3, 4)])))
    if sparse:
        nodes = draw(st.sampled_from([(0, 2), (0, 2, 3), (1, 2), (0, 5, 1, 2)]))
    rows = draw(
        st.lists(
            st.lists(st.integers(10, 12), min_size=len(nodes), max_size=len(nodes)).map(tuple),
            min_size=len(nodes),
            max_size=len(nodes),
        )
    )
    each = st.none() | rules(nodes) | rules(nodes) | lists(nodes)
    providers = draw(
        st.lists(st.dictionaries(st.sampled_from("abc"), each, max_size=2), min_size=1, max_size=3)
    )
    assume(combinations(providers) < 3_000)
    options = Settings(
        topology_policy=draw(st.sampled_from(POLICIES)), prefer_closest_numa_nodes=draw(st.booleans())
    )
    if draw(st.booleans()):
        # As the memory manager: one rule for memory and for each size of hugepages.
        providers.append(dict.fromkeys(("memory", "hugepages-2Mi"), draw(rules(nodes))))
    return list(providers), Machine(cpus=(), numa_nodes=nodes, distances=tuple(rows)), options


@given(case=cases())
@settings(max_examples=150, deadline=None)
def test_counting_gives_what_the_walk_gives(case: tuple[list[Hints], Machine, Settings]) -> None:
    hints, nodes, options = case
    result = merge(hints, machine=nodes, settings=options)
    assert (result.hint, result.admitted, result.panic) == (*walk(hints, nodes, options), False)


@given(case=cases())
@settings(max_examples=150, deadline=None)
def test_searching_gives_what_the_walk_gives(case: tuple[list[Hints], Machine, Settings]) -> None:
    hints, nodes, options = case
    result = merge(hints, machine=nodes, settings=options, listed_nodes=0)
    assert (result.hint, result.admitted) == walk(hints, nodes, options)


@given(case=cases(sparse=True))
@settings(max_examples=150, deadline=None)
def test_ends_where_the_walk_ends(case: tuple[list[Hints], Machine, Settings]) -> None:
    hints, nodes, options = case
    result = merge(hints, machine=nodes, settings=options)
    try:
        expected = walk(hints, nodes, options)
    except EndedError:
        assert result.panic
    else:
        assert (result.hint, result.admitted, result.panic) == (*expected, False)


@st.composite
def sockets(draw: st.DrawFn) -> tuple[list[Hints], Machine]:
    """CPUs with align-by-socket, and another resource; a node may belong to two sockets."""
    nodes = (0, 1, 2, 3)
    amounts = st.lists(st.integers(0, 3), min_size=4, max_size=4).map(lambda each: dict(enumerate(each)))
    groups = st.lists(
        st.lists(st.sampled_from(nodes), min_size=1, unique=True).map(mask_of), min_size=1, max_size=3
    )
    cpus = replace(
        rule(draw(amounts), draw(st.integers(1, 6)), size=draw(st.integers(1, 2))),
        groups=tuple(draw(groups)),
        preferred_groups=draw(st.integers(1, 2)),
    )
    other = rule(draw(amounts), draw(st.integers(0, 6)), size=draw(st.integers(1, 3)))
    return [{"cpu": cpus}, *([{"gpu": other}] if draw(st.booleans()) else [])], machine(*nodes)


@given(case=sockets(), closest=st.booleans())
@settings(max_examples=150, deadline=None)
def test_searching_by_socket_gives_what_the_walk_gives(
    case: tuple[list[Hints], Machine], closest: bool
) -> None:
    hints, nodes = case
    options = Settings(topology_policy="restricted", prefer_closest_numa_nodes=closest)
    result = merge(hints, machine=nodes, settings=options, listed_nodes=0)
    assert (result.hint, result.admitted) == walk(hints, nodes, options)
