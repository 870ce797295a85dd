"""The options of the CPU and the topology manager that a kubelet does not start with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from agent.kubelet_config.model import Objection, Start
from agent.kubelet_config.versions import (
    ACROSS_CORES,
    ACROSS_NUMA,
    BY_SOCKET,
    CPU_MANAGER,
    FULL_PCPUS,
    MAX_NODES,
    TOPOLOGY_MANAGER,
    UNCORE,
    USUAL_MAX_NODES,
    Manager,
)

Options = Iterable[tuple[str, str]]

TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})

EXCLUDING = (
    (FULL_PCPUS, ACROSS_CORES),
    (ACROSS_NUMA, ACROSS_CORES),
    (UNCORE, ACROSS_CORES),
    (UNCORE, ACROSS_NUMA),
)
"""Pairs of CPU manager options that the kubelet does not take together"""

_NUMBER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_SPELT = {
    CPU_MANAGER.name: ("CPU Manager Policy option", "CPU Manager Policy {}-level Options not enabled"),
    TOPOLOGY_MANAGER.name: (
        "Topology Manager Policy option",
        "topology manager policy {}-level options not enabled",
    ),
}


def on(options: Options, option: str) -> bool:
    """Whether a true-or-false option is on."""
    return dict(options).get(option) in TRUE


def topology_option_objections(start: Start) -> Iterator[Objection]:
    """Of the topology manager, whose policy is not none."""
    for option, value in start.config.topology_manager_options:
        objection = _unavailable(start, TOPOLOGY_MANAGER, option)
        if objection is not None:
            yield objection
        elif option == MAX_NODES:
            yield from _bad_number(value)
        elif value not in TRUE | FALSE:
            yield _bad_boolean(TOPOLOGY_MANAGER, option, value)


def cpu_option_objections(start: Start) -> Iterator[Objection]:
    """Of the CPU manager, under policy static."""
    options = start.config.cpu_manager_options
    for option, value in options:
        objection = _unavailable(start, CPU_MANAGER, option)
        if objection is not None:
            yield objection
        elif value not in TRUE | FALSE:
            yield _bad_boolean(CPU_MANAGER, option, value)
    for one, other in EXCLUDING:
        if on(options, one) and on(options, other):
            yield Objection(
                check="options-exclude",
                what=f"{one} and {other} exclude each other",
                says=f"static policy options {one} and {other} can not be used at the same time",
                way_out=f"take {one} or {other} out of {CPU_MANAGER.field}",
            )
    if on(options, BY_SOCKET):
        yield from _by_socket(start)


def _unavailable(start: Start, manager: Manager, option: str) -> Objection | None:
    """An option that the version does not know, or whose feature gate is off."""
    version = ".".join(map(str, start.version))
    stage = manager.stage(option, start.version)
    known, closed = _SPELT[manager.name]
    if stage is None:
        others = [each for each in manager.since if manager.stage(each, start.version) is not None]
        return Objection(
            check="option-unknown",
            what=f"{manager.field} of Kubernetes {version} has no {option}",
            says=f'unknown {known}: "{option}"',
            way_out=f"take {option} out of {manager.field}; there are {', '.join(sorted(others))}",
        )
    gate = manager.gate(stage)
    if gate is None:
        return None
    of_all = start.gate(f"All{stage.value.capitalize()}", default=gate[1])
    if start.gate(gate[0], default=of_all):
        return None
    return Objection(
        check="option-gated",
        what=f"{option} is {stage.value} in Kubernetes {version} and needs the feature gate {gate[0]}",
        says=f'{closed.format(stage.value.capitalize() if manager is CPU_MANAGER else stage.value)}, but option "{option}" provided',
        way_out=f"featureGates: {{{gate[0]}: true}}, or take {option} out of {manager.field}",
    )


def _bad_boolean(manager: Manager, option: str, value: str) -> Objection:
    return Objection(
        check="option-value",
        what=f"{option} is {value!r}, which is neither true nor false",
        says=f'bad value for option "{option}"',
        way_out=f'{manager.field}: {{{option}: "true"}}',
    )


def _bad_number(value: str) -> Iterator[Objection]:
    way_out = f'{TOPOLOGY_MANAGER.field}: {{{MAX_NODES}: "{USUAL_MAX_NODES}"}}, or more'
    if _NUMBER.fullmatch(value) is None:
        yield Objection(
            check="option-value",
            what=f"{MAX_NODES} is {value!r}, which is no number",
            says=f'unable to convert policy option to integer "{MAX_NODES}"',
            way_out=way_out,
        )
    elif int(value) < USUAL_MAX_NODES:
        yield Objection(
            check="option-value",
            what=f"{MAX_NODES} is {value}, and must not be less than {USUAL_MAX_NODES}",
            says=f'the minimum value of "{MAX_NODES}" should not be less than {USUAL_MAX_NODES}',
            way_out=way_out,
        )


def _by_socket(start: Start) -> Iterator[Objection]:
    if start.config.topology_manager_policy == "single-numa-node":
        yield Objection(
            check="align-by-socket",
            what=f"{BY_SOCKET} is not taken with topology manager policy single-numa-node",
            says=f"policy is incompatible with CPUManager {BY_SOCKET} policy option",
            way_out=f"topologyManagerPolicy: restricted or best-effort, or take {BY_SOCKET} out of {CPU_MANAGER.field}",
        )
    sockets, nodes = start.hardware.sockets, len(start.hardware.cpu_nodes)
    if sockets > nodes:
        yield Objection(
            check="align-by-socket",
            what=f"{BY_SOCKET} is not taken on a machine with more sockets than NUMA nodes",
            says="Align by socket is not compatible with hardware where number of sockets are more than number of NUMA",
            evidence=(f"{sockets} sockets, {nodes} NUMA nodes with CPUs",),
            way_out=f"take {BY_SOCKET} out of {CPU_MANAGER.field}",
        )


def max_numa_nodes(options: Options) -> int:
    """How many NUMA nodes the topology manager takes."""
    value = dict(options).get(MAX_NODES, "")
    return int(value) if _NUMBER.fullmatch(value) else USUAL_MAX_NODES
