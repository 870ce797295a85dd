"""How the time of a full survey grows with the machine: with its CPUs, and with its PCI functions.

The machines are synthetic and lie in memory (/dev/shm where there is one), as sysfs does.
"""

from __future__ import annotations

import gc
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.survey import survey
from collectors.hostfs import DirectoryFS
from tests.bench.measured import Measured
from tests.hosts import shapes
from tests.hosts.machine import write_machine
from tests.hosts.spec import MachineSpec

CPUS = (128, 256, 512, 1024)
FUNCTIONS = (50, 100, 200, 400)
MOST_GROWTH = 1.5
"""How much more another CPU or function may cost on the biggest machines than on the smallest: 1 is a straight line"""


def measure_growth(runs: int) -> list[Measured]:
    """Milliseconds of surveys of machines that double, and how the cost of one more CPU or function changes.

    It is CPU time, which a neighbour on the machine disturbs less: the question is the shape, not the speed.
    """
    by_cpus = [_time_survey(shapes.sized(cpus=cpus, nodes=16, functions=50), runs) for cpus in CPUS]
    by_functions = [
        _time_survey(shapes.sized(cpus=128, nodes=16, functions=count), runs) for count in FUNCTIONS
    ]
    return [
        *by_cpus,
        _growth("what one more CPU costs, big to small", CPUS, by_cpus),
        *by_functions,
        _growth("what one more function costs, big to small", FUNCTIONS, by_functions),
    ]


def _time_survey(spec: MachineSpec, runs: int) -> Measured:
    """Milliseconds of CPU of full surveys of one machine, each with no memory of the one before."""
    with written(spec) as root:
        survey(DirectoryFS(root), now=0.0)  # the first one imports and compiles what all others share
        values = tuple(_one_survey(root) for _ in range(runs))
    return Measured(name=f"survey: {spec.name}", unit="ms", values=values)


def _one_survey(root: str) -> float:
    gc.collect()
    started = time.process_time()
    survey(DirectoryFS(root), now=0.0)
    return (time.process_time() - started) * 1000


@contextmanager
def written(spec: MachineSpec) -> Iterator[str]:
    """A directory in memory that holds the machine's files, for as long as the block runs."""
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
