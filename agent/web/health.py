"""What /healthz and /readyz answer: None where all is well, else the reason in words. Pure."""

from __future__ import annotations

from agent.surveyor import SurveyState

SLACK_SECONDS = 15.0
"""Beyond a period and a deadline, until a silent survey loop counts as dead: a busy machine schedules late, and the
token bucket may hold a survey back for some seconds."""


def liveness_problem(state: SurveyState, *, now: float, period: float, deadline: float) -> str | None:
    """Why the agent should be restarted: its survey loop has not shown itself for too long.

    A survey that is stuck in a driver is no such reason: the loop goes on, and a restart would lose the last snapshot
    and hang at the same file.
    """
    silence = now - state.ticked_at
    if silence <= period + deadline + SLACK_SECONDS:
        return None
    return f"the survey loop has not shown itself for {silence:.0f} s"


def readiness_problem(state: SurveyState, *, now: float, period: float) -> str | None:
    """Why what is served may be wrong: no complete survey yet, one that is stuck, or the last is two periods old."""
    if state.completed_at is None:
        return state.failure or "the first survey has not ended yet"
    if state.stuck:
        return state.failure
    age = now - state.completed_at
    if age < 2 * period:
        return None
    return f"the last complete survey ended {age:.0f} s ago: {state.failure or 'the next one is late'}"
