"""Instants in writing: RFC 3339 in UTC with milliseconds, everywhere the same. Pure."""

from __future__ import annotations

import time


def format_timestamp(seconds: float) -> str:
    """`2026-01-31T09:00:00.000Z` from seconds since the epoch."""
    milliseconds = round(seconds * 1000)
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000))
    return f"{whole}.{milliseconds % 1000:03d}Z"
