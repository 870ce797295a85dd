"""What `numascope doctor` says, and what it says it of. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Never

from collectors.model import Observed, Problem, Snapshot
from collectors.model.cgroup import ContainerCgroups

_UNREAD: Observed[Never] = Observed()

SHOWN = 8
"""Names of one kind in a line of evidence; the rest is counted"""


class Severity(enum.Enum):
    """The value is the word for it, the worst first."""

    ERROR = "error"
    """Something is wrong: pods are placed badly, refused, or not placed at all, or the kubelet will not start"""
    WARNING = "warning"
    """Something keeps alignment from being as good as it could be, or could not be looked at"""
    NOTE = "note"
    """Worth knowing"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found."""

    check: str
    """A word that stays, for programs: `hugepages-changed`; docs/doctor.md has them all"""
    severity: Severity
    what: str
    """One sentence, without a full stop"""
    evidence: tuple[str, ...] = ()
    """The facts that it stands on, a line each"""
    way_out: str | None = None
    """What a person can do; None where there is nothing to be done"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What was looked at."""

    snapshot: Snapshot
    """With the kubelet where there is one"""
    state_problems: tuple[Problem, ...] = ()
    """The kubelet's files that could not be read or understood"""
    no_kubelet: str | None = None
    """Why the snapshot carries none; None where it does"""
    cgroups: Observed[ContainerCgroups] = _UNREAD
    """Of the containers that run"""


def some(names: Iterable[object]) -> str:
    """Names with commas between, the first of them where there are many."""
    listed = [str(name) for name in names]
    more = len(listed) - SHOWN
    return ", ".join(listed[:SHOWN]) + (f" and {more} more" if more > 0 else "")
