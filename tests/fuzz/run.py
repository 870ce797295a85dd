"""Runs mutated trees by number: each has a random generator of its own, made of the seed and the number."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import multiprocessing
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from tests.fuzz.bases import Base
from tests.fuzz.disk import DiskMachine
from tests.fuzz.mutations import ON_DISK, Mutation
from tests.fuzz.trial import Trial, draw_mutations, run_in_memory, run_on_disk, shrink

DISK_SHARE = 0.1
"""Of the trees, how many lie on a real disk, where links and FIFOs are the kernel's own"""

MOST_FILES_ON_DISK = 1500
"""Of a machine that is written to a disk; the others are spoilt in memory alone"""

HARD_LIMIT_SECONDS = 120
"""For one tree whose survey does not even react to the alarm: then its stack is printed, and the process ends"""

CHUNK = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A tree that was judged badly, by its number."""

    number: int
    trial: Trial


class Runner:
    """Runs trees by number on some sound machines."""

    def __init__(self, bases: Sequence[Base], seed: int, folder: Path) -> None:
        self._bases = bases
        self._seed = seed
        self._folder = folder
        self._disks: dict[str, DiskMachine] = {}

    def run(self, number: int) -> Failure | None:
        """One tree; what is wrong with it, in as few mutations as will do."""
        random = Random(f"{self._seed}:{number}")
        base = random.choice(self._bases)
        on_disk = random.random() < DISK_SHARE and len(base.tree.files) <= MOST_FILES_ON_DISK
        mutations = draw_mutations(random, base)
        if on_disk:
            mutations = tuple(mutation for mutation in mutations if mutation.kind in ON_DISK)
        faulthandler.dump_traceback_later(HARD_LIMIT_SECONDS, exit=True)
        try:
            trial = self._try(base, mutations, on_disk=on_disk)
            if trial.complaints:
                trial = shrink(trial, lambda fewer: self._try(base, fewer, on_disk=on_disk))
        finally:
            faulthandler.cancel_dump_traceback_later()
        return Failure(number=number, trial=trial) if trial.complaints else None

    def _try(self, base: Base, mutations: tuple[Mutation, ...], *, on_disk: bool) -> Trial:
        if not on_disk:
            return run_in_memory(base, mutations)
        disk = self._disks.get(base.name)
        if disk is None:
            folder = self._folder / f"{os.getpid()}-{len(self._disks)}"
            disk = self._disks[base.name] = DiskMachine(base.tree, folder)
        trial = run_on_disk(base, disk, mutations)
        return replace(trial, base=f"{base.name} (on disk)")


class _Worker:
    """What a forked process inherits: sound machines, as unpacking captures takes longer than a thousand trees."""

    runner: Runner | None = None


def run_trees(bases: Sequence[Base], *, seed: int, numbers: range, jobs: int) -> Iterator[list[Failure]]:
    """The failures among some trees, chunk by chunk as they are done."""
    chunks = [numbers[first : first + CHUNK] for first in range(0, len(numbers), CHUNK)]
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(
        prefix="numascope-fuzz-", dir=memory if memory.is_dir() else None
    ) as folder:
        _Worker.runner = Runner(bases, seed, Path(folder))
        if jobs == 1:
            yield from map(_run_chunk, chunks)
            return
        with ProcessPoolExecutor(jobs, multiprocessing.get_context("fork")) as pool:
            yield from pool.map(_run_chunk, chunks)


def _run_chunk(numbers: range) -> list[Failure]:
    runner = _Worker.runner
    if runner is None:
        raise RuntimeError("no machines were made before this process was forked")
    with quiet():
        outcomes = [runner.run(number) for number in numbers]
    return [failure for failure in outcomes if failure is not None]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the log: a defect of a collector is in the snapshot, and the traceback is for people."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
