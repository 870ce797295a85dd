"""How long the agent takes to be ready, how much memory it holds when idle, and what each dependency costs of it.

`python -m tests.bench.start` on the machine itself, alone, as `make run` starts it. Needs some idle seconds.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

READY_SECONDS = 1.2
RESIDENT_MIB = 42.0
"""The bounds that the agent is held to, on CPython 3.11"""

IDLE_SECONDS = 20.0
RUNS = 5

STEPS = (
    ("bare Python", "sys"),
    ("asyncio", "asyncio"),
    ("aiohttp: its low-level server (its client comes along)", "aiohttp.web_server"),
    ("prometheus_client", "prometheus_client"),
    ("pyudev", "pyudev"),
    ("argparse", "argparse"),
    ("numascope: collectors", "agent.survey"),
    ("numascope: agent", "agent.app"),
    ("beside a kubelet: gRPC, protobuf, the client of the API server", "agent.cluster"),
)
"""What the agent imports, each on top of those before; the last one not on a machine alone"""

ASIDE = (
    ("aiohttp.web instead of the low-level server", "aiohttp.web", 2),
    ("PyYAML (with --config, or when YAML is asked for)", "yaml", 7),
    ("rich (never in the agent)", "rich.console", 7),
)
"""What it does not import, and after which of the steps that is measured"""

_MEASURE = """
import importlib, re, sys
from agent.footprint import without_public_authorities
with without_public_authorities():
    for name in sys.argv[1:]:
        importlib.import_module(name)
print(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


@contextmanager
def agent() -> Iterator[tuple[int, float]]:
    """An agent of this machine that is ready: its process id, and the seconds from start to readiness."""
    started = time.monotonic()
    command = [sys.executable, "-m", "agent", "agent", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield process.pid, _ready(process) - started
        finally:
            process.terminate()
            process.communicate(timeout=10)


def _ready(process: subprocess.Popen[str]) -> float:
    """When /readyz answers well."""
    assert process.stdout is not None
    line = next(line for line in process.stdout if "/readyz" in line)
    with urllib.request.urlopen(line.split()[-1], timeout=10) as answer:
        assert answer.status == 200
    return time.monotonic()


def resident_mib(pid: int) -> float:
    """VmRSS of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def importing_mib(*modules: str) -> float:
    """VmRSS of a Python that has imported these, the median of some."""
    command = [sys.executable, "-c", _MEASURE, *modules]
    return statistics.median(
        int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1024
        for _ in range(RUNS)
    )


def measure_agent(idle_seconds: float) -> tuple[float, float]:
    """Seconds to readiness and MiB after some idle seconds: medians."""
    ready: list[float] = []
    resident: list[float] = []
    for _ in range(RUNS):
        with agent() as (pid, seconds):
            ready.append(seconds)
            time.sleep(idle_seconds)
            resident.append(resident_mib(pid))
    return statistics.median(ready), statistics.median(resident)


def dependencies() -> str:
    """A table of what each step adds."""
    lines = ["| imported | MiB in all | MiB more |", "| --- | ---: | ---: |"]
    before = 0.0
    for position, (label, _) in enumerate(STEPS):
        mib = importing_mib(*(module for _, module in STEPS[: position + 1]))
        lines.append(f"| {label} | {mib:.1f} | {f'+{mib - before:.1f}' if position else ''} |")
        before = mib
    for label, module, after in ASIDE:
        base = [name for _, name in STEPS[:after]]
        mib = importing_mib(*base, module)
        more = mib - importing_mib(*(name for _, name in STEPS[: after + (module == "aiohttp.web")]))
        lines.append(f"| {label} |  | +{more:.1f} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Measures and prints; returns 1 where a bound is not kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS, help="seconds (default: %(default)s)")
    idle = parser.parse_args(arguments).idle
    ready, resident = measure_agent(idle)
    sys.stdout.write(
        f"start to /readyz: {ready:.2f} s (at most {READY_SECONDS} s)\n"
        f"memory after {idle:g} s: {resident:.1f} MiB (at most {RESIDENT_MIB:g} MiB)\n\n"
        f"{dependencies()}\n"
    )
    return int(ready > READY_SECONDS or resident > RESIDENT_MIB)


if __name__ == "__main__":
    sys.exit(main())
