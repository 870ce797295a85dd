"""The CPU manager: who gets whole CPUs for itself, from which nodes they could come, which ones they are.

Policy static gives Guaranteed containers that ask for whole CPUs their own and takes these out of the shared pool, in
which everybody else runs. Policy none gives nobody anything and has no wishes.

CPUs of an ordinary init container go on to the pod's later containers. They stay taken as long as the pod lives, also
where the later ones ask for less; those of sidecars are given to nobody else.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from agent.admission.cpus.assignment import CpuShortageError, EndlessSearchError, take_packed
from agent.admission.cpus.distribution import take_distributed
from agent.admission.cpus.hints import cpu_hints
from agent.admission.cpus.options import CpuOptions
from agent.admission.cpus.requests import EmptySharedPoolError, check_shared_pool, exclusive_cpus, pod_cpus
from agent.admission.cpus.topology import (
    CpuMask,
    derive_topology,
    ids_of_mask,
    mask_of_cpus,
    touching,
)
from agent.admission.model import (
    AllocationError,
    Books,
    Hint,
    HintRule,
    Hints,
    Machine,
    Mask,
    NeverAnswersError,
    Settings,
)
from agent.admission.versions import (
    CPU_PASSES_OVER_WHOLE_PODS,
    CPU_PASSES_OVER_WHOLE_PODS_WITHOUT_GATE,
    POD_LEVEL_RESOURCE_MANAGERS,
    POD_LEVEL_RESOURCES,
)
from agent.admission.whole_node.requirements import has_pod_level_resources
from collectors.model.pod import ContainerRole, Pod, PodContainer
from collectors.parse import IdSet

CPU = "cpu"
_NOTHING_WILL_DO: Hints = {CPU: ()}
_NO_WISH: Hints = {}
_NO_CPUS: IdSet = frozenset()


class NoCpus:
    """CPU manager policy none."""

    def hints(self, books: Books, pod: Pod, container: PodContainer) -> Hints:
        """No wish."""
        return _NO_WISH

    def pod_hints(self, books: Books, pod: Pod) -> Hints:
        """No wish."""
        return _NO_WISH

    def allocate(self, books: Books, pod: Pod, container: PodContainer, hint: Hint) -> Books:
        """Nothing changes."""
        return books

    def allocate_pod(self, books: Books, pod: Pod, hint: Hint) -> Books:
        """Nothing changes."""
        return books

    def forget(self, books: Books, living: frozenset[str]) -> Books:
        """Nothing was held."""
        return books


class StaticCpus:
    """CPU manager policy static.

    Attributes:
        reserved: CPUs that nobody gets for itself: reservedSystemCPUs, or as many as are reserved by amount, taken from
            the whole machine as if a container asked for them.
    """

    def __init__(self, machine: Machine, settings: Settings) -> None:
        self._topology = derive_topology(machine)
        self._options = CpuOptions.of(settings)
        self._strict = settings.strict_cpu_reservation
        self._reserved = self._find_reserved(settings)
        self._kept_from_whole_cores = touching(self._topology.cores, self._reserved)
        self._manages_whole_pods = {POD_LEVEL_RESOURCES, POD_LEVEL_RESOURCE_MANAGERS} <= settings.gates
        self._passes_over_whole_pods = not self._manages_whole_pods and _passes_over_whole_pods(settings)
        self.reserved = ids_of_mask(self._reserved)

    @property
    def untouched_pool(self) -> IdSet:
        """The shared pool of a node on which nobody holds CPUs yet."""
        return ids_of_mask(self._topology.cpus & ~self._reserved if self._strict else self._topology.cpus)

    def hints(self, books: Books, pod: Pod, container: PodContainer) -> Hints:
        """From which nodes the container's CPUs could come. For one that has them already, from which they did: with
        another number than it asks for, nothing will do."""
        wanted = self._wanted(pod, container)
        if not wanted:
            return _NO_WISH
        held = books.cpus.get((pod.uid, container.name))
        if held is None:
            again = books.reusable_cpus.get(pod.uid, _NO_CPUS)
            return {CPU: self._rule(wanted, free=self._available(books), again=mask_of_cpus(again))}
        if len(held) != wanted:
            return _NOTHING_WILL_DO
        return {CPU: self._rule(wanted, free=mask_of_cpus(held))}

    def pod_hints(self, books: Books, pod: Pod) -> Hints:
        """The same for the pod as a whole."""
        managed = self._manages_whole(pod)
        wanted = 0 if self._passed_over(pod) else pod_cpus(pod, pod_level=managed)
        if not wanted:
            return _NO_WISH
        held = _held(books, pod)
        if (managed and not _has_shared_pool(pod)) or any(
            len(held[each.name]) != self._exclusive(pod, each) for each in pod.containers if each.name in held
        ):
            return _NOTHING_WILL_DO
        assigned = mask_of_cpus(_NO_CPUS.union(*held.values()))
        if assigned.bit_count() == wanted:
            return {CPU: self._rule(wanted, free=assigned)}
        again = mask_of_cpus(books.reusable_cpus.get(pod.uid, _NO_CPUS)) | assigned
        return {CPU: self._rule(wanted, free=self._available(books), again=again)}

    def allocate(self, books: Books, pod: Pod, container: PodContainer, hint: Hint) -> Books:
        """Takes the container's CPUs: first on the hint's nodes, then wherever there are some."""
        wanted = self._wanted(pod, container)
        if not wanted:
            return books
        held = books.cpus.get((pod.uid, container.name))
        if held is None or not self._options.keep_half_cores:
            self._check_whole_cores(books, wanted)
        if held is None:
            again = mask_of_cpus(books.reusable_cpus.get(pod.uid, _NO_CPUS))
            held = ids_of_mask(self._take_near(books, wanted, hint, again=again))
            books = dataclasses.replace(
                books,
                shared_cpus=books.shared_cpus - held,
                cpus={**books.cpus, (pod.uid, container.name): held},
            )
        return dataclasses.replace(books, reusable_cpus=_reusable(books, pod, container, held))

    def allocate_pod(self, books: Books, pod: Pod, hint: Hint) -> Books:
        """Takes the pod's CPUs as a whole and divides them among its containers. Those that do not qualify for their own
        share what app containers and sidecars leave; an ordinary init container has all but its sidecars' for itself."""
        wanted = pod_cpus(pod, pod_level=True)
        if not wanted:
            return books
        try:
            check_shared_pool(pod)
        except EmptySharedPoolError as error:
            raise AllocationError("EmptyPodSharedPoolError", str(error)) from error
        self._check_whole_cores(books, wanted)
        whole = self._take_near(books, wanted, hint)
        books = dataclasses.replace(
            books,
            shared_cpus=books.shared_cpus - ids_of_mask(whole),
            pod_cpus={**books.pod_cpus, pod.uid: ids_of_mask(whole)},
        )
        try:
            shares = self._divided(pod, whole)
        except CpuShortageError as error:
            # The pod's CPUs are noted, its containers' are not, and only these are ever given back.
            raise _refusal(error, books=books) from error
        held = {(pod.uid, name): ids_of_mask(cpus) for name, cpus in shares.items()}
        return dataclasses.replace(books, cpus={**books.cpus, **held})

    def forget(self, books: Books, living: frozenset[str]) -> Books:
        """Puts the CPUs of pods that are gone back into the shared pool."""
        gone = {uid for uid, _ in books.cpus} - living
        if not gone:
            return books
        whole = books.pod_cpus if self._manages_whole_pods else {}
        freed = _NO_CPUS.union(
            *(cpus for (uid, _), cpus in books.cpus.items() if uid in gone and uid not in whole),
            *(cpus for uid, cpus in whole.items() if uid in gone),
        )
        return dataclasses.replace(
            books,
            shared_cpus=books.shared_cpus | freed,
            cpus={holder: cpus for holder, cpus in books.cpus.items() if holder[0] not in gone},
            pod_cpus={
                uid: cpus for uid, cpus in books.pod_cpus.items() if uid not in whole or uid not in gone
            },
        )

    def _wanted(self, pod: Pod, container: PodContainer) -> int:
        return 0 if self._passed_over(pod) else self._exclusive(pod, container)

    def _exclusive(self, pod: Pod, container: PodContainer) -> int:
        return exclusive_cpus(pod, container, pod_level=self._manages_whole(pod))

    def _manages_whole(self, pod: Pod) -> bool:
        return self._manages_whole_pods and has_pod_level_resources(pod)

    def _passed_over(self, pod: Pod) -> bool:
        """Whether the pod asks for resources as a whole and these are not managed: it then runs in the shared pool."""
        return self._passes_over_whole_pods and has_pod_level_resources(pod)

    def _available(self, books: Books) -> CpuMask:
        return mask_of_cpus(books.shared_cpus) & ~self._reserved

    def _rule(self, wanted: int, *, free: CpuMask, again: CpuMask = 0) -> HintRule:
        return cpu_hints(
            self._topology, free=free, again=again, wanted=wanted, by_socket=self._options.by_socket
        )

    def _check_whole_cores(self, books: Books, wanted: int) -> None:
        """full-pcpus-only: refuses a request that is no number of whole cores, or that only half-reserved ones could
        fill. CPUs that an init container leaves do not count as free here."""
        if not self._options.whole_cores:
            return
        per_core = self._topology.cpus_per_core
        free = (mask_of_cpus(books.shared_cpus) & ~self._kept_from_whole_cores).bit_count()
        if wanted % per_core == 0 and wanted <= free:
            return
        if wanted % per_core or not (free or self._options.tell_no_free_cores):
            cause = f"requested {wanted} cpus not multiple cpus per core = {per_core}"
        else:
            cause = (
                f"not enough free physical CPUs: available physical CPUs = {free}, "
                f"requested CPUs = {wanted}, CPUs per core = {per_core}"
            )
        raise AllocationError("SMTAlignmentError", f"SMT Alignment Error: {cause}")

    def _take_near(self, books: Books, wanted: int, hint: Hint, *, again: CpuMask = 0) -> CpuMask:
        """As many as there are near the hint's nodes, then the others anywhere: which is why the number in the
        kubelet's "not enough cpus" is what was still missing, not what was asked for."""
        usable = self._available(books) | again
        try:
            taken = 0
            if hint.nodes is not None:
                near = usable & self._near(hint.nodes)
                taken = self._take(near, min(wanted, near.bit_count()))
            return taken | self._take(usable & ~taken, wanted - taken.bit_count())
        except CpuShortageError as error:
            raise _refusal(error) from error

    def _near(self, nodes: Mask) -> CpuMask:
        """The CPUs of these nodes, with align-by-socket those of their sockets."""
        topology = self._topology
        cpus = _union(mask for node, mask in topology.nodes.items() if nodes >> node & 1)
        return touching(topology.sockets, cpus) if self._options.by_socket else cpus

    def _take(self, free: CpuMask, wanted: int) -> CpuMask:
        take = take_distributed if self._options.share_nodes else take_packed
        return take(self._topology, free, wanted, self._options)

    def _find_reserved(self, settings: Settings) -> CpuMask:
        if settings.reserved_cpus:
            return mask_of_cpus(settings.reserved_cpus)
        try:
            return self._take(self._topology.cpus, settings.reserved_cpu_count)
        except CpuShortageError:  # with such a reservation the kubelet does not start
            return self._topology.cpus

    def _divided(self, pod: Pod, whole: CpuMask) -> dict[str, CpuMask]:
        shares: dict[str, CpuMask] = {}
        pool = whole
        for container in pod.containers:
            wanted = self._exclusive(pod, container)
            if wanted:
                shares[container.name] = self._take(pool, wanted)
            if container.role is ContainerRole.INIT:
                shares.setdefault(container.name, pool)
            else:
                pool &= ~shares.get(container.name, 0)
        return {container.name: shares.get(container.name, pool) for container in pod.containers}


def _passes_over_whole_pods(settings: Settings) -> bool:
    """Whether pods with resources of their own get nothing, as long as nobody manages these."""
    if POD_LEVEL_RESOURCES in settings.gates:
        return CPU_PASSES_OVER_WHOLE_PODS.holds(settings.version)
    return CPU_PASSES_OVER_WHOLE_PODS_WITHOUT_GATE.holds(settings.version)


def _held(books: Books, pod: Pod) -> dict[str, IdSet]:
    """What the pod's containers hold, by their names."""
    return {
        each.name: books.cpus[pod.uid, each.name]
        for each in pod.containers
        if (pod.uid, each.name) in books.cpus
    }


def _reusable(books: Books, pod: Pod, container: PodContainer, held: IdSet) -> dict[str, IdSet]:
    """What later containers of the pod may use again; of other pods nothing is remembered any more."""
    before = books.reusable_cpus.get(pod.uid, _NO_CPUS)
    return {pod.uid: before | held if container.role is ContainerRole.INIT else before - held}


def _refusal(error: CpuShortageError, *, books: Books | None = None) -> AllocationError:
    kind = NeverAnswersError if isinstance(error, EndlessSearchError) else AllocationError
    return kind.unexpected(str(error), books=books)


def _has_shared_pool(pod: Pod) -> bool:
    try:
        check_shared_pool(pod)
    except EmptySharedPoolError:
        return False
    return True


def _union(masks: Iterable[CpuMask]) -> CpuMask:
    union = 0
    for mask in masks:
        union |= mask
    return union
