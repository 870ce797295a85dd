"""A drop-in as YAML with its comments. Written by hand: no YAML library writes comments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from textwrap import wrap

from agent.kubelet_config.drop_in import DropIn, Entry

WIDTH = 110

_WORD = re.compile(r"(?!(?:true|false|null|yes|no|on|off)$)[A-Za-z][A-Za-z-]+", re.ASCII)
"""Text that YAML takes for text without quotes"""


def write_yaml(drop_in: DropIn, head: Iterable[str]) -> str:
    """The text, which ends with a line break.

    Args:
        drop_in: what is in it.
        head: sentences that stand above all, as comments.
    """
    lines = [line for sentence in head for line in _comment(sentence, 0)]
    return "\n".join([*lines, *_lines(drop_in.entries, 0), ""])


def _lines(entries: Iterable[Entry], depth: int) -> Iterator[str]:
    for entry in entries:
        for sentence in entry.why:
            yield from _comment(sentence, depth)
        yield from _entry(entry, depth)


def _entry(entry: Entry, depth: int) -> Iterator[str]:
    margin = "  " * depth
    if not isinstance(entry.value, tuple):
        yield f"{margin}{entry.key}: {_scalar(entry)}"
        return
    yield f"{margin}{entry.key}:"
    if all(isinstance(each, Entry) for each in entry.value):
        yield from _lines(entry.value, depth + 1)
        return
    for item in entry.value:
        first, *others = _lines(item, depth + 1)
        yield f"{margin}- {first.lstrip()}"
        yield from others


def _scalar(entry: Entry) -> str:
    """Text in quotes unless it is a plain word; numbers, true, false and null as they are."""
    value = entry.value
    if isinstance(value, str) and (_WORD.fullmatch(value) or entry.key == "apiVersion"):
        return value
    return json.dumps(value)


def _comment(sentence: str, depth: int) -> Iterator[str]:
    margin = "  " * depth
    for line in wrap(sentence, WIDTH - len(margin) - 2, break_long_words=False, break_on_hyphens=False):
        yield f"{margin}# {line}"
