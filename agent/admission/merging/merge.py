"""The topology manager's policies: the hints of all resources merged into one, and whether that will do.

The kubelet goes through every combination of one hint of each resource: it takes the nodes that all have in common,
calls the result preferred where all are and all name the same nodes, and keeps the fittest (`fitness.py`). That
multiplies: four resources on 8 nodes are four thousand million combinations. Only the set of results matters here,
because the fittest of them does not depend on the order. So instead of combinations we look for

- the fittest set of nodes that is a preferred hint of every resource; else
- the fittest set that some combination has in common.

With few nodes the sets are counted (`few_nodes.py`), with many the rules are searched (`many_nodes.py`). Both give
what the kubelet's walk gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.admission.merging import few_nodes, many_nodes
from agent.admission.merging.fitness import Fitness
from agent.admission.merging.rules import holds, listed, mask_of, prefers
from agent.admission.model import Hint, HintRule, Hints, Machine, Settings

LISTED_NODES = 8
"""On machines with more nodes than this rules are not written out. Writing out costs 2^n, whatever nodes a rule is about;
searching costs by what is asked"""

_ANYWHERE = (Hint(None, True),)
_NOWHERE = (Hint(None, False),)

Resource = HintRule | tuple[Hint, ...]
"""One resource's hints; never empty but under single-numa-node"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What the topology manager made of the hints."""

    hint: Hint
    admitted: bool
    panic: bool = False
    """The kubelet would have ended instead of answering"""


def merge(
    providers: Sequence[Hints], *, machine: Machine, settings: Settings, listed_nodes: int = LISTED_NODES
) -> Merged:
    """The merged hint of one container or pod, from the hints of all providers in the kubelet's order of them.

    Under policy none there is nothing to merge: admitted, from anywhere, not preferred.
    """
    policy = settings.topology_policy
    if policy == "none":
        return Merged(hint=Hint(None, False), admitted=True)
    resources = [each for hints in providers for each in _resources(hints)]
    nodes = mask_of(machine.numa_nodes)
    if policy == "single-numa-node":
        hint = _single(resources, nodes)
        return Merged(hint=hint, admitted=hint.preferred)
    fitness = Fitness(nodes=nodes, rows=_rows(machine, settings))
    if nodes.bit_count() <= listed_nodes:
        hint, panic = few_nodes.fittest([_written_out(each) for each in resources], fitness)
    else:
        hint, panic = many_nodes.fittest(resources, fitness)
    return Merged(hint=hint, admitted=policy != "restricted" or hint.preferred, panic=panic)


def _resources(hints: Hints) -> Iterable[Resource]:
    """A provider without wishes is content with anything; a resource that fits nowhere spoils every preference, but
    does not by itself keep the others from being merged."""
    if not hints:
        yield _ANYWHERE
    for each in hints.values():
        if each is None:
            yield _ANYWHERE
        elif _is_empty(each):
            yield _NOWHERE
        else:
            yield each


def _is_empty(hints: Resource) -> bool:
    """A rule's conditions only get easier with more nodes: where all of them do not meet it, no set does."""
    return not hints if isinstance(hints, tuple) else not (hints.others or holds(hints, hints.nodes))


def _written_out(hints: Resource) -> tuple[Hint, ...]:
    return hints if isinstance(hints, tuple) else listed(hints)


def _rows(machine: Machine, settings: Settings) -> dict[int, tuple[int, ...]] | None:
    if not (settings.prefer_closest_numa_nodes and machine.distances):
        return None
    return dict(zip(machine.numa_nodes, machine.distances, strict=True))


def _single(resources: Sequence[Resource], nodes: int) -> Hint:
    """Single-numa-node looks at preferred hints of one node only: the lowest node that all resources have.

    A hint that names every node of the machine is turned into "from anywhere": so is the only node's.
    """
    common, named, content = nodes, 0, True
    for each in resources:
        singles = _single_nodes(each, nodes)
        named |= singles
        if not (isinstance(each, tuple) and Hint(None, True) in each):
            content = False
            common &= singles
    lowest = common & named & -(common & named)
    if lowest and lowest != nodes:
        return Hint(lowest, True)
    return Hint(None, content or lowest == nodes)


def _single_nodes(hints: Resource, nodes: int) -> int:
    """The nodes of which one alone is a preferred hint."""
    if isinstance(hints, tuple):
        masks = (each.nodes for each in hints if each.preferred and each.nodes is not None)
        return mask_of(mask.bit_length() - 1 for mask in masks if mask.bit_count() == 1) & nodes
    ones = [1 << node for node in range(nodes.bit_length())]
    return sum(one for one in ones if prefers(hints, one) and holds(hints, one)) & nodes
