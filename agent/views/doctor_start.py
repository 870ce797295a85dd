"""What keeps a kubelet from starting, the one that runs now too once it stops: state files, reserve, options. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from agent.admission.settings import settings_of
from agent.kubelet_config.hardware import hardware_of
from agent.kubelet_config.managers import (
    capacity_objections,
    cpu_objections,
    memory_objections,
    online_objections,
    topology_objections,
)
from agent.kubelet_config.model import Hardware, Objection, Start, UnfitError
from agent.kubelet_config.preflight import cautions
from agent.kubelet_config.state_cpus import cpu_state_objections
from agent.kubelet_config.state_memory import memory_state_objections, reserve_noted
from agent.views.doctor_model import Examined, Finding, Severity
from collectors.model.kubelet import KubeletCheckpoints
from collectors.model.kubelet_config import ConfigSource, KubeletConfig

_TELL_ALL = (ConfigSource.CONFIGZ, ConfigSource.FILE)
"""Sources that leave nothing out"""

_SAID_ELSEWHERE = frozenset({"too-many-numa-nodes", "sparse-ids", "hint-merge"})
"""Checks of what the kubelet is and knows, which need no start"""


def start_findings(examined: Examined) -> Iterator[Finding]:
    """In the order in which a kubelet that starts comes upon them."""
    kubelet = examined.snapshot.kubelet
    config = None if kubelet is None else kubelet.config.facts
    if kubelet is None or config is None:
        return
    try:
        hardware = hardware_of(examined.snapshot)
    except UnfitError:  # a subject that could not be read is a finding of its own
        return
    start = _start(config, hardware, kubelet.checkpoints)
    if config.source in _TELL_ALL:
        made = tuple(_made(start))
        for found in made:
            if found.check not in _SAID_ELSEWHERE:
                yield _finding(found)
        for caution in cautions(start):
            if caution.check not in _SAID_ELSEWHERE:
                yield Finding(
                    check=caution.check,
                    severity=Severity.ERROR,
                    what=caution.what,
                    evidence=caution.evidence,
                    way_out=caution.way_out,
                )
        if made:  # its state files are looked at by managers that were made
            return
    yield from _states(start, whole=config.source in _TELL_ALL)


def _start(config: KubeletConfig, hardware: Hardware, checkpoints: KubeletCheckpoints | None) -> Start:
    return Start(
        document={},
        config=config,
        settings=settings_of(config),
        hardware=hardware,
        checkpoints=checkpoints or KubeletCheckpoints(),
    )


def _made(start: Start) -> Iterator[Objection]:
    yield from online_objections(start)
    yield from topology_objections(start)
    yield from cpu_objections(start)
    yield from memory_objections(start)
    yield from capacity_objections(start)


def _states(start: Start, *, whole: bool) -> Iterator[Finding]:
    """Whether the files have the policies and fit. Where no source tells the reserve, the memory manager's file tells it
    for itself; of reserved CPUs nothing is known then, and nothing said."""
    for found in cpu_state_objections(start):
        if whole or found.check == "state-policy":
            yield _finding(found)
    noted = start.checkpoints.memory
    if not whole and noted is not None:
        settings = replace(start.settings, reserved_memory=reserve_noted(noted))
        start = replace(start, settings=settings)
    for found in memory_state_objections(start):
        yield _finding(found)


def _finding(found: Objection) -> Finding:
    return Finding(
        check=found.check,
        severity=Severity.ERROR,
        what=f"the kubelet does not start again: {found.what}",
        evidence=(*found.evidence, f"its log says: ... {found.says.strip()} ..."),
        way_out=found.way_out,
    )
