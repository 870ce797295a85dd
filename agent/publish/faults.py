"""What went wrong at the API server: one word for metrics, a sentence for people, and when to try again."""

from __future__ import annotations

import enum
import random
from dataclasses import dataclass

from agent.clock import Clock
from agent.kube.errors import (
    ConflictError,
    CredentialsError,
    ForbiddenError,
    GoneError,
    KubeError,
    KubeStatusError,
    KubeUnreachableError,
    NotFoundError,
    ServerError,
    TooManyRequestsError,
    UnauthorizedError,
)
from agent.publish.places import Kind
from agent.supervise import Backoff


class Reason(enum.Enum):
    """The value is the metric's word."""

    UNREACHABLE = "unreachable"
    CREDENTIALS = "credentials"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    MISSING = "missing"
    CONFLICT = "conflict"
    GONE = "gone"
    THROTTLED = "throttled"
    SERVER = "server"
    REFUSED = "refused"


_REASONS: tuple[tuple[type[KubeError], Reason], ...] = (
    (KubeUnreachableError, Reason.UNREACHABLE),
    (CredentialsError, Reason.CREDENTIALS),
    (UnauthorizedError, Reason.UNAUTHORIZED),
    (ForbiddenError, Reason.FORBIDDEN),
    (NotFoundError, Reason.MISSING),
    (ConflictError, Reason.CONFLICT),
    (GoneError, Reason.GONE),
    (TooManyRequestsError, Reason.THROTTLED),
    (ServerError, Reason.SERVER),
    (KubeStatusError, Reason.REFUSED),
    (KubeError, Reason.UNREACHABLE),
)

QUICK_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6)
"""For what passes by itself. The last repeats: two seconds after a fault's end we are back, and no loop is hot."""

PATIENT_SECONDS = (0.5, 1.0, *(2.0,) * 60, 5.0, 10.0, 30.0)
"""For what a person has to put right, who has just been told: for two minutes as quick as the others, then slower."""

_FOR_PEOPLE = frozenset({Reason.FORBIDDEN, Reason.MISSING, Reason.REFUSED})

RETRY_AFTER_LIMIT = 300.0
"""Seconds of a Retry-After that are believed: a broken proxy must not silence us for a day."""

STARTING_SECONDS = 5.0
"""What an API server that is just starting asks for with each 503, and is there after one: not waited for. Who sheds
load says so with a 429, or asks for longer."""

CALM_SECONDS = 30.0
"""Without a fault, until the next one counts as the first again."""


def reason_of(error: KubeError) -> Reason:
    """What sort of fault it is."""
    return next(reason for kind, reason in _REASONS if isinstance(error, kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One failure, understood.

    Attributes:
        words: what is wrong and, where that is known, what to do about it.
    """

    reason: Reason
    words: str


def explain(error: KubeError, kind: Kind) -> Fault:
    """The failure in words for who can do something about it; `kind` is what the request was about."""
    reason = reason_of(error)
    words = str(error)
    if isinstance(error, NotFoundError):
        words = kind.if_missing
    elif isinstance(error, ForbiddenError) and error.right is not None:
        words = f"the right to {error.right} is missing; {kind.rights} gives it"
    elif isinstance(error, UnauthorizedError):
        words = "the API server does not accept our token (or it has expired); it is read anew each time"
    return Fault(reason=reason, words=words)


class Retries:
    """When to try again: longer after each failure, never two nodes in step."""

    def __init__(self, clock: Clock, chance: random.Random, *, spread_seconds: float = 0.0) -> None:
        self._clock = clock
        self._chance = chance
        self._quick = Backoff(QUICK_SECONDS)
        self._patient = Backoff(PATIENT_SECONDS)
        self._spread_seconds = spread_seconds
        self._calm_from = 0.0

    def delay_after(self, error: KubeError, reason: Reason) -> float:
        """Seconds until the next attempt: between half of the step and the whole, and what the server asks for.

        Where a fleet spreads its writes, it spreads its reconnects too: the last steps then reach that far.
        """
        now = self._clock.monotonic()
        if now >= self._calm_from:
            self._quick.succeeded()
            self._patient.succeeded()
        step = (self._patient if reason in _FOR_PEOPLE else self._quick).failed()
        if step >= QUICK_SECONDS[-1]:
            step = max(step, self._spread_seconds)
        delay = step * (0.5 + 0.5 * self._chance.random())
        delay += _asked_for(error)
        self._calm_from = now + delay + CALM_SECONDS
        return delay


def _asked_for(error: KubeError) -> float:
    """Seconds that the server wants to be left alone."""
    if not isinstance(error, KubeStatusError) or error.retry_after is None:
        return 0.0
    if isinstance(error, ServerError) and error.retry_after <= STARTING_SECONDS:
        return 0.0
    return min(error.retry_after, RETRY_AFTER_LIMIT)
