"""Keeps the process small: it runs on every node.

What was measured to matter (docs/performance.md): what a survey leaves behind in reference cycles is collected at
once, not when Python finds that enough has gathered, and what was made at the start is not looked at again each time.
"""

from __future__ import annotations

import gc


def forget_the_start() -> None:
    """To be called once all is imported and served: what lives now lives for good."""
    gc.collect()
    gc.freeze()


def tidy_up() -> None:
    """To be called after each survey: the facts before the last ones go now. Some milliseconds on the largest machine."""
    gc.collect()
