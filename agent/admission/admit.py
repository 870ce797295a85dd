"""Whether the kubelet admits a pod, and what the pod gets: the whole of it, in the kubelet's order.

First the topology manager: it merges the managers' hints, for each container or for the pod as a whole, and has the
managers allocate by what came out. Only then the node is looked at as a whole: resources, affinity, ports, taints. So a
pod that asks for more CPUs than there are says TopologyAffinityError and not OutOfcpu, and a pod that the node refuses has
taken CPUs, memory and devices already, which stay taken until the next pod comes.

What can keep a pod out beside this (pressure on the node, sysctls, AppArmor, a shutdown) has nothing to do with topology
and is left out. So is the eviction of others for a critical pod: that pod counts as admitted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from agent.admission.managers import AllocationFailedError, Living, Managers
from agent.admission.merging.merge import merge
from agent.admission.model import (
    Books,
    ContainerDecision,
    Decision,
    Hint,
    Hints,
    Machine,
    NeverAnswersError,
    Outcome,
    PanicError,
    Settings,
)
from agent.admission.versions import POD_LEVEL_RESOURCE_MANAGERS
from agent.admission.whole_node.predicates import Candidate, refusals
from agent.admission.whole_node.requirements import has_pod_level_resources
from agent.admission.whole_node.wishes import NodeObject, Wishes
from collectors.model.pod import Pod, PodContainer

TOPOLOGY_AFFINITY = "TopologyAffinityError"

_NO_LOCALITY = "Resources cannot be allocated with Topology locality"
_NO_LOCALITY_IN_POD_SCOPE = (
    "Pod Scope pod with pod-level resources failed admission under pod-scope topology manager"
)
_NO_LOCALITY_IN_CONTAINER_SCOPE = (
    "Pod Scope pod with pod-level resources failed admission with a container-level topology manager"
)

_NO_AFFINITY = Hint(None, False)
"""What the managers are told where the topology manager has nothing to say"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeUnderRules:
    """A machine with its kubelet: all that decides about a pod. `at` makes one."""

    machine: Machine
    settings: Settings
    managers: Managers
    node: NodeObject
    books: Books

    @classmethod
    def at(
        cls,
        machine: Machine,
        settings: Settings,
        *,
        books: Books | None = None,
        node: NodeObject | None = None,
    ) -> Self:
        """A machine under settings. Without books nobody has been given anything yet; without a node object nobody is
        refused for the node as a whole."""
        managers = Managers.made_for(machine, settings)
        return cls(
            machine=machine,
            settings=settings,
            managers=managers,
            node=node or NodeObject(),
            books=managers.untouched_books() if books is None else books,
        )

    def with_books(self, books: Books) -> Self:
        """The same with other books."""
        return replace(self, books=books)


class _RefusedError(Exception):
    """The topology manager does not admit the pod."""

    def __init__(self, decision: Decision, books: Books) -> None:
        super().__init__(decision.message)
        self.decision = decision
        self.books = books


def admit(node: NodeUnderRules, pod: Pod, wishes: Wishes | None = None) -> tuple[Decision, Books]:
    """The kubelet's answer to a pod, and what its books say then.

    Args:
        node: the machine with its kubelet before the pod came.
        pod: the pod as the API server has it: with requests where only limits were written.
        wishes: what it asks of the node beyond resources; None: nothing.
    """
    wishes = wishes or Wishes()
    try:
        books = _align(node, pod)
    except _RefusedError as refused:
        return replace(refused.decision, containers=_given(refused.books, pod)), refused.books
    given = _given(books, pod)
    others = [
        Candidate(pod=each, wishes=books.wishes.get(each.uid, Wishes()))
        for each in books.pods
        if each.uid != pod.uid
    ]
    found = refusals(
        Candidate(pod=pod, wishes=wishes),
        others,
        node=node.node,
        settings=node.settings,
        taken_devices=_taken_devices(books, pod),
    )
    if found:
        first = found[0]
        also = tuple((each.reason, each.message) for each in found[1:] if first.by_chance and each.by_chance)
        decision = Decision(
            outcome=Outcome.REFUSED, reason=first.reason, message=first.message, containers=given, also=also
        )
        return decision, books
    pods = (*(each for each in books.pods if each.uid != pod.uid), pod)
    books = replace(books, pods=pods, wishes={**books.wishes, pod.uid: wishes})
    return Decision(outcome=Outcome.ADMITTED, containers=given), books


def remove(books: Books, uid: str) -> Books:
    """The books when a pod has ended or is gone. What it holds stays taken until the managers find out (`settled`)."""
    return replace(
        books,
        pods=tuple(pod for pod in books.pods if pod.uid != uid),
        wishes={each: wishes for each, wishes in books.wishes.items() if each != uid},
        affinities={holder: hint for holder, hint in books.affinities.items() if holder[0] != uid},
    )


def settled(node: NodeUnderRules) -> Books:
    """The books once all managers have found out who is gone, as they do when the next pod comes."""
    return node.managers.forget(node.books, _living(node.books))


def restarted(books: Books) -> Books:
    """The books of a kubelet that comes up over its own files, before any pod is admitted anew.

    It remembers what stands in the files and nothing else. Its pods come to it one by one, as new ones do; until it has
    heard of all (`starting`) it gives nothing back.
    """
    return replace(
        books,
        pods=(),
        wishes={},
        affinities={},
        reusable_cpus={},
        reusable_memory={},
        reusable_devices={},
        device_holders=books.written_devices,
        stray_devices=(),
        starting=True,
    )


def start(node: NodeUnderRules, pod: Pod, container: PodContainer) -> Books:
    """The books when a container of an admitted pod starts: memory of the init containers before it goes back; with
    pod-level resource managers in pod scope it gets its devices only now.

    Raises AllocationError where it gets no devices: it then does not start, and the kubelet tries again.
    """
    hint = node.books.affinities.get((pod.uid, container.name), _NO_AFFINITY)
    return node.managers.start(node.books, pod, container, hint, _living(node.books, pod.uid))


def _living(books: Books, *more: str) -> Living:
    return frozenset((*(pod.uid for pod in books.pods), *more))


def _align(node: NodeUnderRules, pod: Pod) -> Books:
    """The topology manager's part. Raises _RefusedError."""
    books = node.books
    living = _living(books, pod.uid)
    if node.settings.topology_policy == "none":
        return _allocate_each(node, pod, books, living, _NO_AFFINITY)
    # The kubelet keeps hints of the dead; nobody asks for them.
    known = {holder: hint for holder, hint in books.affinities.items() if holder[0] in living}
    books = replace(books, affinities=known)
    if node.settings.topology_scope == "pod":
        return _align_pod(node, pod, books, living)
    for container in pod.containers:
        try:
            hints, books = node.managers.container_hints(books, pod, container, living)
        except AllocationFailedError as failed:
            raise _failure(failed, container.name) from failed
        message = _NO_LOCALITY_IN_CONTAINER_SCOPE if _is_managed_as_whole(node, pod) else _NO_LOCALITY
        hint = _merged(node, hints, books, message=message, container=container)
        books = _noted(books, pod, (container,), hint)
        books = _allocate(node, pod, container, books, living, hint)
    return books


def _align_pod(node: NodeUnderRules, pod: Pod, books: Books, living: Living) -> Books:
    try:
        hints, books = node.managers.pod_hints(books, pod, living)
    except AllocationFailedError as failed:
        raise _failure(failed, None) from failed
    whole = _is_managed_as_whole(node, pod)
    hint = _merged(node, hints, books, message=_NO_LOCALITY_IN_POD_SCOPE if whole else _NO_LOCALITY)
    books = _noted(books, pod, pod.containers, hint)
    if not whole:
        return _allocate_each(node, pod, books, living, hint)
    try:
        return node.managers.allocate_pod(books, pod, hint, living)
    except AllocationFailedError as failed:
        raise _failure(failed, None) from failed


def _is_managed_as_whole(node: NodeUnderRules, pod: Pod) -> bool:
    return POD_LEVEL_RESOURCE_MANAGERS in node.settings.gates and has_pod_level_resources(pod)


def _merged(
    node: NodeUnderRules,
    hints: list[Hints],
    books: Books,
    *,
    message: str,
    container: PodContainer | None = None,
) -> Hint:
    result = merge(hints, machine=node.machine, settings=node.settings)
    name = None if container is None else container.name
    if result.panic:
        raise _RefusedError(Decision(outcome=Outcome.PANIC, failed_container=name), books)
    if not result.admitted:
        decision = Decision(
            outcome=Outcome.REFUSED, reason=TOPOLOGY_AFFINITY, message=message, failed_container=name
        )
        raise _RefusedError(decision, books)
    return result.hint


def _noted(books: Books, pod: Pod, containers: Iterable[PodContainer], hint: Hint) -> Books:
    return replace(
        books,
        affinities={**books.affinities, **{(pod.uid, container.name): hint for container in containers}},
    )


def _allocate_each(node: NodeUnderRules, pod: Pod, books: Books, living: Living, hint: Hint) -> Books:
    for container in pod.containers:
        books = _allocate(node, pod, container, books, living, hint)
    return books


def _allocate(
    node: NodeUnderRules, pod: Pod, container: PodContainer, books: Books, living: Living, hint: Hint
) -> Books:
    try:
        return node.managers.allocate(books, pod, container, hint, living)
    except AllocationFailedError as failed:
        raise _failure(failed, container.name) from failed


def _failure(failed: AllocationFailedError, container: str | None) -> _RefusedError:
    outcomes = {NeverAnswersError: Outcome.HANG, PanicError: Outcome.PANIC}
    decision = Decision(
        outcome=outcomes.get(type(failed.cause), Outcome.REFUSED),
        reason=failed.cause.reason,
        message=str(failed.cause),
        failed_container=container,
    )
    return _RefusedError(decision, failed.books)


def _given(books: Books, pod: Pod) -> tuple[ContainerDecision, ...]:
    """What the pod's containers have been given, as far as the kubelet came."""
    decisions = (
        ContainerDecision(
            name=container.name,
            hint=books.affinities.get((pod.uid, container.name)),
            cpus=books.cpus.get((pod.uid, container.name), frozenset()),
            memory=books.memory.get((pod.uid, container.name), ()),
            devices=books.device_holders.get((pod.uid, container.name), ()),
        )
        for container in pod.containers
    )
    return tuple(each for each in decisions if each != ContainerDecision(name=each.name))


def _taken_devices(books: Books, pod: Pod) -> Counter[str] | None:
    """How many devices are taken of each resource; None where the pod has none, for then the kubelet does not look."""
    if not any(uid == pod.uid for uid, _ in books.device_holders):
        return None
    taken = {device for devices in books.device_holders.values() for device in devices}
    return Counter(device.resource for device in (*taken, *books.stray_devices))
