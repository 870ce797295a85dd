"""The machine that a command is about, read once."""

from __future__ import annotations

import os
import time

from agent.survey import survey
from collectors.errors import CaptureError
from collectors.hosts import open_host
from collectors.model import Snapshot

THIS_MACHINE = "this machine"
SYS_ROOT = "NUMASCOPE_SYS_ROOT"
"""The agent's setting, which commands in its container find there too"""


def read_machine(host: str | None) -> Snapshot:
    """Surveys this machine, or the captured one that `--host` names.

    Raises CaptureError where there is no machine: neither CPUs nor NUMA nodes to be seen.
    """
    snapshot = survey(open_host(host, sys_root=os.environ.get(SYS_ROOT))(), now=time.time())
    cpus, numa = snapshot.cpus.facts, snapshot.numa.facts
    has_cpus = cpus is not None and bool(cpus.online)
    has_nodes = numa is not None and any(node.cpus or node.memory_total_bytes for node in numa.nodes)
    if not has_cpus and not has_nodes:
        reason = (
            snapshot.cpus.error
            or snapshot.numa.error
            or "its sys/devices/system tells of no CPU and no NUMA node"
        )
        raise CaptureError(host or THIS_MACHINE, f"no machine can be read there: {reason}")
    return snapshot
