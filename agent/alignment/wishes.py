"""What annotations ask for, against what the pod has.

People write `kubernetes.io/topology-policy: single-numa-node` or `cpu-set.kubernetes.io/numa-node: "1"` on a pod. No
kubelet reads either: what a pod gets is up to the node's own policy. So a wish may come true, but never by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.alignment.model import Fit, Wish
from collectors.model.pod import NUMA_NODE_WISH, Pod
from collectors.parse import IdSet, ParseError, format_id_list, parse_id_list

_FEWEST = ("best-effort", "restricted")
_NOWHERE = "where it is is not known"


def derive_wishes(pod: Pod | None, fit: Fit, runs_on: IdSet | None) -> tuple[Wish, ...]:
    """Every wish of a pod.

    Args:
        pod: None where its spec is not known; then no wish is.
        fit: of what it holds for itself alone.
        runs_on: the NUMA nodes of all CPUs that its containers may run on; None where some of them are not known.
    """
    if pod is None:
        return ()
    place = _Place(nodes=fit.nodes | (runs_on or frozenset()), whole=runs_on is not None)
    return tuple(_wish(annotation, value, place) for annotation, value in pod.annotations)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a pod is."""

    nodes: IdSet
    whole: bool
    """Whether it is nowhere else for certain"""

    @property
    def words(self) -> str:
        if not self.nodes:
            return _NOWHERE
        also = "" if self.whole else ", and perhaps elsewhere"
        return (
            f"it is on NUMA {'node' if len(self.nodes) == 1 else 'nodes'} {format_id_list(self.nodes)}{also}"
        )


def _wish(annotation: str, value: str, place: _Place) -> Wish:
    judge = _numa_node if annotation == NUMA_NODE_WISH else _policy
    fulfilled, why = judge(value, place)
    return Wish(annotation=annotation, value=value, fulfilled=fulfilled, why=why)


def _policy(value: str, place: _Place) -> tuple[bool | None, str]:
    if value == "none":
        return True, "it asks for nothing"
    if value != "single-numa-node" and value not in _FEWEST:
        return None, "that is no topology policy"
    if len(place.nodes) > 1:
        if value in _FEWEST:
            return None, f"{place.words}; whether fewer would have done is not known"
        return False, place.words
    return True if place.nodes and place.whole else None, place.words


def _numa_node(value: str, place: _Place) -> tuple[bool | None, str]:
    try:
        wanted = parse_id_list(value)
    except ParseError:
        wanted = frozenset()
    if not wanted:
        return None, "that is no NUMA node"
    if not place.nodes <= wanted:
        return False, place.words
    return True if place.nodes and place.whole else None, place.words
