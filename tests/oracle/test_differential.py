"""How differences are found, confirmed and shrunk, with a program in the oracle's place that answers what a test says."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.oracle.differential import Oracle
from tests.oracle.oracle import HUNG, OracleError, ask
from tests.oracle.scenario import Scenario, Step
from tests.oracle.test_compare import ADMIT, SCENARIO

SETTLE = Step(op="settle")
REFUSES = '{"outcome": "refused", "reason": "No", "message": "not today"}'
STOPS = '{"outcome": "stopped"}'
DONE = '{"outcome": "done"}'


def program(folder: Path, *, admits: str = REFUSES, after: str = "") -> Path:
    """Answers `admits` to every pod; `after` is done with each scenario's `line` once it is answered."""
    path = folder / "oracle"
    path.write_text(
        f"#!{sys.executable}\n"
        "import json, sys\n"
        "for number, line in enumerate(sys.stdin):\n"
        "    scenario = json.loads(line)\n"
        f"    known = {{'admit': {admits}, 'settle': {DONE}}}\n"
        "    steps = [known[step['op']] for step in scenario['steps']]\n"
        "    print(json.dumps({'name': scenario['name'], 'steps': steps}), flush=True)\n"
        f"    {after or 'pass'}\n"
    )
    path.chmod(0o755)
    return path


def named(name: str, *steps: Step) -> Scenario:
    return replace(SCENARIO, name=name, steps=steps)


def test_answers_come_in_the_order_of_scenarios(tmp_path: Path) -> None:
    scenarios = [named(str(number), SETTLE) for number in range(50)]
    told = list(ask(program(tmp_path), scenarios))
    assert [(scenario.name, answer["name"]) for scenario, answer in told] == [
        (str(number), str(number)) for number in range(50)
    ]


def test_after_a_kubelet_that_hangs_another_process_goes_on(tmp_path: Path) -> None:
    hangs = f"scenario['name'] in ('1', '4') and sys.exit({HUNG})"
    told = ask(program(tmp_path, after=hangs), [named(str(number), SETTLE) for number in range(6)])
    assert [answer["name"] for _, answer in told] == ["0", "1", "2", "3", "4", "5"]


def test_a_program_that_fails_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OracleError, match="ended with 1"):
        list(ask(program(tmp_path, after="sys.exit(1)"), [named("0", SETTLE)]))


def test_a_difference_is_shrunk_to_the_steps_that_it_takes(tmp_path: Path) -> None:
    tally = Oracle(program=program(tmp_path)).examine([named("long", SETTLE, SETTLE, ADMIT, SETTLE)])
    (found,) = tally.differences
    assert found.scenario.steps == (ADMIT,)
    assert found.lines == ("the kubelet: refused No: not today; we: admitted None: None",)
    assert tally.steps == {"settle done": 3, "admit refused": 1}
    assert tally.reasons == {"No": 1}


def test_what_the_kubelet_does_by_chance_is_counted_and_no_difference(tmp_path: Path) -> None:
    varies = f"({REFUSES} if number == 0 else {STOPS})"
    oracle = Oracle(program=program(tmp_path, admits=varies))
    tally = oracle.examine([named("chance", ADMIT)])
    assert (tally.by_chance, tally.differences) == (1, [])


def test_a_scenario_whose_kubelet_does_not_start_is_only_counted(tmp_path: Path) -> None:
    answer = {"name": "never", "error": {"part": "cpumanager", "message": "no CPUs are reserved"}}
    assert Oracle(program=program(tmp_path)).first_difference(named("never", ADMIT), answer) is None
