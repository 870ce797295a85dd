"""`python -m tests.bench [NAME …] [--runs N] [--json FILE]`: exit status 1 where a bound is not kept."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.bench import start
from tests.bench.growth import measure_growth
from tests.bench.measured import Measured, describe_machine, table


def measure_start(runs: int) -> list[Measured]:
    """Seconds from start to readiness of the agent on this machine, and MiB that it holds when idle."""
    ready: list[float] = []
    resident: list[float] = []
    for _ in range(runs):
        with start.agent() as (pid, seconds):
            ready.append(seconds)
            time.sleep(start.IDLE_SECONDS)
            resident.append(start.resident_mib(pid))
    return [
        Measured(name="start to /readyz", unit="s", values=tuple(ready), at_most=start.READY_SECONDS),
        Measured(
            name=f"memory after {start.IDLE_SECONDS:g} s",
            unit="MiB",
            values=tuple(resident),
            at_most=start.RESIDENT_MIB,
        ),
    ]


BENCHMARKS: Mapping[str, tuple[Callable[[int], list[Measured]], int]] = {
    "growth": (measure_growth, 15),
    "start": (measure_start, start.RUNS),
}
"""By name: what measures, and how many runs it makes of each figure"""


def main(arguments: list[str] | None = None) -> int:
    options = _parse(arguments)
    machine = describe_machine()
    print(", ".join(f"{name} {value}" for name, value in machine.items()), flush=True)
    measured: dict[str, list[Measured]] = {}
    for name in options.names or BENCHMARKS:
        measure, usual_runs = BENCHMARKS[name]
        measured[name] = measure(options.runs or usual_runs)
        print(f"\n{name}\n{table(measured[name])}", flush=True)
    if options.json is not None:
        figures = {name: [figure.as_json() for figure in group] for name, group in measured.items()}
        options.json.write_text(json.dumps({"machine": machine, "measured": figures}, indent=2) + "\n")
    missed = [figure.name for group in measured.values() for figure in group if not figure.holds]
    for name in missed:
        print(f"over the bound: {name}", file=sys.stderr)
    return 1 if missed else 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure what has a bound.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which ones: {', '.join(BENCHMARKS)} (all)")
    parser.add_argument(
        "--runs", type=int, metavar="N", help="of each figure (as many as the benchmark needs)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every run to a file too")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in BENCHMARKS:
            parser.error(f"no benchmark {name!r}; there are {', '.join(BENCHMARKS)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
