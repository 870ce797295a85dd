"""The memory manager: which pods get memory and hugepages of their own, and on which NUMA nodes.

Policy Static gives Guaranteed pods all of their memory and hugepages on few nodes. Policy None gives nobody anything
and has no wishes.

An ordinary init container's memory is used again by the pod's later containers, if they get the same nodes: it is then
not taken twice, and the init container's own block shrinks by what went over. What is left of it goes back to the node
when the next container starts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import takewhile

from agent.admission.memory.hints import (
    NoNodesError,
    Request,
    again,
    check_groups,
    choose_nodes,
    derive_rule,
    reusable_on,
)
from agent.admission.memory.pods import blocks_by_container, pod_blocks
from agent.admission.memory.requests import (
    EmptySharedPoolError,
    check_shared_pool,
    container_request,
    is_managed,
    is_whole,
    pod_request,
)
from agent.admission.memory.table import block_of, derive_table, give_back, take
from agent.admission.merging.rules import nodes_of
from agent.admission.model import AllocationError, Books, Hint, Hints, Machine, Mask, PanicError, Settings
from agent.admission.versions import MEMORY_MINDS_GROUPS_AT_LAST, MEMORY_PASSES_OVER_SHARING_CONTAINERS
from collectors.model.kubelet import MemoryBlock
from collectors.model.pod import ContainerRole, Pod, PodContainer
from collectors.parse import IdSet

Blocks = tuple[MemoryBlock, ...]
Assigned = Mapping[tuple[str, str], Blocks]

_NO_WISH: Hints = {}


class StaticMemory:
    """The memory manager under either of its policies; under None nothing ever changes.

    Where the kubelet leaves the order to chance (kinds of memory, pods that are forgotten together), it is that of
    names here.
    """

    def __init__(self, machine: Machine, settings: Settings) -> None:
        self._static = settings.memory_policy == "Static"
        self._settings = settings
        self.untouched_table = derive_table(machine, settings)

    def hints(self, books: Books, pod: Pod, container: PodContainer) -> Hints:
        """From which nodes the container's memory could come; for one that has it already, where it is."""
        if not self._manages(pod):
            return _NO_WISH
        held = books.memory.get((pod.uid, container.name))
        return self._hints(books, pod, self._request(pod, container), held)

    def pod_hints(self, books: Books, pod: Pod) -> Hints:
        """The same for the pod as a whole. One that has memory already is taken at the word of its first container that
        has some, although what this one has is rarely what the pod asks for: then there is no wish."""
        if not self._manages(pod):
            return _NO_WISH
        whole = is_whole(pod, self._settings)
        request = pod_request(pod, whole=whole)
        if whole:
            try:
                check_shared_pool(pod)
            except EmptySharedPoolError:
                return dict.fromkeys(sorted(request), ())
        held = (books.memory.get((pod.uid, each.name)) for each in pod.containers)
        return self._hints(books, pod, request, next((each for each in held if each is not None), None))

    def _hints(self, books: Books, pod: Pod, request: Request, held: Blocks | None) -> Hints:
        if not request:
            return _NO_WISH
        if held is not None:
            return again(held, request)
        _check_known(books, request)
        rule = derive_rule(books.memory_nodes, request, books.reusable_memory.get(pod.uid, ()))
        return _NO_WISH if rule is None else dict.fromkeys(sorted(request), rule)

    def allocate(self, books: Books, pod: Pod, container: PodContainer, hint: Hint) -> Books:
        """Takes the container's memory: on the hint's nodes, or on more where these have not enough."""
        if not self._manages(pod):
            return books
        request = self._request(pod, container)
        if not request and MEMORY_PASSES_OVER_SHARING_CONTAINERS.holds(self._settings.version):
            return books
        held = books.memory.get((pod.uid, container.name))
        if held is not None:
            return replace(books, reusable_memory=_reusable(books, pod, container, held))
        reusable = books.reusable_memory.get(pod.uid, ())
        mask = self._choose(books, request, reusable, hint)
        blocks = _blocks(request, mask)
        nodes = books.memory_nodes
        for block in blocks:
            nodes = take(nodes, block, max(0, block.size_bytes - reusable_on(reusable, mask, block.type)))
        memory = _shrunk(books.memory, pod, container, blocks)
        return replace(
            books,
            memory_nodes=nodes,
            memory={**memory, (pod.uid, container.name): blocks},
            reusable_memory=_reusable(books, pod, container, blocks),
        )

    def allocate_pod(self, books: Books, pod: Pod, hint: Hint) -> Books:
        """Takes the memory of a pod with resources of its own, and divides it among its containers.

        A pod that has its memory already (the kubelet was restarted) is counted a second time, as in the kubelet.
        """
        if not self._manages(pod):
            return books
        request = pod_request(pod, whole=True)
        try:
            check_shared_pool(pod)
        except EmptySharedPoolError as error:
            raise AllocationError("EmptyPodSharedPoolError", str(error)) from error
        nodes = frozenset(nodes_of(self._choose(books, request, (), hint)))
        whole = pod_blocks(pod, nodes)
        table = books.memory_nodes
        for block in whole:
            table = take(table, block, block.size_bytes)
        parts = {(pod.uid, name): blocks for name, blocks in blocks_by_container(pod, nodes).items()}
        return replace(
            books,
            memory_nodes=table,
            memory={**books.memory, **parts},
            pod_memory={**books.pod_memory, pod.uid: whole},
        )

    def start(self, books: Books, pod: Pod, container: PodContainer) -> Books:
        """A container of the pod starts: what the ordinary init containers before it still hold goes back."""
        for each in _init_containers_before(pod, container):
            books = self._forget_container(books, (pod.uid, each.name))
        return books

    def forget(self, books: Books, living: frozenset[str]) -> Books:
        """Gives back what pods hold that are gone."""
        if not self._static:
            return books
        for holder in sorted(books.memory):
            if holder[0] not in living:
                books = self._forget_container(books, holder)
        return books

    def _forget_container(self, books: Books, holder: tuple[str, str]) -> Books:
        """Memory of a pod as a whole goes back with the last of its containers."""
        blocks = books.memory.get(holder)
        if blocks is None:
            return books
        uid = holder[0]
        memory = {each: held for each, held in books.memory.items() if each != holder}
        pod_memory = books.pod_memory
        if uid in pod_memory:
            blocks = ()
            if not any(each == uid for each, _ in memory):
                blocks = pod_memory[uid]
                pod_memory = {each: held for each, held in pod_memory.items() if each != uid}
        return replace(
            books, memory=memory, pod_memory=pod_memory, memory_nodes=give_back(books.memory_nodes, blocks)
        )

    def _manages(self, pod: Pod) -> bool:
        return self._static and is_managed(pod, self._settings)

    def _request(self, pod: Pod, container: PodContainer) -> Request:
        return container_request(container, whole=is_whole(pod, self._settings))

    def _choose(self, books: Books, request: Request, reusable: Sequence[MemoryBlock], hint: Hint) -> Mask:
        _check_known(books, request)
        try:
            mask = choose_nodes(books.memory_nodes, request, reusable, hint)
            if MEMORY_MINDS_GROUPS_AT_LAST.holds(self._settings.version):
                check_groups(books.memory_nodes, mask)
        except NoNodesError as error:
            raise AllocationError.unexpected(str(error)) from error
        return mask


def _check_known(books: Books, request: Request) -> None:
    """The kubelet counts what is asked for on every node, and falls over a node that has no entry for it. Raises
    PanicError."""
    for node in books.memory_nodes:
        unknown = request.keys() - {table.type for table in node.tables}
        if unknown:
            raise PanicError(
                "Panic", f"the kubelet ends with a panic: NUMA node {node.id} knows no {min(unknown)}"
            )


def _blocks(request: Request, mask: Mask) -> Blocks:
    nodes = frozenset(nodes_of(mask))
    return tuple(block_of(resource, size, nodes) for resource, size in sorted(request.items()))


def _reusable(books: Books, pod: Pod, container: PodContainer, blocks: Blocks) -> dict[str, Blocks]:
    """What is left for the pod's later containers: an ordinary init container adds to it, all others use it up.

    Two init containers run one after the other, so of the same kind on the same nodes the larger counts. Other pods
    are forgotten: pods are admitted one at a time.
    """
    sizes: dict[tuple[str, IdSet], int] = {
        (each.type, each.numa_nodes or frozenset()): each.size_bytes
        for each in books.reusable_memory.get(pod.uid, ())
    }
    for block in blocks:
        key = block.type, block.numa_nodes or frozenset()
        if container.role is ContainerRole.INIT:
            sizes[key] = max(sizes.get(key, 0), block.size_bytes)
        else:
            sizes[key] = max(0, sizes.get(key, 0) - block.size_bytes)
    left = [block_of(resource, size, nodes) for (resource, nodes), size in sizes.items() if size]
    return {pod.uid: tuple(sorted(left, key=lambda block: (block.type, sorted(block.numa_nodes or ()))))}


def _shrunk(memory: Assigned, pod: Pod, container: PodContainer, blocks: Blocks) -> Assigned:
    """Memory by container after what this one took over was struck off the ordinary init containers before it."""
    changed = dict(memory)
    for block in blocks:
        left = block.size_bytes
        for each in _init_containers_before(pod, container):
            holder = pod.uid, each.name
            if held := changed.get(holder):
                changed[holder], left = _struck_off(held, block, left)
    return changed


def _init_containers_before(pod: Pod, container: PodContainer) -> list[PodContainer]:
    """The ordinary init containers that ran before this one."""
    earlier = takewhile(lambda each: each.name != container.name, pod.containers)
    return [each for each in earlier if each.role is ContainerRole.INIT]


def _struck_off(held: Blocks, block: MemoryBlock, left: int) -> tuple[Blocks, int]:
    kept = []
    for each in held:
        part = 0
        if each.type == block.type and each.numa_nodes == block.numa_nodes:
            part = min(left, each.size_bytes)
        left -= part
        kept.append(replace(each, size_bytes=each.size_bytes - part) if part else each)
    return tuple(kept), left
