"""When the agent counts as alive, and when what it serves counts as good."""

from __future__ import annotations

import pytest

from agent.surveyor import SurveyState
from agent.web.health import liveness_problem, readiness_problem

PERIOD = 60.0


def alive(silence: float) -> str | None:
    return liveness_problem(SurveyState(ticked_at=0.0), now=silence, period=PERIOD, deadline=20.0)


def ready(now: float, **state: object) -> str | None:
    return readiness_problem(SurveyState(ticked_at=0.0, **state), now=now, period=PERIOD)  # type: ignore[arg-type]


@pytest.mark.parametrize(("silence", "well"), [(0.0, True), (95.0, True), (95.1, False)])
def test_the_survey_loop_must_show_itself_within_a_period_and_a_deadline(silence: float, well: bool) -> None:
    assert (alive(silence) is None) is well


def test_a_silent_loop_is_named() -> None:
    assert alive(300.0) == "the survey loop has not shown itself for 300 s"


def test_nothing_is_ready_before_the_first_survey() -> None:
    assert ready(1.0) == "the first survey has not ended yet"
    assert ready(1.0, failure="the survey is stuck at /sys/a", stuck=True) == "the survey is stuck at /sys/a"


def test_a_complete_survey_is_good_for_two_periods() -> None:
    assert ready(119.9, completed_at=0.0) is None
    assert ready(120.0, completed_at=0.0) == "the last complete survey ended 120 s ago: the next one is late"


def test_a_stuck_survey_is_not_ready_at_once() -> None:
    assert ready(21.0, completed_at=0.0, stuck=True, failure="the survey is stuck at /sys/a") is not None


def test_a_failed_survey_stays_ready_until_the_last_one_is_too_old() -> None:
    assert ready(60.0, completed_at=0.0, failure="no such directory") is None
    problem = ready(180.0, completed_at=0.0, failure="no such directory")
    assert problem == "the last complete survey ended 180 s ago: no such directory"
