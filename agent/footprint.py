"""Keeps the process small: it runs on every node.

glibc gives every thread a heap of its own and keeps what is freed; a process of one loop and one survey a minute
gains nothing from either. Where the C library has no such calls (musl), nothing is lost but some megabytes.
"""

from __future__ import annotations

import ctypes
import gc

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_KEPT_BYTES = 64 << 10


def settle_in() -> None:
    """To be called before the first thread: one heap for all, and large blocks go back when they are freed."""
    tune = getattr(ctypes.CDLL(None), "mallopt", None)
    if tune is not None:
        tune(_M_ARENA_MAX, 1)
        tune(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        tune(_M_MMAP_THRESHOLD, _KEPT_BYTES)


def forget_the_start() -> None:
    """To be called once all is imported and served: what lives now lives for good, and need not be looked at again."""
    gc.collect()
    gc.freeze()
    give_back()


def give_back() -> None:
    """Hands free memory back to the system, after work that took much of it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
