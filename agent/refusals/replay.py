"""The kubelet's rules on a node, for explanations. Pure."""

from __future__ import annotations

from agent.refusals.deciding import Replay
from collectors.model import Snapshot


def replay_of(snapshot: Snapshot) -> Replay | None:
    """The rules on that node; None where too little is known of it."""
    return None
