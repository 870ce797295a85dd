"""Plays scenarios on both sides and finds the first step at which they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.admission.versions import NEWEST, Version
from tests.oracle.compare import compare, compare_machine
from tests.oracle.oracle import ask
from tests.oracle.ours import Ours
from tests.oracle.scenario import Object, Scenario, Step

LAST = ("stopped", "hung", "panicked", "exited")
"""Outcomes after which the oracle did no further step"""
TRIES = 24
"""How often the oracle is asked again before a difference counts: the kubelet may have chosen by chance"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where the kubelet and we part."""

    scenario: Scenario
    """As far as the step that differs"""
    lines: tuple[str, ...]


@dataclass(slots=True)
class Tally:
    """What was compared."""

    scenarios: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    """By what was done and how it ended: `admit refused`"""
    reasons: Counter[str] = field(default_factory=Counter)
    policies: Counter[str] = field(default_factory=Counter)
    unstarted: Counter[str] = field(default_factory=Counter)
    """Scenarios with whose settings the kubelet does not start, by the part that says so"""
    by_chance: int = 0
    """Scenarios in which the kubelet's own answers vary, and one of them is ours"""
    differences: list[Difference] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Both together."""
        self.scenarios += other.scenarios
        self.by_chance += other.by_chance
        for mine, theirs in (
            (self.steps, other.steps),
            (self.reasons, other.reasons),
            (self.policies, other.policies),
            (self.unstarted, other.unstarted),
        ):
            mine.update(theirs)
        self.differences += other.differences


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracle:
    """A kubelet to compare with."""

    program: Path
    version: Version = NEWEST

    def examine(self, scenarios: Iterable[Scenario]) -> Tally:
        """Compares every scenario; a difference is confirmed and shrunk."""
        tally = Tally()
        for scenario, answer in ask(self.program, scenarios):
            _count(tally, scenario, answer)
            found = self.first_difference(scenario, answer)
            if found is None:
                continue
            confirmed = self._confirmed(scenario)
            if confirmed is None:
                tally.by_chance += 1
            else:
                tally.differences.append(self._shrunk(confirmed))
        return tally

    def first_difference(self, scenario: Scenario, answer: Object) -> Difference | None:
        """The first step whose outcome or books are not the same; None where all are."""
        if "error" in answer:
            return None
        ours = Ours.at(scenario, version=self.version)
        if "topology" in answer and (seen := tuple(compare_machine(answer["topology"], ours))):
            return Difference(scenario=replace(scenario, steps=()), lines=seen)
        for position, told in enumerate(answer["steps"]):
            step = scenario.steps[position]
            if told["outcome"] in ("stopped", "exited"):
                return None
            error = ours.play(step, told)
            if scenario.settle:
                ours.settle()
            lines = compare(scenario, step, told, ours, error)
            if lines:
                steps = tuple(map(_explicit, scenario.steps, answer["steps"]))
                return Difference(scenario=replace(scenario, steps=steps[: position + 1]), lines=tuple(lines))
            if told["outcome"] in LAST:
                return None
        return None

    def _confirmed(self, scenario: Scenario) -> Difference | None:
        """The difference, unless the kubelet itself answers otherwise another time, as we do."""
        found = None
        for _, answer in ask(self.program, [scenario] * TRIES):
            found = self.first_difference(scenario, answer)
            if found is None:
                return None
        return found

    def _shrunk(self, found: Difference) -> Difference:
        """The same difference with as few steps as will show it."""
        for position in range(len(found.scenario.steps) - 2, -1, -1):
            steps = found.scenario.steps
            fewer = replace(found.scenario, steps=steps[:position] + steps[position + 1 :])
            ((_, answer),) = ask(self.program, [fewer])
            smaller = self.first_difference(fewer, answer)
            if smaller is not None and _is_alike(smaller, found):
                found = smaller
        return found


def _count(tally: Tally, scenario: Scenario, answer: Object) -> None:
    kubelet = scenario.kubelet
    tally.scenarios += 1
    tally.policies[f"topology {kubelet.topology_policy}, scope {kubelet.topology_scope}"] += 1
    tally.policies[f"CPUs {kubelet.cpu_policy}, memory {kubelet.memory_policy}"] += 1
    for option, _ in (*kubelet.cpu_options, *kubelet.topology_options):
        tally.policies[option] += 1
    if "error" in answer:
        tally.unstarted[answer["error"]["part"]] += 1
    for step, told in zip(scenario.steps, answer.get("steps", ()), strict=False):
        tally.steps[f"{step.op} {told['outcome']}"] += 1
        if told["outcome"] == "refused":
            tally.reasons[told["reason"]] += 1


def _explicit(step: Step, told: Object) -> Step:
    """The step as one that names its pod, so that it means the same when others are left out."""
    match told.get("did"):
        case "remove":
            return Step(op="remove", uid=told["uid"])
        case "start" | "finish" as did:
            return Step(op=did, uid=told["uid"], container=told["container"])
        case "nothing":
            return Step(op="settle" if step.op == "settle" else "advance", uid="nobody")
    return step


def _is_alike(smaller: Difference, found: Difference) -> bool:
    """Whether it is about the same thing, at the same step: another difference is for another day."""
    return smaller.scenario.steps[-1:] == found.scenario.steps[-1:] and _subject(smaller) == _subject(found)


def _subject(found: Difference) -> str:
    return found.lines[0].partition(":")[0]
