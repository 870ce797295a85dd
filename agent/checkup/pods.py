"""The alignment of a node's pods, from wherever it can be had: the kubelet's sockets, an agent, or a captured machine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agent.alignment.derive import derive_alignment
from agent.alignment.model import Alignment
from agent.checkup.machine import examine
from agent.sources.agent_alignment import fetch_alignment
from agent.sources.agent_snapshot import AgentError
from collectors.errors import CaptureError, NumascopeError
from collectors.model import Snapshot

if TYPE_CHECKING:
    from agent.kube.credentials import Credentials
    from agent.settings import Settings


class NoPodsError(NumascopeError):
    """Nobody tells what pods hold here."""


def alignment_of_capture(machine: Snapshot, *, host: str, settings: Settings) -> Alignment:
    """What a captured machine has of its kubelet. Raises CaptureError where that is nothing."""
    examined = examine(machine, host=host, settings=settings, credentials=None)
    if examined.no_kubelet is not None:
        raise CaptureError(host, f"tells of no pods: {examined.no_kubelet}")
    return derive_alignment(examined.snapshot, examined.cgroups)


def alignment_of_agent(url: str) -> Alignment:
    """What an agent says. Raises AgentError."""
    return asyncio.run(fetch_alignment(url))


def alignment_here(
    machine: Snapshot, *, settings: Settings, credentials: Credentials | None, agent_url: str
) -> Alignment:
    """What this machine's kubelet says; where its sockets do not tell all, what an agent knows, if one is there.

    An agent may know the pods' specs, which name the cgroups, from the API server. Raises NoPodsError where neither tells
    what pods hold.
    """
    examined = examine(machine, host=None, settings=settings, credentials=credentials)
    kubelet = examined.snapshot.kubelet
    if kubelet is not None and kubelet.allocations.facts is not None and kubelet.pods.facts is not None:
        return derive_alignment(examined.snapshot, examined.cgroups)
    try:
        return alignment_of_agent(agent_url)
    except AgentError as error:
        if kubelet is not None and kubelet.allocations.facts is not None:
            return derive_alignment(examined.snapshot, examined.cgroups)
        reason = examined.no_kubelet if kubelet is None else kubelet.allocations.error
        raise NoPodsError(f"{reason}; nor is there an agent to ask: {error}") from error
