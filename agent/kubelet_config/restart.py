"""Which pods that run now a kubelet refuses when it starts again with another configuration.

A kubelet that starts takes up every pod anew, the oldest first, as if it came. What its state files say of a container
stays; but the topology manager asks again whether that is aligned, by the policy of now. So pods that lie on several NUMA
nodes end when the policy becomes stricter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from agent.admission.admit import NodeUnderRules, admit
from agent.admission.books import books_of
from agent.admission.model import Outcome
from agent.kubelet_config.model import Loss, Start
from collectors.model import Snapshot


def refused_at_restart(start: Start, snapshot: Snapshot) -> Iterator[Loss]:
    """The pods, oldest first.

    Args:
        start: the kubelet to come, which starts.
        snapshot: the node as it is, with its pods; without them nothing is said.
    """
    picture = snapshot.kubelet
    if picture is None or picture.pods.facts is None:
        return
    node = NodeUnderRules.at(start.hardware.machine, start.settings)
    known = books_of(snapshot, node.managers).books
    books = replace(known, pods=(), starting=True)
    for pod in known.pods:
        if not pod.containers:  # known by its uid alone: what it asks for is not
            continue
        decision, books = admit(node.with_books(books), pod)
        name = f"{pod.namespace}/{pod.name}"
        if decision.outcome is Outcome.REFUSED:
            reason = f"{decision.reason}: {decision.message}"
            yield Loss(pod=name, what=f"everything: it is refused at the start and killed ({reason})")
        elif decision.outcome is not Outcome.ADMITTED:
            yield Loss(pod=name, what=f"the kubelet does not survive it ({decision.message or 'it panics'})")
            return
