"""A node with its kubelet, from wherever it can be had: the kubelet's sockets, an agent, or a captured machine."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.checkup.machine import examine
from agent.sources.agent_snapshot import AgentError, fetch_answer
from agent.sources.snapshot_form import parse_snapshot
from collectors.model import Snapshot
from collectors.parse import ParseError

if TYPE_CHECKING:
    from agent.kube.credentials import Credentials
    from agent.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A node, and where it was looked at."""

    snapshot: Snapshot
    source: str
    """For people: `this machine and its kubelet`"""


def node_of_agent(url: str) -> Looked:
    """The node as an agent knows it now. Raises AgentError."""
    address, text = asyncio.run(fetch_answer(url, "/api/v1/snapshot"))
    try:
        return Looked(snapshot=parse_snapshot(text), source=f"the agent at {url}")
    except ParseError as error:
        raise AgentError(f"{address}: {error}") from error


def node_of_capture(machine: Snapshot, *, host: str, settings: Settings) -> Looked:
    """A captured machine with what it has of its kubelet."""
    examined = examine(machine, host=host, settings=settings, credentials=None)
    return Looked(snapshot=examined.snapshot, source=host)


def node_here(
    machine: Snapshot, *, settings: Settings, credentials: Credentials | None, agent_url: str
) -> Looked:
    """This machine with its kubelet; where that does not tell all here, as an agent knows it, if one is there.

    A pod has no way to the kubelet's sockets, and a person may not be allowed to read its configuration; the agent is.
    """
    examined = examine(machine, host=None, settings=settings, credentials=credentials)
    here = Looked(snapshot=examined.snapshot, source="this machine and its kubelet")
    if _tells_all(examined.snapshot):
        return here
    try:
        found = node_of_agent(agent_url)
    except AgentError:
        found = here
    if found.snapshot.kubelet is None:
        return Looked(snapshot=examined.snapshot, source="this machine, without a kubelet")
    return found


def _tells_all(snapshot: Snapshot) -> bool:
    kubelet = snapshot.kubelet
    return (
        kubelet is not None
        and kubelet.allocations.facts is not None
        and kubelet.pods.facts is not None
        and kubelet.config.facts is not None
        and kubelet.config.facts.topology_manager_policy is not None
    )
