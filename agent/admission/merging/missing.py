"""Which NUMA nodes hints by several rules need not have in common: each has to be missing from one of the hints, and each
hint has to keep enough.

That is a packing of nodes into what the rules can spare. It is answered for the nodes that are left out so far, with an
arrangement that is changed only where the next node does not fit it as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.admission.merging.preferred import conditions_of
from agent.admission.merging.rules import is_enough
from agent.admission.model import Enough, HintRule, Mask

Kept = tuple[Mask, ...]
"""For each rule the nodes that its hint still has"""

_ROUNDING = 1e-9


class Missing:
    """What can be left out of hints by these rules."""

    def __init__(self, rules: Sequence[HintRule]) -> None:
        self._least = [rule.least for rule in rules]
        self._conditions = [conditions_of(rule) for rule in rules]
        whole: Kept = tuple(rule.nodes for rule in rules)
        self._arranged: dict[tuple[Mask, ...], Kept | None] = {(): whole}
        self._whole = whole
        self._spare = [[_spare(each, rule.nodes) for each in conditions_of(rule)] for rule in rules]
        self._shares: dict[Mask, float] = {}

    def can_leave_out(self, nodes: tuple[Mask, ...]) -> bool:
        """Whether these nodes can be left out, all but the last of which are known to be."""
        before = self._arranged[nodes[:-1]]
        kept = None if before is None else next(iter(self._without(nodes[-1], before)), None)
        self._arranged[nodes] = kept or self._arrange(nodes)
        return self._arranged[nodes] is not None

    def may_leave_out(self, nodes: tuple[Mask, ...], others: Sequence[int], more: int) -> bool:
        """Whether so many of the others may be left out besides: False only where that is sure to be impossible.

        Each node that is missing from a hint uses up a share of what the rule can spare. The smallest shares of those
        that are to come must not be more than all rules have left together.
        """
        if more <= 0:
            return True
        used = sum(self._share(node) for node in nodes)
        shares = sorted(self._share(1 << node) for node in others)[:more]
        return used + sum(shares) <= len(self._whole) + _ROUNDING

    def _share(self, node: Mask) -> float:
        """The smallest share of one rule's spare that the node takes, over the mean of its conditions."""
        if node not in self._shares:
            shares = [
                _mean([_used(each, node, spare) for each, spare in zip(conditions, spares, strict=True)])
                for conditions, spares in zip(self._conditions, self._spare, strict=True)
            ]
            self._shares[node] = min(shares, default=float("inf"))
        return self._shares[node]

    def _without(self, node: Mask, kept: Kept) -> list[Kept]:
        """The ways in which one more node can be missing; only one where that costs a rule nothing."""
        ways = []
        for place, least in enumerate(self._least):
            rest = kept[place] & ~node
            conditions = self._conditions[place]
            if rest.bit_count() < least or not all(is_enough(each, rest) for each in conditions):
                continue
            way = (*kept[:place], rest, *kept[place + 1 :])
            if least <= 1 and not any(
                where & node and amount for each in conditions for where, amount in each.amounts
            ):
                return [way]
            ways.append(way)
        return ways

    def _arrange(self, nodes: tuple[Mask, ...]) -> Kept | None:
        """Any way for all of these nodes to be missing, the heaviest first."""
        order = sorted(nodes, key=self._share, reverse=True)
        dead: set[tuple[object, ...]] = set()

        def search(start: int, kept: Kept) -> Kept | None:
            if start == len(order):
                return kept
            state = (start, *self._stock(kept))
            if state in dead:
                return None
            for way in self._without(order[start], kept):
                found = search(start + 1, way)
                if found is not None:
                    return found
            dead.add(state)
            return None

        return search(0, self._whole)

    def _stock(self, kept: Kept) -> list[object]:
        """What is left of what the conditions count: arrangements with the same stock can be continued alike."""
        stock: list[object] = []
        for least, conditions, mask in zip(self._least, self._conditions, kept, strict=True):
            stock.append(mask.bit_count() if least > 1 else 0)
            for condition in conditions:
                alone = all(where.bit_count() == 1 for where, _ in condition.amounts)
                stock.append(_amount_on(condition, mask) if alone else mask)
        return stock


def _amount_on(condition: Enough, mask: Mask) -> int:
    return sum(amount for where, amount in condition.amounts if where & mask)


def _spare(condition: Enough, nodes: Mask) -> int:
    return _amount_on(condition, nodes) - condition.need


def _used(condition: Enough, node: Mask, spare: int) -> float:
    """The share of the spare that goes when only this node is missing."""
    lost = sum(amount for where, amount in condition.amounts if where == node)
    if lost == 0:
        return 0.0
    return lost / spare if spare > 0 else float("inf")


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0
