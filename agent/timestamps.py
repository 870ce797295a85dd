"""Instants in writing: RFC 3339 in UTC with milliseconds, everywhere the same. Pure."""

from __future__ import annotations

import datetime
import time


def format_timestamp(seconds: float) -> str:
    """`2026-01-31T09:00:00.000Z` from seconds since the epoch."""
    milliseconds = round(seconds * 1000)
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000))
    return f"{whole}.{milliseconds % 1000:03d}Z"


def parse_timestamp(text: str) -> float:
    """Seconds since the epoch from `2026-01-31T09:00:00Z` or another offset; ValueError where it is none."""
    instant = datetime.datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"a time without an offset: {text[:40]!r}")
    return instant.timestamp()
