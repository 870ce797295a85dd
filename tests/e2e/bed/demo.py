"""The demo: a bed with the agent on it, and pods that come, go and are refused until somebody presses Ctrl-C."""

from __future__ import annotations

import contextlib
import itertools
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.e2e.bed.agent import AgentRun
from tests.e2e.bed.api import NRT_PATH, Object
from tests.e2e.bed.bed import NODE_NAME, Bed, start_bed
from tests.e2e.bed.identity import AgentIdentity
from tests.e2e.bed.keeper import places
from tests.e2e.bed.machines import MACHINES, make_machine
from tests.e2e.bed.manifests import CRDS, apply_manifests
from tests.e2e.bed.options import KubeletOptions
from tests.e2e.bed.programs import provide_programs
from tests.e2e.pods import container, guaranteed, pod

STEP_SECONDS = 2.0
MOST_PODS = 14
"""So many at a time; then the oldest go"""


def run(machine: str, options: KubeletOptions, *, show: Callable[[Mapping[str, str]], None]) -> None:
    """Runs the demo until Ctrl-C."""
    with contextlib.suppress(KeyboardInterrupt), tempfile.TemporaryDirectory(prefix="nsmachine-") as folder:
        made = make_machine(MACHINES[machine], Path(folder))
        with start_bed(provide_programs(), made, options) as bed:
            apply_manifests(bed.api, CRDS)
            agent = AgentRun(bed, AgentIdentity(bed))
            agent.wait_until_ready()
            show({**places(bed), **_urls(agent)})
            _let_pods_come_and_go(bed)


def _urls(agent: AgentRun) -> dict[str, str]:
    return {
        "metrics": f"{agent.url}/metrics",
        "snapshot": f"{agent.url}/api/v1/snapshot",
        "NRT, wanted": f"{agent.url}/api/v1/nrt",
        "NRT, published": f"{NRT_PATH}/{NODE_NAME}",
        "agent's log": str(agent.program.log),
    }


def _let_pods_come_and_go(bed: Bed) -> None:
    alive: list[str] = []
    for body in _pods(random.Random(4)):  # the same show every time
        name = body["metadata"]["name"]
        bed.create_pod(body)
        alive.append(name)
        time.sleep(STEP_SECONDS)
        status = bed.pod(name)["status"]
        print(f"{name:24} {status.get('phase', '')} {status.get('reason', '')}", flush=True)
        while len(alive) > MOST_PODS:
            gone = alive.pop(0)
            bed.api.delete(f"/api/v1/namespaces/default/pods/{gone}")
            print(f"{gone:24} deleted", flush=True)


def _pods(chance: random.Random) -> Iterator[Object]:
    for number in itertools.count(1):
        kind = chance.choice(("model", "model", "batch", "web", "router", "giant"))
        name = f"{kind}-{number}"
        match kind:
            case "model":
                yield pod(
                    name,
                    guaranteed(
                        cpu=chance.choice((4, 6, 8)), memory="6Gi", example_com__gpu=chance.choice((1, 2))
                    ),
                    init=[guaranteed("weights", cpu=2, memory="1Gi", image="bed.test/app:exit0-2s")],
                )
            case "batch":
                yield pod(name, guaranteed(cpu=chance.choice((2, 4)), memory="2Gi", hugepages_2Mi="256Mi"))
            case "web":
                yield pod(name, container(requests={"cpu": "250m", "memory": "256Mi"}))
            case "router":
                yield pod(name, guaranteed(cpu=2, example_com__nic=1))
            case _:
                # More than any NUMA node has: single-numa-node and restricted refuse it.
                yield pod(name, guaranteed(cpu=36, memory="8Gi"))
