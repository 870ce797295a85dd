"""How long a full survey takes: of the machines that have a bound, and of a row of machines that grow.

The machines are synthetic and lie in memory (/dev/shm where there is one), as sysfs does.
"""

from __future__ import annotations

import gc
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.survey import survey
from collectors.hostfs import DirectoryFS
from tests.bench.measured import Measured
from tests.hosts import shapes
from tests.hosts.machine import write_machine
from tests.hosts.spec import MachineSpec

HUGE_MS = 400.0
DUAL_SERVER_MS = 40.0
"""The bounds for a machine of 64 nodes, 1,024 CPUs and 200 PCI functions, and for one of two sockets"""

CPUS = (128, 256, 512, 1024)
FUNCTIONS = (50, 100, 200, 400)
MOST_GROWTH = 1.5
"""How much more another CPU or function may cost on the biggest machines than on the smallest: 1 is a straight line"""


def measure_survey(runs: int) -> list[Measured]:
    """Milliseconds of the surveys that have a bound."""
    return [
        time_survey(shapes.HUGE, runs, at_most=HUGE_MS),
        time_survey(shapes.DUAL_SERVER, runs, at_most=DUAL_SERVER_MS),
        time_survey(shapes.HGX, runs),
    ]


def measure_growth(runs: int) -> list[Measured]:
    """Milliseconds of surveys of machines that double, and how the cost of one more CPU or function changes.

    It is CPU time, which a neighbour on the machine disturbs less: the question is the shape, not the speed.
    """
    by_cpus = [
        time_survey(shapes.sized(cpus=cpus, nodes=16, functions=50), runs, clock=time.process_time)
        for cpus in CPUS
    ]
    by_functions = [
        time_survey(shapes.sized(cpus=128, nodes=16, functions=count), runs, clock=time.process_time)
        for count in FUNCTIONS
    ]
    return [
        *by_cpus,
        _growth("what one more CPU costs, big to small", CPUS, by_cpus),
        *by_functions,
        _growth("what one more function costs, big to small", FUNCTIONS, by_functions),
    ]


def time_survey(
    spec: MachineSpec,
    runs: int,
    *,
    at_most: float | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Measured:
    """Milliseconds of full surveys of one machine, each with no memory of the one before."""
    with _written(spec) as root:
        survey(DirectoryFS(root), now=0.0)  # the first one imports and compiles what all others share
        values = tuple(_one_survey(root, clock) for _ in range(runs))
    return Measured(name=f"survey: {spec.name}", unit="ms", values=values, at_most=at_most)


def _one_survey(root: str, clock: Callable[[], float]) -> float:
    gc.collect()
    started = clock()
    survey(DirectoryFS(root), now=0.0)
    return (clock() - started) * 1000


@contextmanager
def _written(spec: MachineSpec) -> Iterator[str]:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(
        prefix="numascope-bench-", dir=memory if memory.is_dir() else None
    ) as folder:
        write_machine(spec, Path(folder))
        yield os.fspath(folder)


def _growth(name: str, sizes: tuple[int, ...], figures: list[Measured]) -> Measured:
    """The cost of one more at the big end, over that at the small end; from the fastest runs, which noise spares."""
    best = [min(figure.values) for figure in figures]
    slopes = [
        (later - earlier) / (size - smaller)
        for earlier, later, smaller, size in zip(best, best[1:], sizes, sizes[1:], strict=False)
    ]
    each = ", ".join(f"{slope * 1000:.0f}" for slope in slopes)
    return Measured(
        name=name,
        unit="×",
        values=(slopes[-1] / slopes[0],),
        at_most=MOST_GROWTH,
        note=f"{each} µs for each more",
    )
