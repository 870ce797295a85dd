"""Machines, pods and books for tests of the CPU rules. Sets of CPUs are lists of ids, as the kernel writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.admission.cpus.manager import StaticCpus
from agent.admission.merging.rules import listed
from agent.admission.model import Books, CpuPlace, Hint, Hints, Machine, Settings
from collectors.model.pod import Amounts, ContainerRole, Pod, PodContainer
from collectors.parse import format_id_list, parse_id_list

MEMORY = 1 << 30
ANYWHERE = Hint(None, True)
MANAGERS = ("PodLevelResources", "PodLevelResourceManagers")


def machine(
    *, sockets: int = 1, nodes: int | None = None, cores: int = 4, threads: int = 2, caches: int = 1
) -> Machine:
    """A regular machine, numbered as Linux does: all cores' first threads, then their second ones in the same order.

    Args:
        sockets: how many.
        nodes: NUMA nodes in all; as many as sockets if not said.
        cores: in each socket or node, whichever there are more of.
        threads: per core.
        caches: uncore caches in each of these.
    """
    nodes = sockets if nodes is None else nodes
    units = max(sockets, nodes)
    total = units * cores
    places = tuple(
        CpuPlace(
            cpu=thread * total + core,
            core=core,
            socket=core // cores * sockets // units,
            numa_node=core // cores * nodes // units,
            uncore_cache=core * caches // cores,
        )
        for thread in range(threads)
        for core in range(total)
    )
    return Machine(cpus=places, numa_nodes=tuple(range(nodes)))


def irregular(*places: tuple[int, int, int, int]) -> Machine:
    """A machine of (cpu, core, socket, NUMA node), with one uncore cache in each socket."""
    return Machine(
        cpus=tuple(
            CpuPlace(cpu=cpu, core=core, socket=socket, numa_node=node, uncore_cache=socket)
            for cpu, core, socket, node in places
        ),
        numa_nodes=tuple(sorted({node for *_, node in places})),
    )


def settings(reserved: str | int, *, gates: tuple[str, ...] = (), **options: Any) -> Settings:
    """Policy static; `reserved` is a list of ids, or a number of CPUs of which the kubelet chooses the ids."""
    ids = None if isinstance(reserved, int) else parse_id_list(reserved)
    count = reserved if isinstance(reserved, int) else len(parse_id_list(reserved))
    return Settings(
        cpu_policy="static", reserved_cpus=ids, reserved_cpu_count=count, gates=frozenset(gates), **options
    )


def static(
    which: Machine, *, reserved: str | int = 1, gates: tuple[str, ...] = (), **options: Any
) -> StaticCpus:
    """The CPU manager under policy static."""
    return StaticCpus(which, settings(reserved, gates=gates, **options))


def books(
    shared: StaticCpus | str,
    *,
    cpus: Mapping[tuple[str, str], str] | None = None,
    reusable: Mapping[str, str] | None = None,
) -> Books:
    """Books with this shared pool, or the untouched one of a CPU manager."""
    return Books(
        shared_cpus=parse_id_list(shared) if isinstance(shared, str) else shared.untouched_pool,
        cpus={holder: parse_id_list(ids) for holder, ids in (cpus or {}).items()},
        pod_cpus={},
        reusable_cpus={uid: parse_id_list(ids) for uid, ids in (reusable or {}).items()},
        memory={},
        pod_memory={},
        device_holders={},
        reusable_devices={},
    )


def app(cpus: float, name: str = "app") -> PodContainer:
    """An app container with limits that equal its requests."""
    return _container(name, ContainerRole.APP, cpus)


def init(cpus: float, name: str = "init") -> PodContainer:
    """An ordinary init container."""
    return _container(name, ContainerRole.INIT, cpus)


def sidecar(cpus: float, name: str = "sidecar") -> PodContainer:
    """A restartable init container."""
    return _container(name, ContainerRole.SIDECAR, cpus)


def pod(*containers: PodContainer, uid: str = "pod", cpus: float | None = None) -> Pod:
    """A pod, with CPU and memory for it as a whole where `cpus` are given."""
    whole = () if cpus is None else _amounts(cpus)
    return Pod(
        namespace="default",
        name=uid,
        uid=uid,
        phase="Pending",
        containers=containers,
        requests=whole,
        limits=whole,
    )


def admit(manager: StaticCpus, before: Books, which: Pod, hint: Hint = ANYWHERE) -> Books:
    """The books after all containers of a pod have got their CPUs, all with the same hint."""
    for container in which.containers:
        before = manager.allocate(before, which, container, hint)
    return before


def held(after: Books, uid: str = "pod", container: str = "app") -> str:
    """What a container holds."""
    return format_id_list(after.cpus[uid, container])


def shared(after: Books) -> str:
    """The shared pool."""
    return format_id_list(after.shared_cpus)


def hints_for_cpus(hints: Hints) -> dict[int, bool]:
    """Which sets of nodes are hints, and whether they are preferred."""
    rule = hints["cpu"]
    assert rule is not None
    return {
        hint.nodes: hint.preferred
        for hint in (rule if isinstance(rule, tuple) else listed(rule))
        if hint.nodes is not None
    }


def _container(name: str, role: ContainerRole, cpus: float) -> PodContainer:
    return PodContainer(name=name, role=role, requests=_amounts(cpus), limits=_amounts(cpus))


def _amounts(cpus: float) -> Amounts:
    return (("cpu", round(cpus * 1000)), ("memory", MEMORY))
