"""Counters of refused pods by reason, cause, namespace and owner: a bounded number of them.

A workload beyond the bound is counted with all others of its kind. A counter nobody added to for an hour, and of whose
workload no refused pod lies around, gives way to a new one, so that jobs of long ago do not fill the table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from agent.refusals.classify import verdict_of
from collectors.model.pod import Pod
from collectors.model.refusals import RefusalCount, RefusalCounts

SERIES = 256
"""Each is a line or two of every scrape; a node has hardly ever more than a handful of workloads that it refuses."""

GIVES_WAY_SECONDS = 3600.0

Key = tuple[str, str, str, str | None, str | None]
"""(reason, cause, namespace, owner kind, owner name)"""


def key_of(pod: Pod) -> Key:
    """Under what a refused pod is counted."""
    owner = pod.owner
    return (
        pod.reason or "",
        verdict_of(pod).cause.value,
        pod.namespace,
        None if owner is None else owner.kind,
        None if owner is None else owner.name,
    )


class Tally:
    """Counts refusals. Whoever calls `count` sees to it that no pod comes twice."""

    def __init__(self, *, series: int = SERIES) -> None:
        self._series = series
        self._counts: dict[Key, int] = {}
        self._counted_at: dict[Key, float] = {}
        self._refused = 0
        self._others = 0
        self._counts_of: tuple[tuple[Pod, ...] | None, int, RefusalCounts] | None = None

    def count(self, pod: Pod, *, now: float, present: Iterable[Pod] = ()) -> None:
        """One more refused pod, at that monotonic time; `present` is looked at only where the table is full."""
        self._refused += 1
        key = key_of(pod)
        if key not in self._counts and len(self._counts) >= self._series:
            self._make_room(now, present)
            if len(self._counts) >= self._series:
                self._others += 1
                return
        self._counts[key] = self._counts.get(key, 0) + 1
        self._counted_at[key] = now

    def counts(self, pods: tuple[Pod, ...] | None) -> RefusalCounts:
        """What has been counted, and what lies around among these pods; None where they are not known."""
        known = self._counts_of
        if known is None or known[0] is not pods or known[1] != self._refused:
            known = self._counts_of = (pods, self._refused, self._added_up(pods))
        return known[2]

    def _added_up(self, pods: tuple[Pod, ...] | None) -> RefusalCounts:
        present = None if pods is None else Counter(key_of(pod) for pod in pods if pod.refused)
        shown = self._counts.keys() | self._shown(present or Counter())
        return RefusalCounts(
            refused=self._refused,
            present=None if present is None else present.total(),
            by_workload=tuple(
                RefusalCount(
                    reason=key[0],
                    cause=key[1],
                    namespace=key[2],
                    owner_kind=key[3],
                    owner_name=key[4],
                    refused=self._counts.get(key, 0),
                    present=None if present is None else present[key],
                )
                for key in sorted(shown, key=lambda key: tuple(part or "" for part in key))
            ),
            refused_others=self._others,
            present_others=None
            if present is None
            else sum(number for key, number in present.items() if key not in shown),
        )

    def _shown(self, present: Counter[Key]) -> list[Key]:
        """Workloads that were never counted but of which refused pods lie around: the most of them first, as far as
        there is room."""
        room = self._series - len(self._counts)
        uncounted = [(key, number) for key, number in present.items() if key not in self._counts]
        uncounted.sort(key=lambda each: (-each[1], tuple(part or "" for part in each[0])))
        return [key for key, _ in uncounted[: max(room, 0)]]

    def _make_room(self, now: float, present: Iterable[Pod]) -> None:
        """Drops the counter that rested longest, if it has rested long and nothing of it lies around."""
        oldest = min(self._counted_at, key=self._counted_at.__getitem__)
        if now - self._counted_at[oldest] < GIVES_WAY_SECONDS:
            return
        lying = {key_of(pod) for pod in present if pod.refused}
        for key in sorted(self._counted_at, key=self._counted_at.__getitem__):
            if now - self._counted_at[key] < GIVES_WAY_SECONDS:
                return
            if key not in lying:
                del self._counts[key], self._counted_at[key]
                return
