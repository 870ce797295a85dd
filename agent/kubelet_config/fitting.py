"""Which options of the CPU and the topology manager fit a machine and a policy, and why the others do not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agent.admission.versions import Version
from agent.kubelet_config.model import Hardware, UnfitError
from agent.kubelet_config.options import EXCLUDING
from agent.kubelet_config.versions import (
    ACROSS_CORES,
    ACROSS_NUMA,
    BY_SOCKET,
    CLOSEST,
    CPU_MANAGER,
    FULL_PCPUS,
    MAX_NODES,
    STRICT,
    TOPOLOGY_MANAGER,
    UNCORE,
    USUAL_MAX_NODES,
    Stage,
)
from collectors.parse import format_id_list


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """What is asked for."""

    topology: str
    scope: str = "container"
    cpu: str = "static"
    memory: str = "Static"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An option of one of the two managers, with its value and why it is there."""

    name: str
    value: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What goes into the configuration."""

    topology: tuple[Option, ...] = ()
    cpu: tuple[Option, ...] = ()
    gates: tuple[Option, ...] = ()
    """Feature gates that options need"""


def fit_options(
    hardware: Hardware, policies: Policies, version: Version, *, asked: Iterable[str] | None = None
) -> Options:
    """The options for this machine.

    Args:
        hardware: the machine.
        policies: under which they are to work.
        version: of Kubernetes.
        asked: names of those that are wanted; None: all that fit and need no feature gate.

    `max-allowable-numa-nodes` is there wherever the kubelet does not start without it. Raises UnfitError for one that
    is asked for and does not fit, with the reason and the way out.
    """
    misfits: dict[str, str] = {}
    for name, reason in _misfits(hardware, policies):
        misfits.setdefault(name, reason)
    names = tuple(_by_itself(hardware, policies, version, misfits) if asked is None else dict.fromkeys(asked))
    for name in names:
        _check(name, version, misfits)
    for one, other in EXCLUDING:
        if one in names and other in names:
            raise UnfitError(f"{one} and {other} exclude each other: leave one of them out of --options")
    needed = policies.topology != "none" and len(hardware.machine.numa_nodes) > USUAL_MAX_NODES
    return Options(
        topology=(
            *(Option(name=CLOSEST, value="true", why=_WHY[CLOSEST]) for name in names if name == CLOSEST),
            *((_max_nodes(hardware),) if needed or MAX_NODES in names else ()),
        ),
        cpu=tuple(
            Option(name=name, value="true", why=_WHY[name]) for name in names if name in CPU_MANAGER.since
        ),
        gates=tuple(_gates(names, version)),
    )


_WHY = {
    FULL_PCPUS: "A pod shares no core with another; one that asks for a part of a core is refused.",
    ACROSS_NUMA: "CPUs of a pod that needs several NUMA nodes come in equal parts from each.",
    BY_SOCKET: "A pod counts as aligned when its CPUs are of one socket.",
    ACROSS_CORES: "CPUs of a pod come from different cores as far as there are some.",
    STRICT: "Pods without CPUs of their own do not run on the reserved ones either.",
    UNCORE: "CPUs of a pod share an L3 cache where that can be.",
    CLOSEST: "Among equally good sets of NUMA nodes the nearest to each other are taken.",
}


def _by_itself(
    hardware: Hardware, policies: Policies, version: Version, misfits: dict[str, str]
) -> Iterator[str]:
    """Options that are good for this machine without anybody's asking."""
    if FULL_PCPUS not in misfits:
        yield FULL_PCPUS
    ripe = CPU_MANAGER.stage(UNCORE, version) in (Stage.BETA, Stage.STABLE)
    if UNCORE not in misfits and ripe:
        yield UNCORE
    if CLOSEST not in misfits and policies.topology in ("best-effort", "restricted"):
        yield CLOSEST


def _misfits(hardware: Hardware, policies: Policies) -> Iterator[tuple[str, str]]:
    """(option, why it does not fit)"""
    if policies.cpu != "static":
        yield from ((name, "it needs the CPU manager: --cpu-manager static") for name in CPU_MANAGER.since)
    if policies.topology == "none":
        yield from (
            (name, "the topology manager is off: choose another --policy") for name in TOPOLOGY_MANAGER.since
        )
    yield from _misfits_of_cpus(hardware, policies)
    yield from _misfits_of_nodes(hardware, policies)


def _misfits_of_cpus(hardware: Hardware, policies: Policies) -> Iterator[tuple[str, str]]:
    threads = {len(core) for core in hardware.cores}
    if threads == {1}:
        yield FULL_PCPUS, "this machine's cores have one thread: there is nothing to be kept together"
        yield ACROSS_CORES, "this machine's cores have one thread: CPUs are cores already"
    elif len(threads) > 1:
        counted = f"its cores have {' or '.join(map(str, sorted(threads)))} threads, and the kubelet counts "
        yield FULL_PCPUS, f"{counted}{hardware.threads_per_core} for each of them"
    caches = {(place.numa_node, place.uncore_cache) for place in hardware.machine.cpus}
    if len(caches) == len(hardware.cpu_nodes):
        yield UNCORE, "each NUMA node has one L3 cache: all its CPUs share it already"
    if policies.topology == "single-numa-node":
        reason = "with --policy single-numa-node: choose restricted or best-effort"
        yield BY_SOCKET, f"the kubelet does not take it {reason}"
    elif hardware.sockets > len(hardware.cpu_nodes):
        counted = (
            f"with more sockets ({hardware.sockets}) than NUMA nodes with CPUs ({len(hardware.cpu_nodes)})"
        )
        yield BY_SOCKET, f"the kubelet does not take it {counted}"
    if len(hardware.cpu_nodes) < 2:
        yield ACROSS_NUMA, "there is one NUMA node with CPUs"


def _misfits_of_nodes(hardware: Hardware, policies: Policies) -> Iterator[tuple[str, str]]:
    nodes = hardware.machine.numa_nodes
    if frozenset(nodes) != frozenset(range(len(nodes))):
        yield (
            CLOSEST,
            f"the ids of NUMA nodes have gaps ({format_id_list(frozenset(nodes))}), and the kubelet panics",
        )
    elif not hardware.tells_distances:
        yield CLOSEST, "this machine does not tell the distances between its NUMA nodes"
    elif len(nodes) < 3:
        yield CLOSEST, "with fewer than three NUMA nodes there is nothing to choose from"
    elif policies.topology == "single-numa-node":
        yield CLOSEST, "under --policy single-numa-node no pod gets several NUMA nodes"


def _check(name: str, version: Version, misfits: dict[str, str]) -> None:
    manager = next((each for each in (CPU_MANAGER, TOPOLOGY_MANAGER) if name in each.since), None)
    if manager is None:
        known = (*CPU_MANAGER.since, *TOPOLOGY_MANAGER.since)
        raise UnfitError(f"--options {name}: there is no such option; there are {', '.join(known)}")
    if manager.stage(name, version) is None:
        words = ".".join(map(str, version))
        raise UnfitError(f"--options {name}: Kubernetes {words} does not know it; leave it out")
    if name in misfits:
        raise UnfitError(f"--options {name}: {misfits[name]}; leave it out")


def _max_nodes(hardware: Hardware) -> Option:
    nodes = max(len(hardware.machine.numa_nodes), USUAL_MAX_NODES)
    return Option(
        name=MAX_NODES,
        value=str(nodes),
        why=f"This machine has {len(hardware.machine.numa_nodes)} NUMA nodes, and the kubelet starts with "
        f"{USUAL_MAX_NODES} at most without this.",
    )


def _gates(names: Iterable[str], version: Version) -> Iterator[Option]:
    chosen: dict[str, list[str]] = {}
    for manager in (CPU_MANAGER, TOPOLOGY_MANAGER):
        for name in names:
            stage = manager.stage(name, version)
            gate = None if stage is None else manager.gate(stage)
            if gate is not None and not gate[1]:
                chosen.setdefault(gate[0], []).append(name)
    for gate_name, options in chosen.items():
        yield Option(name=gate_name, value="true", why=f"{', '.join(options)} is alpha and needs it.")
