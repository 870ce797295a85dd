"""Values of every metric for one snapshot, in the table's order, samples in the order of their subject. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from agent import __version__
from agent.views.metrics import table
from agent.views.metrics.devices import device_families
from agent.views.metrics.memory import memory_families
from agent.views.metrics.publishing import PublishHealth, publishing_families
from agent.views.nrt import zones_left_out
from collectors.model import Snapshot

SAMPLES_LIMIT = 4_096
"""Of one metric: what 64 NUMA nodes with CPUs have in distances, the most that a kubelet knows. A forged or broken
machine must not flood a monitoring system."""

Sample = tuple[tuple[str, ...], float]
"""Values of the row's labels, and the value"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A metric and its samples."""

    row: table.Row
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyHealth:
    """What a snapshot does not know: how the surveys go. None where no survey has ended yet."""

    success: bool
    completed: int
    failed: int
    duration_seconds: float | None = None
    age_seconds: float | None = None


def derive_families(
    snapshot: Snapshot | None, health: SurveyHealth, published: Sequence[PublishHealth] = ()
) -> tuple[Family, ...]:
    """Every metric that has a value. An unknown value is no sample; a metric without samples is not there."""
    samples: dict[table.Row, tuple[Sample, ...]] = dict(_agent_samples(health))
    for row, found in publishing_families(published):
        samples[row] = tuple(found)
    if snapshot is not None:
        for row, found in _machine_samples(snapshot):
            samples[row] = tuple(found)
    too_many = [row for row in table.TABLE if len(samples.get(row, ())) > SAMPLES_LIMIT]
    samples[table.METRIC_LEFT_OUT] = tuple(((row.name,), float(len(samples.pop(row)))) for row in too_many)
    return tuple(Family(row=row, samples=samples[row]) for row in table.TABLE if samples.get(row))


def _agent_samples(health: SurveyHealth) -> Iterator[tuple[table.Row, tuple[Sample, ...]]]:
    yield table.BUILD_INFO, (((__version__,), 1.0),)
    yield table.SURVEY_SUCCESS, (((), float(health.success)),)
    yield table.SURVEYS, ((("complete",), float(health.completed)), (("failed",), float(health.failed)))
    if health.duration_seconds is not None:
        yield table.SURVEY_DURATION, (((), health.duration_seconds),)
    if health.age_seconds is not None:
        yield table.SURVEY_AGE, (((), health.age_seconds),)


def _machine_samples(snapshot: Snapshot) -> Iterator[tuple[table.Row, Iterable[Sample]]]:
    yield table.MACHINE_INFO, (_machine_info(snapshot),)
    subjects = snapshot.observed
    yield table.SUBJECT_SUCCESS, (((name,), float(seen.error is None)) for name, seen in subjects)
    yield (
        table.SUBJECT_AGE,
        (
            ((name,), max(snapshot.taken_at - seen.read_at, 0.0))
            for name, seen in subjects
            if seen.read_at is not None
        ),
    )
    yield table.SUBJECT_PROBLEMS, (((name,), float(len(seen.problems))) for name, seen in subjects)
    if snapshot.numa.facts is not None:
        yield from memory_families(snapshot.numa.facts)
        yield table.NRT_LEFT_OUT, (((), float(len(zones_left_out(snapshot)))),)
    yield from device_families(snapshot)


def _machine_info(snapshot: Snapshot) -> Sample:
    cpus, system = snapshot.cpus.facts, snapshot.system.facts
    words = (
        cpus and cpus.architecture,
        cpus and cpus.model_name,
        system and system.kernel_release,
    )
    return tuple(word or "" for word in words), 1.0
