"""One mutated tree: spoil a machine, survey it against the clock, judge what came out."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from types import FrameType

from agent.survey import survey
from collectors.hostfs import HostFS
from collectors.model import Snapshot
from tests.fakes.faultyfs import FaultyFS
from tests.fuzz.bases import NOW, NUMERIC_NAMES, Base
from tests.fuzz.disk import DiskMachine
from tests.fuzz.mutations import Kind, Mutation, apply_in_memory, draw_mutation
from tests.fuzz.oracle import check, unnamed

DEADLINE_SECONDS = 10.0
"""For one tree. The slowest sound one takes some hundredths of a second, and 1 MiB of list a second."""


class TooSlowError(BaseException):
    """A survey ran into the deadline; no `except Exception` on its way can swallow it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What was done to which machine, and what is wrong with the outcome."""

    base: str
    mutations: tuple[Mutation, ...]
    complaints: tuple[str, ...]


def draw_mutations(random: Random, base: Base) -> tuple[Mutation, ...]:
    """Mostly one mutation, which is judged most sharply; else some, anywhere or all in one directory."""
    count = random.choice((1, 1, 1, 2, 3, 8, 40))
    drawn = [draw_mutation(random, base.targets, base.machine) for _ in range(count)]
    if random.random() < 0.3:
        drawn += _neighbours(random, base, drawn[0])
    unique = {mutation.path: mutation for mutation in drawn}
    return tuple(unique.values())


def _neighbours(random: Random, base: Base, first: Mutation) -> list[Mutation]:
    """The same done to the other files of a directory, read or not: what stands in for a file is spoilt too."""
    parent = first.path.rpartition("/")[0]
    names = [name for name in base.machine.entries(parent) or () if random.random() < 0.7]
    paths = (f"{parent}/{name}" for name in names)
    return [
        Mutation(kind=first.kind, path=path, payload=first.payload)
        for path in paths
        if isinstance(base.machine.node(path), bytes)
        and (first.kind is not Kind.GARBAGE or path in base.targets.numeric)
    ]


def run_in_memory(base: Base, mutations: tuple[Mutation, ...]) -> Trial:
    """Spoils a machine in memory and judges its survey."""
    machine = base.machine.copy()
    faults: dict[str, int] = {}
    for mutation in mutations:
        apply_in_memory(mutation, machine, faults)
    watched = FaultyFS(machine, faults)
    return Trial(base=base.name, mutations=mutations, complaints=tuple(judge(base, watched, mutations)))


def run_on_disk(base: Base, disk: DiskMachine, mutations: tuple[Mutation, ...]) -> Trial:
    """Spoils a machine on a disk for a while and judges its survey."""
    with disk.spoilt(mutations):
        complaints = tuple(judge(base, FaultyFS(disk.open()), mutations))
    return Trial(base=base.name, mutations=mutations, complaints=complaints)


def shrink(trial: Trial, again: Callable[[tuple[Mutation, ...]], Trial]) -> Trial:
    """The same failure with as few mutations as leaving out one after the other gives."""
    for mutation in trial.mutations:
        fewer = tuple(other for other in trial.mutations if other is not mutation)
        smaller = again(fewer)
        if smaller.complaints:
            trial = smaller
    return trial


def judge(base: Base, watched: FaultyFS, mutations: tuple[Mutation, ...]) -> Iterator[str]:
    """Everything that is wrong with a survey of a spoilt machine."""
    snapshot = survey_in_time(watched)
    if snapshot is None:
        yield f"no survey within {DEADLINE_SECONDS:.0f} s"
        return
    yield from check(base.facts, snapshot, mutations)
    garbage = {mutation.path for mutation in mutations if mutation.kind in (Kind.GARBAGE, Kind.EMPTIED)}
    # A link may lead from another file to the garbage, which may be a fine text there.
    read = {path for path in watched.asked_as(garbage) if path.rpartition("/")[2] in NUMERIC_NAMES}
    yield from unnamed(snapshot, watched.refused | read)


def survey_in_time(machine: HostFS, *, seconds: float = DEADLINE_SECONDS) -> Snapshot | None:
    """A survey, or None where it does not end before the deadline."""
    with contextlib.suppress(TooSlowError), _deadline(seconds):
        return survey(machine, now=NOW)
    return None


@contextlib.contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TooSlowError

    handler = signal.signal(signal.SIGALRM, stop)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:  # a test runner may keep time with the same alarm
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *timer)
