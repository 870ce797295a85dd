"""A value that no fact may hold, and a look whether one does."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from types import ModuleType

SECRET = "hunter2-" * 3
"""Stands wherever a pod holds what is none of our business."""


def who_holds_secrets(*roots: object) -> list[str]:
    """The types of whatever, reachable from `roots`, holds the secret in its text or its bytes."""
    return [type(held).__name__ for held in _reachable(roots) if _tells(held)]


def _tells(held: object) -> bool:
    if isinstance(held, str):
        return held is not SECRET and SECRET in held
    if isinstance(held, memoryview):
        return SECRET.encode() in bytes(held)
    return isinstance(held, bytes | bytearray) and SECRET.encode() in held


def _reachable(roots: tuple[object, ...]) -> Iterator[object]:
    seen: set[int] = set()
    waiting: list[object] = list(roots)
    while waiting:
        held = waiting.pop()
        if id(held) in seen or isinstance(held, _EVERYTHING) or _is_namespace(held):
            continue
        seen.add(id(held))
        yield held
        waiting += gc.get_referents(held)


_EVERYTHING = (type, ModuleType, asyncio.AbstractEventLoop)
"""From each of these everything in the process can be reached, the test's own fakes too."""


def _is_namespace(held: object) -> bool:
    """Whether it holds the names of a module: from there everything can be reached."""
    return isinstance(held, dict) and "__builtins__" in held
