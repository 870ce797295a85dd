"""What would become of pods that come one after the other, in the order of the manifest.

They come faster than any of them starts a container: a next pod finds all of the ones before it as they were admitted,
with what their init containers hold. A refused pod is gone again when the next one comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from agent.admission.admit import NodeUnderRules, admit, remove
from agent.admission.model import Decision, Outcome
from agent.admission.whole_node.requirements import is_extended
from agent.admission.whole_node.wishes import Wishes
from agent.headroom.free import free_by_node, with_settled_books
from agent.prediction.model import Fate, Prediction
from agent.refusals.wants import asking_nothing_of, requested_resources
from agent.workloads.model import Workload
from collectors.model.pod import Pod


def predict(node: NodeUnderRules, workloads: Iterable[Workload]) -> Prediction:
    """The fate of every pod of the workloads on that node."""
    fates: list[Fate] = []
    for workload in workloads:
        for fate, after in _fates(node, workload):
            fates.append(fate)
            node = after
    return Prediction(fates=tuple(fates))


def _fates(node: NodeUnderRules, workload: Workload) -> Iterator[tuple[Fate, NodeUnderRules]]:
    """Each pod's fate and the node after it. All pods of a workload are alike: once one is refused, so are the others."""
    refused: Decision | None = None
    for pod in workload.pods():
        if refused is not None:
            yield Fate(pod=pod, decision=refused), node
            continue
        decision, books = admit(node, pod, workload.wishes)
        if decision.outcome is Outcome.ADMITTED:
            node = node.with_books(books)
            yield Fate(pod=pod, decision=decision), node
            continue
        before = with_settled_books(node)
        refused = decision = _with_chance(before, pod, workload.wishes, decision)
        node = node.with_books(remove(books, pod.uid))
        fate = Fate(
            pod=pod,
            decision=decision,
            free=free_by_node(before),
            lacks=tuple(_lacks(before, pod, workload.wishes, decision)),
        )
        yield fate, node


def _with_chance(node: NodeUnderRules, pod: Pod, wishes: Wishes, decision: Decision) -> Decision:
    """The decision with all that the kubelet could as well say: it takes a container's devices resource by resource, in an
    order that is chance, and names the first of which it has not enough."""
    stopped_at = next((each for each in pod.containers if each.name == decision.failed_container), None)
    if stopped_at is None:
        return decision
    also = dict.fromkeys(decision.also)
    devices = [name for name, _ in stopped_at.limits if is_extended(name)]
    for resource in devices:
        alone = pod
        for other in devices:
            if other != resource:
                alone = asking_nothing_of(alone, other, container=stopped_at.name)
        found, _ = admit(node, alone, wishes)
        if (
            found.failed_container == stopped_at.name
            and found.reason is not None
            and found.message is not None
        ):
            also[found.reason, found.message] = None
    others = (pair for pair in also if pair != (decision.reason, decision.message))
    return replace(decision, also=tuple(others))


def _lacks(node: NodeUnderRules, pod: Pod, wishes: Wishes, decision: Decision) -> Iterator[str]:
    """Resources without any of which the kubelet would get further than it did."""
    for resource in sorted(requested_resources(pod)):
        without = asking_nothing_of(pod, resource, container=decision.failed_container)
        other, _ = admit(node, without, wishes)
        if other.outcome is Outcome.ADMITTED or other.failed_container != decision.failed_container:
            yield resource
