"""What a machine alone does not pay for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = """
import asyncio, sys
from agent.app import Agent, Machine
from agent.clock import SystemClock
from agent.settings import Address, Settings
from agent.web.endpoints import Query
from agent.web.server import bind
from collectors.hostfs import DirectoryFS

async def main():
    settings = Settings(listen=Address("127.0.0.1", 0))
    said = asyncio.Event()
    agent = Agent(settings, Machine(open_host=DirectoryFS, open_events=None), bind(settings.listen),
                  say=lambda lines: said.set(), clock=SystemClock())
    serving = asyncio.create_task(agent.serve())
    await said.wait()
    for path in ("/metrics", "/api/v1/snapshot", "/api/v1/nrt", "/readyz"):
        agent._web._endpoints.answer(Query(method="GET", path=path))
    agent.stop()
    await serving

asyncio.run(main())
print(*sorted(sys.modules))
"""


def loaded_by(script: str) -> set[str]:
    """The modules that a process has after it has run the script."""
    answer = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    )
    return set(answer.stdout.split())


def test_an_agent_alone_loads_nothing_that_speaks_to_a_kubelet_or_a_cluster() -> None:
    loaded = loaded_by(SCRIPT)
    assert "agent.app" in loaded
    heavy = ("grpclib", "h2", "google.protobuf", "kubernetes", "xxhash", "yaml", "rich")
    ours = (
        "agent.cluster",
        "agent.kube",
        "agent.kubelet",
        "agent.publish",
        "agent.sources",
        "collectors.kubelet",
    )
    assert not {name for name in loaded if name.startswith((*heavy, *ours))}


def test_an_agent_in_a_cluster_loads_no_library_that_only_others_need() -> None:
    loaded = loaded_by("import sys, agent.cluster; print(*sorted(sys.modules))")
    assert "grpclib" in loaded
    assert not {
        name
        for name in loaded
        if name.startswith(("kubernetes", "yaml", "rich", "decimal", "aiohttp.web_app"))
    }
