"""The kubelet's rules on a node as it was, for explanations. Pure.

What is not known of the node (its labels and taints, what a plugin prefers) keeps no pod out here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from agent.admission.admit import NodeUnderRules, admit
from agent.admission.books import books_of
from agent.admission.machine import machine_of
from agent.admission.merging.rules import nodes_of
from agent.admission.model import Decision, Outcome
from agent.admission.settings import settings_of
from agent.admission.whole_node.node_object import derive_node_object
from agent.refusals.state import without
from collectors.model import Snapshot
from collectors.model.pod import Pod


@dataclass(frozen=True, slots=True)
class RulesAnswer:
    """A decision, as far as an explanation asks."""

    decision: Decision

    @property
    def admitted(self) -> bool:
        """Whether the kubelet would take the pod."""
        return self.decision.outcome is Outcome.ADMITTED

    @property
    def reason(self) -> str | None:
        """status.reason of a refused pod."""
        return self.decision.reason

    @property
    def container(self) -> str | None:
        """At which the kubelet would stop."""
        return self.decision.failed_container

    @property
    def nodes(self) -> Mapping[str, tuple[int, ...]]:
        """The NUMA nodes of the merged hint of each container that got something, by name."""
        return {
            each.name: tuple(nodes_of(each.hint.nodes))
            for each in self.decision.containers
            if each.hint is not None and each.hint.nodes is not None
        }


@dataclass(frozen=True, slots=True)
class RulesReplay:
    """The rules on one node."""

    snapshot: Snapshot
    node: NodeUnderRules

    def decide(self, pod: Pod) -> RulesAnswer:
        """What the kubelet would do with that pod."""
        return RulesAnswer(admit(self.node, pod)[0])

    def without(self, holder: str) -> Self | None:
        """The same node with `namespace/pod` gone; None where that pod is not known."""
        picture = self.snapshot.kubelet
        pods = (picture.pods.facts if picture is not None else None) or ()
        gone = next((pod for pod in pods if f"{pod.namespace}/{pod.name}" == holder and not pod.ended), None)
        return None if gone is None else self._at(without(self.snapshot, gone))

    def under(self, policy: str) -> Self:
        """The same node under another topology policy."""
        node = NodeUnderRules.at(
            self.node.machine,
            replace(self.node.settings, topology_policy=policy),
            books=self.node.books,
            node=self.node.node,
        )
        return type(self)(self.snapshot, node)

    def _at(self, snapshot: Snapshot) -> Self | None:
        node = _node_of(snapshot)
        return None if node is None else type(self)(snapshot, node)


def replay_of(snapshot: Snapshot) -> RulesReplay | None:
    """The rules on that node; None where too little is known of it."""
    node = _node_of(snapshot)
    return None if node is None else RulesReplay(snapshot, node)


def _node_of(snapshot: Snapshot) -> NodeUnderRules | None:
    machine, picture = machine_of(snapshot), snapshot.kubelet
    config = None if picture is None else picture.config.facts
    if config is None or config.topology_manager_policy is None:
        return None
    # Where neither NUMA nodes nor sockets are known the kubelet's own table has a node -1, which no set can name.
    if machine is None or not machine.cpus or min(machine.numa_nodes) < 0:
        return None
    node = NodeUnderRules.at(machine, settings_of(config))
    known = books_of(snapshot, node.managers)
    if known.unknown or snapshot.numa.facts is None:
        return None
    whole = derive_node_object(machine, snapshot.numa.facts, config, known.books)
    return replace(node, node=whole, books=known.books)
