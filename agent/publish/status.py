"""How publishing one object goes: for /readyz, metrics and people."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishStatus:
    """One object. Counts are since the agent started."""

    kind: str
    """`NodeResourceTopology`, `Numatopology`, `Node` (its labels) or `FeatureFile`"""
    name: str
    known_equal: bool = False
    """Whether what is there is known to be what is wanted: seen so, and nothing has come between since"""
    in_sync_since: float | None = None
    """Monotonic seconds; None where it is not known to be equal"""
    confirmed_at: float | None = None
    """Seconds since the epoch; when it was last seen to be equal"""
    writes: int = 0
    """Accepted ones"""
    failures: tuple[tuple[str, int], ...] = ()
    """Failed requests by reason, in the order of the reasons"""
    repairs: int = 0
    """Times that what others changed was written again"""
    yielded_to: tuple[str, ...] = ()
    """Field managers to whom it is left"""
    error: str | None = None
    """What is wrong now, and what to do about it"""
